"""`translate train` as a user meets it: a run from the shell, its refusals, its resumption."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from translate.cli.main import main

SMALL = [
    "--batch-size=2",
    "--size=16",
    "--set=generator.filters=4",
    "--set=generator.depth=2",
    "--set=discriminator.filters=4",
    "--set=discriminator.layers=1",
    "--set=data.holdout=2",
    "--set=workers=0",
    "--device=cpu",
]


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Five pairs of noise, enough to train on and to hold two out."""
    rng = np.random.default_rng(0)
    for side in ("photo", "map"):
        (tmp_path / "my data" / side).mkdir(parents=True)
        for number in range(5):
            picture = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
            Image.fromarray(picture).save(tmp_path / "my data" / side / f"näme {number}.png")
    return tmp_path / "my data"


class Shell:
    """Runs the command line in this process: a new one would spend its time importing torch."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *arguments: str) -> tuple[int, str, list[str]]:
        """Exit code, standard output, and the lines of standard error that are errors."""
        self.monkeypatch.setattr(sys, "argv", ["translate", "train", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self.capsys.readouterr()
        assert "Traceback" not in err
        return int(ended.value.code or 0), out, [line for line in err.splitlines() if line.startswith("error: ")]


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(monkeypatch, capsys)


def test_a_run_from_folder_to_model_and_on(train: Shell, pairs: Path, tmp_path: Path):
    code, out, _ = train("pix2pix", "--data", str(pairs), "--steps=2", "--json", *SMALL)
    assert code == 0
    last = json.loads(out.splitlines()[-1])
    assert (last["kind"], last["step"]) == ("done", 2)
    run = tmp_path / "runs" / "pix2pix"
    assert json.loads((run / "config.json").read_text())["generator"]["filters"] == 4
    code, _, errors = train("pix2pix", "--data", str(pairs), "--steps=2", *SMALL)
    assert code == 2
    assert len(errors) == 1
    assert "go on with --resume" in errors[0]
    code, out, _ = train("--resume", "--out=runs/pix2pix", "--steps=3", "--device=cpu")
    assert code == 0
    assert "step 3" in out


def test_a_dry_run_tells_the_plan_and_writes_nothing(train: Shell, pairs: Path, tmp_path: Path):
    code, out, _ = train("pix2pix", "--data", str(pairs), "--dry-run", "--json", *SMALL)
    assert code == 0
    plan = json.loads(out)
    assert plan["pairs"] == {"train": 3, "val": 2}
    assert plan["config"]["data"]["size"] == 16
    assert plan["config"]["data"]["load_size"] == 18
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pix3pix", "--data", "my data"], "pix3pix: no such preset"),
        (["pix2pix"], "no data folder given"),
        (["pix2pix", "--data", "nowhere"], "nowhere: does not exist"),
        (["pix2pix", "--data", "my data", "--set", "data.crp=3"], "data.crp: no such setting"),
        (["pix2pix", "--data", "my data", "--set", "steps"], "expected key=value"),
        (["pix2pix", "--data", "my data", "--steps=0"], "steps is 0"),
        (["pix2pix", "--data", "my data", "--direction=BtoC"], "data.direction is 'BtoC'"),
        (["pix2pix", "--data", "my data", "--device=tpu"], "device is 'tpu'"),
        (["pix2pix", "--data", "my data", "--init=nothing"], "no model 'nothing'"),
        (["segmentation", "--data", "my data"], "labels"),
        (["--resume", "--out=nowhere"], "no training to resume"),
        (["--resume"], "--resume needs --out"),
        ([], "name a preset"),
    ],
)
@pytest.mark.usefixtures("pairs")
def test_a_mistake_is_one_line_and_exit_code_2(train: Shell, arguments: list[str], said: str, tmp_path: Path):
    code, _, errors = train(*arguments)
    assert code == 2
    assert len(errors) == 1
    assert said in errors[0]
    assert not list((tmp_path / "runs").glob("*/state"))


def test_an_output_folder_that_cannot_be_made_is_one_line(train: Shell, pairs: Path, tmp_path: Path):
    (tmp_path / "file").touch()
    code, _, errors = train("pix2pix", "--data", str(pairs), "--steps=1", "--out=file/run", *SMALL)
    assert code == 2
    assert len(errors) == 1
    assert "Not a directory" in errors[0]


def test_a_polite_kill_saves_where_it_is(pairs: Path, tmp_path: Path):
    arguments = ["pix2pix", "--data", str(pairs), "--steps=100000", "--json", "--set=log_every=1", *SMALL]
    command = [sys.executable, "-m", "translate", "train", *arguments]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)
        out = process.stdout.read()
        assert process.wait(timeout=60) == 0
    assert time.monotonic() - asked < 30
    done = json.loads(out.splitlines()[-1])
    state = json.loads((tmp_path / "runs" / "pix2pix" / "state" / "state.json").read_text())
    assert state["facts"]["standing"]["step"] == done["step"] >= 1
