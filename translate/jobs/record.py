"""What is known of a job: its job.json, whether its process lives, and so the state it is really in."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import psutil

from translate import checkpoints
from translate.catalog import roots
from translate.config import Config, read
from translate.errors import ConfigError

JOB_FILE, WISH_FILE, LOG_FILE = "job.json", "job.wish", "job.log"
STATE = "state"

Wish = Literal["paused", "stopped"]
State = Literal["queued", "running", "paused", "stopped", "finished", "failed", "interrupted"]
ACTIVE: frozenset[State] = frozenset({"queued", "running"})
"""States in which a process waits or trains."""

STARTING = 120.0
"""Seconds that a new process may take to say that it is there; a busy machine needs many."""
SAME_BIRTH = 5.0
"""Seconds by which the two readings of one process's start may differ: the clock is set now and then."""

_log = logging.getLogger(__name__)


class Record(Config):
    """job.json. While the job's process lives, only that process writes it."""

    words: tuple[str, ...]
    """What `translate train` is asked for, without folder, device and --resume; empty where only --resume can be."""
    device: str = "auto"
    changes: tuple[str, ...] = ()
    """Options of the last resumption, such as --steps."""
    created: float
    asked: float
    """When it was last put into the queue, whose order this is; in seconds since 1970."""
    pid: int | None = None
    born: float | None = None
    """When that process began: a later process may get the same number."""
    state: State = "queued"
    message: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands now."""

    name: str
    folder: Path
    record: Record
    state: State
    """Never that of a process which is gone: then it is "interrupted", or what it had been asked to become."""
    wish: Wish | None
    """What it has been asked to become and is not yet."""

    @property
    def is_active(self) -> bool:
        """Whether a process waits or trains."""
        return self.state in ACTIVE

    @property
    def can_resume(self) -> bool:
        """Whether it has ended without being complete."""
        return not self.is_active and self.state != "finished"

    @property
    def turn(self) -> tuple[float, str]:
        """What the queue is ordered by."""
        return self.record.asked, self.name


def jobs(root: Path | None = None) -> list[Job]:
    """Every job below `root` (the runs), the newest first; a job.json that can't be read is told in the log."""
    root = root or roots()["run"]
    found = []
    for path in sorted(root.glob(f"*/{JOB_FILE}")):
        if path.parent.name.startswith("."):
            continue
        try:
            found.append(look(path.parent))
        except ConfigError as error:
            if path.is_file():  # else it was deleted meanwhile
                _log.warning("%s", error)
    return sorted(found, key=lambda job: job.turn, reverse=True)


def find(name: str) -> Job:
    """The job called `name`; a path is no name.

    Raises: ConfigError when there is none.
    """
    known = {path.parent.name for path in roots()["run"].glob(f"*/{JOB_FILE}")}
    if name not in known:
        raise ConfigError(f"{name[:100]!r}: no training job of that name; `translate jobs list` shows all")
    return look(roots()["run"] / name)


def look(folder: Path) -> Job:
    """The job in `folder`.

    Raises: ConfigError when its job.json can't be read.
    """
    record, wish = read(Record, folder / JOB_FILE), wish_of(folder)
    state = record.state
    if state in ACTIVE and not is_alive(record):
        state = wish or "interrupted"
    return Job(folder.name, folder, record, state, wish if state in ACTIVE else None)


def is_alive(record: Record) -> bool:
    """Whether the process of an active job lives, or may still be on its way."""
    if record.pid is None:
        return abs(time.time() - record.asked) < STARTING
    try:
        process = psutil.Process(record.pid)
        is_same = record.born is None or abs(process.create_time() - record.born) < SAME_BIRTH
        return is_same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:  # somebody else's, so not ours
        return False


def wish_of(folder: Path) -> Wish | None:
    """What the job in `folder` has been asked to become."""
    try:
        text = (folder / WISH_FILE).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return next((wish for wish in get_args(Wish) if wish == text), None)


def write(folder: Path, record: Record) -> None:
    """Write job.json, whole or not at all."""
    checkpoints.write_json(folder / JOB_FILE, record.model_dump(mode="json"))


def has_state(folder: Path) -> bool:
    """Whether a training has saved something there to go on from."""
    return any((folder / name).exists() for name in (STATE, f"{STATE}.previous"))
