import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from typer.testing import CliRunner

from translate import checkpoints
from translate.cli import evaluate as command
from translate.config import DataConfig, GeneratorConfig, ModelConfig
from translate.errors import CheckpointError, ConfigError
from translate.evaluation.report import ClassScore, Report
from translate.networks import build_generator

app = typer.Typer()
app.command()(command.evaluate)


def _report(name: str, **changes) -> Report:
    facts = {
        "model": name,
        "sha256": "0123456789abcdef",
        "step": 500,
        "target": "labels",
        "data": "streets",
        "layout": "images/ labels/",
        "direction": "AtoB",
        "split": "val",
        "protocol": "both sides brought to 256 x 256",
        "pairs": 4,
        "pixels": 4000,
        "void": 96,
        "seconds": 0.2,
        "device": "cpu",
        "precision": "fp32",
        "scores": {"pixel_accuracy": 0.875, "class_accuracy": 0.7, "mean_iou": 0.5},
        "classes": (
            ClassScore(name="road", iou=0.5, accuracy=0.7, pixels=4000),
            ClassScore(name="sky", iou=float("nan"), accuracy=float("nan"), pixels=0),
        ),
        "confusion": ((3000, 1000), (0, 0)),
        "notes": ("left out of the means: sky",),
    }
    return Report(**(facts | changes))


def _domain_report(name: str, scores: dict[str, float]) -> Report:
    against = "4 translations against 3 real pictures, in the feature space here-128@96px-0123abcd"
    facts = {"target": "domain", "data": "animals", "layout": "horse/ zebra/", "classes": (), "confusion": ()}
    facts |= {"space": "here-128@96px-0123abcd", "counts": (4, 3), "biased": ("frechet",), "errors": {"kernel": 0.01}}
    facts["inputs"] = name
    return _report(name, **facts, scores=scores, pixels=0, void=0, notes=(), protocol=f"at 256 x 256; {against}")


@pytest.fixture
def scored(monkeypatch):
    """Lets the command find any model and gives it canned reports; returns what it was called with."""
    calls = []

    def score(model, data, **options):
        calls.append((model.name, data, options))
        return reports[model.name]

    reports = {
        "one": _report("one"),
        "two": _report("two", scores={"pixel_accuracy": 0.9, "class_accuracy": 0.8, "mean_iou": 0.6}),
        "three": _report(
            "three", target="image", classes=(), confusion=(), scores={"l1": 0.1, "psnr": 21.5, "ssim": 0.7}
        ),
        "there": _domain_report("there", {"kernel": 0.0625, "frechet": 12.5, "copied": 0.25}),
        "back": _domain_report("back", {"kernel": 0.125, "frechet": 1.75, "copied": float("nan")}),
    }
    monkeypatch.setattr("translate.catalog.find", lambda name: Path(name))
    kinds = {"there": "cyclegan", "back": "cut"}
    monkeypatch.setattr(
        "translate.checkpoints.load_config",
        lambda folder: SimpleNamespace(kind=kinds.get(folder.name, "pix2pix")),
    )
    monkeypatch.setattr("translate.evaluation.evaluate.evaluate", score)
    return calls


def _run(*arguments: str):
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def test_a_table_has_a_column_a_model_and_a_row_a_figure(scored):
    lines = _run("one", "two", "--data", "streets").output.splitlines()
    rows = {line[:16].strip(): line.split()[-2:] for line in lines if not line.startswith((" " * 3, "one:", "two:"))}
    assert rows["mean IoU"] == ["0.5000", "0.6000"]
    assert rows["pixel accuracy"] == ["0.8750", "0.9000"]
    assert rows["road"] == ["0.5000", "0.5000"]
    assert rows["sky"] == ["-", "-"]


def test_what_was_scored_is_told_with_the_scores(scored):
    output = _run("one", "--data", "streets").output
    for fact in (
        "4 pairs of streets (val)",
        "4,000 pixels, 96 void left out",
        "256 x 256",
        "0123456789ab",
        "50 ms a picture",
    ):
        assert fact in output
    assert "note: left out of the means: sky" in output


def test_label_and_picture_models_get_a_table_each(scored):
    output = _run("one", "three", "--data", "streets").output
    assert output.index("mean IoU") < output.index("three:") < output.index("PSNR (dB)")
    assert "quite compare" not in output


