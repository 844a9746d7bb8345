"""`translate study` as a user meets it: a line a run, a table, and one line for a mistake."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from translate.errors import DatasetError
from translate.evaluation import study as module
from translate.evaluation import study_report
from translate.evaluation.study import Study
from translate.evaluation.study_grids import GRIDS
from translate.evaluation.study_run import Row

ROW = Row(
    name="CUT",
    preset="cut",
    steps=1234,
    seconds=600.0,
    ms_a_step=486.2,
    peak_memory_mib=900.0,
    figures={"kernel": 0.5, "copied": 0.25},
    against="10 translations against 12 real pictures, in the feature space x",
)
LOST = ROW.model_copy(update={"name": "FastCUT", "seed": 1, "figures": {}, "failed": "diverged: too large"})
TINY: dict[str, Any] = {
    "generator.filters": 2,
    "generator.blocks": 1,
    "discriminator.filters": 2,
    "discriminator.layers": 1,
    "data.size": 16,
    "data.load_size": 16,
    "data.crop": 16,
    "workers": 0,
}


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """A canned study; returns what it was called with."""
    calls: list[tuple[Any, ...]] = []

    def canned(asked: Study, out: Path, *, device: str, report: Callable[[Row], None]) -> tuple[Study, dict[str, Any]]:
        calls.append((asked, out, device))
        for row in (ROW, LOST):
            report(row)
        return asked.model_copy(update={"rows": (ROW, LOST)}), {"CUT": None, "FastCUT": None}

    def written(*arguments: Any, to: Path | None, device: str) -> list[str]:
        calls.append((to, device))
        return ["study.md", "study.png"]

    monkeypatch.setattr(module, "study", canned)
    monkeypatch.setattr(study_report, "write_report", written)
    return calls


def test_a_line_a_run_then_the_table(compared: list[tuple[Any, ...]], cli, tmp_path: Path):
    code, out, _ = cli(
        "study", "unpaired", "--data", "animals", "-o", str(tmp_path), "--minutes=3", "--set=batch_size=2", "--seeds=2"
    )
    assert code == 0
    lines = out.splitlines()
    assert lines[:2] == ["CUT, seed 0: 1234 steps, 486 ms each", "FastCUT, seed 1: diverged: too large"]
    assert "| CUT | 1 | 486 | 1,234 | 900 | 0.500 | 25.0 % |" in lines
    assert lines[-1] == f"{tmp_path}: study.md, study.png, study.json"
    asked, folder, device = compared[0]
    assert (asked.grid, str(asked.source.root), folder, device) == ("unpaired", "animals", tmp_path, "auto")
    assert (asked.minutes, asked.steps, asked.seeds, asked.changes) == (3.0, None, 2, {"batch_size": 2})


def test_a_report_can_go_elsewhere(compared: list[tuple[Any, ...]], cli, tmp_path: Path):
    to = tmp_path / "docs"
    code, out, _ = cli("study", "pix2pix", "--data=x", "-o", str(tmp_path), "--steps=20", "--report", str(to))
    assert code == 0
    assert out.splitlines()[-1].startswith(f"{to}: ")
    assert compared[1] == (to, "auto")
    assert (compared[0][0].steps, compared[0][0].minutes) == (20, None)


def test_ten_minutes_are_usual(compared: list[tuple[Any, ...]], cli, tmp_path: Path):
    assert cli("study", "unpaired", "--a", "horse", "--b", "zebra", "-o", str(tmp_path), "--only=CUT, FastCUT")[0] == 0
    asked = compared[0][0]
    assert (asked.minutes, asked.only) == (10.0, ("CUT", "FastCUT"))
    assert (asked.source.root, str(asked.source.a), str(asked.source.b)) == (None, "horse", "zebra")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["everything", "--data=x", "-o=out"], "everything: no such study; known: unpaired, pix2pix"),
        (["unpaired", "--data=x", "-o=out", "--only=CUTE"], "CUTE: no such cell of unpaired; known: CycleGAN, CUT"),
        (["unpaired", "--data=x", "-o=out", "--set=data.crp=3"], "data.crp: no such setting"),
        (["unpaired", "--data=x", "-o=out", "--set=steps"], "expected key=value"),
        (["unpaired", "--data=x", "-o=out", "--minutes=0"], "minutes is 0"),
        (["unpaired", "--data=x", "-o=out", "--minutes=1", "--steps=50"], "a study has one budget"),
        (["unpaired", "--data=x"], "--out"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
):
    monkeypatch.chdir(tmp_path)
    code, _, err = cli("study", *arguments)
    assert code == 2
    assert len(err.splitlines()) == 1
    assert said in err
    assert not list(tmp_path.iterdir())


def test_an_interrupted_study_ends_as_any_interrupted_command(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "alone", lambda *arguments: None)
    code, _, err = cli("study", "unpaired", "--data=x", "-o", str(tmp_path / "out"))
    assert code == 130
    assert err.splitlines()[-1] == "interrupted"


@pytest.mark.slow
def test_a_study_trains_in_processes_of_its_own_and_tells_their_errors(
    cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(GRIDS, "tiny", {"Cut": ("cut", TINY)})
    random = np.random.default_rng(0)
    for side in "ab":
        (tmp_path / "data" / side).mkdir(parents=True)
        for number in range(4):
            picture = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(picture).save(tmp_path / "data" / side / f"{number}.png")
    command = ["study", "tiny", "--data", str(tmp_path / "data"), "-o", str(tmp_path / "out"), "--minutes=0.002"]
    code, _, err = cli(*command, "--device=cpu")
    assert code == 2
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "Cut: " in errors[0]
    assert "raise data.holdout" in errors[0]
    assert "Traceback" not in err
    code, out, _ = cli(*command, "--device=cpu", "--set=data.holdout=2")
    assert code == 0
    rows = json.loads((tmp_path / "out" / "study.json").read_text())["rows"]
    assert out.startswith(f"Cut, seed 0: {rows[0]['steps']} steps")
    assert set(rows[0]["figures"]) == {"kernel", "frechet", "copied"}
    assert "feature space" in (tmp_path / "out" / "study.md").read_text()
    assert Image.open(tmp_path / "out" / "study.png").width == 4 + 2 * 20


def test_an_error_of_the_data_is_told_with_the_settings_name(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fails(*arguments: object) -> None:
        raise DatasetError("x: does not exist")

    monkeypatch.setattr(module, "alone", fails)
    code, _, err = cli("study", "unpaired", "--data=x", "-o", str(tmp_path / "out"))
    assert code == 2
    assert err.splitlines()[-1] == "error: CycleGAN: x: does not exist"
