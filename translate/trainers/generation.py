"""What a training of samples from noise needs: its data, its trainer, and a judge that knows what is missing."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from translate.config import GANConfig, HoldOut, ModelConfig, TrainConfig
from translate.data.check import refuse
from translate.data.labelled import LabelledDataset, LabelledLayout, check_labelled, recognise_labelled
from translate.data.mixtures import MIXTURES, MixtureDataset, Modes
from translate.data.order import EpochSampler
from translate.errors import ConfigError
from translate.trainers.gan import GAN, NAME
from translate.trainers.mixture_judge import MixtureJudge
from translate.trainers.picture_judge import MIN_JUDGED, PictureJudge
from translate.trainers.stylegan2 import StyleGAN2


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
        return _sampler(len(self.dataset()), self.config, start_step, rank, world)

    def trainer(self, data: MixtureDataset, device: torch.device) -> GAN:
        """The players of this task."""
        return GAN(self.config, device)

    def judge(self, device: torch.device) -> MixtureJudge:
        """A judge that knows the modes."""
        return MixtureJudge(self.modes, self.config, device)

    def models(self, name: str) -> dict[str, ModelConfig]:
        """What the stored model says of itself."""
        labels = tuple(f"mode-{number}" for number in range(self.config.latent.classes))
        return {NAME: _model(name, self.config, labels, None)}


@dataclass(frozen=True, slots=True)
class PictureTask:
    """A recognised folder of pictures and the settings with nothing left open."""

    config: TrainConfig
    layout: LabelledLayout

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """How much there is of what in each split."""
        names = self.layout.classes or ("pictures",)
        return {
            split: {name: sum(item.label == number for item in items) for number, name in enumerate(names)}
            for split, items in self.layout.splits.items()
        }

    def dataset(self, split: str = "train") -> LabelledDataset:
        """The pictures of one split."""
        config = self.config
        return LabelledDataset(
            self.layout.splits[split],
            config.data,
            train=split == "train",
            seed=config.seed,
            channels=config.latent.out_channels,
        )

    def sampler(self, start_step: int, rank: int, world: int) -> EpochSampler:
        """The order of the pictures from a step on."""
        return _sampler(len(self.layout.splits["train"]), self.config, start_step, rank, world)

    def trainer(self, data: LabelledDataset, device: torch.device) -> GAN | StyleGAN2:
        """The players of this task."""
        return (StyleGAN2 if self.config.latent.kind == "stylegan2" else GAN)(self.config, device)

    def judge(self, device: torch.device) -> PictureJudge | None:
        """A judge over the held-out pictures; None where there are too few."""
        held = self.layout.splits.get("val", ())
        if len(held) < MIN_JUDGED:
            return None
        own = self.config
        return PictureJudge(
            self.dataset("val"), own.latent, device, features=own.features, samples=own.samples, seed=own.seed
        )

    def models(self, name: str) -> dict[str, ModelConfig]:
        """What the stored model says of itself."""
        return {NAME: _model(name, self.config, self.layout.classes, self.layout.held_out)}


def prepare(
    config: TrainConfig,
    root: Path | None,
    a: Path | None,
    b: Path | None,
    held_out: HoldOut | None,
    progress: Callable[[int, int], None] | None,
) -> MixtureTask | PictureTask:
    """Recognise the pictures, or the mixture, and settle what the config leaves to them: how many classes there are.

    Raises: DatasetError naming each file that can't be used; ConfigError when config and data disagree.
    """
    if a or b:
        raise ConfigError(f"preset {config.preset} starts from noise and knows no sides: use --data, not --a --b")
    if config.data.batch_augment:
        raise ConfigError("data.batch_augment is for pairs; here stability.augment changes what discriminators see")
    return _mixture(config, root) if config.data.mixture is not None else _pictures(config, root, held_out, progress)


def _mixture(config: TrainConfig, root: Path | None) -> MixtureTask:
    name = config.data.mixture
    assert name is not None
    if root:
        raise ConfigError(f"preset {config.preset} draws its own points ({name}): leave out --data")
    if (channels := config.latent.out_channels) != 2:
        raise ConfigError(f"generator.out_channels is {channels}; points of {name} have 2 coordinates")
    modes = MIXTURES[name]
    config = _with_classes(config, len(modes.centres) if _is_classed(config) else 0)
    return MixtureTask(config, MixtureLayout(f"points of {name}", Path()), modes)


def _pictures(
    config: TrainConfig, root: Path | None, held_out: HoldOut | None, progress: Callable[[int, int], None] | None
) -> PictureTask:
    data, size = config.data, config.latent.size
    if data.fit != "square" or (data.size, data.crop) != (size, size):
        raise ConfigError(
            f"generator.size is {size}, and data.fit {data.fit}, data.size {data.size}, data.crop {data.crop}: "
            "pictures are made at one size only; keep fit square and use --size to set all of them"
        )
    layout = recognise_labelled(root, classed=_is_classed(config), config=data, seed=config.seed, held_out=held_out)
    refuse(layout, check_labelled(layout, config.latent.out_channels, progress=progress))
    return PictureTask(_with_classes(config, len(layout.classes)), layout)


def _is_classed(config: TrainConfig) -> bool:
    return isinstance(config.objective, GANConfig) and config.objective.condition != "none"


def _with_classes(config: TrainConfig, count: int) -> TrainConfig:
    asked = config.latent.classes
    if asked not in (0, count):
        raise ConfigError(f"generator.classes is {asked}, and the data have {count} that are learnt; leave it at 0")
    return config.replace(**{"generator.classes": count})


def _sampler(count: int, config: TrainConfig, start_step: int, rank: int, world: int) -> EpochSampler:
    return EpochSampler(count, config.batch_size, config.seed, start_step, rank, world)


def _model(name: str, config: TrainConfig, labels: tuple[str, ...], held_out: HoldOut | None) -> ModelConfig:
    return ModelConfig(
        name=name,
        kind=config.method,
        generator=config.generator,
        data=config.data,
        labels=labels,
        held_out=held_out,
        preset=config.preset,
    )
