"""What state a job is really in, whatever its file says."""

import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.jobs.conftest import recorded, until
from translate import jobs
from translate.errors import ConfigError
from translate.jobs.record import WISH_FILE


def test_a_job_whose_process_lives_is_what_its_file_says(runs: Path) -> None:
    own = psutil.Process()
    recorded(runs / "mine", state="running", pid=own.pid, born=own.create_time())
    job = jobs.find("mine")
    assert (job.state, job.is_active, job.can_resume) == ("running", True, False)


def test_a_recycled_number_is_not_the_job_s_process(runs: Path) -> None:
    own = psutil.Process()
    recorded(runs / "mine", state="running", pid=own.pid, born=own.create_time() - 60)
    job = jobs.find("mine")
    assert (job.state, job.is_active, job.can_resume) == ("interrupted", False, True)


def test_a_dead_process_that_nobody_has_waited_for_is_dead(runs: Path) -> None:
    with subprocess.Popen(["true"]) as child:
        until(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE)
        recorded(runs / "mine", state="running", pid=child.pid, born=psutil.Process(child.pid).create_time())
        assert jobs.find("mine").state == "interrupted"


@pytest.mark.parametrize(("age", "state"), [(5, "queued"), (3600, "interrupted")])
def test_a_process_on_its_way_is_waited_for_but_not_for_ever(runs: Path, age: float, state: str) -> None:
    recorded(runs / "mine", state="queued", asked=time.time() - age)
    assert jobs.find("mine").state == state


def test_a_process_that_died_of_being_asked_to_stop_is_what_it_was_asked_to_become(runs: Path) -> None:
    folder = recorded(runs / "mine", state="running", pid=2**22 + 7, born=1.0)
    (folder / WISH_FILE).write_text("paused")
    assert jobs.find("mine").state == "paused"


@pytest.mark.parametrize("name", ["", ".", "..", "none", "../runs/mine", "/", "a\0b", "x" * 5000])
def test_a_name_is_no_path(runs: Path, name: str) -> None:
    recorded(runs / "mine")
    with pytest.raises(ConfigError, match="no training job of that name"):
        jobs.find(name)


def test_jobs_are_listed_the_newest_first_and_a_broken_one_is_told(
    runs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for asked, name in enumerate(("b", "c", "a")):
        recorded(runs / name, asked=float(asked), state="finished")
    recorded(runs / ".c.deleted", state="finished")
    (runs / "broken").mkdir()
    (runs / "broken" / "job.json").write_text('{"words": 3}')
    assert [job.name for job in jobs.jobs()] == ["a", "c", "b"]
    assert "broken" in caplog.text
