"""Recognising two domains of pictures without pairs, and what is kept of each for validation."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from translate.config import DataConfig, HoldOut
from translate.data.folders import (
    SPLITS,
    Problem,
    content,
    existing,
    first_folder,
    has_pictures,
    pictures,
    subfolders,
    two_given,
)
from translate.data.hold_out import drawn
from translate.data.layouts import DEEPEST, SIDE_BY_SIDE_RATIO, SIDES, side_by_side
from translate.data.picture_list import read_list
from translate.errors import DatasetError

_log = logging.getLogger(__name__)

DESCRIPTIONS = {
    "trainA/ trainB/": "pictures of A and of B at any depth; valA/ valB/ and testA/ testB/ are used too",
    "a/ b/": "two folders (A/ B/ and photo/ map/ as well), with train/ val/ test/ around them or inside each",
    "horse/ zebra/": "two folders of any name and nothing else: A is the first by name",
    "list.csv": "a file with the columns path,domain and perhaps split; domain is a or b, split train, val or test",
    "--a DIR --b DIR": "any two folders",
}
ACCEPTED = (
    "trainA/ trainB/; a/ b/; two folders of any name; each of these inside train/ val/ test/; "
    "two folders given as a and b; or a .csv file with the columns path,domain"
)
UNEQUAL = 4
"""How many times larger than the other a domain is before that is remarked on."""


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture of one domain; `name` is its path below the domain's folder without suffix, unique within a split."""

    path: Path
    name: str


