"""A job's models as one zip, to be taken along."""

import zipfile
from pathlib import Path

from translate.catalog import DIRECTIONS
from translate.checkpoints import CONFIG_FILE, MODEL_FILE
from translate.errors import CheckpointError
from translate.jobs.record import Job


def models_of(job: Job) -> list[Path]:
    """The folders that hold a model of this job: its own, or one for each direction; none before the first save."""
    folders = [job.folder, *(job.folder / direction for direction in DIRECTIONS)]
    return [folder for folder in folders if (folder / MODEL_FILE).is_file() and (folder / CONFIG_FILE).is_file()]


def pack(job: Job, into: Path) -> Path:
    """Write `into`/NAME.zip, which unpacks to a folder that `translate apply` takes as a model.

    What a run needs to go on, and where its data lay, stays here.
    Raises: CheckpointError when it has no model yet, or the file can't be written.
    """
    folders = models_of(job)
    if not folders:
        raise CheckpointError(f"{job.name}: has no model yet; the first one comes with its first save")
    path = into / f"{job.name}.zip"
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:  # weights don't get smaller
            for folder in folders:
                for name in (CONFIG_FILE, MODEL_FILE):
                    inside = Path(job.name) / folder.relative_to(job.folder) / name
                    archive.write(folder / name, inside.as_posix())
    except OSError as error:
        raise CheckpointError(f"{path}: can't be written ({error.strerror or error})") from None
    return path
