"""How far a run has come: read from what the trainer writes, its log, its state, its sheets of samples."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translate.catalog import RUN_FILE
from translate.checkpoints import STATE_FILE
from translate.jobs.record import LOG_FILE, STATE, Job

RECENT = 20
"""Records of the log that the speed is taken from."""
TAIL_BYTES = 64 * 1024

Curve = list[tuple[int, float]]
"""(step, value)"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What a run's last save knows."""

    step: int = 0
    steps: int = 0
    waited: int = 0
    patience: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether resuming would do nothing."""
        return self.step >= self.steps > 0 or 0 < self.patience <= self.waited


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """Where a run stands and how it went."""

    step: int
    """The last one logged."""
    steps: int
    saved: int
    """What a resumption starts from."""
    seconds: float
    """Spent training, over all processes it was trained by."""
    left: float | None
    """Seconds to the end at the recent speed; None before that is known. Patience may end a run earlier."""
    losses: dict[str, Curve]
    figures: dict[str, Curve]
    """Quality on held-out data; where there are several directions, "AtoB/kernel"."""

    def last(self) -> dict[str, float]:
        """The newest value of each loss and figure."""
        return {name: curve[-1][1] for name, curve in {**self.losses, **self.figures}.items() if curve}

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON, without the curves."""
        left = None if self.left is None else round(self.left, 1)
        facts = {"step": self.step, "steps": self.steps, "saved": self.saved, "seconds": round(self.seconds, 1)}
        return {**facts, "left": left, **{name: value for name, value in self.last().items() if math.isfinite(value)}}


def progress(folder: Path) -> Progress:
    """How far the run in `folder` has come; all zero before it began."""
    from translate.trainers.logs import read_log

    records, now = read_log(folder), standing(folder)
    trained = [record for record in records if record.get("kind") == "train"]
    step = int(trained[-1]["step"]) if trained else now.step
    seconds = [(int(record["step"]), float(record["seconds"])) for record in trained if "seconds" in record]
    return Progress(
        step=step,
        steps=now.steps,
        saved=now.step,
        seconds=seconds[-1][1] if seconds else 0.0,
        left=_left(seconds, now.steps),
        losses=_curves(trained, leave_out=("norm/", "lr", "seconds")),
        figures=_curves([record for record in records if record.get("kind") == "validation"]),
    )


def as_json(job: Job) -> dict[str, Any]:
    """A job and how far it has come, as plain values: what `translate jobs --json` and the page's API give."""
    facts = {"name": job.name, "state": job.state, "message": job.record.message, "folder": str(job.folder)}
    return facts | {"wish": job.wish, "created": job.record.created, **progress(job.folder).as_json()}


def duration(seconds: float) -> str:
    """A time as one says it: 45 s, 12 min, 3 h 20 min."""
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def standing(folder: Path) -> Standing:
    """What the run's last save says; zero where nothing is saved or readable."""
    config = read_object(folder / RUN_FILE).get("config")
    config = config if isinstance(config, dict) else {}
    saved: Mapping[str, Any] = {}
    for name in (STATE, f"{STATE}.previous"):
        facts = read_object(folder / name / STATE_FILE).get("facts")
        if isinstance(facts, dict) and isinstance(facts.get("standing"), dict):
            saved = facts["standing"]
            break
    return Standing(
        step=_count(saved, "step"),
        steps=_count(config, "steps"),
        waited=_count(saved, "waited"),
        patience=_count(config, "patience"),
    )


def sheets(folder: Path) -> list[tuple[int, Path]]:
    """(step, file) of every sheet of samples, the oldest first."""
    found = [(int(path.stem), path) for path in (folder / "samples").glob("*.png") if path.stem.isdigit()]
    return sorted(found)


def tail(folder: Path, lines: int = 40) -> str:
    """The last lines that the job's process said."""
    try:
        with (folder / LOG_FILE).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def read_object(path: Path) -> dict[str, Any]:
    """What a JSON file holds; nothing where it can't be read or holds no object."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _left(seconds: list[tuple[int, float]], steps: int) -> float | None:
    recent = seconds[-RECENT:]
    if len(recent) < 2 or recent[-1][0] <= recent[0][0]:
        return None
    rate = (recent[-1][1] - recent[0][1]) / (recent[-1][0] - recent[0][0])
    return max(0.0, rate * (steps - recent[-1][0]))


def _curves(records: list[dict[str, float | str]], leave_out: tuple[str, ...] = ()) -> dict[str, Curve]:
    curves: dict[str, Curve] = {}
    for record in records:
        for name, value in record.items():
            if name in ("kind", "step") or name.startswith(leave_out or ("\0",)):
                continue
            if isinstance(value, int | float) and math.isfinite(value):
                curves.setdefault(name, []).append((int(record["step"]), float(value)))
    return curves


def _count(values: Mapping[str, Any], name: str) -> int:
    value = values.get(name, 0)
    return value if isinstance(value, int) else 0
