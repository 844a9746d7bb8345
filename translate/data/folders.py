"""Listing picture files and matching them by name; nothing here opens a picture."""

import os
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from translate import images
from translate.errors import DatasetError

SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that can't be trained on, and why."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True, slots=True)
class PairFile:
    """The files of one pair; `b` is None where both halves lie side by side in `a`. `name` is unique within a split."""

    a: Path
    b: Path | None
    name: str


def is_picture(name: str) -> bool:
    """Whether a file of this name counts: a known suffix in any case, and not hidden."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in images.EXTENSIONS


def nfc(name: str) -> str:
    """A name in the one form of several that Unicode has for it."""
    return unicodedata.normalize("NFC", name)


def existing(folder: Path | str | None, expected: str = "a folder") -> Path:
    """The folder itself, if it is one.

    Raises: DatasetError where nothing is given, or something else is there.
    """
    if folder is None:
        raise DatasetError("no data folder given; name one, or two folders as a and b")
    path = Path(folder)
    if not path.is_dir():
        raise DatasetError(f"{path}: {'is a file' if path.exists() else 'does not exist'}; expected {expected}")
    return path


def two_given(root: Path | str | None, a: Path | str | None, b: Path | str | None) -> tuple[Path, Path]:
    """The two folders given by path, as they are or below `root`.

    Raises: DatasetError where one is missing.
    """
    if a is None or b is None:
        raise DatasetError(f"only folder {'a' if b is None else 'b'} is given; both sides are needed")
    sides = []
    for side in (Path(a), Path(b)):
        inside = Path(root) / side if root is not None else side
        sides.append(existing(side if side.is_dir() or root is None else inside))
    return sides[0], sides[1]


def content(folder: Path) -> str:
    """What lies directly in a folder, for a message."""
    names = sorted(path.name + "/" for path in subfolders(folder).values())
    count = sum(1 for path in folder.iterdir() if path.suffix.lower() in images.EXTENSIONS)
    listed = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
    return f"found {count} pictures and {'the folders ' + listed if names else 'no folders'}"


def subfolders(folder: Path) -> dict[str, Path]:
    """Visible subfolders by their lower-case name.

    Raises: DatasetError when the folder can't be listed.
    """
    return {e.name.lower(): Path(e.path) for e in _entries(folder) if e.is_dir()}


def has_pictures(folder: Path) -> bool:
    """Whether pictures lie directly in the folder."""
    return any(is_picture(e.name) and e.is_file() for e in _entries(folder))


def pictures(folder: Path) -> tuple[dict[str, Path], list[Problem]]:
    """All pictures at any depth by name: the path below `folder` without suffix, NFC, with forward slashes.

    Two files of one name (x.jpg, x.png) are a problem each and are left out.
    Raises: DatasetError when a folder can't be listed.
    """
    found: dict[str, list[Path]] = {}
    waiting, seen = [(folder, "")], {os.path.realpath(folder)}
    while waiting:
        here, prefix = waiting.pop()
        for entry in _entries(here):
            if entry.is_dir():
                # A link back up the tree would be walked for ever.
                real = os.path.realpath(entry.path) if entry.is_symlink() else entry.path
                if real not in seen:
                    seen.add(real)
                    waiting.append((Path(entry.path), f"{prefix}{entry.name}/"))
            elif is_picture(entry.name):
                name = nfc(prefix + os.path.splitext(entry.name)[0])
                found.setdefault(name, []).append(Path(entry.path))
    problems = []
    for paths in (p for p in found.values() if len(p) > 1):
        for path in sorted(paths):
            others = ", ".join(other.name for other in sorted(paths) if other != path)
            problems.append(Problem(path, f"has the same name as {others}; keep one of them"))
    return {name: paths[0] for name, paths in sorted(found.items()) if len(paths) == 1}, problems


@dataclass(frozen=True, slots=True)
class Matched:
    """The pairs of two folders, what has no partner, and how names were matched when not literally."""

    pairs: tuple[PairFile, ...]
    problems: tuple[Problem, ...]
    note: str = ""


def match(a: Path, b: Path) -> Matched:
    """Pair the pictures of two folders by name; a picture without a partner is a problem.

    Where no name fits, an ending that a whole folder shares ("_L", "-mask") is taken off first.
    Raises: DatasetError when a folder can't be listed.
    """
    files_a, problems_a = pictures(a)
    files_b, problems_b = pictures(b)
    note = ""
    if not files_a.keys() & files_b.keys():
        ends = shared_ending(files_a), shared_ending(files_b)
        cut_a = {name.removesuffix(ends[0]): path for name, path in files_a.items()}
        cut_b = {name.removesuffix(ends[1]): path for name, path in files_b.items()}
        if cut_a.keys() & cut_b.keys():
            files_a, files_b = cut_a, cut_b
            note = "matched without the names' endings " + " and ".join(repr(end) for end in ends if end)
    # An ambiguous file is told of once, and its partner not at all.
    taken = {_name(problem.path, a) for problem in problems_a} | {_name(problem.path, b) for problem in problems_b}
    problems = problems_a + problems_b
    for files, others, folder in ((files_a, files_b, b), (files_b, files_a, a)):
        lonely = (name for name in files if name not in others and name not in taken)
        problems += [Problem(files[name], f"has no partner {name!r} in {folder}") for name in lonely]
    pairs = tuple(PairFile(path, files_b[name], name) for name, path in files_a.items() if name in files_b)
    return Matched(pairs, tuple(problems), note)


def shared_ending(names: Iterable[str]) -> str:
    """The ending from a "_", "-", "." or space on that all names have in common; "" for fewer than two names."""
    listed = list(names)
    if len(listed) < 2:
        return ""
    # All of a sorted list's words begin with what its first and last share.
    first, last = min(name[::-1] for name in listed), max(name[::-1] for name in listed)
    length = next((i for i, (x, y) in enumerate(zip(first, last, strict=False)) if x != y), min(len(first), len(last)))
    common = first[:length][::-1]
    starts = [place for place, letter in enumerate(common) if letter in "_-. "]
    return common[starts[0] :] if starts else ""


def split_named(word: str) -> str | None:
    """The split that goes by a word in any case ("Validation" is val); None for any other word."""
    return next((split for split, names in SPLITS.items() if word.lower() in names), None)


def first_folder(name: str) -> tuple[str | None, str]:
    """The split whose folder a name begins with, and the rest of the name; no split and the whole name if none."""
    first, _, rest = name.partition("/")
    split = split_named(first) if rest else None
    return (split, rest) if split else (None, name)


def by_first_folder(pairs: Sequence[PairFile]) -> dict[str, tuple[PairFile, ...]] | None:
    """Split pairs whose names all begin with a split's folder ("train/x"); None where any does not."""
    splits: dict[str, list[PairFile]] = {}
    for pair in pairs:
        split, rest = first_folder(pair.name)
        if split is None:
            return None
        splits.setdefault(split, []).append(PairFile(pair.a, pair.b, rest))
    return {split: tuple(splits[split]) for split in SPLITS if split in splits} or None


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            visible = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise DatasetError(f"{folder}: can't be listed ({error.strerror or error})") from None
    # The order of a listing differs from disk to disk.
    return sorted(visible, key=lambda entry: entry.name)


def _name(path: Path, folder: Path) -> str:
    return nfc(path.relative_to(folder).with_suffix("").as_posix())
