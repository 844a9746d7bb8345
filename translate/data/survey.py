"""What a folder is as training data: its layout, how much of what, every file that can't be used, a few pictures."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image

from translate.config import ClassSpec, DataConfig, Direction
from translate.data.folders import Problem
from translate.errors import DatasetError
from translate.stopping import check

if TYPE_CHECKING:
    from translate.data.domains import UnpairedLayout
    from translate.data.layouts import PairedLayout

Array = np.ndarray[Any, Any]
Task = Literal["labels", "pictures", "unpaired"]
"""What can be learnt: pairs of a picture and a label map, pairs of pictures, two domains without pairs."""

SHOWN, SIDE = 4, 256
"""So many previews, this large at most."""


@dataclass(frozen=True, slots=True)
class Preview:
    """Input and target of a pair, or a picture of each domain. Shape: (H, W, 3) uint8."""

    name: str
    a: Array
    b: Array


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """Everything that is worth knowing before a training starts."""

    root: Path
    task: Task
    kind: str
    """The layout, in the words of datasets/README.md."""
    counts: dict[str, str]
    """What each split has, to be printed."""
    sizes: dict[str, int]
    """Pictures by their size, the most frequent first."""
    classes: tuple[tuple[ClassSpec, float], ...]
    """The target's classes, each with its share of the pixels."""
    notes: tuple[str, ...]
    problems: tuple[Problem, ...]
    previews: tuple[Preview, ...]


def survey(
    root: Path,
    *,
    direction: Direction = "AtoB",
    task: Literal["auto", "paired", "unpaired"] = "auto",
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] = bool,
) -> Survey:
    """Recognise the folder as pairs, or else as two domains, and read every file as training will.

    With `task` it is taken for the one or the other. `progress` sees (files read, files in all); `cancelled` is asked
    after each.
    Raises: DatasetError in one line where neither is recognised; Cancelled.
    """
    from translate.data.domains import recognise_domains
    from translate.data.layouts import recognise

    config = DataConfig(direction=direction)

    def go_on(done: int, total: int) -> None:
        if progress:
            progress(done, total)
        check(cancelled, f"{root}: not looked at to the end; it was cancelled")

    if task == "unpaired":
        return _of_domains(recognise_domains(root, config=config), config, go_on)
    try:
        pairs = recognise(root, config=config)
    except DatasetError as error:
        if task == "paired":
            raise
        reason = error
    else:
        # Two folders of pictures may have a name in common by chance.
        if task == "paired" or len(pairs.pairs) >= len(pairs.problems):
            return _of_pairs(pairs, config, go_on)
        reason = DatasetError(f"{root}: {len(pairs.problems)} of its files have no partner")
    try:
        domains = recognise_domains(root, config=config)
    except DatasetError:
        raise reason from None
    return _of_domains(domains, config, go_on)


def _of_pairs(layout: "PairedLayout", config: DataConfig, progress: Callable[[int, int], None]) -> Survey:
    from translate.data.check import examine

    report = examine(layout, config, progress=progress)
    total = sum(report.class_pixels) or 1
    classes = layout.classes or ()
    pixels = report.class_pixels or (0,) * len(classes)
    resized = f"{report.resized} pairs differ in size but not in shape; B is resized to A"
    return Survey(
        root=layout.root,
        task="labels" if layout.target == "labels" else "pictures",
        kind=layout.kind,
        counts={split: f"{len(pairs)} pairs" for split, pairs in layout.splits.items()},
        sizes=_sizes(report.sizes),
        classes=tuple((spec, count / total) for spec, count in zip(classes, pixels, strict=True)),
        notes=(*layout.notes, *([resized] if report.resized else [])),
        problems=report.problems,
        previews=_pair_previews(layout, config, {problem.path for problem in report.problems}),
    )


def _of_domains(layout: "UnpairedLayout", config: DataConfig, progress: Callable[[int, int], None]) -> Survey:
    from translate.data.check_domains import examine_domains
    from translate.data.unpaired import read_file

    report = examine_domains(layout, config, progress=progress)
    wrong = {problem.path for problem in report.problems}
    train = layout.splits.get("train") or next(iter(layout.splits.values()))
    sides = [_spread([file for file in files if file.path not in wrong]) for files in train]
    previews = [
        Preview(f"{a.path.name} · {b.path.name}", *(_thumbnail(read_file(file, 3)) for file in (a, b)))
        for a, b in zip(*sides, strict=False)
    ]
    sizes = dict(report.sizes[0])
    for size, count in report.sizes[1].items():
        sizes[size] = sizes.get(size, 0) + count
    return Survey(
        root=layout.root,
        task="unpaired",
        kind=layout.kind,
        counts={split: f"{len(part.a)} of A, {len(part.b)} of B" for split, part in layout.splits.items()},
        sizes=_sizes(dict(sorted(sizes.items(), key=lambda item: -item[1]))),
        classes=(),
        notes=layout.notes,
        problems=report.problems,
        previews=tuple(previews),
    )


def _pair_previews(layout: "PairedLayout", config: DataConfig, wrong: set[Path]) -> tuple[Preview, ...]:
    from translate.data.reading import read_side, usual_channels

    sound = [pair for pair in layout.pairs if pair.a not in wrong and pair.b not in wrong]
    found = []
    for pair in _spread(sound):
        a, b = (
            _thumbnail(read_side(layout, pair, side, labels=False, channels=usual_channels([pair], side)))
            for side in ("a", "b")
        )
        found.append(Preview(pair.name, *((a, b) if config.direction == "AtoB" else (b, a))))
    return tuple(found)


def _spread(items: Any) -> Any:
    """A few of them, from all over the list."""
    return list(items)[:: max(1, len(items) // SHOWN)][:SHOWN]


def _sizes(found: dict[tuple[int, int], int]) -> dict[str, int]:
    return {f"{width} × {height}": count for (width, height), count in found.items()}


def _thumbnail(array: Array) -> Array:
    """Shape: (H, W, C) uint8 or uint16 -> (h, w, 3) uint8, no side above 256; of many channels the first is gray."""
    pixels = (array >> 8).astype(np.uint8) if array.dtype == np.uint16 else array
    pixels = pixels if pixels.shape[2] == 3 else pixels[..., :1].repeat(3, axis=2)
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.array(image)
