"""A folder of pictures for training from noise, with their classes where classes are learnt."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from translate.config import DataConfig, HoldOut
from translate.data.check import in_threads
from translate.data.class_table import in_order, read_classes, real
from translate.data.domains import PictureFile, by_split
from translate.data.folders import Problem, content, existing, pictures
from translate.data.hold_out import drawn
from translate.data.order import Key
from translate.data.unpaired import PictureDataset, read_file
from translate.errors import DatasetError, TranslateError

_log = logging.getLogger(__name__)


class Labelled(NamedTuple):
    """One sample and its class, or a batch with N in front.

    Shape: real (C, H, W) float32 in [-1, 1], or a point (D,); label () int64, 0 where there are no classes.
    """

    real: Tensor
    label: Tensor


class LabelledFile(NamedTuple):
    """A picture and the number of its class."""

    file: PictureFile
    label: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledLayout:
    """A recognised folder of pictures: by split, each with its class, and everything that was decided on the way."""

    root: Path
    kind: str
    splits: dict[str, tuple[LabelledFile, ...]]
    classes: tuple[str, ...] = ()
    held_out: HoldOut | None = None
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    """Files with an ambiguous name or without a class."""


def recognise_labelled(
    root: Path | str | None, *, classed: bool, config: DataConfig, seed: int = 0, held_out: HoldOut | None = None
) -> LabelledLayout:
    """List the pictures below `root`, in train/ and val/ where all are, and hold out a part where there is no val.

    Where `classed`, a picture's class is its subfolder, or what `config.class_column` says of it. `held_out` keeps
    apart what a training recorded. No picture is decoded.
    Raises: DatasetError in one line: what was found, what is accepted.
    """
    base = existing(root, "a folder of pictures")
    found, problems = pictures(base)
    if not found:
        raise DatasetError(f"{base}: no pictures to learn from; {content(base)}")
    splits = by_split([PictureFile(path, name) for name, path in found.items()])
    kind, words = _words(base, splits, config) if classed else ("a folder of pictures", {})
    names = in_order({words[f.path] for f in splits["train"] if f.path in words}, config.class_bounds)
    if classed and len(names) < 2:
        raise DatasetError(f"{base}: {len(names)} class to learn ({', '.join(names)}); it needs at least 2")
    numbers = {name: number for number, name in enumerate(names)}
    unknown = [file for part in splits.values() for file in part if classed and words.get(file.path) not in numbers]
    labelled = {
        split: tuple(LabelledFile(file, numbers.get(words.get(file.path, ""), 0)) for file in part)
        for split, part in splits.items()
        if part
    }
    layout = LabelledLayout(
        root=base,
        kind=kind,
        splits=labelled,
        classes=names,
        problems=(*problems, *(Problem(file.path, _unknown(words.get(file.path), config)) for file in unknown)),
    )
    layout = _hold_out(layout, config, seed, held_out)
    for line in layout.notes:
        _log.info("%s: %s", base, line)
    return layout


def _words(root: Path, splits: dict[str, tuple[PictureFile, ...]], config: DataConfig) -> tuple[str, dict[Path, str]]:
    """What the classes come from, and each picture's class."""
    files = [file for part in splits.values() for file in part]
    if config.class_column:
        table, listed = read_classes(root, config.class_column, config.class_bounds)
        words = {file.path: listed[real(file.path)] for file in files if real(file.path) in listed}
        return f"pictures with the {config.class_column} of {table.name}", words
    loose = [file for file in files if "/" not in file.name]
    if loose:
        raise DatasetError(
            f"{loose[0].path}: lies in no class; put each class in a subfolder of its name, name a column of a CSV "
            "file with --set data.class_column=NAME, or set objective.condition=none"
        )
    return "pictures in a subfolder a class", {file.path: file.name.partition("/")[0] for file in files}


def _unknown(word: str | None, config: DataConfig) -> str:
    if word is not None:
        return f"its class {word!r} is not among those of the training pictures"
    return f"has no {config.class_column} in the CSV file; add a line, or move it away"


def _hold_out(layout: LabelledLayout, config: DataConfig, seed: int, recorded: HoldOut | None) -> LabelledLayout:
    train = layout.splits.get("train", ())
    if not train:
        raise DatasetError(f"{layout.root}: no pictures to train on, only {', '.join(layout.splits)}")
    names = [item.file.name for item in train]
    is_here = recorded is not None and not set(recorded.names).isdisjoint(names)
    if layout.splits.get("val") or len(train) < 2:
        return layout
    if is_here and recorded is not None:
        chosen, why = recorded, "as recorded"
        if lost := sorted(set(chosen.names).difference(names)):
            raise DatasetError(f"{layout.root}: {len(lost)} held-out pictures are gone, the first is {lost[0]!r}")
    else:
        chosen = HoldOut(seed=seed, names=drawn(names, config.holdout, seed, layout.root, "pictures"))
        why = f"no val split; chosen by seed {seed}"
    kept = set(chosen.names)
    splits = {
        "train": tuple(item for item in train if item.file.name not in kept),
        "val": tuple(item for item in train if item.file.name in kept),
    }
    note = f"{len(kept)} of {len(train)} pictures are held out for validation ({why})"
    return LabelledLayout(
        root=layout.root,
        kind=layout.kind,
        splits=layout.splits | splits,
        classes=layout.classes,
        held_out=chosen,
        notes=(*layout.notes, note),
        problems=layout.problems,
    )


def check_labelled(
    layout: LabelledLayout, channels: int, *, progress: Callable[[int, int], None] | None = None
) -> list[Problem]:
    """Every unreadable or ambiguous picture of the layout, and each without a class; none means it can be used."""
    items = [item.file for part in layout.splits.values() for item in part]
    problems = list(layout.problems)
    for done, problem in enumerate(in_threads(partial(_examine, channels=channels), items), 1):
        problems += [problem] if problem else []
        if progress is not None:
            progress(done, len(items))
    return sorted(problems, key=lambda problem: str(problem.path))


def _examine(file: PictureFile, *, channels: int) -> Problem | None:
    try:
        read_file(file, channels)
    except TranslateError as error:
        return Problem(file.path, str(error).removeprefix(f"{file.path}: "))
    return None


class LabelledDataset(Dataset[Labelled]):
    """Pictures with their classes; `dataset[(epoch, index)]` depends on (seed, epoch, index) and nothing else.

    Shape: Labelled of (C, H, W) float32 in [-1, 1] and ().
    Raises: DatasetError, ImageError naming the file when a picture can't be used.
    """

    def __init__(
        self, items: Sequence[LabelledFile], config: DataConfig, *, train: bool, seed: int, channels: int = 3
    ) -> None:
        files = [item.file for item in items]
        self.pictures = PictureDataset(files, config, train=train, seed=seed, channels=channels)
        self.labels = torch.tensor([item.label for item in items])

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, key: Key) -> Labelled:
        return Labelled(self.pictures[key], self.labels[key[1]])
