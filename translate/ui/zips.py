"""Zips that a visitor uploads: unpacked by the rules for archives of strangers, below the page's own folder."""

import re
import uuid
from pathlib import Path

from translate.download.archives import Limits, extract
from translate.errors import DatasetError
from translate.ui.guard import own_folder, uploaded
from translate.ui.settings import Settings

OWNER = Limits(size=8 * 2**30, files=200_000)
STRANGER = Limits(size=512 * 2**20, files=5_000)


def unpack(settings: Settings, upload: object, into: Path | None = None) -> Path:
    """The content of an uploaded zip, tar or tar.gz (a file component's payload) as a new folder below `into`.

    The folder bears the archive's name; `into` is by default a folder of its own where the page keeps its results.
    Whoever no longer needs it removes it, with `into`.
    Raises: DatasetError where nothing was uploaded; TranslateError for an archive that is damaged, hostile or large.
    """
    archive = uploaded(upload)
    if archive is None:
        raise DatasetError("nothing was uploaded; choose a zip of pictures first")
    into = into or own_folder() / f"data-{uuid.uuid4().hex}"
    name = re.sub(r"[^\w-]+", "-", archive.name.removesuffix(".gz").rpartition(".")[0] or archive.name)
    folder = into / (name[:60].strip("-_") or "data")
    extract(archive, folder, STRANGER if settings.public else OWNER)
    return folder
