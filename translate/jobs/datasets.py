"""Uploaded sets: a zip becomes a folder of the user's own, which stays until it is deleted."""

import os
import re
import shutil
from pathlib import Path

from translate.catalog import RUN_FILE, aside, home
from translate.download.archives import Limits, extract
from translate.errors import DatasetError
from translate.jobs.progress import read_object
from translate.jobs.record import Job, jobs

LIMITS = Limits(size=4 * 1024**3, files=50_000)
"""Of what is unpacked: pictures hardly shrink in a zip, so that more is no set of pictures."""


def kept() -> dict[str, Path]:
    """The sets there are, by name."""
    root = home() / "datasets"
    try:
        return {path.name: path for path in sorted(root.iterdir()) if path.is_dir() and not path.name.startswith(".")}
    except OSError:
        return {}


def keep(archive: Path) -> Path:
    """Unpack a zip, tar or tar.gz, to stay.

    Raises: TranslateError for an archive that is damaged, hostile or too large.
    """
    return unpack(archive, home() / "datasets")


def unpack(archive: Path, root: Path) -> Path:
    """Unpack a zip, tar or tar.gz into a new folder in `root`, named after it.

    Raises: TranslateError for an archive that is damaged, hostile or too large.
    """
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", archive.name.split(".")[0]).strip("-_")[:60] or "set"
    name, number = stem, 1
    while os.path.lexists(root / name):
        number += 1
        name = f"{stem}-{number}"
    extract(archive, root / name, LIMITS)
    return root / name


def find(name: str) -> Path:
    """The folder of a kept set; a path is no name.

    Raises: DatasetError.
    """
    sets = kept()
    if name not in sets:
        raise DatasetError(f"{name[:100]!r}: no uploaded set of that name; there are: {', '.join(sets) or 'none'}")
    return sets[name]


def users(name: str) -> list[Job]:
    """The jobs that were asked to train on a kept set, the newest first.

    Raises: DatasetError.
    """
    folder = find(name).resolve()
    return [job for job in jobs() if any(_is_below(folder, text) for text in _named(job))]


def delete(name: str) -> Path:
    """Remove a kept set.

    Raises: DatasetError, also while a job waits to train on it or trains.
    """
    folder = find(name)
    if active := [job.name for job in users(name) if job.is_active]:
        names = ", ".join(active)
        raise DatasetError(f"{name}: {names} trains on it; stop that first: translate jobs stop {active[0]}")
    try:
        shutil.rmtree(aside(folder))
    except OSError as error:
        raise DatasetError(f"{folder}: can't be deleted ({error.strerror or error})") from None
    return folder


def _named(job: Job) -> list[str]:
    """Everything that may be the folder of a job's data: the words it was asked in, and what its run has noted."""
    words = [word.split("=", 1)[-1] if word.startswith("--") else word for word in job.record.words]
    source = read_object(job.folder / RUN_FILE).get("source")
    return [*words, *map(str, source.values())] if isinstance(source, dict) else words


def _is_below(folder: Path, text: str) -> bool:
    try:
        return Path(text).resolve().is_relative_to(folder)
    except (OSError, ValueError):  # too long, or a NUL: no path
        return False
