"""What a training on pairs needs: its data, its trainer, and a judge that scores against the truth."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import nn

from translate.config import ClassSpec, HoldOut, ModelConfig, Pix2PixConfig, TrainConfig
from translate.data.check import check, refuse
from translate.data.layouts import PairedLayout, recognise
from translate.data.order import EpochSampler
from translate.data.paired import PairedDataset
from translate.errors import ConfigError, DatasetError
from translate.objectives.overlap import balanced_weights
from translate.trainers.pix2pix import Pix2Pix
from translate.trainers.validation import LABELS, PICTURES, Quality, sample_sheet, validate

DIRECTION = "AtoB"
"""The one direction learnt; the data have been swapped where the other one is asked for."""


@dataclass(frozen=True, slots=True)
class PairedTask:
    """A recognised folder of pairs and the settings with nothing left open."""

    config: TrainConfig
    layout: PairedLayout

    @property
    def classes(self) -> tuple[ClassSpec, ...]:
        """The classes the generator tells apart; none for pictures."""
        return (self.layout.classes or ()) if self.config.translator.head == "labels" else ()

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """How much there is of what in each split."""
        return {split: {"pairs": len(pairs)} for split, pairs in self.layout.splits.items()}

    def dataset(self, split: str = "train") -> PairedDataset:
        """The pairs of one split."""
        network = self.config.translator
        return PairedDataset(
            self.layout.splits[split],
            self.layout,
            self.config.data,
            train=split == "train",
            seed=self.config.seed,
            channels=(network.in_channels, network.out_channels),
        )

    def sampler(self, start_step: int, rank: int, world: int) -> EpochSampler:
        """The order of the training pairs from a step on."""
        count = len(self.layout.splits["train"])
        return EpochSampler(count, self.config.batch_size, self.config.seed, start_step, rank, world)

    def trainer(self, data: PairedDataset, device: torch.device) -> Pix2Pix:
        """The players of this task."""
        terms, weights = self.config.objective, None
        if self.classes and isinstance(terms, Pix2PixConfig) and terms.class_balance:
            weights = balanced_weights(torch.as_tensor(data.class_counts()), terms.class_balance)
        return Pix2Pix(self.config, device, weights)

    def judge(self, device: torch.device) -> "PairedJudge | None":
        """A judge over the validation pairs; None where there are none."""
        return PairedJudge(self, device) if self.layout.splits.get("val") else None

    def models(self, name: str) -> dict[str, ModelConfig]:
        """What the stored model says of itself."""
        config = self.config
        model = ModelConfig(
            name=name,
            kind=config.method,
            generator=config.generator,
            data=config.data,
            classes=self.classes,
            input_classes=self.layout.input_classes(config.data),
            held_out=self.layout.held_out,
            preset=config.preset,
        )
        return {DIRECTION: model}


def prepare(
    config: TrainConfig,
    root: Path | None,
    a: Path | None,
    b: Path | None,
    held_out: HoldOut | None,
    progress: Callable[[int, int], None] | None,
) -> PairedTask:
    """Recognise the pairs and settle what the config leaves to them: kind of target, number of classes.

    Raises: DatasetError naming each file that can't be used; ConfigError when config and data disagree.
    """
    layout = recognise(root, a=a, b=b, config=config.data, seed=config.seed, held_out=held_out)
    if not layout.splits.get("train"):
        raise DatasetError(f"{layout.root}: no pairs to train on, only {', '.join(layout.splits)}")
    refuse(layout, check(layout, config.data, progress=progress))
    changes: dict[str, object] = {}
    terms = config.objective
    if layout.target == "labels":
        classes = layout.classes or ()
        changes = {"generator.head": "labels", "generator.out_channels": len(classes), "data.target": "labels"}
        if isinstance(terms, Pix2PixConfig) and not (terms.lambda_ce or terms.lambda_dice):
            changes["objective.lambda_ce"] = 1.0
    elif config.translator.head == "labels":
        raise ConfigError(f"preset {config.preset} learns label maps, but the targets here are pictures; use pix2pix")
    return PairedTask(config.replace(**changes), layout)


class PairedJudge:
    """Scores and shows a generator on the validation pairs."""

    def __init__(self, task: PairedTask, device: torch.device) -> None:
        self.data, self.device, self.classes = task.dataset("val"), device, task.classes
        self.batch_size, self.samples = max(task.config.batch_size, 4), task.config.samples
        self.quality: Quality = LABELS if self.classes else PICTURES

    def figures(self, generators: Mapping[str, nn.Module]) -> dict[str, dict[str, float]]:
        """Quality over all validation pairs."""
        return {name: validate(net, self.data, self.device, self.batch_size) for name, net in generators.items()}

    def sheet(self, generators: Mapping[str, nn.Module]) -> Image.Image:
        """Input, translation and target of a few pairs."""
        return sample_sheet(generators[DIRECTION], self.data, self.device, self.samples, self.classes)
