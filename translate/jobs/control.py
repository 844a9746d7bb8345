"""Starting, pausing, resuming, stopping and deleting jobs."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from translate import catalog, checkpoints
from translate.errors import CheckpointError, ConfigError
from translate.jobs.record import LOG_FILE, WISH_FILE, Job, Record, Wish, find, has_state, jobs, look, write
from translate.locking import held

PATIENCE = 20.0
"""Seconds in which a second request to stop is taken for a slip of the hand: it would end the process at once."""

_PACKAGES = Path(__file__).resolve().parents[2]


def start(name: str, words: Sequence[str], *, device: str = "auto") -> Job:
    """Queue a new training as runs/`name`: `words` are those of `translate train`, with absolute paths.

    Raises: CheckpointError when the name is taken or no name; ConfigError when no process can be started.
    """
    catalog.valid_name(name)
    folder = catalog.roots()["run"] / name
    taken = f"{folder}: is there already; choose another name, or go on with it: translate jobs resume {name}"
    if os.path.lexists(folder):
        raise CheckpointError(taken)
    catalog.check_free(name)
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise CheckpointError(taken) from None
    except OSError as error:
        raise CheckpointError(f"{folder}: can't be made ({error.strerror or error})") from None
    now = time.time()
    return _launch(folder, Record(words=tuple(words), device=device, created=now, asked=now))


def resume(name: str, changes: Sequence[str] = (), *, device: str | None = None) -> Job:
    """Queue the rest of a job, or of a run that was no job yet; `changes` are options such as --steps.

    Raises: ConfigError when there is none, it is under way, or has finished and nothing is changed.
    """
    root = catalog.roots()["run"]
    if name in {path.parent.name for path in root.glob(f"*/{catalog.RUN_FILE}")} - {job.name for job in jobs(root)}:
        record = Record(words=(), created=(root / name / catalog.RUN_FILE).stat().st_mtime, asked=0.0)
    else:
        job = find(name)
        record = job.record
        if job.is_active:
            raise ConfigError(f"{name}: is {job.state} already; `translate jobs watch {name}` shows it")
        if job.state == "finished" and not changes:
            raise ConfigError(f"{name}: has finished; to train longer: translate jobs resume {name} --steps MORE")
    (root / name / WISH_FILE).unlink(missing_ok=True)
    fresh = {"asked": time.time(), "pid": None, "born": None, "state": "queued", "message": ""}
    return _launch(root / name, record.replace(changes=tuple(changes), device=device or record.device, **fresh))


def pause(name: str) -> Job:
    """Ask a job to save and end, to be resumed later.

    Raises: ConfigError when it is not under way.
    """
    return _ask(name, "paused")


def stop(name: str) -> Job:
    """Ask a job to save and end for good; asked again after a while, it is ended without saving.

    Raises: ConfigError when it is not under way.
    """
    return _ask(name, "stopped")


def delete(name: str) -> Path:
    """Remove a job with its run: models, state, samples, log; the folder that is gone is returned.

    Raises: ConfigError while it is under way; CheckpointError when the system won't remove it; TranslateError while
    its run is trained by another process than the job's.
    """
    job = find(name)
    if job.is_active:
        raise ConfigError(f"{name}: is {job.state}; stop it first: translate jobs stop {name}")
    try:
        if job.folder.is_symlink():
            job.folder.unlink()
            return job.folder
        with held(job.folder / catalog.RUN_LOCK, f"{job.folder}: a training is under way here; stop it first"):
            doomed = catalog.aside(job.folder)
        shutil.rmtree(doomed)
    except OSError as error:
        raise CheckpointError(f"{job.folder}: can't be deleted ({error.strerror or error})") from None
    return job.folder


def _ask(name: str, wish: Wish) -> Job:
    job = find(name)
    if not job.is_active:
        raise ConfigError(f"{name}: is {job.state}, so there is nothing to stop")
    path = job.folder / WISH_FILE
    if job.wish and time.time() - path.stat().st_mtime < PATIENCE:
        return job
    checkpoints.write_text(path, wish)
    if job.record.pid is not None:  # else it reads the wish when it comes
        with suppress(ProcessLookupError):
            os.kill(job.record.pid, signal.SIGTERM)
    return look(job.folder)


def _launch(folder: Path, record: Record) -> Job:
    """Write what is asked for, then start the process that takes it from there.

    Raises: ConfigError when the system starts none.
    """
    write(folder, record)
    command = [sys.executable, "-m", "translate", "jobs", "run", str(folder.absolute())]
    path = os.pathsep.join(filter(None, (str(_PACKAGES), os.environ.get("PYTHONPATH"))))
    flags = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) | getattr(subprocess, "DETACHED_PROCESS", 0)
    try:
        with (folder / LOG_FILE).open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, creationflags=flags,
                env=os.environ | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,  # a Ctrl-C or a closed terminal of ours is none of its business
            )  # fmt: skip
    except OSError as error:
        message = f"no process could be started ({error.strerror or error})"
        write(folder, record.replace(state="failed", message=message))
        raise ConfigError(f"{folder}: {message}") from None
    # Its end must be waited for by its parent, or it stays in the system's table as long as we live.
    threading.Thread(target=process.wait, name=f"job {folder.name}", daemon=True).start()
    return look(folder)


def words_of(folder: Path, record: Record) -> list[str]:
    """What `translate train` is asked for now: to begin, or to go on where something is saved.

    Raises: ConfigError for a run of which only the rest could be trained, and nothing is saved.
    """
    own = ["--out", str(folder), "--device", record.device, *record.changes]
    if has_state(folder):
        return ["--resume", *own]
    if not record.words:
        raise ConfigError(f"{folder}: nothing is saved to go on from; train anew")
    return [*record.words, *own]
