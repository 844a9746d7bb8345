"""Recognising a folder of pairs: which files belong together, what the targets are, and what is kept for validation."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from translate import images
from translate.config import ClassSpec, DataConfig, HoldOut
from translate.data import masks
from translate.data.folders import (
    SPLITS,
    PairFile,
    Problem,
    by_first_folder,
    content,
    existing,
    has_pictures,
    match,
    pictures,
    subfolders,
    two_given,
)
from translate.data.hold_out import drawn
from translate.data.labels import Legend
from translate.errors import DatasetError, ImageError

_log = logging.getLogger(__name__)

Target = Literal["image", "labels"]

SIDES = (
    ("a", "b"),
    ("photo", "map"),
    ("photos", "maps"),
    ("photo", "label"),
    ("photo", "label_rgb"),
    ("photo", "labels"),
    ("images", "labels"),
    ("images", "masks"),
    ("image", "label"),
    ("image", "mask"),
    ("input", "target"),
)
"""Folder names of sides A and B, in any case."""

DESCRIPTIONS = {
    "A|B pictures": "one folder of pictures twice as wide as a side: A is the left half, B the right",
    "a/ b/": "two folders (A/ B/ as well); pairs by name: a/x.jpg and b/x.png, in subfolders too",
    "trainA/ trainB/": "the same with the split in the name; valA/ valB/ and testA/ testB/ are used too",
    "photo/ map/": "pictures and maps; 0/255 maps become two classes",
    "photo/ label/": "pictures and index maps; label_rgb/ beside them is taken for picture targets and for BtoA",
    "images/ labels/": "pictures and index or colour-coded maps, classes.json in labels/ or one or two folders up",
    "images/ masks/": "the same, or 0/255 masks",
    "train/ val/ test/": "any of the above in split folders, or these in a/ and b/; without val/ a part is held out",
    "--a DIR --b DIR": "any two folders",
}
ACCEPTED = (
    "A|B pictures side by side; a/ b/; trainA/ trainB/; photo/ map/; images/ labels/ with classes.json; "
    "each also inside train/ val/ test/; or two folders given as a and b"
)
DEEPEST = 2
"""How many folders that hold nothing but one other folder are gone into, as unpacked archives have them."""
SIDE_BY_SIDE_RATIO = 1.2
NESTED_RATIO = 1.9
"""Width / height from which pictures can be two halves side by side; the second where they lie in subfolders."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PairedLayout:
    """A recognised folder: its pairs by split, how labels are read, and everything that was decided on the way."""

    root: Path
    kind: str
    splits: dict[str, tuple[PairFile, ...]]
    target: Target
    legend: Legend | None = None
    legend_side: Literal["a", "b"] | None = None
    held_out: HoldOut | None = None
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    """Files without a partner or with an ambiguous name; `check` reports them with the rest."""

    @property
    def classes(self) -> tuple[ClassSpec, ...] | None:
        """The classes of the target; None when the target is a picture."""
        return self.legend.classes if self.legend is not None and self.target == "labels" else None

    def input_classes(self, config: DataConfig) -> tuple[ClassSpec, ...]:
        """The classes of the input where that is a map of class indices; none where it is a picture."""
        is_input = self.legend_side == ("a" if config.direction == "AtoB" else "b")
        return self.legend.classes if self.legend and is_input and self.legend.encoding == "index" else ()

    @property
    def pairs(self) -> tuple[PairFile, ...]:
        """All pairs of all splits."""
        return tuple(pair for split in SPLITS for pair in self.splits.get(split, ()))


@dataclass(frozen=True, slots=True)
class _Found:
    kind: str
    splits: dict[str, tuple[PairFile, ...]]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()
    label_side: Literal["a", "b"] = "b"


