"""Scoring a stored model on a folder of pairs, by a protocol that is told with the scores."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from translate import catalog, checkpoints, images
from translate.config import Direction
from translate.data.paired import PairedDataset, batches
from translate.errors import DatasetError
from translate.evaluation.domains import UNPAIRED, Run, score_domains
from translate.evaluation.report import Report
from translate.evaluation.selection import Selection, Split, class_table, select
from translate.evaluation.tally import LabelTally, PictureTally, Tally
from translate.inference.translator import Translator

At = Literal["auto", "square", "keep", "native", "own"]

PROTOCOLS = {
    "square": "both sides brought to {size} x {size} (photo antialiased, labels to the nearest pixel), "
    "the model run at that scale",
    "keep": "both sides brought to the area of {size} x {size} in their own shape (photo antialiased, labels to the "
    "nearest pixel), the model run at that scale",
    "native": "the model run at the data's own pixels",
    "own": "as `translate apply` does it: the photo brought to the model's scale of {size}, the result back to the "
    "photo's own size and scored there",
}

Translated = tuple[Tensor, Tensor, float]
"""What the model made of a batch (class indices or pictures, on the CPU), the truth, seconds."""


def evaluate(
    model: str | Path,
    data: Path | None,
    *,
    a: Path | None = None,
    b: Path | None = None,
    split: Split = "auto",
    at: At = "auto",
    direction: Direction | None = None,
    batch_size: int | None = None,
    features: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Score the stored model called `model` on the pairs in `data`, or in the folders `a` and `b`.

    A model trained without pairs is scored on two folders without pairs, by distances (see evaluation.domains).

    `at`: the scale it is scored at (see PROTOCOLS); auto is the one the model was trained at. `batch_size` changes
    speed only; None leaves it to the device. `progress` is called with (pairs done, pairs in all).
    Raises: CheckpointError, DatasetError, ImageError in one line.
    """
    folder = catalog.find(model)
    translator = Translator.load(folder, device=device, precision=precision)
    run = Run(
        translator=translator,
        folder=folder,
        scale=translator.config.data.fit if at == "auto" else at,
        split=split,
        direction=direction,
        batch_size=batch_size or translator.best_batch_size,
        features=features,
        progress=progress or (lambda done, total: None),
    )
    score = score_domains if translator.config.kind in UNPAIRED else _score_pairs
    return score(run, data, a, b)


def _score_pairs(run: Run, data: Path | None, a: Path | None, b: Path | None) -> Report:
    translator = run.translator
    selection = select(translator.config, data, a=a, b=b, split=run.split, direction=run.direction)
    if not selection.pairs:
        raise DatasetError(f"{selection.layout.root}: the split {selection.split} has no pairs")
    own = run.scale == "own"
    results = _own(translator, selection) if own else _scaled(translator, selection, run.scale, run.batch_size)
    tally = _tally(translator, selection)
    seconds, done = 0.0, 0
    for fake_b, real_b, took in results:
        tally.add(fake_b, real_b)
        seconds, done = seconds + took, done + len(real_b)
        run.progress(done, len(selection.pairs))
    return _report(translator, run.folder, selection, run.scale, tally, seconds)


def _tally(translator: Translator, selection: Selection) -> Tally:
    if selection.layout.target == "image":
        return PictureTally()
    classes = translator.config.classes
    return LabelTally(classes, *class_table(classes, selection.layout.classes or ()))


def _scaled(translator: Translator, selection: Selection, fit: str, batch_size: int) -> Iterator[Translated]:
    dataset = _dataset(translator, selection, fit)
    for real_a, real_b in batches(dataset, batch_size):
        began = time.perf_counter()
        fake_b = translator.forward(real_a).float().cpu()  # (N, C, H, W)
        seconds = time.perf_counter() - began
        yield (fake_b if real_b.is_floating_point() else fake_b.argmax(dim=1)), real_b, seconds


def _own(translator: Translator, selection: Selection) -> Iterator[Translated]:
    dataset = _dataset(translator, selection, "native")
    for index in range(len(dataset)):
        real_a, real_b = dataset[index]
        picture = real_a.add(1).div(2).clamp(0, 1).permute(1, 2, 0).numpy()  # (H, W, C) in [0, 1], 16 bits kept
        result = translator.run(picture)
        if result.labels is not None:
            fake_b = torch.from_numpy(result.labels).long()
        else:
            fake_b = images.to_tensor(result.pixels)
        yield fake_b[None], real_b[None], result.seconds


def _dataset(translator: Translator, selection: Selection, fit: str) -> PairedDataset:
    generator = translator.config.generator
    out_channels = 3 if generator.head == "labels" else generator.out_channels
    return PairedDataset(
        selection.pairs,
        selection.layout,
        selection.data.replace(fit=fit),
        train=False,
        seed=0,
        channels=(generator.in_channels, out_channels),
    )


def _report(
    translator: Translator, folder: Path, selection: Selection, scale: str, tally: Tally, seconds: float
) -> Report:
    config, outcome = translator.config, tally.outcome()
    return Report(
        model=config.name,
        sha256=checkpoints.sha256(folder / checkpoints.MODEL_FILE),
        step=config.step,
        target=selection.layout.target,
        data=str(selection.layout.root),
        layout=selection.layout.kind,
        direction=selection.data.direction,
        split=selection.split,
        protocol=f"{PROTOCOLS[scale].format(size=config.data.size)}; {outcome.how}",
        pairs=len(selection.pairs),
        pixels=outcome.pixels,
        void=outcome.void,
        seconds=seconds,
        device=str(translator.device),
        precision=translator.precision,
        scores=outcome.scores,
        classes=outcome.classes,
        confusion=outcome.confusion,
        notes=(*selection.notes, *outcome.notes),
    )
