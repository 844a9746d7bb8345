"""Asking for things, and being refused; processes that only fail, so that no torch is loaded."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.jobs.conftest import ended, recorded, until
from translate import jobs
from translate.errors import CheckpointError, ConfigError, TranslateError
from translate.jobs import control
from translate.locking import held


def living(folder: Path, **facts: object) -> Path:
    """A job whose process is this one."""
    own = psutil.Process()
    return recorded(folder, **({"state": "running", "pid": own.pid, "born": own.create_time()} | facts))


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The signals that would have been sent."""
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    return sent


def test_a_taken_name_and_one_that_no_folder_may_have_are_refused(runs: Path) -> None:
    (runs / "taken").mkdir()
    with pytest.raises(CheckpointError, match="taken: is there already; choose another name"):
        jobs.start("taken", ["pix2pix"])
    with pytest.raises(CheckpointError, match="street-segmentation: is the name of a model already"):
        jobs.start("street-segmentation", ["pix2pix"])
    for name in ("", "../up", "a b", ".hidden", "-x"):
        with pytest.raises(CheckpointError, match="no name for a model"):
            jobs.start(name, ["pix2pix"])
    assert [path.name for path in runs.iterdir()] == ["taken"]


def test_jobs_begin_one_after_the_other_in_the_order_they_were_asked_for(runs: Path) -> None:
    with held(runs / ".accelerator", "busy"):
        for name in ("first", "second", "third"):
            jobs.start(name, ["no-such-preset"])
        until(lambda: all(job.record.pid for job in jobs.jobs()))
        assert {job.state for job in jobs.jobs()} == {"queued"}
        jobs.stop("second")
        until(lambda: ended("second"))
    until(lambda: ended("first") and ended("third"))
    assert jobs.find("second").state == "stopped"
    assert jobs.find("second").record.message == "it had not begun to train"
    for name in ("first", "third"):
        job = jobs.find(name)
        assert job.state == "failed"
        assert job.record.message.startswith("no-such-preset: no such preset; known: pix2pix, ")
        until(lambda folder=job.folder: "error: no-such-preset: no such preset" in jobs.tail(folder))
    first, third = (jobs.find(name).folder / "job.json" for name in ("first", "third"))
    assert first.stat().st_mtime_ns < third.stat().st_mtime_ns
    assert not (runs / ".accelerator").exists()


def test_to_stop_is_asked_once_and_again_only_after_a_while(
    runs: Path, signals: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    living(runs / "mine")
    assert jobs.pause("mine").wish == "paused"
    assert jobs.stop("mine").wish == "paused"
    assert signals == [(os.getpid(), signal.SIGTERM)]
    monkeypatch.setattr(control, "PATIENCE", -1.0)
    assert jobs.stop("mine").wish == "stopped"
    assert len(signals) == 2


def test_what_does_not_run_is_not_stopped_and_what_runs_is_not_resumed_or_deleted(
    runs: Path, signals: list[tuple[int, int]]
) -> None:
    living(runs / "mine")
    recorded(runs / "done", state="finished")
    with pytest.raises(ConfigError, match="done: is finished, so there is nothing to stop"):
        jobs.stop("done")
    with pytest.raises(ConfigError, match="done: has finished; to train longer"):
        jobs.resume("done")
    with pytest.raises(ConfigError, match="mine: is running already"):
        jobs.resume("mine")
    with pytest.raises(ConfigError, match="mine: is running; stop it first"):
        jobs.delete("mine")
    assert signals == []


def test_a_deleted_job_leaves_nothing_and_a_linked_one_only_its_link(runs: Path, tmp_path: Path) -> None:
    recorded(runs / "done", state="finished")
    elsewhere = recorded(tmp_path / "elsewhere", state="finished")
    (runs / "linked").symlink_to(elsewhere)
    assert jobs.delete("done") == Path("runs/done")
    jobs.delete("linked")
    assert list(runs.iterdir()) == []
    assert (elsewhere / "job.json").is_file()


def test_a_job_whose_run_a_shell_trains_is_not_deleted_under_it(runs: Path) -> None:
    folder = recorded(runs / "done", state="finished")
    with (
        held(folder / ".lock", "busy"),
        pytest.raises(TranslateError, match="done: a training is under way here; stop it first"),
    ):
        jobs.delete("done")
    assert (folder / "job.json").is_file()
    jobs.delete("done")
    assert list(runs.iterdir()) == []


def test_what_an_interrupted_removal_left_does_not_stand_in_the_way_of_the_next(runs: Path) -> None:
    recorded(runs / "done", state="finished")
    (runs / ".done.deleted" / "state").mkdir(parents=True)
    jobs.delete("done")
    assert list(runs.iterdir()) == []


def test_a_system_that_starts_no_process_is_told_and_written_down(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control.sys, "executable", str(runs / "no-python"))
    with pytest.raises(ConfigError, match="no process could be started"):
        jobs.start("mine", ["pix2pix"])
    assert jobs.find("mine").state == "failed"


def test_where_nothing_was_saved_a_resumed_job_begins_anew_and_else_goes_on(runs: Path) -> None:
    folder = recorded(runs / "mine", words=("pix2pix", "--data=/d"), device="cpu", changes=("--steps=9",))
    own = ["--out", str(folder), "--device", "cpu", "--steps=9"]
    assert control.words_of(folder, jobs.find("mine").record) == ["pix2pix", "--data=/d", *own]
    (folder / "state.previous").mkdir()
    assert control.words_of(folder, jobs.find("mine").record) == ["--resume", *own]