def recognise(
    root: Path | str | None,
    *,
    a: Path | str | None = None,
    b: Path | str | None = None,
    config: DataConfig,
    seed: int = 0,
    held_out: HoldOut | None = None,
    draw: bool = True,
) -> PairedLayout:
    """Find the pairs below `root`, or in the folders `a` and `b`, and hold out a validation part where none is there.

    `held_out` keeps apart exactly the pairs a training recorded, if any of them is here; otherwise they are drawn by
    `seed`, or with `draw=False` none is held out. No picture is decoded but a few label maps.
    Raises: DatasetError in one line: what was found, what is accepted.
    """
    found = _two_folders(root, a, b) if a is not None or b is not None else _find(existing(root), config)
    base = Path(root) if root is not None else Path(str(a)).parent
    pairs = [pair for split in SPLITS for pair in found.splits.get(split, ())]
    if not pairs:
        named = f"; {found.problems[0]}" if found.problems else ""
        raise DatasetError(f"{base}: {found.kind}, but no two files share a name{named}")
    legend, note = masks.detect(pairs, found.label_side, base)
    target = _target(legend, found, config, base)
    if legend is not None and target == "image" and legend.encoding != "index":
        note += "; read as pictures here"
    layout = PairedLayout(
        root=base,
        kind=found.kind,
        splits=found.splits,
        target=target,
        legend=legend,
        legend_side=found.label_side if legend is not None else None,
        notes=(*found.notes, *([note] if note else [])),
        problems=found.problems,
    )
    recorded = held_out is not None and any(pair.name in held_out.names for pair in found.splits.get("train", ()))
    if draw or recorded:
        layout = _hold_out(layout, config, seed, held_out if recorded else None)
    for line in layout.notes:
        _log.info("%s: %s", base, line)
    return layout


def _two_folders(root: Path | str | None, a: Path | str | None, b: Path | str | None) -> _Found:
    first, second = two_given(root, a, b)
    return _sides(first, second, f"two folders, {first.name}/ and {second.name}/")


def _find(root: Path, config: DataConfig, depth: int = 0) -> _Found:
    folders = subfolders(root)
    prefixed = {split: (folders.get(f"{split}a"), folders.get(f"{split}b")) for split in SPLITS}
    parts = {split: _sides(a, b, "") for split, (a, b) in prefixed.items() if a is not None and b is not None}
    if parts:
        return _joined("trainA/ trainB/", parts)
    present = {split: folders[name] for split, names in SPLITS.items() for name in names if name in folders}
    if present:
        return _in_splits(present, config)
    whole = _in_folder(root, config)
    if whole is not None:
        return whole
    if len(folders) == 1 and depth < DEEPEST:
        return _find(next(iter(folders.values())), config, depth + 1)
    nested = side_by_side(root, NESTED_RATIO)
    if nested is not None:
        return nested
    raise DatasetError(f"{root}: no pairs recognised ({content(root)}); accepted: {ACCEPTED}")


def _in_splits(present: dict[str, Path], config: DataConfig) -> _Found:
    found = {s: _in_folder(folder, config) or side_by_side(folder, NESTED_RATIO) for s, folder in present.items()}
    parts = {split: part for split, part in found.items() if part is not None}
    notes = []
    for split in found.keys() - parts.keys():
        folder, inside = present[split], content(present[split])
        # Published test parts often come without their targets.
        if split != "test" or not parts:
            raise DatasetError(f"{folder}: no pairs recognised ({inside}); accepted: {ACCEPTED}")
        notes.append(f"{folder} is left out: no pairs ({inside})")
    kind = next(iter(parts.values())).kind
    joined = _joined(f"{'/ '.join(parts)}/ with {kind}", parts)
    return replace(joined, notes=(*joined.notes, *notes))


