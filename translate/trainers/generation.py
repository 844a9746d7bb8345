"""What a training of samples from noise needs: its data, its trainer, and a judge that knows what is missing."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from translate.config import GANConfig, HoldOut, ModelConfig, TrainConfig
from translate.data.mixtures import MIXTURES, MixtureDataset, Modes
from translate.data.order import EpochSampler
from translate.errors import ConfigError
from translate.trainers.gan import GAN, NAME
from translate.trainers.mixture_judge import MixtureJudge


@dataclass(frozen=True, slots=True)
class MixtureLayout:
    """What stands for a folder where the data are drawn."""

    kind: str
    root: Path
    notes: tuple[str, ...] = ()
    held_out: HoldOut | None = None


@dataclass(frozen=True, slots=True)
class MixtureTask:
    """A mixture and the settings with nothing left open."""

    config: TrainConfig
    layout: MixtureLayout
    modes: Modes

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """How much there is of what."""
        return {"train": {"points": len(self.dataset()), "modes": len(self.modes.centres)}}

    def dataset(self) -> MixtureDataset:
        """The points."""
        return MixtureDataset(self.modes, self.config.seed)

    def sampler(self, start_step: int, rank: int, world: int) -> EpochSampler:
        """The order of the points from a step on."""
        count = len(self.dataset())
        return EpochSampler(count, self.config.batch_size, self.config.seed, start_step, rank, world)

    def trainer(self, data: MixtureDataset, device: torch.device) -> GAN:
        """The players of this task."""
        return GAN(self.config, device)

    def judge(self, device: torch.device) -> MixtureJudge:
        """A judge that knows the modes."""
        return MixtureJudge(self.modes, self.config, device)

    def models(self, name: str) -> dict[str, ModelConfig]:
        """What the stored model says of itself."""
        config, count = self.config, self.config.latent.classes
        model = ModelConfig(
            name=name,
            kind=config.method,
            generator=config.generator,
            data=config.data,
            labels=tuple(f"mode-{number}" for number in range(count)),
            preset=config.preset,
        )
        return {NAME: model}


def prepare(
    config: TrainConfig,
    root: Path | None,
    a: Path | None,
    b: Path | None,
    held_out: HoldOut | None,
    progress: Callable[[int, int], None] | None,
) -> MixtureTask:
    """Settle what the config leaves to the data: how many classes there are.

    Raises: ConfigError when config and data disagree.
    """
    if config.data.mixture is None:
        raise ConfigError("no data")
    if root or a or b:
        raise ConfigError(f"preset {config.preset} draws its own points ({config.data.mixture}): leave out --data")
    if (channels := config.latent.out_channels) != 2:
        raise ConfigError(f"generator.out_channels is {channels}; points of {config.data.mixture} have 2")
    modes = MIXTURES[config.data.mixture]
    terms = config.objective
    is_classed = isinstance(terms, GANConfig) and terms.condition != "none"
    config = config.replace(**{"generator.classes": len(modes.centres) if is_classed else 0})
    return MixtureTask(config, MixtureLayout(f"points of {config.data.mixture}", Path()), modes)
