"""A study: rows in order, nothing done twice, nothing lost when it is interrupted, one line for a mistake."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from translate.catalog import RUN_FILE
from translate.config import HoldOut, read
from translate.errors import ConfigError, DatasetError, TranslateError
from translate.evaluation import study as module
from translate.evaluation import study_run
from translate.evaluation.study import Study, settings, study, table
from translate.evaluation.study_run import Row, alone, train_setting
from translate.features import load_features
from translate.inference.translator import Translator
from translate.trainers import run
from translate.trainers.logs import read_log

TINY: dict[str, Any] = {
    "generator.filters": 2,
    "generator.blocks": 1,
    "discriminator.filters": 2,
    "discriminator.layers": 1,
    "data.size": 16,
    "data.load_size": 16,
    "data.crop": 16,
    "data.holdout": 2,
    "workers": 0,
    "precision": "fp32",
}
NAMES = ["Cycle", "Cut"]
MINUTES = 0.002


@pytest.fixture
def domains(tmp_path: Path) -> Path:
    """Five 16 x 16 pictures in a/ and four in b/."""
    random = np.random.default_rng(0)
    for side, count in (("a", 5), ("b", 4)):
        (tmp_path / "data" / side).mkdir(parents=True)
        for number in range(count):
            picture = np.kron(random.integers(0, 256, (4, 4, 3), dtype=np.uint8), np.ones((4, 4, 1), np.uint8))
            Image.fromarray(picture).save(tmp_path / "data" / side / f"{number}.png")
    return tmp_path / "data"


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A tiny grid, trained in this process: a new one would spend its time importing torch. Names as they began."""
    names: list[str] = []

    def here(action: Callable[..., Row | None], *arguments: Any) -> Row | None:
        names.append(arguments[0])
        return action(*arguments)

    monkeypatch.setattr(module, "GRIDS", {"tiny": {"Cycle": ("cyclegan", TINY), "Cut": ("cut", TINY)}})
    monkeypatch.setattr(module, "alone", here)
    return names


def _study(data: Path, out: Path, **options: Any) -> list[Row]:
    return study("tiny", run.Source(root=data), out, device="cpu", **{"minutes": MINUTES} | options)


def _validations(folder: Path) -> list[dict[str, Any]]:
    return [record for record in read_log(folder) if record["kind"] == "validation"]


def _interrupted_at(monkeypatch: pytest.MonkeyPatch, folder: Path, step: int) -> None:
    """Press Ctrl-C when the training in `folder` reaches `step`, once."""
    plain = run.train

    def train(plan: run.Plan, **options: Any) -> Any:
        if plan.folder == folder:
            monkeypatch.setattr(run, "train", plain)
            options["report"] = lambda now: os.kill(os.getpid(), signal.SIGINT) if now.step == step else None
        return plain(plan, **options)

    monkeypatch.setattr(run, "train", train)


def test_every_setting_has_a_row_and_nothing_is_done_twice(trained: list[str], domains: Path, tmp_path: Path):
    told: list[str] = []
    rows = _study(domains, tmp_path / "out", report=lambda row: told.append(row.name))
    assert [row.name for row in rows] == trained == told == NAMES
    assert [row.preset for row in rows] == ["cyclegan", "cut"]
    for row, prefix in zip(rows, ("AtoB/", ""), strict=True):
        assert row.steps >= study_run.TRIAL_STEPS
        assert row.ms_a_step > 0
        validations = _validations(tmp_path / "out" / row.name)
        assert [record["step"] for record in validations] == [row.steps]
        names = ["kernel", "frechet", "copied"] + (["cycle"] if prefix else [])
        assert row.figures == {name: validations[-1][f"{prefix}{name}"] for name in names}
        space = load_features("auto", "cpu").name
        assert row.against == f"2 translations against 2 real pictures, in the feature space {space}"
    record = read(Study, tmp_path / "out" / "study.json")
    assert list(record.rows) == rows
    assert (record.minutes, record.source.root) == (MINUTES, domains)
    assert record.machine["torch"]
    page = (tmp_path / "out" / "study.md").read_text()
    assert table(rows) in page
    assert rows[0].against in page
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*") if path.suffix != ".md"}
    del before[tmp_path / "out" / "study.json"]
    assert _study(domains, tmp_path / "out") == rows
    assert trained == NAMES
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_the_sheet_shows_held_out_pictures_and_what_each_last_model_makes_of_them(
    trained: list[str], domains: Path, tmp_path: Path
):
    out = tmp_path / "out"
    _study(domains, out)
    sheet = np.asarray(Image.open(out / "study.png").convert("RGB"))
    held: HoldOut | None = read(run.RunRecord, out / "Cut" / RUN_FILE).held_out
    assert held is not None
    inputs = [domains / f"{name}.png" for name in held.names if name.startswith("a/")]
    assert sheet.shape == (4 + 18 + 2 * 20, 4 + 3 * 20, 3)  # gap 4, titles in letters of 12, cells of 16
    for row, path in enumerate(inputs):
        cells = [sheet[22 + 20 * row : 38 + 20 * row, 4 + 20 * column : 20 + 20 * column] for column in range(3)]
        assert np.array_equal(cells[0], np.asarray(Image.open(path)))
        for cell, model in zip(cells[1:], ("Cycle/AtoB/last", "Cut/last"), strict=True):
            assert np.array_equal(cell, np.asarray(Translator.load(out / model, device="cpu").run(path).image))


