"""A stored model over data at one scale: what of it all evaluations share, from a batch to the report."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from translate import checkpoints, images
from translate.config import DataConfig, Direction
from translate.evaluation.gallery import Gallery
from translate.evaluation.report import Report, SetFigures
from translate.evaluation.selection import Split
from translate.evaluation.tally import Outcome
from translate.inference.tiling import stopping
from translate.inference.translator import Translator


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """What is to be scored and how; `scale` is one of evaluate.PROTOCOLS."""

    translator: Translator
    folder: Path
    scale: str
    split: Split
    direction: Direction | None
    batch_size: int
    features: str
    progress: Callable[[int, int], None]
    gallery: Gallery | None
    cancelled: Callable[[], bool] | None = None

    @property
    def reading(self) -> tuple[str, int]:
        """How data is brought to scale (a DataConfig's `fit`), and how many pictures are read at a time."""
        return ("native", 1) if self.scale == "own" else (self.scale, self.batch_size)

    def begin(self, total: int) -> None:
        """A column of the gallery for this model, which is given `total` pictures."""
        if self.gallery is not None:
            self.gallery.begin(total, self.translator.config.classes)

    def show(
        self, index: int, names: Sequence[str], real_a: Tensor, fake_b: Tensor, real_b: Tensor | None = None
    ) -> None:
        """A batch for the gallery, which begins with the picture `index` of all `names`."""
        if self.gallery is not None:
            self.gallery.add(index, names[index : index + len(real_a)], real_a, fake_b, real_b)

    def translate(self, real_a: Tensor) -> tuple[Tensor, float]:
        """What the model makes of a batch: class indices or pictures, on the CPU; and the seconds it took.

        At the scale "own" it is what `translate apply` gives, rounded to the 8 or 16 bits of a file.

        Shape: (N, C, H, W) -> (N, H, W) int64 or (N, C', H, W).
        Raises: Cancelled, asked before every layer.
        """
        with stopping(self.translator.generator, self.cancelled):
            return self._translated(real_a)

    def _translated(self, real_a: Tensor) -> tuple[Tensor, float]:
        translator, head = self.translator, self.translator.config.translator
        if self.scale == "own":
            photo = real_a[0].add(1).div(2).clamp(0, 1).permute(1, 2, 0).numpy()  # (H, W, C) in [0, 1], 16 bits kept
            result = translator.run(photo)
            if result.labels is not None:
                return torch.from_numpy(result.labels).long()[None], result.seconds
            return images.to_tensor(result.pixels)[None], result.seconds
        began = time.perf_counter()
        fake_b = translator.forward(real_a).cpu()  # (N, C', H, W)
        seconds = time.perf_counter() - began
        return (fake_b.argmax(dim=1) if head.head == "labels" else fake_b), seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Scored:
    """What a model was scored on; the fields are those of a Report."""

    target: Literal["labels", "image", "domain"]
    root: Path
    layout: str
    data: DataConfig
    split: str
    protocol: str
    names: Sequence[str]
    """Of the pairs, or of the inputs where there are none."""
    notes: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of which pictures these are."""
        text = "\n".join((str(self.root), self.data.direction, self.split, *self.names))
        return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()  # a name may be no UTF-8


def reported(run: Run, on: Scored, outcome: Outcome, sets: SetFigures, seconds: float) -> Report:
    """The report of one model: what it was scored on, what was found pair by pair and what of the sets."""
    config = run.translator.config
    return Report(
        model=config.name,
        sha256=checkpoints.sha256(run.folder if run.folder.is_file() else run.folder / checkpoints.MODEL_FILE),
        step=config.step,
        target=on.target,
        data=str(on.root),
        layout=on.layout,
        direction=on.data.direction,
        split=on.split,
        protocol=on.protocol,
        inputs=on.digest,
        pairs=len(on.names),
        pixels=outcome.pixels,
        void=outcome.void,
        seconds=seconds,
        device=str(run.translator.device),
        precision=run.translator.precision,
        scores=outcome.scores | sets.scores,
        errors=sets.errors,
        space=sets.space,
        counts=sets.counts,
        biased=sets.biased,
        classes=outcome.classes,
        confusion=outcome.confusion,
        notes=(*on.notes, *outcome.notes, *sets.notes),
    )
