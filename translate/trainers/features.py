"""Trains a feature extractor on pictures alone, by telling them apart (Chen 2020, SimCLR).

Hues are turned only a little and nothing is blurred: a distance between sets of pictures has to see both.
"""

import logging
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from translate import images
from translate.config import Config, Count, NonNegative, OptimConfig, Positive, Precision
from translate.data.folders import pictures as list_pictures
from translate.devices import pick_device, pick_precision
from translate.errors import CheckpointError, DatasetError, TranslateError
from translate.features import CONFIG_FILE, ExtractorConfig, save_extractor
from translate.networks.extractor import DIM, FILTERS, FeatureExtractor, ProjectionHead
from translate.objectives.simclr import nt_xent
from translate.trainers.schedule import factor
from translate.trainers.update import build_generator_player

YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))
"""From RGB to brightness and two colour axes, in which saturation is a length and hue an angle."""

_log = logging.getLogger(__name__)


class FeaturesConfig(Config):
    """The recipe of the shipped extractor; `size` is what pictures are shrunk to, there and later in use."""

    name: str = ""
    """What the feature space is called; empty: like its folder."""
    filters: tuple[Count, ...] = FILTERS
    dim: Count = DIM
    size: Annotated[int, Field(ge=16, le=1024)] = 96
    crop: Annotated[int, Field(ge=16, le=1024)] = 64
    """The side of the square that a view is resized to."""
    scale: tuple[float, float] = (0.3, 1.0)
    """Share of the picture's area that a view shows."""
    aspect: tuple[float, float] = (0.75, 1.3333)
    light: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Brightness is moved by up to this, contrast multiplied by 1 +- twice this."""
    saturation: Annotated[float, Field(ge=0, le=1)] = 0.8
    """Saturation is multiplied by 1 +- this."""
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.08
    """Hue is turned by up to this share of the circle."""
    gray: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Share of the views without colour."""
    temperature: Positive = 0.2
    projection: Count = 128
    batch_size: Annotated[int, Field(ge=2)] = 128
    steps: Count = 1500
    lr: Positive = 2e-3
    weight_decay: NonNegative = 1e-4
    warmup: Annotated[int, Field(ge=0)] = 50
    limit: Annotated[int, Field(ge=2)] = 4000
    """The most pictures taken from one folder, drawn by the seed."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    precision: Precision = "auto"
    log_every: Count = 50

    @model_validator(mode="after")
    def _ranges(self) -> "FeaturesConfig":
        for name in ("scale", "aspect"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name} is {(low, high)}; it needs 0 < low <= high")
        if self.scale[1] > 1:
            raise ValueError(f"scale is {self.scale}; a view can't show more than the picture, keep it within (0, 1]")
        return self


def train_features(
    folders: Sequence[Path],
    out: Path,
    config: FeaturesConfig | None = None,
    *,
    device: str = "auto",
    report: Callable[[int, float], None] | None = None,
) -> list[float]:
    """Train on all pictures below the folders, store the extractor in `out`; returns the logged losses.

    Every folder is drawn from equally often, however many pictures it holds. `report` sees (step, loss).
    Raises: DatasetError for a folder without pictures, ImageError for one that can't be read; CheckpointError where
    `out` already holds an extractor: figures measured with it would lose their meaning.
    """
    config = config or FeaturesConfig()
    _claim(out)
    place = pick_device(device)
    generator = torch.Generator().manual_seed(config.seed)
    stored, weights = _read_all(folders, config, generator)
    extractor = FeatureExtractor(filters=config.filters, dim=config.dim, generator=generator)
    head = ProjectionHead(config.dim, config.projection, generator=generator)
    nets = nn.ModuleList([extractor, head]).to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]
    losses = _contrast(nets, stored, weights, config, place, generator, report)
    _settle(extractor, stored, weights, config, generator)
    name = config.name or out.resolve().name
    save_extractor(out, extractor, ExtractorConfig(name=name, filters=config.filters, dim=config.dim, size=config.size))
    return losses


def _claim(out: Path) -> None:
    if (out / CONFIG_FILE).exists():
        raise CheckpointError(f"{out}: already holds a feature extractor; choose another folder, or delete it first")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(f"{out}: can't be made a folder ({error.strerror})") from None


def _contrast(
    nets: nn.ModuleList,
    stored: Sequence[images.Array],
    weights: Tensor,
    config: FeaturesConfig,
    place: torch.device,
    generator: torch.Generator,
    report: Callable[[int, float], None] | None,
) -> list[float]:
    extractor, head = nets
    optim = OptimConfig(
        lr=config.lr,
        optimizer="adamw",
        betas=(0.9, 0.999),
        weight_decay=config.weight_decay,
        schedule="cosine",
        warmup=config.warmup,
    )
    player = build_generator_player(nets, optim)
    half = pick_precision(config.precision, place) == "bf16"
    logged, began = [], time.perf_counter()
    for step in range(config.steps):
        player.set_factor(factor(optim, step, config.steps))
        batch = _batch(stored, weights, config.batch_size, generator)
        both = torch.cat([view(batch, config, generator) for _ in range(2)])  # (2N, 3, crop, crop)
        both = both.to(place, memory_format=torch.channels_last)
        with torch.autocast(place.type, torch.bfloat16, enabled=half):
            a, b = head(extractor(both)).chunk(2)  # (N, projection)
        loss = nt_xent(a, b, config.temperature)
        loss.backward()
        player.optimizer.step()
        player.optimizer.zero_grad(set_to_none=True)
        if step % config.log_every == 0 or step + 1 == config.steps:
            logged.append(_note(step + 1, config.steps, float(loss.detach()), time.perf_counter() - began))
            if report:
                report(step + 1, logged[-1])
    return logged


def view(pictures: Tensor, config: FeaturesConfig, generator: torch.Generator) -> Tensor:
    """A random part of each picture, mirrored half of the time, its light and colours changed.

    Shape: (N, 3, H, W) in [-1, 1] -> (N, 3, crop, crop) in [-1, 1].
    """
    return _recoloured(_cut(pictures, config, generator), config, generator)


def _cut(pictures: Tensor, config: FeaturesConfig, generator: torch.Generator) -> Tensor:
    count = len(pictures)
    area = _uniform(count, *config.scale, generator)
    ratio = _uniform(count, math.log(config.aspect[0]), math.log(config.aspect[1]), generator).exp()
    # Shares of the picture's sides; affine_grid measures them in half pictures from the middle.
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    mirror = torch.randint(0, 2, (count,), generator=generator) * 2 - 1
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 0, 2] = width * mirror, (1 - width) * _uniform(count, -1, 1, generator)
    theta[:, 1, 1], theta[:, 1, 2] = height, (1 - height) * _uniform(count, -1, 1, generator)
    grid = F.affine_grid(theta, [count, 3, config.crop, config.crop], align_corners=False)
    return F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def _recoloured(x: Tensor, config: FeaturesConfig, generator: torch.Generator) -> Tensor:
    count = len(x)
    saturation = _uniform(count, 1 - config.saturation, 1 + config.saturation, generator)
    saturation[_uniform(count, 0, 1, generator) < config.gray] = 0
    hue = _uniform(count, -config.hue, config.hue, generator) * 2 * math.pi
    turn = torch.eye(3).repeat(count, 1, 1)
    turn[:, 1, 1] = turn[:, 2, 2] = saturation * hue.cos()
    turn[:, 2, 1], turn[:, 1, 2] = saturation * hue.sin(), -saturation * hue.sin()
    to_yiq = torch.tensor(YIQ)
    matrix = torch.linalg.inv(to_yiq) @ turn @ to_yiq  # (N, 3, 3)
    x = (matrix @ x.flatten(2)).view_as(x)
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    contrast = _uniform(count, 1 - 2 * config.light, 1 + 2 * config.light, generator).view(-1, 1, 1, 1)
    brightness = _uniform(count, -config.light, config.light, generator).view(-1, 1, 1, 1)
    return ((x - mean) * contrast + mean + brightness).clamp(-1, 1)


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand(count, generator=generator) * (high - low) + low


def _settle(
    extractor: FeatureExtractor,
    stored: Sequence[images.Array],
    weights: Tensor,
    config: FeaturesConfig,
    generator: torch.Generator,
) -> None:
    # Training saw cut and changed views; the statistics of the norms have to be those of whole pictures.
    norms = [part for part in extractor.modules() if isinstance(part, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average over all batches
    place = next(extractor.parameters()).device
    with torch.no_grad():
        for _ in range(20):
            batch = _batch(stored, weights, config.batch_size, generator)
            extractor(batch.to(place, memory_format=torch.channels_last))
    extractor.eval()


def _batch(stored: Sequence[images.Array], weights: Tensor, size: int, generator: torch.Generator) -> Tensor:
    # Without repetition: the same picture twice would be told apart from itself.
    chosen = torch.multinomial(weights, min(size, len(stored)), generator=generator)
    return torch.stack([images.to_tensor(stored[i]) for i in chosen.tolist()])  # (N, 3, size, size)


def _read_all(
    folders: Sequence[Path], config: FeaturesConfig, generator: torch.Generator
) -> tuple[list[images.Array], Tensor]:
    """All pictures shrunk to bytes of size x size, and how often each is to be drawn."""
    stored: list[images.Array] = []
    weights: list[float] = []
    for folder in folders:
        found, problems = list_pictures(folder)
        paths = sorted([*found.values(), *(problem.path for problem in problems)])
        if not paths:
            raise DatasetError(f"{folder}: holds no pictures to learn features from")
        kept = sorted(torch.randperm(len(paths), generator=generator)[: config.limit].tolist())
        _log.info("%s: %d pictures, %d of them used", folder, len(paths), len(kept))
        for i in kept:
            picture = images.to_tensor(images.read_array(paths[i]))[None]
            stored.append(images.to_array(images.resize(picture, config.size, config.size)[0]))
        weights += [1 / len(kept)] * len(kept)
    if len(stored) < 2:
        raise DatasetError(f"{', '.join(map(str, folders))}: {len(stored)} pictures; at least 2 are needed to compare")
    return stored, torch.tensor(weights)


def _note(step: int, steps: int, loss: float, seconds: float) -> float:
    if not math.isfinite(loss):
        raise TranslateError(f"step {step}: the loss is not finite; train again with a smaller lr")
    _log.info("step %d of %d: loss %.4f, %.0f s", step, steps, loss, seconds)
    return loss
