"""Adding up what is scored, batch by batch, for label maps and for pictures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import torch
from torch import Tensor

from translate import catalog
from translate.config import IGNORE_INDEX, ClassSpec
from translate.errors import CheckpointError
from translate.evaluation.report import ClassScore
from translate.features import FOLDER
from translate.interop import lpips
from translate.interop.lpips import Perceptual
from translate.metrics import paired, segmentation
from translate.metrics.appearance import colour_difference
from translate.metrics.figures import figure

NET = "alex"
"""The network of LPIPS: the authors' choice for comparing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What was found over all batches; the fields are those of a Report, `how` ends its protocol."""

    how: str
    scores: dict[str, float]
    pixels: int
    void: int = 0
    classes: tuple[ClassScore, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    notes: tuple[str, ...] = ()


class Tally(Protocol):
    """What an evaluation hands its batches to."""

    def add(self, fake_b: Tensor, real_b: Tensor) -> None:
        """Take in a batch."""

    def outcome(self) -> Outcome:
        """What was found so far."""


class LabelTally:
    """One confusion matrix over everything; `table` says which of the model's classes a label value of the data is."""

    def __init__(self, classes: Sequence[ClassSpec], table: Tensor, note: str) -> None:
        self.classes, self.table, self.note = tuple(classes), table, note
        self.confusion = torch.zeros(len(self.classes), len(self.classes), dtype=torch.int64)
        self.void = 0

    def add(self, fake_b: Tensor, real_b: Tensor) -> None:
        """Take in a batch. Shape: fake_b, real_b (N, H, W) int64."""
        truth = self.table[real_b]
        self.void += int((truth == IGNORE_INDEX).sum())
        self.confusion += segmentation.confusion(fake_b, truth, len(self.classes))

    def outcome(self) -> Outcome:
        """Accuracies, IoU by class, and the matrix itself."""
        classes = self._class_scores()
        absent = [score.name for score in classes if not score.pixels]
        notes = [self.note] if self.note else []
        if absent:
            notes.append(f"left out of the means, for the truth has no pixel of it: {', '.join(absent)}")
        return Outcome(
            how="void left out; one confusion matrix over all pairs",
            scores=segmentation.scores(self.confusion),
            pixels=int(self.confusion.sum()),
            void=self.void,
            classes=classes,
            confusion=tuple(tuple(row) for row in self.confusion.tolist()),
            notes=tuple(notes),
        )

    def _class_scores(self) -> tuple[ClassScore, ...]:
        rows = zip(
            self.classes,
            segmentation.iou_per_class(self.confusion).tolist(),
            segmentation.recall_per_class(self.confusion).tolist(),
            self.confusion.sum(dim=1).tolist(),
            strict=True,
        )
        return tuple(ClassScore(name=spec.name, iou=iou, accuracy=acc, pixels=n) for spec, iou, acc, n in rows)


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of pairs of pictures, and which it can be taken of."""

    of: Callable[[Tensor, Tensor], Tensor]
    least: int = 1
    """Pixels of the shorter side."""
    channels: tuple[int, ...] = ()
    """How many a picture may have; any number where empty."""

    def fits(self, pictures: Tensor) -> bool:
        """Whether it can be taken of them. Shape: (N, C, H, W)."""
        channels, *sides = pictures.shape[1:]
        return min(sides) >= self.least and (not self.channels or channels in self.channels)

    @property
    def needs(self) -> str:
        """What a picture must be."""
        return f"{self.least} pixels a side" + (" of gray or RGB" if self.channels else "")


class PictureTally:
    """L1, PSNR, SSIM and MS-SSIM of every pair, how far its mean colour is off, and LPIPS where `perceptual` is given.

    Pairs too small for a figure are left out of its mean, and counted.
    """

    def __init__(self, perceptual: Perceptual | None = None) -> None:
        self.measures: dict[str, Measure] = {
            "l1": Measure(paired.l1),
            "psnr": Measure(paired.psnr),
            "ssim": Measure(paired.ssim, paired.SSIM_WINDOW),
            "ms_ssim": Measure(paired.ms_ssim, paired.MS_SSIM_SIDE),
            "colour_difference": Measure(colour_difference, channels=(1, 3)),
        }
        self.named = ""
        if perceptual is not None:
            self.named = f"; LPIPS is {perceptual.name}"
            self.measures["lpips"] = Measure(_seen_by(perceptual), perceptual.trunk.least, channels=(1, 3))
        self.values: dict[str, list[Tensor]] = {name: [] for name in self.measures}
        self.count, self.pixels = 0, 0

    def add(self, fake_b: Tensor, real_b: Tensor) -> None:
        """Take in a batch. Shape: fake_b, real_b (N, C, H, W)."""
        for name, measure in self.measures.items():
            if measure.fits(real_b):
                self.values[name].append(measure.of(fake_b, real_b))
        self.pixels += real_b[:, 0].numel()
        self.count += len(real_b)

    def outcome(self) -> Outcome:
        """The means over all pairs; nan where no pair could be scored."""
        left_out = {name: self.count - sum(map(len, values)) for name, values in self.values.items()}
        return Outcome(
            how=f"the mean over pairs; L1 and PSNR on values in [-1, 1]{self.named}",
            scores={name: float(torch.cat(v).mean()) if v else torch.nan for name, v in self.values.items()},
            pixels=self.pixels,
            notes=tuple(self._smaller(name, count) for name, count in left_out.items() if count),
        )

    def _smaller(self, name: str, left_out: int) -> str:
        there = f"{self.count - left_out} of {self.count} pairs"
        return f"{figure(name).title} is of {there}: it needs {self.measures[name].needs}"


def _seen_by(perceptual: Perceptual) -> Callable[[Tensor, Tensor], Tensor]:
    @torch.inference_mode()
    def measure(fake_b: Tensor, real_b: Tensor) -> Tensor:
        device = perceptual.shift.device
        sides = (side.to(device).expand(-1, 3, -1, -1) for side in (fake_b, real_b))  # two (N, 3, H, W)
        return cast(Tensor, perceptual(*sides)).cpu()

    return measure


def load_perceptual(device: torch.device) -> tuple[Perceptual | None, str]:
    """LPIPS where its weights are in the user's folder of features, else a note that says why there is none."""
    try:
        return lpips.load(catalog.home() / FOLDER, NET).to(device), ""
    except CheckpointError as error:
        return None, f"no LPIPS: {error}"
