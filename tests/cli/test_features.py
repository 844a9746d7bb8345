"""`translate models features`: trains a feature space from folders of pictures."""

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from translate.cli.features import features
from translate.errors import ConfigError

TINY = ["--steps", "2", *(f"--set={text}" for text in ("filters=[4,6]", "dim=5", "size=16", "crop=16", "log_every=1"))]

app = typer.Typer()
app.command()(features)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five pictures of noise."""
    (tmp_path / "pictures").mkdir()
    rng = np.random.default_rng(0)
    for number in range(5):
        Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(tmp_path / "pictures" / f"{number}.png")
    return tmp_path / "pictures"


def test_it_trains_a_space_and_says_its_name(folder: Path, tmp_path: Path):
    done = CliRunner().invoke(app, [str(folder), "-o", str(tmp_path / "mine"), "--device", "cpu", *TINY])
    assert done.exit_code == 0, done.output
    assert "feature space mine-5@16px-" in done.stdout


def test_json_has_a_line_a_figure(folder: Path, tmp_path: Path):
    line = [str(folder), str(folder), "-o", str(tmp_path / "mine"), "--json", "--device", "cpu", *TINY]
    rows = [json.loads(text) for text in CliRunner().invoke(app, line).stdout.splitlines()]
    assert [row["kind"] for row in rows] == ["train", "train", "done"]
    assert [row["step"] for row in rows[:2]] == [1, 2]
    assert rows[2]["space"].startswith("mine-5@16px-")


def test_an_unknown_setting_is_refused(folder: Path, tmp_path: Path):
    done = CliRunner().invoke(app, [str(folder), "-o", str(tmp_path / "mine"), "--set", "width=3"])
    assert isinstance(done.exception, ConfigError)
    assert "width: no such setting" in str(done.exception)