def _in_folder(folder: Path, config: DataConfig) -> _Found | None:
    folders = subfolders(folder)
    present = [(a, b) for a, b in SIDES if a in folders and b in folders]
    if ("photo", "label") in present and ("photo", "label_rgb") in present:
        # The same maps as indices and as colours: indices to learn classes, colours as a picture to draw or start from.
        drop = "label_rgb" if config.target != "image" and config.direction == "AtoB" else "label"
        present.remove(("photo", drop))
    if present:
        name_a, name_b = present[0]
        return _sides(folders[name_a], folders[name_b], f"{name_a}/ {name_b}/")
    return side_by_side(folder, SIDE_BY_SIDE_RATIO) if has_pictures(folder) else None


def _sides(a: Path, b: Path, kind: str) -> _Found:
    if a.resolve() == b.resolve():
        raise DatasetError(f"{a}: is given as both sides; a and b have to be two folders")
    found = match(a, b)
    splits = by_first_folder(found.pairs) or {"train": found.pairs}
    swapped = a.name.lower() in masks.LABEL_FOLDERS and b.name.lower() not in masks.LABEL_FOLDERS
    return _Found(kind, splits, found.problems, (found.note,) if found.note else (), "a" if swapped else "b")


def side_by_side(folder: Path, ratio: float) -> _Found | None:
    """The pairs of a folder of pictures twice as wide as a side; None where they are not."""
    files, problems = pictures(folder)
    names = list(files)
    headers = []
    for name in names[:: max(1, len(names) // masks.SAMPLES)]:
        try:
            headers.append(images.header(files[name]))
        except ImageError:
            continue  # check() names it
    wide = [h for h in headers if h.width % 2 == 0 and h.width >= ratio * h.height]
    if not wide or 2 * len(wide) < len(headers):
        return None
    first = wide[0]
    half = f"{first.width // 2}x{first.height}"
    note = f"each picture is cut in the middle: A is its left half, B its right one ({half} in the first)"
    pairs = tuple(PairFile(path, None, name) for name, path in files.items())
    return _Found("A|B side by side", by_first_folder(pairs) or {"train": pairs}, tuple(problems), (note,))


def _joined(kind: str, parts: dict[str, _Found]) -> _Found:
    splits = {split: tuple(p for pairs in part.splits.values() for p in pairs) for split, part in parts.items()}
    problems = tuple(problem for part in parts.values() for problem in part.problems)
    first = next(iter(parts.values()))
    notes = tuple(dict.fromkeys(note for part in parts.values() for note in part.notes))
    return _Found(kind, {s: pairs for s, pairs in splits.items() if pairs}, problems, notes, first.label_side)


def _target(legend: Legend | None, found: _Found, config: DataConfig, base: Path) -> Target:
    output = "b" if config.direction == "AtoB" else "a"
    if legend is not None and found.label_side == output and config.target != "image":
        return "labels"
    if config.target == "labels":
        why = "the label maps are on the input's side; swap the direction"
        if legend is None:
            why = "the targets look like pictures; put a classes.json beside them"
        raise DatasetError(f"{base}: target 'labels' is asked for, but {why}")
    return "image"


def _hold_out(layout: PairedLayout, config: DataConfig, seed: int, given: HoldOut | None) -> PairedLayout:
    train = layout.splits.get("train", ())
    if "val" in layout.splits or not train:
        return layout
    names = {pair.name for pair in train}
    if given is not None:
        lost = [name for name in given.names if name not in names]
        if lost:
            raise DatasetError(f"{layout.root}: {len(lost)} held-out pairs are gone, the first is {lost[0]!r}")
        chosen, why = given, "as recorded"
    else:
        chosen = HoldOut(seed=seed, names=drawn(sorted(names), config.holdout, seed, layout.root))
        why = f"no val split; chosen by seed {seed}"
    kept = set(chosen.names)
    splits = {
        "train": tuple(pair for pair in train if pair.name not in kept),
        "val": tuple(pair for pair in train if pair.name in kept),
        **{split: pairs for split, pairs in layout.splits.items() if split == "test"},
    }
    note = f"{len(kept)} of {len(train)} pairs are held out for validation ({why})"
    return replace(layout, splits=splits, held_out=chosen, notes=(*layout.notes, note))
