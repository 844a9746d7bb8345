import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from translate.cli import evaluate as command
from translate.errors import CheckpointError, ConfigError
from translate.evaluation.report import ClassScore, Report

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


def test_models_trained_without_pairs_get_distances_and_the_name_of_their_space(scored):
    output = _run("there", "back", "--data", "animals").output
    assert "there: 4 inputs of animals (val)\n" in output
    assert "4 translations against 3 real pictures, in the feature space here-128@96px-0123abcd" in output
    rows = {line[:18].strip(): line.split()[-2:] for line in output.splitlines()[-4:]}
    assert rows == {
        "": ["there", "back"],
        "kernel distance": ["0.0625", "0.1250"],
        "Fréchet distance": ["12.50", "1.7500"],
        "left as it was": ["0.2500", "-"],
    }


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
