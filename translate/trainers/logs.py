"""What a run writes down: one JSON object a line for programs, TensorBoard events for eyes."""

import json
from collections.abc import Mapping
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter


class Log:
    """Appends to `log.jsonl` and `tensorboard/` of a run folder."""

    def __init__(self, folder: Path, *, from_step: int = 0) -> None:
        self.path = folder / "log.jsonl"
        folder.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            self._forget_after(from_step)
        self._board = SummaryWriter(folder / "tensorboard", purge_step=from_step)

    def write(self, kind: str, step: int, figures: Mapping[str, float]) -> None:
        """Record `figures` of one `kind` ("train", "validation") at `step`."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"kind": kind, "step": step, **figures}) + "\n")
        for name, value in figures.items():
            self._board.add_scalar(f"{kind}/{name}", value, step)

    def close(self) -> None:
        """Flush what TensorBoard still holds."""
        self._board.close()

    def _forget_after(self, step: int) -> None:
        # A run that resumes at an earlier step repeats the steps since; their first account would contradict it.
        kept = [line for line in self.path.read_text(encoding="utf-8").splitlines() if _step_of(line) <= step]
        self.path.write_text("".join(line + "\n" for line in kept), encoding="utf-8")


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