class Domains(NamedTuple):
    """The pictures of both domains; in a layout A is what is translated from, already swapped by direction."""

    a: tuple[PictureFile, ...] = ()
    b: tuple[PictureFile, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class UnpairedLayout:
    """Two recognised domains: their pictures by split, and everything that was decided on the way."""

    root: Path
    kind: str
    splits: dict[str, Domains]
    held_out: HoldOut | None = None
    """Names as "a/NAME" or "b/NAME" by the side a picture is stored on, whatever the direction."""
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    """Files with an ambiguous name, or unusable lines of a list; `check_domains` reports them with the rest."""

    @property
    def counts(self) -> dict[str, str]:
        """How many pictures of A and of B each split has, to be printed: "540 + 540"."""
        return {split: f"{len(domains.a)} + {len(domains.b)}" for split, domains in self.splits.items()}


@dataclass(frozen=True, slots=True)
class _Found:
    kind: str
    splits: dict[str, Domains]
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


class _Sides(NamedTuple):
    """The folders of A and B; None for one that isn't there."""

    a: Path | None
    b: Path | None
    kind: str = ""
    note: str = ""


def recognise_domains(
    root: Path | str | None,
    *,
    a: Path | str | None = None,
    b: Path | str | None = None,
    config: DataConfig,
    seed: int = 0,
    held_out: HoldOut | None = None,
    draw: bool = True,
) -> UnpairedLayout:
    """Find two domains below `root`, in a .csv list or in the folders `a` and `b`, and hold out a part of each.

    `held_out` keeps apart exactly the pictures a training recorded, if any of them is here; otherwise they are drawn
    by `seed`, or with `draw=False` none is held out. No picture is decoded.
    Raises: DatasetError in one line: what was found, what is accepted.
    """
    if a is not None or b is not None:
        first, second = two_given(root, a, b)
        found = _whole(_Sides(first, second, f"two folders, {first.name}/ and {second.name}/"))
    elif root is not None and Path(root).suffix.lower() == ".csv" and Path(root).is_file():
        found = _listed(Path(root))
    else:
        found = _find(existing(root, "a folder or a .csv list of pictures"))
    base = Path(root) if root is not None else Path(str(a)).parent
    found = _complete(found, base)
    if config.direction == "BtoA":
        swapped = {split: Domains(domains.b, domains.a) for split, domains in found.splits.items()}
        found = replace(found, splits=swapped, notes=(*found.notes, "direction is BtoA: A and B are swapped"))
    layout = UnpairedLayout(
        root=base, kind=found.kind, splits=found.splits, notes=_remarked(found), problems=found.problems
    )
    stored = {name for side in _stored(found.splits.get("train", Domains()), config) for name in side}
    recorded = held_out is not None and not stored.isdisjoint(held_out.names)
    if draw or recorded:
        layout = _hold_out(layout, config, seed, held_out if recorded else None)
    for line in layout.notes:
        _log.info("%s: %s", base, line)
    return layout


def _find(root: Path) -> _Found:
    folder, hint = root, ""
    for _ in range(DEEPEST + 1):
        found = _prefixed(folder) or _in_splits(folder)
        if found is not None:
            return found
        sides = _in_folder(folder)
        if sides is not None:
            return _whole(sides)
        hint = hint or _pairs_hint(folder)
        folders = subfolders(folder)
        if len(folders) != 1:
            break
        folder = next(iter(folders.values()))
    raise DatasetError(f"{root}: no two domains recognised ({content(root)}{hint}); accepted: {ACCEPTED}")


def _prefixed(folder: Path) -> _Found | None:
    """trainA/ trainB/ and their like."""
    folders = subfolders(folder)
    parts = {split: _Sides(folders.get(f"{split}a"), folders.get(f"{split}b")) for split in SPLITS}
    known = any(part.a and part.b for part in parts.values()) or parts["train"].a or parts["train"].b
    return _joined("trainA/ trainB/", parts) if known else None


def _in_splits(folder: Path) -> _Found | None:
    """Two domains in each of train/ val/ test/."""
    folders = subfolders(folder)
    present = {split: folders[name] for split, names in SPLITS.items() for name in names if name in folders}
    parts, notes = {}, []
    for split, inside in present.items():
        sides = _in_folder(inside)
        if sides is not None:
            parts[split] = sides
        elif split == "test" and parts:
            notes.append(f"{inside} is left out: no two domains ({content(inside)})")
        else:
            found = content(inside) + _pairs_hint(inside)
            raise DatasetError(f"{inside}: no two domains recognised ({found}); accepted: {ACCEPTED}")
    if not parts:
        return None
    kinds = {part.kind.lower(): part.kind for part in parts.values()}
    if len(kinds) > 1:
        raise DatasetError(f"{folder}: the splits hold different domains: {' and '.join(kinds.values())}")
    first = next(iter(parts.values()))
    joined = _joined(f"{'/ '.join(parts)}/ with {first.kind}", parts)
    return replace(joined, notes=(*([first.note] if first.note else []), *notes))


def _in_folder(folder: Path) -> _Sides | None:
    """Two folders with the names of sides, or just two folders."""
    folders = subfolders(folder)
    known = [(a, b) for a, b in SIDES if a in folders and b in folders]
    if known:
        # Of the same maps as indices and as colours, the colours are a picture.
        a, b = ("photo", "label_rgb") if ("photo", "label_rgb") in known else known[0]
        return _Sides(folders[a], folders[b], f"{a}/ {b}/")
    if len(folders) != 2 or has_pictures(folder):
        return None
    first, second = (folders[name] for name in sorted(folders))
    note = f"A is {first.name}/ and B is {second.name}/, by the order of their names"
    return _Sides(first, second, f"{first.name}/ {second.name}/", note)


def _whole(sides: _Sides) -> _Found:
    """Two folders that may hold train/ val/ test/ each."""
    a, b = sides.a or Path(), sides.b or Path()
    real_a, real_b = a.resolve(), b.resolve()
    if real_a == real_b:
        raise DatasetError(f"{a}: is given as both sides; a and b have to be two folders")
    if real_a in real_b.parents or real_b in real_a.parents:
        raise DatasetError(f"{a} and {b}: one lies inside the other; its pictures would be in both domains")
    (files_a, problems_a), (files_b, problems_b) = _files(a), _files(b)
    parts_a, parts_b = by_split(files_a), by_split(files_b)
    splits = {split: Domains(parts_a.get(split, ()), parts_b.get(split, ())) for split in SPLITS}
    return _Found(sides.kind, splits, (*problems_a, *problems_b), (sides.note,) if sides.note else ())


def _joined(kind: str, parts: dict[str, _Sides]) -> _Found:
    """Folders of A and B for each split."""
    splits, problems = {}, []
    for split, part in parts.items():
        (files_a, problems_a), (files_b, problems_b) = _files(part.a), _files(part.b)
        splits[split] = Domains(files_a, files_b)
        problems += problems_a + problems_b
    return _Found(kind, splits, tuple(problems))


def _listed(file: Path) -> _Found:
    """The domains that a .csv file names."""
    entries, problems = read_list(file)
    splits = {}
    for split in SPLITS:
        part = [entry for entry in entries if entry.split == split]
        sides = (tuple(PictureFile(e.path, e.name) for e in part if e.domain == domain) for domain in "ab")
        splits[split] = Domains(*sides)
    return _Found("a list of pictures", splits, tuple(problems))


def _files(folder: Path | None) -> tuple[tuple[PictureFile, ...], list[Problem]]:
    if folder is None:
        return (), []
    files, problems = pictures(folder)
    return tuple(PictureFile(path, name) for name, path in files.items()), problems


def by_split(files: Sequence[PictureFile]) -> dict[str, tuple[PictureFile, ...]]:
    """Pictures by the split's folder that all their names begin with; else all are for training."""
    places = [first_folder(file.name) for file in files]
    if any(split is None for split, _ in places):
        return {"train": tuple(files)}
    named = [(split, PictureFile(file.path, rest)) for file, (split, rest) in zip(files, places, strict=True)]
    return {split: tuple(file for place, file in named if place == split) for split in SPLITS}


def _pairs_hint(folder: Path) -> str:
    if not has_pictures(folder) or side_by_side(folder, SIDE_BY_SIDE_RATIO) is None:
        return ""
    return ", which look like A and B side by side: those are pairs, train pix2pix on them"


def _complete(found: _Found, base: Path) -> _Found:
    """The splits that have pictures of both domains."""
    whole = {split: domains for split, domains in found.splits.items() if domains.a and domains.b}
    notes = list(found.notes)
    for split, (a, b) in found.splits.items():
        if split in whole or not (a or b):
            continue
        if split != "test" or not whole:
            one = f"{split} has {len(a)} pictures of A and {len(b)} of B, and both are needed"
            named = f"; {found.problems[0]}" if found.problems else ""
            raise DatasetError(f"{base}: {found.kind}: {one}{named}; accepted: {ACCEPTED}")
        notes.append(f"the test part is left out: it has {len(a)} pictures of A and {len(b)} of B")
    if not whole:
        named = f"; {found.problems[0]}" if found.problems else ""
        raise DatasetError(f"{base}: {found.kind}: no pictures{named}; accepted: {ACCEPTED}")
    return replace(found, splits=whole, notes=tuple(notes))


def _remarked(found: _Found) -> tuple[str, ...]:
    """The notes, and one on domains of very different size."""
    a, b = found.splits.get("train", Domains())
    if max(len(a), len(b)) <= UNEQUAL * min(len(a), len(b)):
        return found.notes
    counts = f"{len(a)} pictures of A, {len(b)} of B"
    return (*found.notes, f"{counts}: each step draws as many of the one as of the other")


def _stored(domains: Domains, config: DataConfig) -> tuple[list[str], list[str]]:
    """The names of both domains as a hold-out records them: by the side a picture is stored on."""
    first, second = ("a", "b") if config.direction == "AtoB" else ("b", "a")
    return [f"{first}/{file.name}" for file in domains.a], [f"{second}/{file.name}" for file in domains.b]


def _hold_out(layout: UnpairedLayout, config: DataConfig, seed: int, recorded: HoldOut | None) -> UnpairedLayout:
    train = layout.splits.get("train")
    if train is None or "val" in layout.splits:
        return layout
    names = _stored(train, config)
    if recorded is not None:
        chosen, why, notes = recorded, "as recorded", layout.notes
    else:
        chosen, single = _drawn(names, config, seed, layout.root)
        why, notes = f"no val split; chosen by seed {seed}", (*layout.notes, *single)
    if not chosen.names:
        return replace(layout, notes=notes)
    _still_there(layout.root, names, chosen)
    kept = set(chosen.names)
    held = Domains(*(_picked(files, own, kept, True) for files, own in zip(train, names, strict=True)))
    left = Domains(*(_picked(files, own, kept, False) for files, own in zip(train, names, strict=True)))
    counts = f"{len(held.a)} of {len(train.a)} pictures of A and {len(held.b)} of {len(train.b)} of B"
    return replace(
        layout,
        splits={"train": left, "val": held, **{s: part for s, part in layout.splits.items() if s == "test"}},
        held_out=chosen,
        notes=(*notes, f"{counts} are held out for validation ({why})"),
    )


def _drawn(
    names: tuple[list[str], list[str]], config: DataConfig, seed: int, root: Path
) -> tuple[HoldOut, tuple[str, ...]]:
    """A part of each domain, and a note on one that can't be parted."""
    picked: list[str] = []
    notes = []
    for side, own in zip("AB", names, strict=True):
        if len(own) > 1:
            picked += drawn(own, config.holdout, seed, root, f"pictures of {side}")
        else:
            notes.append(f"{side} is a single picture: it is trained on, and none of {side} is held out")
    return HoldOut(seed=seed, names=tuple(sorted(picked))), tuple(notes)


def _picked(files: Sequence[PictureFile], names: list[str], kept: set[str], within: bool) -> tuple[PictureFile, ...]:
    return tuple(file for file, name in zip(files, names, strict=True) if (name in kept) == within)


def _still_there(root: Path, names: tuple[list[str], list[str]], chosen: HoldOut) -> None:
    lost = sorted(set(chosen.names).difference(*names))
    if lost:
        raise DatasetError(f"{root}: {len(lost)} held-out pictures are gone, the first is {lost[0]!r}")
    for side, own in zip("AB", names, strict=True):
        if not set(own).difference(chosen.names):
            raise DatasetError(f"{root}: all {len(own)} pictures of {side} are held out, leaving none to train on")
