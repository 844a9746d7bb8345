"""Trains an encoder from faces to the styles of one frozen StyleGAN2: on its own pictures, whose styles are known, and
on real ones, which it has to draw again (Tov 2021). Resumable; a run is the folder `encoder` in the model's.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from translate import checkpoints
from translate.config import (
    Config,
    Count,
    DataConfig,
    EncoderConfig,
    NonNegative,
    OptimConfig,
    Positive,
    Precision,
    Share,
)
from translate.data.check import refuse
from translate.data.labelled import LabelledDataset, check_labelled, recognise_labelled
from translate.data.order import EpochSampler
from translate.devices import pick_device, pick_precision, pictures_at_once
from translate.errors import CheckpointError, ConfigError, TranslateError
from translate.networks import FaceEncoder, StyleGAN2Generator, build_encoder
from translate.networks.stylegan2.mapping import mix
from translate.objectives.encoder import EncoderObjective
from translate.trainers.ema import EMA
from translate.trainers.schedule import factor
from translate.trainers.state import Parts
from translate.trainers.update import Player, build_generator_player

DRAWS = 4096
"""How many w the spread is measured on."""
JUDGED = 200
"""The most held-out faces that the figures are taken on."""
BATCH = 25

Distance = Callable[[Tensor, Tensor], Tensor]
_log = logging.getLogger(__name__)


class EncoderTraining(Config):
    """The recipe; half of each batch are real faces, half are generated."""

    filters: Count = 32
    max_filters: Count = 256
    batch_size: Annotated[int, Field(ge=2)] = 16
    steps: Count = 2000
    lr: Positive = 1e-3
    mixing: Share = 0.5
    """Share of the generated faces that are made of two styles."""
    lambda_l2: NonNegative = 1.0
    lambda_perceptual: NonNegative = 1.0
    lambda_latent: NonNegative = 0.2
    lambda_delta: NonNegative = 0.02
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.995
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    precision: Precision = "auto"
    log_every: Count = 20
    save_every: Count = 200


@dataclass(frozen=True, slots=True)
class Faces:
    """Real pictures as the generator's size has them: those to learn from, and those kept apart."""

    train: LabelledDataset
    val: LabelledDataset


def read_faces(root: Path | None, data: DataConfig, seed: int = 0) -> Faces:
    """The pictures below `root`, brought to the generator's size as it saw them in its training.

    Raises: DatasetError naming each file that can't be used.
    """
    layout = recognise_labelled(root, classed=False, config=data, seed=seed)
    refuse(layout, check_labelled(layout, 3))
    train, val = (
        LabelledDataset(layout.splits.get(split, layout.splits["train"]), data, train=split == "train", seed=seed)
        for split in ("train", "val")
    )
    return Faces(train, val)


def train_encoder(
    generator: StyleGAN2Generator,
    faces: Faces,
    perceptual: Distance,
    out: Path,
    config: EncoderTraining | None = None,
    *,
    name: str = "encoder",
    measured_by: str = "",
    device: str = "auto",
    resume: bool = False,
    cancelled: Callable[[], bool] = lambda: False,
    report: Callable[[int, dict[str, float]], None] | None = None,
) -> EncoderConfig:
    """Train, store the encoder in `out` and return what it says of itself, its figures on held-out faces included.

    `perceptual` is called `measured_by`. When `cancelled`, the step under way is finished and all is saved; `resume`
    goes on from there.
    Raises: CheckpointError where `out` holds a training or an encoder already (without `resume`) or no training (with).
    """
    config = config or EncoderTraining()
    state = out / "state"
    if state.exists() != resume:
        advice = "go on with --resume, or choose another --out" if not resume else "start one without --resume"
        raise CheckpointError(f"{out}: holds {'no' if resume else 'a'} training of an encoder; {advice}")
    if not resume and (out / checkpoints.CONFIG_FILE).exists():  # a shipped or packed model's has no state beside it
        raise CheckpointError(f"{out}: holds an encoder already; choose another --out, or delete it first")
    torch.manual_seed(config.seed)
    place = pick_device(device)
    session = _Session(generator.to(place), perceptual, config, place)
    step = session.restore(state) if resume else 0
    step = session.run(faces, step, state, cancelled, report)
    figures = reconstruction(cast(FaceEncoder, session.ema.average), session.generator, faces.val, perceptual)
    stored = session.described.replace(name=name, step=step, metrics=figures, measured=_protocol(faces, measured_by))
    checkpoints.save_model(out, session.ema.average, stored)
    return stored


