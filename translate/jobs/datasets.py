"""Uploaded sets: a zip becomes a folder of the user's own, which stays until it is deleted."""

import os
import re
import shutil
from pathlib import Path

from translate.catalog import home
from translate.download.archives import Limits, extract
from translate.errors import DatasetError

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
    """Unpack a zip, tar or tar.gz into a new folder named after it.

    Raises: TranslateError for an archive that is damaged, hostile or too large.
    """
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", archive.name.split(".")[0]).strip("-_")[:60] or "set"
    root, name, number = home() / "datasets", stem, 1
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


def delete(name: str) -> Path:
    """Remove a kept set.

    Raises: DatasetError.
    """
    folder = find(name)
    try:
        shutil.rmtree(folder.rename(folder.with_name(f".{folder.name}.deleted")))
    except OSError as error:
        raise DatasetError(f"{folder}: can't be deleted ({error.strerror or error})") from None
    return folder
