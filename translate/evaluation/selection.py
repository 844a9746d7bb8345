"""Which pairs of a folder a model is scored on, and which of its classes the folder's labels mean."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar

import torch
from torch import Tensor

from translate.config import IGNORE_INDEX, ClassSpec, DataConfig, Direction, HoldOut, ModelConfig
from translate.data.folders import PairFile
from translate.data.layouts import PairedLayout, recognise
from translate.data.paired import sides
from translate.errors import DatasetError

T = TypeVar("T")

Split = Literal["auto", "val", "test", "train", "all"]

MAY_BE_SEEN = "pictures the model was trained on may be among them"


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """The pairs to score, how the folder is read, and what a reader of the scores has to know."""

    layout: PairedLayout
    data: DataConfig
    pairs: tuple[PairFile, ...]
    split: str
    notes: tuple[str, ...]


def select(
    model: ModelConfig,
    root: Path | None,
    *,
    a: Path | None = None,
    b: Path | None = None,
    split: Split = "auto",
    direction: Direction | None = None,
) -> Selection:
    """The pairs to score `model` on.

    `auto` takes what the model can't have learnt from: the folder's `val`, else the pairs its training held out, else
    `test`; where there is none of them, all pairs, and a note says so.
    Raises: DatasetError when the folder has no such split, or no pairs.
    """
    target = "labels" if model.translator.head == "labels" else "image"
    data = model.data.replace(target=target, cache_mb=0, **({"direction": direction} if direction else {}))
    layout = recognise(root, a=a, b=b, config=data, draw=False)
    name, pairs, notes = _choose(layout, model.held_out, split)
    if layout.problems:
        first = layout.problems[0]
        notes = (*notes, f"{len(layout.problems)} files without a usable partner were left out, the first is {first}")
    return Selection(layout=layout, data=data, pairs=pairs, split=name, notes=notes)


def _choose(
    layout: PairedLayout, held_out: HoldOut | None, split: Split
) -> tuple[str, tuple[PairFile, ...], tuple[str, ...]]:
    parted = None
    if held_out is not None and "val" not in layout.splits:
        train = layout.splits.get("train", ())
        kept = tuple(pair for pair in train if pair.name in held_out.names)
        left = tuple(pair for pair in train if pair not in kept)
        parted = Parted(kept, left, len(kept), len(held_out.names))
    return choose(layout.root, layout.splits, split, parted, join=lambda _: layout.pairs, what="pairs")


@dataclass(frozen=True, slots=True)
class Parted(Generic[T]):
    """A train split as the model's training parted it: what it held out and the rest, how many of the held out are
    here, and how many were recorded."""

    kept: T
    left: T
    found: int
    recorded: int


def choose(
    root: Path,
    splits: Mapping[str, T],
    split: Split,
    parted: Parted[T] | None,
    *,
    join: Callable[[Mapping[str, T]], T],
    what: str,
) -> tuple[str, T, tuple[str, ...]]:
    """The split that is scored: its name, what is in it, and notes; `auto` as `select` says.

    What was held out stands in for a missing val split where all of it is here; `join` puts all splits together.
    Raises: DatasetError when there is no such split.
    """
    splits, record, own_val = dict(splits), f"records no {what} as held out", "val"
    if parted is not None:
        record = f"held out {parted.recorded} {what} of which {parted.found} are here"
        if parted.found == parted.recorded:
            splits |= {"train": parted.left, "val": parted.kept}
            own_val = "val, as the model's training held it out"
    if split == "auto" and "val" not in splits and "test" not in splits:
        return "all", join(splits), (f"{root} has no val or test split and the model {record}: {MAY_BE_SEEN}",)
    if split == "all":
        return "all", join(splits), ((f"all splits were scored: {MAY_BE_SEEN}",) if "train" in splits else ())
    chosen = split if split != "auto" else "val" if "val" in splits else "test"
    if chosen not in splits:
        hint = f", and the model {record}" if split == "val" else ""
        raise DatasetError(f"{root}: no {split} split (found: {', '.join(splits)}){hint}; choose another split")
    notes = (f"the train split was scored: {MAY_BE_SEEN}",) if chosen == "train" else ()
    return (own_val if chosen == "val" else chosen), splits[chosen], notes


def drawn(model: ModelConfig, selection: Selection) -> tuple[tuple[ClassSpec, ...] | None, str]:
    """What each class of the inputs' label maps is drawn as, for a model that starts from such, and class_table's note.

    Raises: DatasetError where the inputs are pictures, or of classes the model doesn't know.
    """
    if not model.input_classes:
        return None, ""
    layout, (side, _) = selection.layout, sides(selection.data)
    if layout.legend is None or layout.legend_side != side:
        raise DatasetError(
            f"{layout.root}: {model.name!r} starts from label maps, and the inputs here are pictures; give it maps "
            "with a classes.json, or another direction"
        )
    table, note = class_table(model.input_classes, layout.legend.classes)
    return tuple(model.input_classes[k] for k in table[: len(layout.legend.classes)].tolist()), note


def class_table(model: Sequence[ClassSpec], data: Sequence[ClassSpec]) -> tuple[Tensor, str]:
    """The model's class for each label value of the data, and a note where they were matched by anything but name.

    Matched by name, else by colour, else (for the same number of classes) by position.
    Shape: -> (256,) int64; what is no class of the data is void.
    Raises: DatasetError naming the classes that the model doesn't know.
    """
    names, colours = [_plain(spec.name) for spec in model], [spec.color for spec in model]
    unknown = [spec.name for spec in data if _plain(spec.name) not in names]
    note = ""
    if not unknown:
        match = [names.index(_plain(spec.name)) for spec in data]
    elif len(set(colours)) == len(colours) and all(spec.color in colours for spec in data):
        match = [colours.index(spec.color) for spec in data]
        note = "the data names its classes otherwise than the model; they were matched by colour"
    elif len(data) == len(model):
        match = list(range(len(model)))
        pairs = ", ".join(f"{spec.name} = {ours.name}" for spec, ours in zip(data, model, strict=True))
        note = f"the data names its classes otherwise than the model; they were matched by position: {pairs}"
    else:
        known = ", ".join(spec.name for spec in model)
        raise DatasetError(
            f"the data has the class {', '.join(unknown)}, which the model doesn't know; it has: {known}"
        )
    table = torch.full((256,), IGNORE_INDEX, dtype=torch.int64)
    table[: len(match)] = torch.tensor(match)
    return table, note


def _plain(name: str) -> str:
    return name.strip().casefold()
