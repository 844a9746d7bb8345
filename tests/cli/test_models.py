"""`translate models`: list, show, delete, verify."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from translate import catalog
from translate.checkpoints import load_config, save_model
from translate.config import ClassSpec, GeneratorConfig, HoldOut, ModelConfig
from translate.networks import build_generator


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One shipped model, one sound run, one run whose config is broken."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(catalog, "_PACKAGE", tmp_path / "site" / "translate")
    torch.manual_seed(0)
    network = GeneratorConfig(filters=4, depth=2)
    shipped = ModelConfig(name="shipped", title="Blue to green", generator=network, metrics={"l1": 0.125}, step=7)
    classes = (ClassSpec(name="road", color=(9, 9, 9)), ClassSpec(name="sky", color=(0, 0, 200)))
    labels = network.replace(head="labels", out_channels=2)
    held_out = HoldOut(seed=0, names=("x", "y"))
    run = ModelConfig(name="mine", generator=labels, classes=classes, held_out=held_out, preset="segmentation")
    save_model(tmp_path / "site/translate/_checkpoints/shipped", build_generator(network), shipped)
    save_model(tmp_path / "runs/mine", build_generator(labels), run)
    save_model(tmp_path / "runs/broken", build_generator(network), shipped)
    (tmp_path / "runs/broken/config.json").write_text("{")
    return tmp_path


def test_the_list_shows_what_there_is_and_what_is_broken(cli):
    code, out, err = cli("models", "list")
    lines = [line.split() for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert lines[0] == ["NAME", "SOURCE", "MAKES", "SIZE"]
    assert [line[:3] for line in lines[1:]] == [
        ["shipped", "shipped", "pictures"],
        ["broken", "run", "broken"],
        ["mine", "run", "2"],
    ]
    assert out.splitlines()[1].endswith("Blue to green")


def test_the_list_as_json_has_every_figure(cli):
    rows = json.loads(cli("models", "list", "--json")[1])
    assert [row["name"] for row in rows] == ["shipped", "broken", "mine"]
    assert (rows[0]["metrics"], rows[0]["output"], rows[2]["classes"]) == ({"l1": 0.125}, "image", ["road", "sky"])
    assert "not a readable JSON file" in rows[1]["problem"]
    assert rows[0]["bytes"] == Path("site/translate/_checkpoints/shipped/model.safetensors").stat().st_size


def test_a_model_s_size_is_that_of_all_its_parts(cli):
    folder = Path("site/translate/_checkpoints/shipped")
    alone = (folder / "model.safetensors").stat().st_size
    for part, size in (("encoder", 1000), ("clip", 200), ("mappers/smile", 30), ("last", 4)):
        (folder / part).mkdir(parents=True)
        (folder / part / "model.safetensors").write_bytes(bytes(size))
    assert json.loads(cli("models", "list", "--json")[1])[0]["bytes"] == alone + 1230


def test_an_empty_list_says_what_to_do(cli, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(catalog, "_PACKAGE", tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert cli("models", "list") == (0, "no models yet: train one with `translate train`\n", "")


def test_show_tells_what_a_model_is(cli):
    code, out, _ = cli("models", "show", "mine")
    assert code == 0
    for fact in ("mine", "runs/mine", "preset segmentation", "area of 256 x 256", "road, sky", "2 pairs or pictures"):
        assert fact in out
    assert "L1 0.125" in cli("models", "show", "shipped")[1]
    record = json.loads(cli("models", "show", "mine", "--json")[1])
    assert (record["name"], record["folder"], record["generator"]["filters"]) == ("mine", "runs/mine", 4)


def test_show_tells_the_classes_and_colours_of_a_label_map_that_is_translated(cli, place: Path):
    classes = (ClassSpec(name="wall", color=(0, 48, 255)), ClassSpec(name="door", color=(250, 8, 0)))
    network = GeneratorConfig(filters=4, depth=2)
    save_model(
        place / "runs/drawn",
        build_generator(network),
        ModelConfig(name="drawn", generator=network, input_classes=classes),
    )
    out = cli("models", "show", "drawn")[1]
    assert "label map of 2 classes: 0 wall #0030ff, 1 door #fa0800" in out
    assert "a label map is brought to the area of 256 x 256" in out
    assert "label map" not in cli("models", "show", "mine")[1]


@pytest.fixture
def both_ways(place: Path) -> Path:
    """A run of both directions, of a kind that nobody has heard of."""
    network = GeneratorConfig(filters=4, depth=2)
    metrics = {"kernel": 0.0123, "frechet": 62.13, "copied": 0.21}
    for name in ("AtoB", "BtoA"):
        config = ModelConfig(name=f"horses-{name}", kind="whatever", generator=network, metrics=metrics)
        config = config.replace(**{"data.keep_detail": True})
        save_model(place / "runs/horses" / name, build_generator(network), config)
    (place / "runs/horses/state").mkdir()
    return place / "runs/horses"


def test_each_direction_is_listed_shown_and_verified_as_a_model_of_its_own(cli, both_ways: Path):
    rows = [line.split()[:3] for line in cli("models", "list")[1].splitlines()]
    assert rows[3:5] == [["horses/AtoB", "run", "pictures"], ["horses/BtoA", "run", "pictures"]]
    out = cli("models", "show", "horses/BtoA")[1]
    assert out.splitlines()[0] == "horses-BtoA"
    for fact in ("method    whatever\n", "runs/horses/BtoA (", "; the photo's own detail is added to the result\n"):
        assert fact in out
    assert "kernel distance 0.0123, Fréchet distance 62.1, left as it was 21.0 %" in out
    assert cli("models", "verify", "horses/AtoB")[1] == "horses/AtoB: sound\n"


def test_a_run_of_both_directions_asks_which_one_is_meant(cli, both_ways: Path):
    expected = "error: horses holds two models: horses/AtoB and horses/BtoA; name one\n"
    for verb in (("models", "show", "horses"), ("models", "verify", "horses"), ("apply", "horses", "x.png", "-o", "y")):
        assert cli(*verb) == (2, "", expected)


def test_one_direction_or_the_whole_run_is_deleted(cli, both_ways: Path):
    assert cli("models", "delete", "horses/AtoB", "--yes")[:2] == (0, "deleted runs/horses/AtoB\n")
    assert sorted(path.name for path in both_ways.iterdir()) == ["BtoA", "state"]
    assert cli("models", "delete", "horses", "--yes")[:2] == (0, "deleted runs/horses\n")
    assert not both_ways.exists()


def test_show_of_a_broken_or_unknown_model_is_one_line(cli):
    for name, message in {"broken": "not a readable JSON file", "min": "did you mean mine?"}.items():
        code, out, err = cli("models", "show", name)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert message in err


def test_delete_asks_and_no_means_no(cli):
    code, out, err = cli("models", "delete", "mine", answer="n\n")
    assert (code, out.strip()) == (0, "nothing was deleted")
    assert "Delete runs/mine" in err
    assert Path("runs/mine").is_dir()
    assert cli("models", "delete", "mine", answer="y\n")[1].strip() == "deleted runs/mine"
    assert not Path("runs/mine").exists()


def test_delete_without_a_terminal_needs_yes(cli):
    code, _, err = cli("models", "delete", "mine")
    assert (code, err) == (2, "error: runs/mine would be deleted for good; confirm with --yes\n")
    assert cli("models", "delete", "broken", "--yes")[0] == 0
    assert [path.name for path in Path("runs").iterdir()] == ["mine"]


def test_a_shipped_model_and_a_path_are_not_deleted(cli, place: Path):
    (place / "elsewhere").mkdir()
    for name in ("shipped", str(place / "elsewhere"), "../elsewhere", "runs/mine"):
        assert cli("models", "delete", name, "--yes")[0] == 2
    assert (place / "elsewhere").is_dir()
    assert Path("runs/mine").is_dir()
    assert catalog.get("shipped").folder.is_dir()


def test_verify_names_every_broken_model_and_exits_with_2(cli):
    code, out, err = cli("models", "verify")
    assert (code, err) == (2, "error: 1 of 3 models can't be used\n")
    lines = dict(line.split(": ", 1) for line in out.splitlines())
    assert (lines["shipped"], lines["mine"]) == ("sound", "sound")
    assert "not a readable JSON file" in lines["broken"]


def test_verify_of_sound_models_exits_with_0(cli):
    assert cli("models", "verify", "mine", "shipped") == (0, "mine: sound\nshipped: sound\n", "")
    assert json.loads(cli("models", "verify", "mine", "--json")[1]) == [{"name": "mine", "ok": True, "problem": ""}]


@pytest.mark.parametrize("damage", ["cut", "nan", "other network"])
def test_verify_finds_damaged_weights(cli, damage):
    weights = Path("runs/mine/model.safetensors")
    if damage == "cut":
        weights.write_bytes(weights.read_bytes()[:-100])
    else:
        config = catalog.get("mine").config
        network = build_generator(config.generator.replace(filters=4 if damage == "nan" else 6))
        if damage == "nan":
            next(network.parameters()).data[0] = float("nan")
        save_model(Path("runs/mine"), network, config)
    code, out, err = cli("models", "verify", "mine")
    assert (code, err) == (2, "error: 1 of 1 models can't be used\n")
    assert out.startswith("mine: runs/mine/model.safetensors: ")


def test_a_packed_model_is_half_the_size_and_scored_from_the_stored_file(cli, place: Path):
    for side, colour in (("a", (90, 90, 90)), ("b", (10, 20, 30))):
        for split in ("train", "val"):
            (place / "data" / split / side).mkdir(parents=True)
            Image.new("RGB", (256, 256), colour).save(place / "data" / split / side / "x.png")
    code, out, _ = cli("models", "pack", "shipped", "-o", "out/small", "--data", "data", "--title", "Smaller")
    assert code == 0
    config = load_config(place / "out/small")
    assert (config.name, config.title, config.step) == ("small", "Smaller", 7)
    stored = load_file(place / "out/small/model.safetensors")
    assert {tensor.dtype for name, tensor in stored.items() if "num_batches" not in name} == {torch.float16}
    cli("evaluate", "out/small", "--data", "data", "--json", "scores.json")
    measured = json.loads((place / "scores.json").read_text())
    assert config.metrics["l1"] == pytest.approx(measured["reports"][0]["scores"]["l1"], abs=1e-4)
    assert f"l1 {config.metrics['l1']:.4g}" in out
    assert measured["reports"][0]["protocol"] in out
    assert cli("models", "pack", "shipped", "-o", "out/.hidden")[0] == 2
