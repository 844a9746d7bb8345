"""Scoring a stored model on two folders without pairs: distances between sets, and how much of the input was copied."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from translate import images
from translate.config import Direction, HoldOut
from translate.data.domains import Domains, PictureFile, UnpairedLayout, recognise_domains
from translate.data.unpaired import PictureDataset, pictures
from translate.errors import DatasetError
from translate.evaluation.report import Report, SetFigures
from translate.evaluation.run import Run, Scored, reported
from translate.evaluation.selection import Parted, Split, choose
from translate.evaluation.sets import PictureSet, compare, told
from translate.evaluation.tally import Outcome
from translate.features import FeatureSpace, load_features
from translate.metrics.copied import Copied

UNPAIRED = frozenset({"cyclegan", "cut"})
"""The kinds of model that are scored by distances, not against a truth."""


def score_domains(run: Run, data: Path | None, a: Path | None, b: Path | None) -> Report:
    """Figures of translated pictures beside real ones, in the feature space that the report names.

    Raises: DatasetError when a side of the split has fewer than two pictures; CheckpointError, ImageError in one line.
    """
    translator, config = run.translator, run.translator.config
    settings = config.data.replace(**({"direction": run.direction} if run.direction else {}))
    layout = recognise_domains(data, a=a, b=b, config=settings, draw=False)
    name, domains, notes = _choose(layout, config.held_out, settings.direction, run.split)
    if min(len(domains.a), len(domains.b)) < 2:
        counts = f"{len(domains.a)} and {len(domains.b)} pictures"
        raise DatasetError(
            f"{layout.root}: the split {name} has {counts}; a distance between sets needs 2 of each, choose another"
        )
    if layout.problems:
        notes = (*notes, f"{len(layout.problems)} unusable files were left out, the first is {layout.problems[0]}")
    copied, figures, seconds = _compared(run, domains, load_features(run.features, translator.device))
    on = Scored(
        target="domain",
        root=layout.root,
        layout=layout.kind,
        data=settings,
        split=name,
        protocol=f"{_protocol(run.scale, config.data.size)}; {told(figures, 'translations')}",
        names=[file.name for file in domains.a],
        notes=notes,
    )
    return reported(run, on, Outcome(how="", scores={"copied": copied}, pixels=0), figures, seconds)


def _compared(run: Run, domains: Domains, space: FeatureSpace) -> tuple[float, SetFigures, float]:
    """The copied share, what is found of the sets, and the seconds that the model took."""
    size, generator = run.translator.config.data.size, run.translator.config.translator
    copied, seconds, done, total = Copied(), 0.0, 0, len(domains.a) + len(domains.b)
    made, reals = PictureSet(space), PictureSet(space)
    names = [file.name for file in domains.a]
    run.begin(len(names))
    for real_a in _read(run, domains.a, generator.in_channels):
        fake_b, took = run.translate(real_a)
        made.add(fake_b)
        copied.add(*(images.resize(side, size, size) for side in (real_a, fake_b)))
        run.show(done, names, real_a, fake_b)
        seconds, done = seconds + took, done + len(real_a)
        run.progress(done, total)
    for real_b in _read(run, domains.b, generator.out_channels):
        reals.add(real_b)
        done += len(real_b)
        run.progress(done, total)
    return copied.value(), compare(made, reals), seconds


def _read(run: Run, files: Sequence[PictureFile], channels: int) -> Iterator[Tensor]:
    """Pictures at the scale that is scored: real ones are brought to what the translations are. Shape: (N, C, H, W)."""
    fit, batch_size = run.reading
    data = run.translator.config.data.replace(fit=fit, cache_mb=0)
    return pictures(PictureDataset(files, data, train=False, seed=0, channels=channels), batch_size)


def _protocol(scale: str, size: int) -> str:
    if scale == "own":
        back = "back to the photo's own size, beside real pictures at theirs"
        return f"translated as `translate apply` does it, at the model's scale of {size} and {back}"
    if scale == "native":
        return "both domains at their own pixels"
    where = f"{size} x {size}" if scale == "square" else f"the area of {size} x {size} in their own shape"
    return f"pictures of both domains brought to {where} (antialiased), the model run at that scale"


def _choose(
    layout: UnpairedLayout, held_out: HoldOut | None, direction: Direction, split: Split
) -> tuple[str, Domains, tuple[str, ...]]:
    parted = None
    if held_out is not None and "train" in layout.splits and "val" not in layout.splits:
        kept, left = _parted(layout.splits["train"], held_out, direction)
        parted = Parted(kept, left, len(kept.a) + len(kept.b), len(held_out.names))
    return choose(layout.root, layout.splits, split, parted, join=_joined, what="pictures")


def _parted(train: Domains, held_out: HoldOut, direction: Direction) -> tuple[Domains, Domains]:
    """What the training kept apart, and the rest; a picture is recorded by the side it is stored on."""
    sides, names = ("ab" if direction == "AtoB" else "ba"), frozenset(held_out.names)
    kept, left = (
        Domains(
            *(
                tuple(file for file in files if (f"{side}/{file.name}" in names) == within)
                for side, files in zip(sides, train, strict=True)
            )
        )
        for within in (True, False)
    )
    return kept, left


def _joined(splits: Mapping[str, Domains]) -> Domains:
    a, b = (tuple(file for domains in splits.values() for file in domains[side]) for side in (0, 1))
    return Domains(a, b)
