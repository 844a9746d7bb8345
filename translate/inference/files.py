"""Find the pictures and clips behind files, folders and globs, and name the file each translation goes to."""

import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from translate import images
from translate.errors import ConfigError

if TYPE_CHECKING:
    from translate.inference.translator import Scale

FORMATS = ("png", "jpg", "webp", "tif")
CLIPS = {".mp4": ".mp4", ".m4v": ".m4v", ".mov": ".mov", ".mkv": ".mkv", ".webm": ".webm", ".avi": ".mkv"}
"""Suffixes of clips, each with that of its translation: a container that holds the same sound."""


@dataclass(frozen=True, slots=True)
class Job:
    """One picture or clip and where its translation goes."""

    source: Path
    target: Path

    @property
    def is_clip(self) -> bool:
        """Whether it is a clip; a suffix tells, and reading shows whether it is true."""
        return self.source.suffix.lower() in CLIPS


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How files are translated.

    `overlay` lays the result over its photo with that strength, in [0, 1]; `smooth` steadies clips, in [0, 1].
    """

    scale: "Scale" = "auto"
    tile: int | None = None
    batch_size: int | None = None
    overwrite: bool = False
    overlay: float | None = None
    smooth: float = 0.0


def plan(inputs: Sequence[str | Path], out: str | Path, *, format: str | None = None) -> list[Job]:
    """Pair every picture and clip of `inputs` (files, folders with all below them, globs) with its output's file.

    One picture and an `out` with a picture's suffix gives that file, and so with a clip. Otherwise `out` is a folder, a
    picture keeps its name and its place below the folder or glob it came from, its suffix is `format` (default png),
    and a clip's that of CLIPS.
    Raises: ConfigError when an input isn't there, holds no picture, or would be overwritten.
    """
    out = Path(out)
    if format is not None and format not in FORMATS:
        raise ConfigError(f"format is {format!r}; known: {', '.join(FORMATS)}")
    unique: dict[tuple[Path, PurePath], tuple[Path, PurePath]] = {}
    for given in inputs:
        for source, name in _expand(str(given), out):
            unique.setdefault((source.resolve(), name), (source, name))  # a picture named twice is one picture
    pairs = list(unique.values())
    if out.suffix.lower() in images.EXTENSIONS | CLIPS.keys() and not out.is_dir():
        if len(inputs) > 1 or len(pairs) != 1 or Path(inputs[0]).is_dir():
            raise ConfigError(f"{out} is one file, but the inputs may be several; give -o a folder")
        _check_kind(pairs[0][0], out)
        if format is not None and _suffix(out) != format:
            raise ConfigError(f"{out} asks for {_suffix(out)}, --format for {format}; leave one of them out")
        jobs = [Job(pairs[0][0], out)]
    else:
        if out.exists() and not out.is_dir():
            raise ConfigError(f"{out}: is a file; outputs need a folder, or one output a picture's suffix")
        suffix = f".{format or 'png'}"
        jobs = [
            Job(source, out / name.with_name(name.name + CLIPS.get(source.suffix.lower(), suffix)))
            for (source, _), name in zip(pairs, _distinct(pairs), strict=True)
        ]
    _refuse_to_overwrite_inputs(jobs)
    return jobs


def shard(jobs: Sequence[Job], number: int, count: int) -> list[Job]:
    """The `number`-th (from 1) of `count` parts of all jobs, in the order of their names.

    Every job is in exactly one part, whichever machine asks, as long as the inputs are the same; parts differ by one at
    most.
    """
    return sorted(jobs, key=lambda job: (job.target.as_posix(), job.source.as_posix()))[number - 1 :: count]


def _check_kind(source: Path, out: Path) -> None:
    """A picture becomes a picture and a clip a clip, of a kind that can be written."""
    is_clip, suffix = source.suffix.lower() in CLIPS, out.suffix.lower()
    written = sorted(set(CLIPS.values()) if is_clip else {f".{name}" for name in FORMATS})
    if is_clip != (suffix in CLIPS) or (is_clip and suffix not in CLIPS.values()):
        raise ConfigError(f"{out}: {source.name} is a {'clip' if is_clip else 'picture'}; write {' '.join(written)}")


def _expand(given: str, out: Path) -> list[tuple[Path, PurePath]]:
    """The pictures behind one input, each with its name below the input, suffix included."""
    path = Path(given).expanduser()
    if path.is_dir():
        if _same(path, out):
            raise ConfigError(
                f"{out}: is the input folder, and the next run would take outputs for inputs; choose another"
            )
        pictures: list[tuple[Path, PurePath]] = [(file, file.relative_to(path)) for file in _walk(path, out)]
        if not pictures:
            raise ConfigError(
                f"{path}: holds no picture and no clip ({' '.join(sorted(images.EXTENSIONS | CLIPS.keys()))})"
            )
        return pictures
    if os.path.lexists(path):
        return [(path, PurePath(path.name))]
    if not glob.has_magic(given):
        raise ConfigError(f"{path}: no such file or folder")
    parts = path.parts
    fixed = Path(*parts[: next(i for i, part in enumerate(parts) if glob.has_magic(part))])
    matches = sorted(Path(match) for match in glob.glob(str(path), recursive=True))
    pictures = [(file, file.relative_to(fixed)) for file in matches if _is_picture(file)]
    if not pictures:
        raise ConfigError(f"{given}: matches no picture and no clip")
    # A pattern may climb ("*/../*.jpg"); outputs never do.
    return [(file, PurePath(name.name) if ".." in name.parts else name) for file, name in pictures]


def _walk(root: Path, out: Path) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        raise ConfigError(f"{error.filename}: can't be read ({error.strerror})") from None

    for folder, below, files in os.walk(root, onerror=unreadable):
        # Outputs of an earlier run inside the input folder are no inputs.
        below[:] = sorted(d for d in below if not d.startswith(".") and not _same(Path(folder, d), out))
        yield from sorted(Path(folder, file) for file in files if _is_picture(Path(folder, file)))


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in images.EXTENSIONS | CLIPS.keys() and not path.name.startswith(".") and path.is_file()


def _same(a: Path, b: Path) -> bool:
    return b.exists() and os.path.samefile(a, b)


def _suffix(path: Path) -> str:
    suffix = path.suffix[1:].lower()
    return {"jpeg": "jpg", "tiff": "tif"}.get(suffix, suffix)


def _distinct(pairs: Sequence[tuple[Path, PurePath]]) -> list[PurePath]:
    """Output names without suffix; where two would be one, their suffix, then their folder tells them apart."""
    candidates = []
    for source, name in pairs:
        short, long = name.with_suffix(""), name.with_name(f"{name.stem}_{name.suffix[1:]}")
        parent = source.resolve().parent.name
        candidates.append((short, long, PurePath(parent, short), PurePath(parent, long)))
    level = [0] * len(pairs)
    for _ in range(3):
        counts = Counter(_key(names[at]) for names, at in zip(candidates, level, strict=True))
        level = [at + (counts[_key(names[at])] > 1) for names, at in zip(candidates, level, strict=True)]
    taken: set[str] = set()
    chosen = []
    for names, at in zip(candidates, level, strict=True):
        name, number = names[at], 2
        while _key(name) in taken:
            name, number = names[at].with_name(f"{names[at].name}_{number}"), number + 1
        taken.add(_key(name))
        chosen.append(name)
    return chosen


def _key(name: PurePath) -> str:
    return str(name).casefold()  # many file systems take A.png and a.png for one file


def _refuse_to_overwrite_inputs(jobs: Sequence[Job]) -> None:
    def identity(path: Path) -> tuple[int, int] | None:
        try:
            status = path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    sources = {identity(job.source) for job in jobs} - {None}
    for job in jobs:
        if identity(job.target) in sources:
            raise ConfigError(f"{job.target}: is an input, and inputs are never written over; give -o another place")
