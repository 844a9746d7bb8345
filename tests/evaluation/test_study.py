"""A study: rows in order, nothing done twice, nothing lost when it is interrupted, one line for a mistake."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from translate.catalog import RUN_FILE
from translate.config import read
from translate.errors import ConfigError, DatasetError, TranslateError
from translate.evaluation import study as module
from translate.evaluation import study_run
from translate.evaluation.study import Study, asked, folder, study
from translate.evaluation.study_grids import GRIDS, settings
from translate.evaluation.study_run import Job, Row, alone, train_cell
from translate.features import load_features
from translate.locking import held
from translate.trainers import run
from translate.trainers.logs import read_log
from translate.trainers.update import NotFinite

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
    """A tiny grid, trained in this process: a new one would spend its time importing torch. Runs as they began."""
    names: list[str] = []

    def here(action: Callable[[Job], Row | None], job: Job) -> Row | None:
        names.append(f"{job.name} {job.config.seed}")
        return action(job)

    monkeypatch.setitem(GRIDS, "tiny", {"Cycle": ("cyclegan", TINY), "Cut": ("cut", TINY)})
    monkeypatch.setattr(module, "alone", here)
    return names


def _asked(data: Path | None, **options: Any) -> Study:
    values = {"grid": "tiny", "changes": {}, "source": {"root": data}, **options}
    return asked(values if "steps" in options else {"minutes": MINUTES} | values)


def _study(data: Path | None, out: Path, report: Any = None, **options: Any) -> list[Row]:
    return list(study(_asked(data, **options), out, device="cpu", report=report)[0].rows)


def _validations(folder: Path) -> list[dict[str, Any]]:
    return [record for record in read_log(folder) if record["kind"] == "validation"]


def _steps(folder: Path) -> list[int]:
    return [int(record["step"]) for record in read_log(folder) if record["kind"] == "train"]


def _interrupted_at(monkeypatch: pytest.MonkeyPatch, folder: Path, step: int) -> None:
    """Press Ctrl-C when the training in `folder` reaches `step`, once."""
    plain = run.train

    def train(plan: run.Plan, **options: Any) -> Any:
        if plan.folder == folder:
            monkeypatch.setattr(run, "train", plain)
            options["report"] = lambda now: os.kill(os.getpid(), signal.SIGINT) if now.step == step else None
        return plain(plan, **options)

    monkeypatch.setattr(run, "train", train)


def test_every_cell_has_a_row_and_nothing_is_done_twice(trained: list[str], domains: Path, tmp_path: Path):
    out, heard = tmp_path / "out", []
    rows = _study(domains, out, report=lambda row: heard.append(row.name))
    assert [row.name for row in rows] == heard == NAMES
    assert trained == ["Cycle 0", "Cut 0"]
    assert [row.preset for row in rows] == ["cyclegan", "cut"]
    for row, prefix in zip(rows, ("AtoB/", ""), strict=True):
        assert row.steps >= study_run.TRIAL_STEPS
        assert row.ms_a_step > 0
        validations = _validations(out / row.name / "seed-0")
        assert [record["step"] for record in validations] == [row.steps]
        names = ["kernel", "frechet", "copied"] + (["cycle"] if prefix else [])
        assert row.figures == {name: validations[-1][f"{prefix}{name}"] for name in names}
        space = load_features("auto", "cpu").name
        assert row.against == f"2 translations against 2 real pictures, in the feature space {space}"
    record = read(Study, out / "study.json")
    assert list(record.rows) == rows
    assert (record.minutes, record.source.root) == (MINUTES, domains)
    assert record.machine["torch"]
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.*") if path.name != "study.json"}
    assert _study(domains, out) == rows
    assert len(trained) == 2
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_more_seeds_and_cells_are_added_to_what_is_there_and_judged_on_the_same_data(
    trained: list[str], domains: Path, tmp_path: Path
):
    out = tmp_path / "out"
    _study(domains, out, steps=10, only=("Cut",))
    rows = _study(domains, out, steps=10, seeds=2)
    assert trained == ["Cut 0", "Cycle 0", "Cycle 1", "Cut 1"]
    assert {(row.name, row.seed, row.steps) for row in rows} == {(n, seed, 10) for n in NAMES for seed in (0, 1)}
    records = [read(run.RunRecord, folder(out, name, seed) / RUN_FILE) for name in NAMES for seed in (0, 1)]
    assert len({record.held_out for record in records}) == 1
    assert [record.config.seed for record in records] == [0, 1, 0, 1]
    assert rows[0].figures != rows[-1].figures


def test_a_given_number_of_steps_is_trained(trained: list[str], domains: Path, tmp_path: Path):
    assert [row.steps for row in _study(domains, tmp_path / "out", steps=11)] == [11, 11]
    assert _steps(tmp_path / "out" / "Cut" / "seed-0") == list(range(1, 12))


def test_an_interrupted_run_goes_on_where_it_stopped(
    trained: list[str], domains: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    out, usual = tmp_path / "out", signal.getsignal(signal.SIGINT)
    cut = folder(out, "Cut", 0)
    _interrupted_at(monkeypatch, cut, 5)
    with pytest.raises(KeyboardInterrupt):
        _study(domains, out)
    assert signal.getsignal(signal.SIGINT) is usual
    assert [row.name for row in read(Study, out / "study.json").rows] == ["Cycle"]
    assert _steps(cut)[-1] == 5
    planned = read(run.RunRecord, cut / RUN_FILE).config.steps
    rows = _study(domains, out)
    assert trained == ["Cycle 0", "Cut 0", "Cut 0"]
    assert [row.name for row in rows] == NAMES
    assert rows[1].steps == planned
    assert _steps(cut) == list(range(1, planned + 1))


def test_interrupted_while_its_pace_is_measured_a_run_leaves_nothing_behind(
    trained: list[str], domains: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def stopped(plan: run.Plan, *, report: Callable[[Any], None], stop: Any, **options: Any) -> None:
        assert plan.folder != folder(tmp_path / "out", "Cycle", 0)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(run, "train", stopped)
    with pytest.raises(KeyboardInterrupt):
        _study(domains, tmp_path / "out")
    assert not (tmp_path / "out" / "Cycle").exists()


def test_a_cell_that_diverges_has_a_row_that_says_so_and_the_others_go_on(
    trained: list[str], domains: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    plain = run.train

    def train(plan: run.Plan, **options: Any) -> Any:
        if plan.config.method != "cyclegan":
            return plain(plan, **options)

        def overflow(progress: Any) -> None:
            if progress.step == 6:
                raise NotFinite("the generator's gradients are not finite")

        return plain(plan, **options, report=overflow)

    monkeypatch.setattr(run, "train", train)
    cycle, cut = _study(domains, tmp_path / "out", steps=10)
    assert cycle.failed.startswith(
        "diverged: step 6: the generator's gradients are not finite, after going back 3 times"
    )
    assert cycle.steps == 6
    assert cycle.figures == {}
    assert (cut.failed, cut.steps) == ("", 10)
    _study(domains, tmp_path / "out", steps=10)
    assert trained == ["Cycle 0", "Cut 0"]


def test_a_cell_that_can_not_be_trained_as_set_is_told_and_tried_again(
    trained: list[str], domains: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(GRIDS, "tiny", {"Wide": ("cut", TINY | {"discriminator.layers": 5}), "Cut": ("cut", TINY)})
    wide, cut = _study(domains, tmp_path / "out", steps=10)
    assert wide.failed.startswith("can't be trained: data.crop is 16: this discriminator needs")
    assert (wide.steps, cut.steps) == (0, 10)
    _study(domains, tmp_path / "out", steps=10)
    assert trained == ["Wide 0", "Cut 0", "Wide 0"]
    with pytest.raises(ConfigError, match="this discriminator needs"):
        _study(domains, tmp_path / "none", steps=10, only=("Wide",))


def test_the_steps_are_those_that_fit_into_the_time(
    trained: list[str], domains: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A quarter of a minute at half a second a step is 30 steps."""
    monkeypatch.setattr(study_run, "_step_seconds", lambda folder, turns: 0.5)
    rows = _study(domains, tmp_path / "out", minutes=0.25)
    assert [(row.steps, row.ms_a_step) for row in rows] == [(30, 500.0), (30, 500.0)]
    config = read(run.RunRecord, tmp_path / "out" / "Cut" / "seed-0" / RUN_FILE).config
    assert config.steps == 30  # the schedule ends with the run


