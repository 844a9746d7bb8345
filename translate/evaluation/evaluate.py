"""Scoring a stored model on a folder of pairs, by a protocol that is told with the scores."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from translate import catalog
from translate.config import ClassSpec, Direction
from translate.data.paired import PairedDataset, batches
from translate.errors import CheckpointError, DatasetError
from translate.evaluation.domains import UNPAIRED, score_domains
from translate.evaluation.gallery import Gallery
from translate.evaluation.report import Report, SetFigures
from translate.evaluation.run import Run, Scored, reported
from translate.evaluation.selection import Selection, Split, class_table, drawn, select
from translate.evaluation.sets import PictureSet, compare, told
from translate.evaluation.tally import LabelTally, PictureTally, load_perceptual
from translate.features import load_features
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

GRAY_OR_RGB = (1, 3)
"""Channels of what distances are measured between."""


def evaluate(
    model: str | Path,
    data: Path | None,
    *,
    a: Path | None = None,
    b: Path | None = None,
    paired: bool | None = None,
    split: Split = "auto",
    at: At = "auto",
    direction: Direction | None = None,
    batch_size: int | None = None,
    features: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    progress: Callable[[int, int], None] | None = None,
    gallery: Gallery | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Report:
    """Score the stored model called `model`, or an ONNX file, on the pairs in `data`, or in the folders `a` and `b`.

    A model trained without pairs is scored on two folders without pairs, by distances (see evaluation.domains);
    `paired` has any model scored the one way or the other.

    `at`: the scale it is scored at (see PROTOCOLS); auto is the one the model was trained at. `batch_size` changes
    speed only; None leaves it to the device. `features` names the space of distances (see features.load_features).
    `progress` is called with (pictures or pairs done, in all); `gallery` gets a few to show; `cancelled` is asked
    before every layer of the model.
    Raises: CheckpointError, DatasetError, ImageError in one line; Cancelled.
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
        gallery=gallery,
        cancelled=cancelled,
    )
    is_unpaired = translator.config.kind in UNPAIRED if paired is None else not paired
    score = score_domains if is_unpaired else _score_pairs
    return score(run, data, a, b)


def _score_pairs(run: Run, data: Path | None, a: Path | None, b: Path | None) -> Report:
    config = run.translator.config
    selection = select(config, data, a=a, b=b, split=run.split, direction=run.direction)
    if not selection.pairs:
        raise DatasetError(f"{selection.layout.root}: the split {selection.split} has no pairs")
    tally, sets, notes = _tallies(run, selection)
    fit, batch_size = run.reading
    input_classes, drawn_note = drawn(config, selection)
    names = [pair.name for pair in selection.pairs]
    seconds, done = 0.0, 0
    run.begin(len(names))
    for real_a, real_b in batches(_dataset(run, selection, fit, input_classes), batch_size):
        fake_b, took = run.translate(real_a)
        tally.add(fake_b, real_b)
        for part, pictures in zip(sets, (fake_b, real_b), strict=False):
            part.add(pictures)
        truth = tally.table[real_b] if isinstance(tally, LabelTally) else real_b
        run.show(done, names, real_a, fake_b, truth)
        seconds, done = seconds + took, done + len(real_b)
        run.progress(done, len(names))
    outcome, figures = tally.outcome(), compare(*sets) if sets else SetFigures()
    protocol = [PROTOCOLS[run.scale].format(size=config.data.size), outcome.how]
    protocol += [told(figures, "translations")] if figures.space else []
    on = Scored(
        target=selection.layout.target,
        root=selection.layout.root,
        layout=selection.layout.kind,
        data=selection.data,
        split=selection.split,
        protocol="; ".join(protocol),
        names=names,
        notes=(*selection.notes, *notes, *([drawn_note] if drawn_note else [])),
    )
    return reported(run, on, outcome, figures, seconds)


def _tallies(
    run: Run, selection: Selection
) -> tuple[LabelTally | PictureTally, tuple[PictureSet, PictureSet] | tuple[()], tuple[str, ...]]:
    """What adds up pair by pair, what compares translations with truths as sets, and a note on what is missing."""
    config, device = run.translator.config, run.translator.device
    if selection.layout.target == "labels":
        return LabelTally(config.classes, *class_table(config.classes, selection.layout.classes or ())), (), ()
    perceptual, note = load_perceptual(device)
    tally, notes = PictureTally(perceptual), (note,) if note else ()
    if config.translator.out_channels not in GRAY_OR_RGB:
        return tally, (), (*notes, "no figures of the sets: they are of gray and RGB pictures")
    try:
        space = load_features(run.features, device)
    except CheckpointError as error:
        if run.features != "auto":
            raise
        return tally, (), (*notes, f"no figures of the sets: {error}")  # pairs are scored without a space too
    return tally, (PictureSet(space), PictureSet(space)), notes


def _dataset(run: Run, selection: Selection, fit: str, input_classes: tuple[ClassSpec, ...] | None) -> PairedDataset:
    generator = run.translator.config.translator
    out_channels = 3 if generator.head == "labels" else generator.out_channels
    return PairedDataset(
        selection.pairs,
        selection.layout,
        selection.data.replace(fit=fit),
        train=False,
        seed=0,
        channels=(generator.in_channels, out_channels),
        input_classes=input_classes,
    )
