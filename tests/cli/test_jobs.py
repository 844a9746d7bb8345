"""`translate jobs` and `train --detach` as a user meets them."""

import json
import time
from pathlib import Path

import psutil
import pytest

from translate import jobs
from translate.jobs.record import Record, write


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("runs")


def recorded(folder: Path, **facts: object) -> None:
    folder.mkdir(parents=True)
    write(folder, Record.model_validate({"words": ("nothing",), "created": 1.0, "asked": 1.0} | facts))


def test_an_empty_list_says_how_to_start_one(cli) -> None:
    code, out, _ = cli("jobs", "list")
    assert (code, out) == (0, "no job in runs/; start one: translate train PRESET --data DIR --detach\n")
    assert json.loads(cli("jobs", "list", "--json")[1]) == []


def test_the_list_has_a_line_for_each_and_json_has_every_figure(cli, runs: Path) -> None:
    recorded(runs / "done", state="finished", message="9 steps")
    recorded(runs / "gone", state="running", pid=2**22 + 7, born=1.0, asked=2.0)
    code, out, _ = cli("jobs", "list")
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()] == [["gone", "interrupted"], ["done", "finished"]]
    assert out.splitlines()[1].endswith("9 steps")
    listed = json.loads(cli("jobs", "list", "--json")[1])
    assert [(job["name"], job["state"], job["step"], job["left"]) for job in listed] == [
        ("gone", "interrupted", 0, None), ("done", "finished", 0, None),
    ]  # fmt: skip


@pytest.mark.parametrize("verb", ["watch", "pause", "resume", "stop", "delete"])
def test_an_unknown_name_is_one_line(cli, verb: str) -> None:
    code, _, err = cli("jobs", verb, "nobody")
    assert (code, err.count("\n")) == (2, 1)
    assert "'nobody': no training job of that name; `translate jobs list` shows all" in err


def test_watching_what_has_failed_ends_with_its_message(cli, runs: Path) -> None:
    recorded(runs / "bad", state="failed", message="data: 2 files can't be used")
    code, out, err = cli("jobs", "watch", "bad")
    assert (code, err) == (2, "error: bad: data: 2 files can't be used\n")
    assert out.startswith("failed")


def test_deleting_asks_and_with_nobody_there_wants_a_yes(cli, runs: Path) -> None:
    recorded(runs / "done", state="finished")
    code, _, err = cli("jobs", "delete", "done")
    assert (code, "nobody is there to be asked" in err) == (2, True)
    assert (runs / "done").is_dir()
    assert cli("jobs", "delete", "done", "--yes")[1] == "runs/done: deleted\n"
    assert not (runs / "done").exists()


def test_stopping_says_what_the_job_is_to_become(cli, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = psutil.Process()
    recorded(runs / "mine", state="running", pid=own.pid, born=own.create_time())
    monkeypatch.setattr("os.kill", lambda *_: None)
    code, out, _ = cli("jobs", "stop", "mine")
    assert (code, out) == (0, "mine: running      step 0  to be stopped\n")


def test_a_resumption_carries_its_changes(cli, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(runs / "done", state="finished")
    asked: list[object] = []
    monkeypatch.setattr(jobs, "resume", lambda *given, **named: asked.append((given, named)) or jobs.find("done"))
    cli("jobs", "resume", "done", "--steps=9", "--set", "patience=0", "--set", "workers=2")
    assert asked == [(("done", ["--steps=9", "--set=patience=0", "--set=workers=2"]), {"device": None})]


def test_a_detached_training_is_checked_first_and_then_queued_with_absolute_paths(
    cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    for side in "ab":
        (tmp_path / "data" / side).mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (20, 20)).save(tmp_path / "data" / side / f"{number}.png")
    asked: list[object] = []

    def start(name: str, words: list[str], *, device: str) -> jobs.Job:
        asked.append((name, words, device))
        recorded(Path("runs") / name, asked=time.time())
        return jobs.find(name)

    monkeypatch.setattr(jobs, "start", start)
    small = ["--steps=5", "--size=16", "--device=cpu", "--set=workers=0"]
    code, out, _ = cli("train", "pix2pix", "--data", "data", "--out", "runs/mine", "--detach", *small)
    assert (code, out) == (0, "runs/mine: queued; look at it: translate jobs watch mine\n")
    words = ["pix2pix", f"--data={tmp_path / 'data'}", "--size=16", "--steps=5", "--set=workers=0"]
    assert asked == [("mine", words, "cpu")]
    (tmp_path / "data" / "a" / "1.png").write_bytes(b"broken")
    assert cli("train", "pix2pix", "--data", "data", "--out", "runs/other", "--detach", *small)[0] == 2
    (tmp_path / "data" / "a" / "1.png").unlink()
    (tmp_path / "data" / "b" / "1.png").unlink()
    code, _, err = cli("train", "pix2pix", "--data", "data", "--out", "elsewhere/mine", "--detach", *small)
    assert (code, "jobs live in runs/" in err) == (2, True)
    assert len(asked) == 1