@pytest.mark.parametrize(("turns", "expected"), [(1, 2.5), (2, 19.0)])
def test_a_step_takes_the_median_of_all_but_the_first(tmp_path: Path, turns: int, expected: float):
    """Steps of 9, 8, 3, 1, 2 and 70 seconds: without the first two 3, 1, 2 and 70, whose median is 2.5; by rounds of
    two 2 and 36 a step, whose median is 19."""
    records = [{"kind": "train", "step": n, "seconds": t} for n, t in enumerate((0, 9, 17, 20, 21, 23, 93), 1)]
    records.insert(4, {"kind": "validation", "step": 4, "kernel": 1.0})
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    assert study_run._step_seconds(tmp_path, turns) == expected


def test_a_step_that_is_not_logged_counts_with_its_neighbours(tmp_path: Path):
    """30 seconds for ten steps."""
    records = [{"kind": "train", "step": 10 * n, "seconds": 30.0 * n} for n in range(6)]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    assert study_run._step_seconds(tmp_path) == 3.0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"grid": "everything"}, "everything: no such study; known: unpaired, pix2pix"),
        ({"only": ("Cat",)}, "Cat: no such cell of tiny; known: Cycle, Cut"),
        ({"changes": {"data.crp": 3}}, "data.crp: no such setting"),
        ({"changes": {"batch_size": 0}}, "batch_size is 0"),
        ({"changes": {"steps": 5}}, "steps can't be set in a study: --steps gives"),
        ({"changes": {"seed": 5}}, "seed can't be set in a study: --seeds gives"),
        ({"minutes": 0}, "minutes is 0"),
        ({"minutes": float("nan")}, "minutes is nan"),
        ({"minutes": 1, "steps": 20}, "a study has one budget"),
        ({"steps": 9}, "steps is 9"),
        ({"seeds": 0}, "seeds is 0"),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_trained(
    trained: list[str], domains: Path, tmp_path: Path, options: dict[str, Any], said: str
):
    with pytest.raises(ConfigError) as caught:
        _study(domains, tmp_path / "out", **options)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not trained
    assert not (tmp_path / "out").exists()


