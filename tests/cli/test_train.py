"""`translate train` as a user meets it: a run from the shell, its refusals, its resumption."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from translate.cli.main import main
from translate.cli.part_progress import watched

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


@pytest.fixture
def domains(tmp_path: Path) -> Path:
    """Six pictures of horses and five of zebras, with no name in common."""
    rng = np.random.default_rng(1)
    for name, count in (("horse", 6), ("zebra", 5)):
        (tmp_path / "animals" / name).mkdir(parents=True)
        for number in range(count):
            picture = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
            Image.fromarray(picture).save(tmp_path / "animals" / name / f"{name}{number}.png")
    return tmp_path / "animals"


class Shell:
    """Runs the command line in this process: a new one would spend its time importing torch."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *arguments: str, verb: str = "train") -> tuple[int, str, list[str]]:
        """Exit code, standard output, and the lines of standard error that are errors."""
        self.monkeypatch.setattr(sys, "argv", ["translate", verb, *arguments])
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


def test_what_a_resumed_run_would_not_hear_is_refused(train: Shell, pairs: Path):
    assert train("pix2pix", "--data", str(pairs), "--steps=1", *SMALL)[0] == 0
    again = ("--resume", "--out=runs/pix2pix", "--steps=2", "--dry-run")
    # The last command once more: the same data, by another way, and the same preset.
    assert train("pix2pix", "--data=./my data/../my data", *again)[0] == 0
    for given in ("--data=elsewhere", "--a=my data/photo", "--b=my data/map", "--size=16", "--init=facade-photo"):
        name = given.partition("=")[0]
        said = f"error: {name} can't change when a run is resumed; leave it out"
        assert train(given, *again)[::2] == (2, [said])
    said = "error: runs/pix2pix is a run of the preset pix2pix, not of cyclegan; leave it out"
    assert train("cyclegan", *again)[::2] == (2, [said])


def test_a_dry_run_tells_the_plan_and_writes_nothing(train: Shell, pairs: Path, tmp_path: Path):
    code, out, _ = train("pix2pix", "--data", str(pairs), "--dry-run", "--json", *SMALL)
    assert code == 0
    plan = json.loads(out)
    assert plan["counts"] == {"train": {"pairs": 3}, "val": {"pairs": 2}}
    assert plan["config"]["data"]["size"] == 16
    assert plan["config"]["data"]["load_size"] == 18
    assert not (tmp_path / "runs").exists()


def test_a_run_on_two_domains_leaves_a_model_of_each_direction(train: Shell, domains: Path, tmp_path: Path):
    command = ["cyclegan", "--data", str(domains), *SMALL, "--set=generator.blocks=1"]
    code, out, _ = train(*command, "--steps=2", "--out=runs/herd")
    assert code == 0
    first, *lines = out.splitlines()
    assert first == "runs/herd: step 2"
    folders = [f"runs/herd/{name}" for name in ("AtoB", "BtoA")]
    for line, folder in zip(lines, folders, strict=True):
        assert line.startswith("best ")
        assert line.endswith(f"at step 2; use it: translate apply {folder} PHOTO -o OUT.png")
    for name, photo in (("AtoB", "horse/horse0.png"), ("BtoA", "zebra/zebra0.png")):
        model, result = f"runs/herd/{name}", tmp_path / f"{name}.png"
        assert train(model, str(domains / photo), "-o", str(result), "--device=cpu", verb="apply")[0] == 0
        assert Image.open(result).size == (24, 20)
    code, out, _ = train("--resume", "runs/herd", "--steps=3", "--device=cpu", "--json")
    assert code == 0
    last = json.loads(out.splitlines()[-1])
    assert (last["kind"], last["step"], last["models"]) == (
        "done",
        3,
        dict(zip(("AtoB", "BtoA"), folders, strict=True)),
    )
    assert set(last["best"]) == set(last["best_step"]) == {"AtoB", "BtoA"}
    # Going on from both models of it, as a new run; the run itself is none.
    started = ["--steps=1", "--out=runs/second"]
    code, _, errors = train(*command, *started, "--init=herd")
    assert code == 2
    assert errors == ["error: herd holds two models: herd/AtoB and herd/BtoA; name one"]
    assert train(*command, *started, "--init=runs/herd/AtoB")[0] == 0
    assert (tmp_path / "runs" / "second" / "BtoA" / "model.safetensors").is_file()


def test_one_direction_leaves_one_model(train: Shell, domains: Path, tmp_path: Path):
    command = ["fastcut", "--data", str(domains), *SMALL, "--set=generator.blocks=1", "--direction=BtoA"]
    code, out, _ = train(*command, "--steps=1", "--json", "--set=objective.patches=4")
    assert code == 0
    assert json.loads(out.splitlines()[-1])["models"] == {"AtoB": "runs/fastcut"}
    model = json.loads((tmp_path / "runs" / "fastcut" / "config.json").read_text())
    assert (model["kind"], model["data"]["direction"]) == ("cut", "BtoA")


