"""Naming every file that can't be trained on, before the first step."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from translate.config import DataConfig
from translate.data.domains import UnpairedLayout
from translate.data.folders import SPLITS, PairFile, Problem
from translate.data.layouts import PairedLayout
from translate.data.masks import path_of
from translate.data.reading import Array, Side, read_side, usual_channels
from translate.errors import DatasetError, TranslateError

_log = logging.getLogger(__name__)

T = TypeVar("T")
Result = TypeVar("Result")

ASPECT_TOLERANCE = 0.01
"""How far the shapes of a pair's two pictures may differ when their sizes do."""
WORKERS = 4
LISTED = 20
SIDES: tuple[Side, Side] = ("a", "b")


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What reading every file of a data set showed."""

    problems: tuple[Problem, ...]
    sizes: dict[tuple[int, int], int]
    """Pairs by the (width, height) of side A."""
    resized: int
    """Pairs whose sides differ in size but not in shape; B is brought to A's size."""
    class_pixels: tuple[int, ...]
    """Pixels of each class; empty where nothing is labelled."""


@dataclass(frozen=True, slots=True)
class _Seen:
    problems: tuple[Problem, ...]
    size: tuple[int, int] | None = None
    resized: bool = False
    pixels: Array | None = None


def check(
    layout: PairedLayout, config: DataConfig | None = None, *, progress: Callable[[int, int], None] | None = None
) -> list[Problem]:
    """Every unreadable, unpaired or wrongly sized file of the layout; none means it can be trained on.

    `progress` is called with (pairs done, pairs in all).
    """
    return list(examine(layout, config, progress=progress).problems)


def examine(
    layout: PairedLayout, config: DataConfig | None = None, *, progress: Callable[[int, int], None] | None = None
) -> Report:
    """Read and decode every file, as training will, and report what was found."""
    config = config or DataConfig()
    problems, sizes, resized = list(layout.problems), Counter[tuple[int, int]](), 0
    pixels = np.zeros(256, np.int64)
    pairs = [(pair, split) for split in SPLITS for pair in layout.splits.get(split, ())]
    channels = {side: usual_channels([pair for pair, _ in pairs], side) for side in SIDES}
    for done, seen in enumerate(in_threads(lambda item: _examine(layout, config, channels, *item), pairs), 1):
        problems += seen.problems
        if seen.size is not None:
            sizes[seen.size] += 1
        resized += seen.resized
        if seen.pixels is not None:
            pixels += seen.pixels
        if progress is not None:
            progress(done, len(pairs))
    if resized:
        _log.info("%s: in %d pairs B is of another size than A but the same shape; it is resized", layout.root, resized)
    count = len(layout.legend.classes) if layout.legend is not None and pixels.any() else 0
    return Report(
        problems=tuple(sorted(problems, key=lambda problem: str(problem.path))),
        sizes=dict(sizes.most_common()),
        resized=resized,
        class_pixels=tuple(int(n) for n in pixels[:count]),
    )


class Checked(Protocol):
    """A layout whose files have been looked at."""

    @property
    def root(self) -> Path:
        """What is named in front of the problems."""


def refuse(layout: Checked, problems: list[Problem]) -> None:
    """Stop here if there are problems.

    Raises: DatasetError with a line for each of the first 20 and the count of the rest.
    """
    if not problems:
        return
    lines = [f"  {problem}" for problem in problems[:LISTED]]
    if len(problems) > LISTED:
        lines.append(f"  ... and {len(problems) - LISTED} more{_naming_all(layout)}")
    raise DatasetError("\n".join([f"{layout.root}: {len(problems)} files can't be used", *lines]))


def _naming_all(layout: Checked) -> str:
    if isinstance(layout, PairedLayout | UnpairedLayout):
        verb = "translate data check" + (" --unpaired" if isinstance(layout, UnpairedLayout) else "")
        return f"; `{verb}` names all"
    return ""


def in_threads(work: Callable[[T], Result], items: Iterable[T]) -> Iterator[Result]:
    """Results in order, from a few threads and with few pictures in memory at a time."""
    waiting = iter(items)
    with ThreadPoolExecutor(WORKERS) as pool:
        jobs = [pool.submit(work, item) for item in islice(waiting, 4 * WORKERS)]
        while jobs:
            yield jobs.pop(0).result()
            jobs += [pool.submit(work, item) for item in islice(waiting, 1)]


def _examine(layout: PairedLayout, config: DataConfig, channels: dict[Side, int], pair: PairFile, split: str) -> _Seen:
    arrays: dict[Side, Array] = {}
    problems = []
    for side in SIDES:
        path = path_of(pair, side)
        try:
            labels = layout.legend_side == side and layout.legend is not None and _matters(layout)
            arrays[side] = read_side(layout, pair, side, labels=labels, channels=channels[side])
        except TranslateError as error:
            problem = Problem(path, str(error).removeprefix(f"{path}: "))
            if problem not in problems:  # side by side, both halves fail alike
                problems.append(problem)
    if problems:
        return _Seen(tuple(problems))
    (high_a, wide_a), (high_b, wide_b) = arrays["a"].shape[:2], arrays["b"].shape[:2]
    same = (high_a, wide_a) == (high_b, wide_b)
    if not same and abs(wide_a * high_b / (high_a * wide_b) - 1) > ASPECT_TOLERANCE:
        reason = f"is {wide_b}x{high_b} pixels, its partner {pair.a.name} {wide_a}x{high_a}: another shape"
        problems.append(Problem(path_of(pair, "b"), reason))
    crops = split == "train" and config.fit == "native" and config.zoom is None
    if crops and min(high_a, wide_a) < config.crop:
        problems.append(Problem(pair.a, f"is {wide_a}x{high_a} pixels, smaller than the crop of {config.crop}"))
    maps = [array for array in arrays.values() if array.ndim == 2]
    pixels = np.bincount(maps[0].ravel(), minlength=256) if maps else None
    return _Seen(tuple(problems), (wide_a, high_a), not same and not problems, pixels)


def _matters(layout: PairedLayout) -> bool:
    """Whether the labels are read as such: as targets, or as index maps to be painted."""
    return layout.target == "labels" or (layout.legend is not None and layout.legend.encoding == "index")
