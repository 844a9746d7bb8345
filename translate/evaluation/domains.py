"""Scoring a stored model on two folders without pairs: distances between sets, and how much of the input was copied."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from translate import checkpoints, images
from translate.config import Direction, HoldOut
from translate.data.domains import Domains, PictureFile, UnpairedLayout, recognise_domains
from translate.data.unpaired import PictureDataset, pictures
from translate.errors import DatasetError
from translate.evaluation.report import Report
from translate.evaluation.selection import Parted, Split, choose
from translate.features import FeatureSpace, load_features
from translate.inference.translator import Translator
from translate.metrics.copied import Copied
from translate.metrics.frechet import frechet_distance
from translate.metrics.kernel import kernel_distance

UNPAIRED = frozenset({"cyclegan", "cut"})
"""The kinds of model that are scored by distances, not against a truth."""


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


def score_domains(run: Run, data: Path | None, a: Path | None, b: Path | None) -> Report:
    """Fréchet and kernel distance of translated pictures to real ones, in the feature space that the report names.

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
    space = load_features(run.features, translator.device)
    scores, seconds = _scores(run, domains, space)
    against = f"{len(domains.a)} translations against {len(domains.b)} real pictures, in the feature space {space.name}"
    return Report(
        model=config.name,
        sha256=checkpoints.sha256(run.folder / checkpoints.MODEL_FILE),
        step=config.step,
        target="domain",
        data=str(layout.root),
        layout=layout.kind,
        direction=settings.direction,
        split=name,
        protocol=f"{_protocol(run.scale, config.data.size)}; {against}",
        pairs=len(domains.a),
        pixels=0,
        void=0,
        seconds=seconds,
        device=str(translator.device),
        precision=translator.precision,
        scores=scores,
        notes=notes,
    )


def _scores(run: Run, domains: Domains, space: FeatureSpace) -> tuple[dict[str, float], float]:
    """The figures, and the seconds that the model took."""
    size, copied, fakes, seconds = run.translator.config.data.size, Copied(), list[Tensor](), 0.0
    for real, fake, took in _translated(run, domains.a):
        fakes.append(space(fake))
        copied.add(*(images.resize(side, size, size) for side in (real, fake)))
        seconds += took
        run.progress(copied.count, len(domains.a))
    reals = [space(batch) for batch in _read(run, domains.b, run.translator.config.generator.out_channels)]
    made, real_b = torch.cat(fakes), torch.cat(reals)  # (N, D), (M, D)
    figures = {"kernel": kernel_distance(made, real_b), "frechet": frechet_distance(made, real_b)}
    return figures | {"copied": copied.value()}, seconds


def _read(run: Run, files: Sequence[PictureFile], channels: int) -> Iterator[Tensor]:
    """Pictures at the scale that is scored: real ones are brought to what the translations are. Shape: (N, C, H, W)."""
    own = run.scale == "own"
    data = run.translator.config.data.replace(fit="native" if own else run.scale, cache_mb=0)
    return pictures(PictureDataset(files, data, train=False, seed=0, channels=channels), 1 if own else run.batch_size)


def _translated(run: Run, files: Sequence[PictureFile]) -> Iterator[tuple[Tensor, Tensor, float]]:
    """Inputs, translations (N, C, H, W) on the CPU, and the seconds the model took."""
    translator, network = run.translator, run.translator.config.generator
    for real in _read(run, files, network.in_channels):
        if run.scale == "own":
            result = translator.run(real[0].add(1).div(2).clamp(0, 1).permute(1, 2, 0).numpy())  # (H, W, C) in [0, 1]
            yield real, images.to_tensor(result.pixels)[None], result.seconds
            continue
        began = time.perf_counter()
        fake = translator.forward(real).cpu()
        yield real, fake, time.perf_counter() - began


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