def test_models_trained_without_pairs_get_distances_and_the_name_of_their_space(scored):
    output = _run("there", "back", "--data", "animals").output
    assert "there: 4 inputs of animals (val)\n" in output
    assert "4 translations against 3 real pictures, in the feature space here-128@96px-0123abcd" in output
    table = output.splitlines()[-7:]
    assert [" ".join(line.split()) for line in table] == [
        "there back",
        "left as it was 0.2500 -",
        "feature space here-128@96px-0123abcd",
        "judged and real pictures 4 and 3 4 and 3",
        "kernel distance 0.0625 ± 0.01 0.1250 ± 0.01",
        "Fréchet distance 12.50 † 1.7500 †",
        "note: each model was scored on pictures of its own, so that figures don't quite compare; --split test or all "
        "takes the same for all",
    ]
    assert len({len(line) for line in (table[0], table[1], table[3], table[4], table[5])}) == 1
    assert "† biased by few pictures" in output


@pytest.mark.parametrize("models", [("one", "there"), ("back", "three", "there")])
def test_models_with_and_without_pairs_are_not_scored_in_one_call(scored, models):
    with pytest.raises(ConfigError, match=r"trained without pairs and .* on pairs.*evaluate them in two calls") as told:
        _run(*models, "--data", "streets")
    assert "\n" not in str(told.value)
    assert not scored


def test_the_confusion_matrix_is_printed_on_demand(scored):
    assert "rows truth" not in _run("one", "--data", "streets").output
    output = _run("one", "--data", "streets", "--confusion").output
    row = next(line for line in output.splitlines() if line.startswith("road") and "75.0" in line)
    assert row.split() == ["road", "75.0", "25.0"]


def test_json_holds_every_report(scored, tmp_path):
    out = tmp_path / "scores.json"
    _run("one", "two", "--data", "streets", "--json", str(out))
    stored = json.loads(out.read_text())["reports"]
    assert [report["model"] for report in stored] == ["one", "two"]
    assert stored[0]["confusion"] == [[3000, 1000], [0, 0]]
    assert stored[0]["classes"][1]["iou"] is None


def test_options_reach_the_evaluation(scored):
    _run("one", "--a", "x", "--b", "y", "--split", "test", "--at", "own", "--direction", "BtoA", "--batch-size", "3")
    _, data, options = scored[0]
    assert data is None
    assert (str(options["a"]), str(options["b"]), options["split"], options["at"]) == ("x", "y", "test", "own")
    assert (options["direction"], options["batch_size"], options["device"]) == ("BtoA", 3, "auto")


@pytest.mark.parametrize(
    "option", [("--split", "best"), ("--at", "once"), ("--direction", "up"), ("--batch-size", "0")]
)
def test_unknown_choices_are_refused_as_the_users_mistake(scored, option):
    assert _run("one", "--data", "streets", *option).exit_code == 2
    assert not scored


def test_a_json_file_that_can_not_be_written_is_refused_before_scoring(scored, tmp_path):
    for out in (tmp_path, tmp_path / "missing" / "scores.json"):
        with pytest.raises(ConfigError, match="--json"):
            _run("one", "--data", "streets", "--json", str(out))
    assert not scored


def test_the_second_models_name_is_checked_before_the_first_is_scored(scored, monkeypatch):
    def find(name):
        if name == "two":
            raise CheckpointError("no model 'two'")

    monkeypatch.setattr("translate.catalog.find", find)
    with pytest.raises(CheckpointError):
        _run("one", "two", "--data", "streets")
    assert not scored


def _folders(tmp_path: Path, brighter: int = 51) -> tuple[str, str]:
    """Two folders of six smooth pictures; those of the first are brighter."""
    random = np.random.default_rng(0)
    for name in ("made", "real"):
        (tmp_path / name).mkdir()
    for number in range(6):
        coarse = Image.fromarray(random.integers(60, 180, (3, 3, 3), dtype=np.uint8))
        pixels = np.asarray(coarse.resize((20, 24), Image.Resampling.BILINEAR))
        Image.fromarray(pixels).save(tmp_path / "real" / f"{number}.png")
        Image.fromarray(pixels + np.uint8(brighter)).save(tmp_path / "made" / f"{number}.png")
    return str(tmp_path / "made"), str(tmp_path / "real")


