"""The job's own process: it waits for its turn, trains, and writes down how that ended."""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Event
from typing import Any

import psutil

from translate.errors import TranslateError
from translate.jobs.control import words_of
from translate.jobs.progress import standing
from translate.jobs.record import WISH_FILE, Job, jobs, look, wish_of, write
from translate.locking import held
from translate.stopping import stop_on_signals

ACCELERATOR = ".accelerator"
"""The lock of the one place where a job trains, beside the runs."""
TICK = 0.5
ORPHANS = 60.0
"""Seconds that the data readers of a killed training may take to notice: until then they hold its folder."""
POLITE = 5
"""A job gives way to whatever else runs, such as the page that it was started from."""


def carry_out(folder: Path, train: Callable[[list[str]], object]) -> None:
    """Be the process of the job in `folder`: wait until no other trains, then `train` with the words of that verb.

    Raises: whatever `train` does, after it was written down.
    """
    with ExitStack() as locks:
        with stop_on_signals() as stop:
            _note(folder, pid=os.getpid(), born=psutil.Process().create_time(), state="queued", message="")
            if not _has_turn(folder, locks, stop):
                _note(folder, state=wish_of(folder) or "stopped", message="it had not begun to train")
                return
            _note(folder, state="running")
        if hasattr(os, "nice"):
            os.nice(POLITE)
        try:
            train(words_of(folder, look(folder).record))
        except KeyboardInterrupt:
            _note(folder, state=wish_of(folder) or "stopped", message="it was ended before it could save")
            raise
        except Exception as error:
            _note(folder, state="failed", message=_told(error))
            raise
        _note(folder, **_outcome(folder))


def _has_turn(folder: Path, locks: ExitStack, stop: Event) -> bool:
    """Wait for the accelerator, and for what a killed process has left behind; False when asked to end."""
    has_accelerator, patience = False, ORPHANS
    while True:
        if stop.is_set() or wish_of(folder):
            return False
        if not has_accelerator and _is_next(folder):
            with suppress(TranslateError):
                locks.enter_context(held(folder.parent / ACCELERATOR, "busy"))
                has_accelerator = True
        if has_accelerator:
            patience -= TICK
            if _is_free(folder / ".lock") or patience < 0:
                return True
        time.sleep(TICK)


def _is_next(folder: Path) -> bool:
    """Whether nobody trains, and nobody who waits has asked earlier."""
    own = look(folder)

    def is_before(job: Job) -> bool:
        return job.name != own.name and (job.state == "running" or (job.state == "queued" and job.turn < own.turn))

    return not any(map(is_before, jobs(folder.parent)))


def _is_free(path: Path) -> bool:
    with suppress(TranslateError), held(path, "busy"):
        return True
    return False


def _outcome(folder: Path) -> dict[str, Any]:
    """How a training that ended in order ended."""
    now, wish = standing(folder), wish_of(folder)
    (folder / WISH_FILE).unlink(missing_ok=True)
    if now.is_complete:
        why = "" if now.step >= now.steps else f"; no better for {now.waited} validations"
        return {"state": "finished", "message": f"{now.step} steps{why}"}
    how = "" if wish else "from outside; "
    return {"state": wish or "stopped", "message": f"{how}saved at step {now.step} of {now.steps}"}


def _told(error: Exception) -> str:
    """An error as one line; of one that is no user's mistake its kind is told."""
    lines = str(error).strip().splitlines() or [""]
    more = f" (and {len(lines) - 1} more lines in its log)" if len(lines) > 1 else ""
    kind = "" if isinstance(error, TranslateError | OSError) else f"{type(error).__name__}: "
    return f"{kind}{lines[0]}{more}"


def _note(folder: Path, **changes: Any) -> None:
    write(folder, look(folder).record.replace(**changes))
