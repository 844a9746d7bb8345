"""What a run writes down: one JSON object a line for programs, TensorBoard events for eyes."""

import json
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from translate.checkpoints import write_text, writing


class Log:
    """Appends to `log.jsonl` and `tensorboard/` of a run folder.

    Raises: NotWritten, from any of its methods, when the disk won't take it.
    """

    def __init__(self, folder: Path, *, from_step: int = 0) -> None:
        self.path = folder / "log.jsonl"
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._board = Board(folder / "tensorboard")
        self.rewind(from_step)

    def write(self, kind: str, step: int, figures: Mapping[str, float]) -> None:
        """Record `figures` of one `kind` ("train", "validation") at `step`."""
        with writing(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"kind": kind, "step": step, **figures}) + "\n")
        self._board.add(kind, step, figures)

    def rewind(self, step: int) -> None:
        """Forget what was recorded after `step`: a run that goes back repeats it, and its first account would
        contradict the second. A line cut short by a crash goes too.
        """
        if self.path.exists():
            lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
            kept = [line for line in lines if 0 <= _step_of(line) <= step]
            if kept != lines:
                write_text(self.path, "".join(line + "\n" for line in kept))
        self._board.rewind(step)

    def close(self) -> None:
        """No more will be written."""
        self._board.close()


class Board:
    """TensorBoard's scalars, written at once.

    Its own writer hands them to a thread, whose errors end in a traceback of that thread and in no other place.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}.{os.getpid()}"
        with writing(self.path):
            folder.mkdir(parents=True, exist_ok=True)
            # Unbuffered: after a failed write nothing is left that closing would try, and fail, to write again.
            self._file = self.path.open("wb", buffering=0)
        self._records = RecordWriter(self._file)
        self._add(Event(wall_time=time.time(), file_version="brain.Event:2"))

    def add(self, kind: str, step: int, figures: Mapping[str, float]) -> None:
        """Show `figures` at `step`."""
        values = [Summary.Value(tag=f"{kind}/{name}", simple_value=value) for name, value in figures.items()]
        self._add(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))

    def rewind(self, step: int) -> None:
        """Hide what was shown after `step`."""
        start = SessionLog(status=SessionLog.START)
        self._add(Event(wall_time=time.time(), step=step + 1, session_log=start))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _add(self, event: Event) -> None:
        with writing(self.path):
            self._records.write(event.SerializeToString())


def read_log(folder: Path) -> list[dict[str, float | str]]:
    """All records of a run, oldest first; a line cut short by a crash is left out."""
    path = folder / "log.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if _step_of(line) >= 0]


def _step_of(line: str) -> int:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return -1
