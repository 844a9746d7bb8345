"""Feature spaces: what sets of pictures are compared in, and the name that every figure is given beside it.

A figure of one space says nothing in another, so a name holds the extractor, its number of features, the size it sees
and, for one trained here, the beginning of its weights' SHA-256.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from translate import catalog, images
from translate.checkpoints import load_weights, sha256, write_json, write_tensors
from translate.config import Config, Count, read
from translate.devices import pick_device
from translate.errors import CheckpointError, ConfigError, ImageError
from translate.interop import inception
from translate.networks.extractor import FeatureExtractor

WEIGHTS_FILE, CONFIG_FILE = "extractor.safetensors", "extractor.json"
FORMAT = 1
FOLDER = "features"
BATCH = 64

_log = logging.getLogger(__name__)


class ExtractorConfig(Config):
    """What a stored extractor says of itself (extractor.json)."""

    format: Count = FORMAT
    name: str
    filters: tuple[Count, ...] = Field(min_length=2, max_length=8)
    dim: Count
    size: Annotated[int, Field(ge=16, le=1024)]
    """The side in pixels of the square that every picture is brought to."""


@dataclass(frozen=True, slots=True)
class FeatureSpace:
    """Turns pictures into features; distances between sets of them are figures of the space called `name`."""

    name: str
    size: int
    network: Callable[[Tensor], Tensor]
    """(N, 3, size, size) in [-1, 1] -> (N, D)."""
    device: torch.device
    classify: Callable[[Tensor], Tensor] | None = None
    """Class probabilities (N, K) of features (N, D), where the network is a classifier: for an Inception Score."""

    def __call__(self, pictures: Tensor) -> Tensor:
        """Features of pictures of one size, each brought to size x size (bilinear, antialiased), its shape not kept.

        Gray is repeated to three channels. A picture's features don't depend on what else is in the batch.

        Shape: (N, 1 or 3, H, W) in [-1, 1] -> (N, D) float32 on the CPU.
        Raises: ImageError for another shape, no pictures, or values that are not finite.
        """
        if pictures.ndim != 4 or pictures.shape[1] not in (1, 3) or not pictures.numel():
            found = tuple(pictures.shape)
            raise ImageError(f"{self.name} takes gray or RGB pictures (N, 1 or 3, H, W), got {found}")
        with torch.inference_mode():
            return torch.cat([self._features(part) for part in pictures.split(BATCH)])

    def _features(self, pictures: Tensor) -> Tensor:
        x = pictures.to(self.device, torch.float32).expand(-1, 3, -1, -1)  # (N, 3, H, W)
        if not bool(x.isfinite().all()):
            raise ImageError(f"{self.name}: pictures hold values that are not finite; their model diverged")
        # Autocast of a training around this would make the figures depend on its precision.
        with torch.autocast(self.device.type, enabled=False):
            return self.network(images.resize(x, self.size, self.size)).float().cpu()  # (N, D)


def load_features(name: str = "auto", device: str | torch.device = "auto") -> FeatureSpace:
    """The space called `name`: "shipped", "inception", the folder of one trained here, or "auto".

    auto is InceptionV3 where its weights and torch-fidelity are installed (see `interop.inception`), else the shipped
    extractor.
    Raises: CheckpointError when it can't be found, read or trusted; ConfigError for a device that isn't there.
    """
    place = pick_device(device) if isinstance(device, str) else device
    weights = catalog.home() / FOLDER / inception.FILE
    if name == "inception" or (name == "auto" and weights.is_file()):
        if inception.available():
            network = inception.load(weights).to(place)
            return FeatureSpace(inception.NAME, inception.SIZE, network, place, network.probabilities)
        missing = "InceptionV3 needs torch-fidelity (pip install 'translate-images[metrics]')"
        if name == "inception":
            raise CheckpointError(missing)
        _log.info("%s: %s; the shipped extractor is used", weights, missing)
    folder = catalog.roots()["shipped"] / FOLDER if name in ("auto", "shipped") else Path(name).expanduser()
    extractor, config = load_extractor(folder)
    digest = sha256(folder / WEIGHTS_FILE)[:8]
    title = f"{config.name}-{config.dim}@{config.size}px-{digest}"
    extractor = extractor.to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return FeatureSpace(title, config.size, extractor, place)


def save_extractor(folder: Path, extractor: nn.Module, config: ExtractorConfig) -> None:
    """Write an extractor so that `load_features(folder)` finds it; weights in float16."""
    state = {name: t.half() if t.is_floating_point() else t for name, t in extractor.state_dict().items()}
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / WEIGHTS_FILE, state)
    write_json(folder / CONFIG_FILE, config.model_dump(mode="json"))


def load_extractor(folder: Path) -> tuple[FeatureExtractor, ExtractorConfig]:
    """The extractor of a folder in evaluation mode, float32, on the CPU, and its config.

    Raises: CheckpointError naming the file and what is wrong with it.
    """
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise CheckpointError(f"{folder}: no feature extractor here ({CONFIG_FILE} is missing)")
    try:
        config = read(ExtractorConfig, path)
    except ConfigError as error:
        raise CheckpointError(str(error)) from None
    if config.format > FORMAT:
        raise CheckpointError(f"{path}: format {config.format} is newer than this program reads; update translate")
    extractor = FeatureExtractor(filters=config.filters, dim=config.dim)
    load_weights(extractor, folder / WEIGHTS_FILE)
    return extractor.eval().requires_grad_(False), config
