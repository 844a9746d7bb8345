"""`translate data` describes a sound folder, names every bad file of another, and exits with 2 for it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from translate.cli.data import app

RUNNER = CliRunner()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five pairs of pictures and index maps in two classes."""
    source = np.random.default_rng(0)
    for i in range(5):
        for side, array in (
            ("images", source.integers(0, 256, (24, 32, 3), np.uint8)),
            ("labels", np.array([[0, 0, 0, 1]], np.uint8).repeat(24, axis=0).repeat(8, axis=1)),
        ):
            (tmp_path / side).mkdir(exist_ok=True)
            Image.fromarray(array).save(tmp_path / side / f"{i}.png")
    classes = [{"index": i, "name": name, "color": [i, i, i]} for i, name in enumerate(("ground", "roof"))]
    (tmp_path / "classes.json").write_text(json.dumps({"classes": classes}))
    return tmp_path


def test_a_sound_folder_is_described(folder: Path) -> None:
    result = RUNNER.invoke(app, ["check", str(folder)])
    assert result.exit_code == 0
    for part in ("images/ labels/; 4 train, 1 val pairs; targets are labels", "32x24 (5)", "ground 75.0%, roof 25.0%"):
        assert part in result.stdout
    assert not result.stderr


def test_every_bad_file_is_named_on_stderr(folder: Path) -> None:
    (folder / "images/1.png").write_bytes(b"")
    (folder / "labels/2.png").unlink()
    result = RUNNER.invoke(app, ["check", str(folder)])
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert [line.split(": ")[0] for line in lines[:2]] == [str(folder / "images/1.png"), str(folder / "images/2.png")]
    assert lines[2].startswith("2 files can't be used")


def test_json_holds_the_layout_and_the_problems(folder: Path) -> None:
    (folder / "labels/2.png").unlink()
    result = RUNNER.invoke(app, ["check", str(folder), "--json", "--direction", "BtoA"])
    record = json.loads(result.stdout)
    assert result.exit_code == 2
    assert record["pairs"] == {"train": 3, "val": 1}
    assert record["target"] == "image"
    assert [item["name"] for item in record["classes"]] == ["ground", "roof"]
    assert [Path(problem["path"]).name for problem in record["problems"]] == ["2.png"]


def test_two_folders_can_be_given(folder: Path) -> None:
    result = RUNNER.invoke(app, ["check", "--a", str(folder / "images"), "--b", str(folder / "labels")])
    assert result.exit_code == 0
    assert "two folders, images/ and labels/" in result.stdout


def test_list_names_every_layout() -> None:
    shown = RUNNER.invoke(app, ["list"])
    record = json.loads(RUNNER.invoke(app, ["list", "--json"]).stdout)
    assert shown.exit_code == 0
    assert all(name in shown.stdout for name in record)
    assert {"A|B pictures", "trainA/ trainB/", "images/ labels/"} <= record.keys()
