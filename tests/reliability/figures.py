"""Figures of reliability: how often a test tries, and what it tells the table of docs/reliability.md."""

import json
import os
from collections.abc import Callable
from pathlib import Path

FULL, REPORT = "RELIABILITY", "RELIABILITY_REPORT"

Record = Callable[[int, str, object], None]
"""record_figure(row, what was counted or measured, the figure); whole numbers under one name are added up, the
largest of others stands."""


def is_full() -> bool:
    """Whether the full counts of the table are asked for: RELIABILITY=full."""
    return os.environ.get(FULL) == "full"


def count(full: int, sample: int) -> int:
    """How many times to try: a sample by default."""
    return full if is_full() else sample


def tell(test: str, passed: bool, seconds: float, figures: list[tuple[int, str, object]]) -> None:
    """Append a test's outcome to the file $RELIABILITY_REPORT, a line of JSON, if there is to be one."""
    if path := os.environ.get(REPORT):
        with Path(path).open("a", encoding="utf-8") as file:
            line = {"test": test, "passed": passed, "seconds": round(seconds, 1), "figures": figures}
            file.write(json.dumps(line) + "\n")