def test_an_interrupted_setting_goes_on_where_it_stopped(
    trained: list[str], domains: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    out, usual = tmp_path / "out", signal.getsignal(signal.SIGINT)
    _interrupted_at(monkeypatch, out / "Cut", 5)
    with pytest.raises(KeyboardInterrupt):
        _study(domains, out)
    assert signal.getsignal(signal.SIGINT) is usual
    assert [row.name for row in read(Study, out / "study.json").rows] == ["Cycle"]
    assert not (out / "study.png").exists()
    assert [record["step"] for record in read_log(out / "Cut") if record["kind"] == "train"][-1] == 5
    planned = read(run.RunRecord, out / "Cut" / RUN_FILE).config.steps
    rows = _study(domains, out)
    assert trained == ["Cycle", "Cut", "Cut"]
    assert [row.name for row in rows] == NAMES
    assert rows[1].steps == planned
    steps = [record["step"] for record in read_log(out / "Cut") if record["kind"] == "train"]
    assert steps == list(range(1, planned + 1))


def test_interrupted_while_its_pace_is_measured_a_setting_leaves_nothing_behind(
    trained: list[str], domains: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def stopped(plan: run.Plan, *, report: Callable[[Any], None], stop: Any, **options: Any) -> None:
        assert plan.folder != tmp_path / "out" / "Cycle"
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(run, "train", stopped)
    with pytest.raises(KeyboardInterrupt):
        _study(domains, tmp_path / "out")
    assert not (tmp_path / "out" / "Cycle").exists()


def test_the_steps_are_those_that_fit_into_the_time(
    trained: list[str], domains: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A quarter of a minute at half a second a step is 30 steps."""
    monkeypatch.setattr(study_run, "_step_seconds", lambda folder: 0.5)
    rows = _study(domains, tmp_path / "out", minutes=0.25)
    assert [(row.steps, row.ms_a_step) for row in rows] == [(30, 500.0), (30, 500.0)]
    config = read(run.RunRecord, tmp_path / "out" / "Cut" / RUN_FILE).config
    assert config.steps == 30  # the schedule ends with the run


def test_a_step_takes_the_median_of_all_but_the_first(tmp_path: Path):
    """Steps of 9, 8, 3, 1, 2 and 70 seconds: without the first two 3, 1, 2 and 70, whose median is 2.5."""
    records = [{"kind": "train", "step": n, "seconds": t} for n, t in enumerate((0, 9, 17, 20, 21, 23, 93), 1)]
    records.insert(4, {"kind": "validation", "step": 4, "kernel": 1.0})
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    assert study_run._step_seconds(tmp_path) == 2.5


def test_changes_are_made_to_every_setting(trained: list[str]):
    configs = settings("tiny", {"batch_size": 3, "data.crop": 12})
    assert [(config.batch_size, config.data.crop, config.data.size) for config in configs.values()] == [(3, 12, 16)] * 2


@pytest.mark.parametrize(
    ("grid", "options", "said"),
    [
        ("everything", {}, "everything: no such study; known: tiny"),
        ("tiny", {"changes": {"data.crp": 3}}, "data.crp: no such setting"),
        ("tiny", {"changes": {"batch_size": 0}}, "batch_size is 0"),
        ("tiny", {"changes": {"steps": 5}}, "steps can't be set in a study"),
        ("tiny", {"minutes": 0}, "minutes is 0"),
        ("tiny", {"minutes": float("nan")}, "minutes is nan"),
        ("tiny", {"device": "tpu"}, "device is 'tpu'"),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_trained(
    trained: list[str], domains: Path, tmp_path: Path, grid: str, options: dict[str, Any], said: str
):
    with pytest.raises(ConfigError) as caught:
        study(grid, run.Source(root=domains), tmp_path / "out", **{"minutes": MINUTES, "device": "cpu"} | options)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not trained
    assert not (tmp_path / "out").exists()


def test_data_without_two_held_out_pictures_of_each_domain_are_refused_at_once(
    trained: list[str], domains: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(run, "train", None)
    with pytest.raises(DatasetError, match=r"Cycle: .*two of each domain; raise data\.holdout"):
        _study(domains, tmp_path / "out", changes={"data.holdout": 1})


def test_after_a_mistake_the_same_folder_can_be_used(trained: list[str], domains: Path, tmp_path: Path):
    with pytest.raises(DatasetError, match="does not exist"):
        _study(tmp_path / "nowhere", tmp_path / "out")
    assert [row.name for row in _study(domains, tmp_path / "out")] == NAMES


@pytest.mark.parametrize(
    ("options", "what"), [({"minutes": 0.5}, "minutes"), ({"changes": {"batch_size": 2}}, "changes")]
)
def test_rows_of_another_study_are_not_mixed_in(
    trained: list[str], domains: Path, tmp_path: Path, options: dict[str, Any], what: str
):
    (tmp_path / "out" / "Cycle").mkdir(parents=True)
    (tmp_path / "out" / "Cycle" / RUN_FILE).touch()
    begun = Study(grid="tiny", minutes=MINUTES, changes={}, source=run.Source(root=domains), machine={})
    (tmp_path / "out" / "study.json").write_text(begun.model_dump_json())
    with pytest.raises(ConfigError, match=f"holds a study with other {what}"):
        _study(domains, tmp_path / "out", **options)
    (tmp_path / "out" / "study.json").write_text("{")
    with pytest.raises(ConfigError, match="not a readable JSON file"):
        _study(domains, tmp_path / "out")
    assert not trained


def test_the_table_has_a_row_a_setting_and_a_dash_where_there_is_no_figure():
    facts: dict[str, Any] = {"preset": "", "seconds": 60.0, "against": ""}
    rows = [
        Row(
            name="Cycle",
            steps=1200,
            ms_a_step=49.6,
            peak_memory_mib=1234.5,
            figures={"copied": 0.5, "cycle": 0.1},
            **facts,
        ),
        Row(name="Cut", steps=80, ms_a_step=750.0, peak_memory_mib=None, figures={"copied": 0.25}, **facts),
    ]
    assert table(rows).splitlines() == [
        "|  | ms a step | steps | peak MiB | left as it was | lost there and back |",
        "|---|---|---|---|---|---|",
        "| Cycle | 50 | 1,200 | 1,234 | 50.0 % | 0.100 |",
        "| Cut | 750 | 80 | - | 25.0 % | - |",
    ]


WAITING = """
import sys
from pathlib import Path
from translate.evaluation.study_run import _stoppable, alone


def task(folder):
    with _stoppable() as stop:
        Path(folder, "began").touch()
        stop.wait(60)
        Path(folder, "saved").touch()


if __name__ == "__main__":
    alone(task, sys.argv[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_whatever_ends_the_study_its_setting_is_saved_and_no_process_stays(number: signal.Signals, tmp_path: Path):
    script = tmp_path / "waiting.py"
    script.write_text(WAITING)
    study_process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "began").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    study_process.send_signal(number)
    study_process.communicate(timeout=60)  # till the last process that holds the pipe is gone
    assert (tmp_path / "saved").exists()


@pytest.mark.slow
def test_a_process_of_its_own_hands_back_its_row_its_error_or_its_death(domains: Path, tmp_path: Path):
    config = settings("unpaired", TINY)["CycleGAN"].replace(**{"generator.filters": 2})
    source, out = run.Source(root=domains), tmp_path / "run"
    row = alone(train_setting, "Cycle", config, source, out, MINUTES, "cpu")
    assert row is not None
    assert row.steps == read_log(out)[-1]["step"]
    assert row.peak_memory_mib is None or row.peak_memory_mib > 50
    with pytest.raises(DatasetError, match="nowhere: does not exist") as caught:
        alone(train_setting, "Cycle", config, run.Source(root=tmp_path / "nowhere"), tmp_path / "none", MINUTES, "cpu")
    assert "\n" not in str(caught.value)
    with pytest.raises(TranslateError, match="its process was killed"):
        alone(os.abort)