class _Session:
    def __init__(
        self, generator: StyleGAN2Generator, perceptual: Distance, config: EncoderTraining, device: torch.device
    ) -> None:
        self.generator, self.config, self.device = generator.eval().requires_grad_(False), config, device
        self.described = EncoderConfig(
            size=generator.resolution,
            filters=config.filters,
            max_filters=config.max_filters,
            num_ws=generator.num_ws,
            w_dim=generator.synthesis.w_dim,
        )
        encoder = build_encoder(self.described).to(device)
        mean, spread = style_statistics(generator)
        encoder.w_avg.copy_(mean)
        self.objective = EncoderObjective(
            perceptual=perceptual,
            spread=spread,
            lambda_l2=config.lambda_l2,
            lambda_perceptual=config.lambda_perceptual,
            lambda_latent=config.lambda_latent,
            lambda_delta=config.lambda_delta,
        )
        self.optim = OptimConfig(
            lr=config.lr, betas=(0.9, 0.99), schedule="linear", decay_from=0.6, warmup=50, clip=1.0
        )
        self.encoder: FaceEncoder = encoder
        self.player: Player = build_generator_player(encoder, self.optim)
        self.ema = EMA(encoder, config.ema)
        self.parts = Parts({"encoder": self.player}, {"encoder": self.ema.average}, {}, device)
        self.half = pick_precision(config.precision, device) == "bf16"

    def restore(self, state: Path) -> int:
        """Go on from what was saved; the step it was saved at."""
        tensors, facts = checkpoints.load_state(state, mend=True)
        if facts.get("config") != self._told():
            raise ConfigError(f"{state}: was trained with other settings; resume with the same, but for steps")
        try:
            self.parts.reinstate(tensors)
        except (KeyError, RuntimeError):
            raise CheckpointError(f"{state}: belongs to another encoder or generator") from None
        return int(facts["step"])

    def save(self, state: Path, step: int) -> None:
        """Write all that `restore` needs."""
        checkpoints.save_state(state, self.parts.capture(), {"step": step, "config": self._told()})

    def run(
        self,
        faces: Faces,
        step: int,
        state: Path,
        cancelled: Callable[[], bool],
        report: Callable[[int, dict[str, float]], None] | None,
    ) -> int:
        """Train from `step` to the end, or until it is cancelled; the step reached."""
        config, began = self.config, time.perf_counter()
        batches = _batches(faces.train, config, step)
        while step < config.steps and not cancelled():
            losses = self._step(next(batches).to(self.device), step)
            step += 1
            if step % config.log_every == 0 or step == config.steps:
                values = _values(losses, step)
                _log.debug("step %d of %d: %s, %.0f s", step, config.steps, values, time.perf_counter() - began)
                if report:
                    report(step, values)
            if step % config.save_every == 0:
                self.save(state, step)
        self.save(state, step)
        return step

    def _step(self, real: Tensor, step: int) -> dict[str, Tensor]:
        self.player.set_factor(factor(self.optim, step, self.config.steps))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            with torch.no_grad():
                known = self._styles(len(real))
                fake = self.generator.synthesis(known, "const").float().clamp(-1, 1)
            w_real, w_fake = self.encoder(torch.cat([real, fake])).float().chunk(2)
            drawn = self.generator.synthesis(w_real, "const").float()
        losses = self.objective(drawn, real, w_real, w_fake, known)
        torch.stack(list(losses.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(self.encoder.parameters(), self.optim.clip)
        self.player.optimizer.step()
        self.player.optimizer.zero_grad(set_to_none=True)
        self.ema.update(step)
        return {name: loss.detach() for name, loss in losses.items()}

    def _styles(self, count: int) -> Tensor:
        """Shape: -> (count, num_ws, w_dim)."""
        z = torch.randn(2 * count, self.generator.mapping.z_dim).to(self.device)
        one, other = self.generator.map(z).chunk(2)
        mixed = torch.rand(count, 1, 1).to(self.device) < self.config.mixing
        crossover = int(torch.randint(1, self.generator.num_ws, ()))
        return torch.where(mixed, mix(one, other, crossover), one)

    def _told(self) -> dict[str, object]:
        return self.config.model_dump(mode="json", exclude={"steps", "log_every", "save_every"})


@torch.no_grad()
def style_statistics(generator: StyleGAN2Generator, seed: int = 0) -> tuple[Tensor, float]:
    """The mean of w, and its standard deviation as sqrt(E ||w - mean||^2 / w_dim), over 4096 draws of `seed`.

    Shape: -> (w_dim,), a number.
    """
    z = torch.randn(DRAWS, generator.mapping.z_dim, generator=torch.Generator().manual_seed(seed))
    w = generator.mapping(z.to(generator.mapping.w_avg.device))
    mean = w.mean(dim=0)
    return mean, float((w - mean).square().mean().sqrt())


@torch.no_grad()
def reconstruction(
    encoder: FaceEncoder, generator: StyleGAN2Generator, faces: LabelledDataset, perceptual: Distance
) -> dict[str, float]:
    """Mean squared error and perceptual distance of held-out faces drawn again, beside those of the mean face."""
    device = next(encoder.parameters()).device
    mean = generator.synthesis(encoder.w_avg.expand(1, generator.num_ws, -1), "const").clamp(-1, 1)
    count, sums = min(len(faces), JUDGED), torch.zeros(4)
    batch = pictures_at_once(generator.resolution, BATCH)
    for start in range(0, count, batch):
        keys = [(0, index) for index in range(start, min(start + batch, count))]
        real = torch.stack([faces[key].real for key in keys]).to(device)
        drawn = generator.synthesis(encoder(real), "const").clamp(-1, 1)
        for place, shown in enumerate((drawn, mean.expand_as(real))):
            sums[2 * place] += F.mse_loss(shown, real).cpu() * len(real)
            sums[2 * place + 1] += perceptual(shown, real).sum().cpu()
    names = ("l2", "perceptual", "mean_face_l2", "mean_face_perceptual")
    return {name: float(f"{value:.4g}") for name, value in zip(names, (sums / count).tolist(), strict=True)}


def _protocol(faces: Faces, measured_by: str) -> str:
    count = min(len(faces.val), JUDGED)
    return (
        f"{count} held-out faces; squared error of [-1, 1]; perceptual distance by {measured_by or 'a given network'}"
    )


def _batches(dataset: LabelledDataset, config: EncoderTraining, step: int) -> Iterator[Tensor]:
    for keys in EpochSampler(len(dataset), config.batch_size // 2, config.seed, step):
        yield torch.stack([dataset[key].real for key in keys])


def _values(losses: dict[str, Tensor], step: int) -> dict[str, float]:
    values = {name: float(loss) for name, loss in losses.items()}
    if not all(math.isfinite(value) for value in values.values()):
        raise TranslateError(f"step {step}: a loss is not finite; go on from the last state with a smaller lr")
    return values
