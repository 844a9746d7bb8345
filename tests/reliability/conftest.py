"""What the reliability tests share: figures for the table, told by each test that measures one."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

Record = Callable[[int, str, object, str], None]


@pytest.fixture
def record_figure() -> Record:
    """`record_figure(row, name, value, target)` appends a JSON line to the file $RELIABILITY_REPORT, if it is set."""

    def record(row: int, name: str, value: object, target: str) -> None:
        if path := os.environ.get("RELIABILITY_REPORT"):
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(json.dumps({"row": row, "name": name, "value": value, "target": target}) + "\n")

    return record