def test_a_dry_run_on_two_domains_counts_both(train: Shell, domains: Path, tmp_path: Path):
    command = ["cyclegan", "--data", str(domains), "--dry-run", *SMALL]
    code, out, _ = train(*command, "--json")
    assert code == 0
    plan = json.loads(out)
    assert plan["counts"] == {"train": {"A": 4, "B": 3}, "val": {"A": 2, "B": 2}}
    assert plan["layout"] == "horse/ zebra/"
    code, out, _ = train(*command)
    assert out.splitlines()[0] == "data: horse/ zebra/; train 4 A + 3 B, val 2 A + 2 B"
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("layout", ["horse zebra", "trainA trainB", "--a --b"])
def test_pairs_that_are_none_are_told_how_to_be_trained_on(train: Shell, domains: Path, layout: str):
    given, kind = ["--data", str(domains)], layout.replace(" ", "/ ") + "/"
    if layout == "trainA trainB":
        (domains / "horse").rename(domains / "trainA")
        (domains / "zebra").rename(domains / "trainB")
    elif layout == "--a --b":
        given, kind = ["--a", str(domains / "horse"), "--b", str(domains / "zebra")], "two folders, horse/ and zebra/"
    code, _, errors = train("pix2pix", *given, *SMALL)
    assert code == 2
    assert len(errors) == 1
    assert errors[0].endswith(f"; it looks unpaired ({kind}): train cyclegan or cut on it")


def test_no_such_advice_where_the_trouble_is_another(train: Shell, pairs: Path):
    (pairs / "map" / "näme 0.png").write_bytes(b"")
    code, _, errors = train("pix2pix", "--data", str(pairs), *SMALL)
    assert code == 2
    assert "unpaired" not in errors[0]


def test_domains_that_are_pairs_are_told_how_to_be_trained_on(train: Shell, tmp_path: Path):
    (tmp_path / "facades").mkdir()
    for number in range(4):
        Image.new("RGB", (64, 32), (40 * number, 0, 0)).save(tmp_path / "facades" / f"{number}.png")
    code, _, errors = train("cyclegan", "--data=facades", *SMALL)
    assert code == 2
    assert len(errors) == 1
    assert "look like A and B side by side: those are pairs, train pix2pix on them" in errors[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["cyclegan", "--direction=BtoA"], "CycleGAN learns both directions at once"),
        (["cut", "--set=data.target=labels"], "label maps are learnt from pairs"),
        (["cut", "--set=generator.out_channels=1"], "the domains have 3 and 1 channels"),
        (["cyclegan", "--set=generator.out_channels=1"], "set it to 0"),
        (["cyclegan", "--set=objective.lambda_l1=1"], "objective.lambda_l1: no such setting"),
        (["cyclegan", "--set=data.holdout=5"], "leaving none to train on"),
    ],
)
def test_a_mistake_about_domains_is_one_line(
    train: Shell, domains: Path, arguments: list[str], said: str, tmp_path: Path
):
    code, _, errors = train("--data", str(domains), *SMALL, "--set=generator.blocks=1", *arguments)
    assert code == 2
    assert len(errors) == 1
    assert said in errors[0]
    assert not list((tmp_path / "runs").glob("*/state"))


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


def test_a_reader_that_leaves_ends_the_training_saved_and_without_a_traceback(pairs: Path, tmp_path: Path):
    """As `translate train ... --json | head -1`."""
    arguments = ["pix2pix", "--data", str(pairs), "--steps=100000", "--json", "--set=log_every=1", *SMALL]
    command = [sys.executable, "-m", "translate", "train", *arguments]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        first = json.loads(process.stdout.readline())
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait(timeout=60) == 0
    assert said.splitlines()[-1] == "nobody reads what is printed any more; the training is saved and ends"
    assert "Traceback" not in said
    state = json.loads((tmp_path / "runs" / "pix2pix" / "state" / "state.json").read_text())
    assert first["step"] < state["facts"]["standing"]["step"] < 100_000


def test_a_part_s_training_is_asked_to_stop_when_its_reader_leaves(monkeypatch: pytest.MonkeyPatch):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as closed, watched(2, as_json=True) as (stop, report):
        monkeypatch.setattr(sys, "stdout", closed)
        report(1, {"loss": 0.5})
        assert stop.is_set()
        report(2, {"loss": 0.25})  # goes nowhere, as the closing flush does