def test_without_a_model_two_folders_are_compared(cli, tmp_path):
    """51 of 255 levels brighter is an L1 of 0.4 on [-1, 1]."""
    made, real = _folders(tmp_path)
    code, out, _ = cli("evaluate", "--a", made, "--b", real, "--features", "shipped", "--device", "cpu")
    assert code == 0
    assert out.startswith(f"{made} against {real}: 6 and 6 pictures, 6 pairs, 2,880 pixels\n")
    table = {line[:28].strip(): line.split()[-1] for line in out.splitlines() if line}
    assert (table["L1"], table["PSNR (dB)"], table["MS-SSIM"]) == ("0.4000", "13.98", "-")
    assert "  kernel distance" in out
    code, out, _ = cli("evaluate", "--a", made, "--b", real, "--unpaired", "--features", "shipped", "--device", "cpu")
    assert (code, "L1" in out, "6 and 6" in out) == (0, False, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "nothing to score: name a model, or give two folders"),
        (["--a", "made"], "nothing to score"),
        (["--a", "made", "--b", "real", "--at", "own"], "--at is about a model"),
        (["--a", "made", "--b", "real", "--split", "val"], "--split is about a model"),
        (["--a", "made", "--b", "real", "--batch-size", "4"], "--batch-size is about a model"),
        (["--a", "made", "--b", "real", "--precision", "bf16"], "--precision is about a model"),
        (["--data", "made"], "--data is about a model"),
        (["--a", "made", "--b", "nowhere"], "nowhere: does not exist"),
        (["--a", "made", "--b", "real", "--report", "made/0.png"], "is a file"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(cli, tmp_path, monkeypatch, options: list[str], said: str):
    _folders(tmp_path)
    monkeypatch.chdir(tmp_path)
    code, out, err = cli("evaluate", *options)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_a_report_of_two_folders_is_a_page_figures_and_pictures(cli, tmp_path):
    made, real = _folders(tmp_path)
    out = tmp_path / "new" / "page"
    code, said, _ = cli(
        "evaluate", "--a", made, "--b", real, "--features", "shipped", "--device", "cpu", "--report", str(out)
    )
    assert (code, said.splitlines()[-1]) == (0, f"{out}: report.md, report.json, and samples.png to look at")
    stored = json.loads((out / "report.json").read_text())["reports"][0]
    assert (stored["data"], stored["against"], stored["counts"], stored["pairs"]) == (made, real, [6, 6], 6)
    assert f"(feature space {stored['space']})" in (out / "report.md").read_text()
    with Image.open(out / "samples.png") as sheet:
        assert sheet.width == 4 + 2 * (213 + 4)


def test_a_report_of_several_models_has_a_column_a_model(cli, tmp_path, make_stored):
    models = [str(make_stored(name)) for name in ("first", "second")]
    made, real = _folders(tmp_path)
    out = tmp_path / "page"
    code, said, err = cli("evaluate", *models, "--a", made, "--b", real, "--device", "cpu", "--report", str(out))
    assert (code, "Traceback" in err) == (0, False)
    assert "quite compare" not in said
    page = (out / "report.md").read_text()
    assert "|  | first | second |" in page
    assert "From above: `0`, `1`, `2`, `3`, `4`, `5`." in page
    stored = json.loads((out / "report.json").read_text())["reports"]
    assert [report["model"] for report in stored] == ["first", "second"]
    assert stored[0]["inputs"] == stored[1]["inputs"]
    with Image.open(out / "samples.png") as sheet:
        assert sheet.width == 4 + 4 * (256 + 4)


@pytest.fixture
def make_stored(tmp_path):
    """Stores a small random model of pictures; returns its folder."""

    def make(name: str) -> Path:
        torch.manual_seed(len(name))
        generator = GeneratorConfig(filters=4, max_filters=8, depth=3)
        data = DataConfig(size=32, crop=32, load_size=32)
        config = ModelConfig(name=name, generator=generator, data=data)
        checkpoints.save_model(tmp_path / name, build_generator(generator), config)
        return tmp_path / name

    return make
