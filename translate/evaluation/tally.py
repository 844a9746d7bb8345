"""Adding up what is scored, batch by batch, for label maps and for pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from translate.config import IGNORE_INDEX, ClassSpec
from translate.evaluation.report import ClassScore
from translate.metrics import paired, segmentation


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


class PictureTally:
    """L1, PSNR and SSIM of every pair."""

    def __init__(self) -> None:
        self.values: dict[str, list[Tensor]] = {"l1": [], "psnr": [], "ssim": []}
        self.pixels, self.too_small = 0, 0

    def add(self, fake_b: Tensor, real_b: Tensor) -> None:
        """Take in a batch. Shape: fake_b, real_b (N, C, H, W)."""
        self.values["l1"].append(paired.l1(fake_b, real_b))
        self.values["psnr"].append(paired.psnr(fake_b, real_b))
        if min(real_b.shape[-2:]) >= paired.SSIM_WINDOW:
            self.values["ssim"].append(paired.ssim(fake_b, real_b))
        else:
            self.too_small += len(real_b)
        self.pixels += real_b[:, 0].numel()

    def outcome(self) -> Outcome:
        """The means over all pairs; nan where no pair could be scored."""
        side = paired.SSIM_WINDOW
        return Outcome(
            how="the mean over pairs; L1 and PSNR on values in [-1, 1]",
            scores={name: float(torch.cat(v).mean()) if v else torch.nan for name, v in self.values.items()},
            pixels=self.pixels,
            notes=(f"{self.too_small} pairs smaller than {side} pixels have no SSIM",) if self.too_small else (),
        )