def test_an_unknown_device_is_refused_before_anything_is_trained(trained: list[str], domains: Path, tmp_path: Path):
    with pytest.raises(ConfigError, match="device is 'tpu'"):
        study(_asked(domains), tmp_path / "out", device="tpu")
    assert not trained


def test_data_without_two_held_out_pictures_of_each_domain_are_refused_at_once(
    trained: list[str], domains: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(run, "train", None)
    with pytest.raises(DatasetError, match=r"Cycle: .*two of each domain; raise data\.holdout"):
        _study(domains, tmp_path / "out", changes={"data.holdout": 1})


def test_a_scorer_for_pictures_without_pairs_is_refused(trained: list[str], domains: Path, tmp_path: Path):
    with pytest.raises(ConfigError, match="--scorer reads photos made of label maps"):
        _study(domains, tmp_path / "out", scorer="street-segmentation")


def test_after_a_mistake_the_same_folder_can_be_used(trained: list[str], domains: Path, tmp_path: Path):
    with pytest.raises(DatasetError, match="does not exist"):
        _study(tmp_path / "nowhere", tmp_path / "out")
    assert [row.name for row in _study(domains, tmp_path / "out")] == NAMES


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"minutes": 0.5}, "minutes"),
        ({"changes": {"batch_size": 2}}, "changes"),
        ({"scorer": "street-segmentation"}, "scorer"),
    ],
)
def test_rows_of_another_study_are_not_mixed_in(
    trained: list[str], domains: Path, tmp_path: Path, options: dict[str, Any], what: str
):
    (tmp_path / "out" / "Cycle" / "seed-0").mkdir(parents=True)
    (tmp_path / "out" / "Cycle" / "seed-0" / RUN_FILE).touch()
    (tmp_path / "out" / "study.json").write_text(_asked(domains).model_dump_json())
    with pytest.raises(ConfigError, match=f"holds a study with other {what}"):
        _study(domains, tmp_path / "out", **options)
    (tmp_path / "out" / "study.json").write_text("{")
    with pytest.raises(ConfigError, match="not a readable JSON file"):
        _study(domains, tmp_path / "out")
    assert not trained


def test_two_studies_do_not_write_into_one_folder(trained: list[str], domains: Path, tmp_path: Path):
    with (
        held(tmp_path / "out" / ".lock", "busy"),
        pytest.raises(TranslateError, match="out: another process carries out a study here"),
    ):
        _study(domains, tmp_path / "out")
    assert not trained
    assert [row.name for row in _study(domains, tmp_path / "out")] == NAMES


def test_points_of_a_mixture_need_no_data(trained: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    small = {"generator.filters": 4, "discriminator.filters": 4, "validate_every": 5}
    monkeypatch.setitem(GRIDS, "tiny", {"Ring": ("mixture", small)})
    (row,) = _study(None, tmp_path / "out", steps=10)
    assert row.against == "2,500 points of 8 modes"
    assert set(row.figures) == {"modes", "good", "misplaced"}
    assert [record["step"] for record in _validations(folder(tmp_path / "out", "Ring", 0))] == [5, 10]


WAITING = """
import signal
import sys
from pathlib import Path
from translate.evaluation.study_run import _stoppable, alone


def task(folder):
    with _stoppable() as stop:
        Path(folder, "began").touch()
        stop.wait(60)
        Path(folder, "saved").touch()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background begins without one
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
    config = settings("unpaired", TINY, steps=12)["CycleGAN"]
    job = Job(
        name="Cycle",
        config=config,
        source=run.Source(root=domains),
        folder=tmp_path / "run",
        minutes=None,
        device="cpu",
    )
    row = alone(train_cell, job)
    assert row is not None
    assert row.steps == read_log(tmp_path / "run")[-1]["step"] == 12
    assert row.peak_memory_mib is None or row.peak_memory_mib > 50
    nowhere = replace(job, source=run.Source(root=tmp_path / "nowhere"), folder=tmp_path / "none")
    with pytest.raises(DatasetError, match="nowhere: does not exist") as caught:
        alone(train_cell, nowhere)
    assert "\n" not in str(caught.value)
    with pytest.raises(TranslateError, match="its process was killed"):
        alone(os.abort)
