"""Naming every picture of two domains that can't be trained on, before the first step."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from translate.config import DataConfig
from translate.data.check import in_threads
from translate.data.domains import PictureFile, UnpairedLayout
from translate.data.folders import Problem
from translate.data.unpaired import read_file
from translate.errors import TranslateError

Size = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DomainReport:
    """What reading every picture of two domains showed."""

    problems: tuple[Problem, ...]
    sizes: tuple[dict[Size, int], dict[Size, int]]
    """Pictures of A and of B by their size, the most frequent first."""


class _Item(NamedTuple):
    file: PictureFile
    side: int
    cropped: bool


def check_domains(
    layout: UnpairedLayout,
    config: DataConfig,
    channels: tuple[int, int] = (3, 3),
    *,
    progress: Callable[[int, int], None] | None = None,
) -> list[Problem]:
    """Every unreadable, ambiguous or too small picture of the layout; none means it can be trained on.

    `channels` are those of A and of B; `progress` is called with (pictures done, pictures in all).
    """
    return list(examine_domains(layout, config, channels, progress=progress).problems)


def examine_domains(
    layout: UnpairedLayout,
    config: DataConfig,
    channels: tuple[int, int] = (3, 3),
    *,
    progress: Callable[[int, int], None] | None = None,
) -> DomainReport:
    """Read and decode every picture, as training will, and report what was found."""
    crops = config.fit == "native" and config.zoom is None
    items = [
        _Item(file, side, crops and split == "train")
        for split, domains in layout.splits.items()
        for side, files in enumerate(domains)
        for file in files
    ]
    problems, sizes = list(layout.problems), (Counter[Size](), Counter[Size]())
    look = partial(_examine, crop=config.crop, channels=channels)
    for done, (item, seen) in enumerate(zip(items, in_threads(look, items), strict=True), 1):
        if isinstance(seen, Problem):
            problems.append(seen)
        else:
            sizes[item.side][seen] += 1
        if progress is not None:
            progress(done, len(items))
    return DomainReport(
        # Sorting keeps the order of what one list says of several of its lines.
        problems=tuple(sorted(problems, key=lambda problem: str(problem.path))),
        sizes=(dict(sizes[0].most_common()), dict(sizes[1].most_common())),
    )


def _examine(item: _Item, *, crop: int, channels: tuple[int, int]) -> Size | Problem:
    """The size of a picture that can be used, or what is wrong with it."""
    path = item.file.path
    try:
        height, width = read_file(item.file, channels[item.side]).shape[:2]
    except TranslateError as error:
        return Problem(path, str(error).removeprefix(f"{path}: "))
    if item.cropped and min(height, width) < crop:
        reason = f"is {width}x{height} pixels, smaller than the crop of {crop}"
        return Problem(path, f"{reason}; lower data.crop, or enlarge by data.fit keep or square")
    return width, height
