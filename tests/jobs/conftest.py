"""A folder to run jobs in, pairs of noise, and no process left behind."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from translate import jobs
from translate.jobs.record import Record, write

SMALL = (
    "pix2pix", "--steps=300", "--batch-size=2", "--size=16", "--set=generator.filters=4", "--set=generator.depth=2",
    "--set=discriminator.filters=4", "--set=discriminator.layers=1", "--set=data.holdout=2", "--set=workers=0",
    "--set=save_every=10", "--set=precision=fp32",
)  # fmt: skip
"""Words of a training of a few seconds; --data is to be added."""


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The runs of this test alone; whatever still trains at its end is killed."""
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "runs"
    root.mkdir()
    yield root
    for job in jobs.jobs(root):
        if job.is_active and job.record.pid not in (None, os.getpid()):
            psutil.Process(job.record.pid).kill()


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Six pairs of noise."""
    rng = np.random.default_rng(0)
    for side in ("photo", "map"):
        (tmp_path / "pairs" / side).mkdir(parents=True)
        for number in range(6):
            picture = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
            Image.fromarray(picture).save(tmp_path / "pairs" / side / f"{number}.png")
    return tmp_path / "pairs"


def until(what: Callable[[], object], seconds: float = 120.0) -> None:
    """Wait until it is so."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.05)


def ended(name: str) -> bool:
    """Whether the job has come to its end; the log is shown when a test fails."""
    return not jobs.find(name).is_active


def recorded(folder: Path, **facts: object) -> Path:
    """A job that nobody has started, as its folder has it."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {"words": ("nothing",), "created": 1.0, "asked": 1.0} | facts
    write(folder, Record.model_validate(values))
    return folder
