"""The job's own process: real trainings of a few seconds, killed in the middle."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.jobs.conftest import SMALL, ended, recorded, until
from tests.trainers.resuming import different, state_of
from translate import jobs
from translate.errors import DatasetError
from translate.jobs.process import carry_out
from translate.jobs.record import WISH_FILE


@pytest.fixture(autouse=True)
def _as_urgent_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "nice", lambda _: 0)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_job_outlives_its_starter_and_when_killed_itself_is_resumed_without_a_trace(runs: Path, pairs: Path) -> None:
    words = [*SMALL, f"--data={pairs}"]
    code = f"""
        from translate import jobs
        jobs.start("mine", {words!r}, device="cpu")
        print("started", flush=True)
        import time; time.sleep(600)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"started\n"
        until(lambda: jobs.find("mine").record.pid)
        starter.kill()
    until(lambda: jobs.progress(runs / "mine").saved >= 20)
    job = jobs.find("mine")
    assert (job.state, job.wish) == ("running", None)
    assert job.record.pid is not None
    os.kill(job.record.pid, signal.SIGKILL)
    until(lambda: ended("mine"))
    job, killed = jobs.find("mine"), jobs.progress(runs / "mine")
    assert (job.state, job.can_resume) == ("interrupted", True)
    assert killed.step - killed.saved <= 20  # as often as it logs; it saves every 10 steps

    jobs.resume("mine")
    until(lambda: jobs.progress(runs / "mine").saved > killed.saved)
    jobs.pause("mine")
    until(lambda: ended("mine"))
    job, now = jobs.find("mine"), jobs.progress(runs / "mine")
    assert (job.state, job.record.message) == ("paused", f"saved at step {now.saved} of 300")

    jobs.resume("mine")
    until(lambda: ended("mine"))
    assert jobs.find("mine").state == "finished", jobs.tail(runs / "mine")
    straight = subprocess.run(
        [sys.executable, "-m", "translate", "train", *words, "--device=cpu", "--out=runs/straight"], capture_output=True
    )
    assert straight.returncode == 0, straight.stderr
    assert not different(state_of(runs / "straight"), state_of(runs / "mine"))


def saved(folder: Path, step: int, steps: int) -> None:
    """What a trainer leaves behind, but for tensors."""
    (folder / "state").mkdir()
    (folder / "state" / "state.json").write_text(json.dumps({"facts": {"standing": {"step": step}}}))
    (folder / "train.json").write_text(json.dumps({"config": {"steps": steps}}))


@pytest.mark.parametrize(
    ("step", "wish", "state", "message"),
    [
        (9, "", "finished", "9 steps"),
        (9, "stopped", "finished", "9 steps"),
        (5, "stopped", "stopped", "saved at step 5 of 9"),
        (5, "paused", "paused", "saved at step 5 of 9"),
        (5, "", "stopped", "from outside; saved at step 5 of 9"),
    ],
)
def test_how_a_training_ended_is_told_by_what_it_saved_and_what_was_asked(
    runs: Path, step: int, wish: str, state: str, message: str
) -> None:
    folder = recorded(runs / "mine")

    def train(words: list[str]) -> None:
        assert jobs.find("mine").state == "running"
        assert words == ["nothing", "--out", str(folder), "--device", "auto"]
        saved(folder, step, 9)
        if wish:
            (folder / WISH_FILE).write_text(wish)

    carry_out(folder, train)
    job = jobs.find("mine")
    assert (job.state, job.record.message) == (state, message)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (DatasetError("data: 2 files can't be used\n  a.png: broken\n  b.png: broken"),
         "data: 2 files can't be used (and 2 more lines in its log)"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
    ],
)  # fmt: skip
def test_a_failure_is_one_line_and_goes_on_to_whoever_called(runs: Path, error: Exception, message: str) -> None:
    def train(_: list[str]) -> None:
        raise error

    with pytest.raises(type(error)):
        carry_out(recorded(runs / "mine"), train)
    job = jobs.find("mine")
    assert (job.state, job.record.message) == ("failed", message)


def test_who_is_asked_to_stop_before_its_turn_never_trains(runs: Path) -> None:
    folder = recorded(runs / "mine")
    (folder / WISH_FILE).write_text("stopped")
    carry_out(folder, lambda _: pytest.fail("it trained"))
    assert jobs.find("mine").state == "stopped"
