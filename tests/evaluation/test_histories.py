"""Trainings side by side: which there are, their last figures, and a curve a figure."""

import json
from pathlib import Path

import pytest

from translate import catalog, images
from translate.errors import CheckpointError
from translate.evaluation import histories
from translate.evaluation.table import Row


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two trainings, one cell of a study, and folders that are none."""
    monkeypatch.chdir(tmp_path)
    logs = {
        "one": [
            {"kind": "train", "step": 1, "gen/l1": 0.5, "lr": 0.1, "seconds": 3.0},
            {"kind": "validation", "step": 10, "psnr": 20.5, "note": "words are no figure"},
            {"kind": "train", "step": 20, "gen/l1": 0.25, "lr": 0.1, "seconds": 4.0},
            {"step": 30},
        ],
        "two": [{"kind": "validation", "step": 1500, "AtoB/kernel": 0.125, "psnr": float("nan")}],
        "study/cell": [{"kind": "train", "step": 1, "gen/l1": 0.5}],
        "empty": [],
        ".hidden": [{"kind": "train", "step": 1, "gen/l1": 0.5}],
    }
    for name, records in logs.items():
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "log.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (tmp_path / "runs" / "nothing").mkdir()
    return tmp_path / "runs"


def test_every_training_with_a_log_is_named_and_a_study_s_cells_too():
    assert histories.runs() == ["empty", "one", "study/cell", "two"]


def test_the_last_figures_stand_side_by_side_with_the_steps_they_are_of():
    read = {name: histories.read(name) for name in ("one", "two")}
    assert histories.rows(read) == [
        Row("steps", ["20", "1,500"]),
        Row("PSNR", ["20.50 at 10", "- at 1,500"], "last of the validation"),
        Row("AtoB: kernel distance", ["-", "0.1250 at 1,500"], "last of the validation"),
        Row("L1 loss of the generator", ["0.2500 at 20", "-"], "last of the training"),
    ]


def test_each_figure_is_a_picture_of_its_own(tmp_path: Path):
    drawn = histories.save_curves({"one": histories.read("one"), "two": histories.read("two")}, tmp_path)
    assert [title for title, _ in drawn] == ["PSNR", "AtoB: kernel distance", "L1 loss of the generator"]
    for _, path in drawn:
        assert (images.header(path).width, images.header(path).height) == (605, 352)  # 5.5 x 3.2 inches at 110


@pytest.mark.parametrize("name", ["../runs/one", "/etc", "nothing", "", ".hidden", "one/"])
def test_only_a_listed_training_is_read(name: str):
    with pytest.raises(CheckpointError, match="no run"):
        histories.read(name)


def test_a_training_that_has_only_begun_is_told_as_that():
    with pytest.raises(CheckpointError, match=r"empty: its log\.jsonl holds no record yet"):
        histories.read("empty")


def test_without_any_run_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(catalog, "roots", lambda: {"run": tmp_path / "elsewhere"})
    assert histories.runs() == []
