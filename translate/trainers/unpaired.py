"""What a training on two folders without pairs needs: its data, its trainer, and a judge that measures distances."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from translate.config import HoldOut, ModelConfig, TrainConfig
from translate.data.check import refuse
from translate.data.check_domains import check_domains
from translate.data.domains import UnpairedLayout, recognise_domains
from translate.data.unpaired import PictureDataset, UnpairedDataset, UnpairedSampler
from translate.errors import ConfigError, DatasetError
from translate.trainers.cut import CUT
from translate.trainers.cyclegan import A_TO_B, B_TO_A, CycleGAN
from translate.trainers.unpaired_judge import UnpairedJudge

METHODS: dict[str, type[CycleGAN] | type[CUT]] = {"cyclegan": CycleGAN, "cut": CUT}
MIN_JUDGED = 2
"""A distance between sets needs two pictures on either side."""


@dataclass(frozen=True, slots=True)
class UnpairedTask:
    """Two recognised domains and the settings with nothing left open."""

    config: TrainConfig
    layout: UnpairedLayout

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """How much there is of what in each split."""
        return {split: {"A": len(domains.a), "B": len(domains.b)} for split, domains in self.layout.splits.items()}

    def dataset(self) -> UnpairedDataset:
        """Both domains' training pictures."""
        return UnpairedDataset(self.pictures("train", "a"), self.pictures("train", "b"))

    def pictures(self, split: str, side: str) -> PictureDataset:
        """One domain's pictures of one split; side "a" is the input of the generator A -> B."""
        network, config = self.config.translator, self.config
        return PictureDataset(
            getattr(self.layout.splits[split], side),
            config.data,
            train=split == "train",
            seed=config.seed,
            channels=network.in_channels if side == "a" else network.out_channels,
        )

    def sampler(self, start_step: int, rank: int, world: int) -> UnpairedSampler:
        """The order of both domains from a step on."""
        config = self.config
        return UnpairedSampler(
            self.layout.splits["train"],
            config.batch_size,
            config.seed,
            start_step=start_step,
            rank=rank,
            world=world,
            balance=config.data.balance,
        )

    def trainer(self, data: UnpairedDataset, device: torch.device) -> CycleGAN | CUT:
        """The players of this task."""
        return METHODS[self.config.method](self.config, device)

    def judge(self, device: torch.device) -> UnpairedJudge | None:
        """A judge over the validation pictures; None where a domain has fewer than two."""
        held = self.layout.splits.get("val")
        if held is None or min(len(held.a), len(held.b)) < MIN_JUDGED:
            return None
        return UnpairedJudge(self.pictures("val", "a"), self.pictures("val", "b"), self.config, device)

    def models(self, name: str) -> dict[str, ModelConfig]:
        """What each stored model says of itself: the way back has the channels and sides swapped."""
        config, network = self.config, self.config.translator
        there = ModelConfig(
            name=name,
            kind=config.method,
            generator=network,
            data=config.data,
            held_out=self.layout.held_out,
            preset=config.preset,
        )
        if config.method != "cyclegan":
            return {A_TO_B: there}
        back = there.replace(
            **{
                "name": f"{name}-{B_TO_A}",
                "generator.in_channels": network.out_channels,
                "generator.out_channels": network.in_channels,
                "data.direction": B_TO_A,
            }
        )
        return {A_TO_B: there.replace(name=f"{name}-{A_TO_B}"), B_TO_A: back}


def prepare(
    config: TrainConfig,
    root: Path | None,
    a: Path | None,
    b: Path | None,
    held_out: HoldOut | None,
    progress: Callable[[int, int], None] | None,
) -> UnpairedTask:
    """Recognise the two domains and check every picture.

    Raises: DatasetError naming each file that can't be used; ConfigError for settings that only pairs have.
    """
    if config.method == "cyclegan" and config.data.direction != A_TO_B:
        raise ConfigError("data.direction: CycleGAN learns both directions at once; leave it at AtoB")
    if config.translator.head == "labels" or config.data.target == "labels":
        raise ConfigError(f"preset {config.preset} translates pictures; label maps are learnt from pairs: segmentation")
    if config.data.batch_augment:
        raise ConfigError("data.batch_augment is for pairs; here objective.augment changes what discriminators see")
    layout = recognise_domains(root, a=a, b=b, config=config.data, seed=config.seed, held_out=held_out)
    train = layout.splits.get("train")
    if train is None or not train.a or not train.b:
        raise DatasetError(f"{layout.root}: no pictures to train on, only {', '.join(layout.splits)}")
    channels = (config.translator.in_channels, config.translator.out_channels)
    refuse(layout, check_domains(layout, config.data, channels, progress=progress))
    return UnpairedTask(config, layout)
