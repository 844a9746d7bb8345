"""The models in checkpoints/: small, sound, documented, and right about drawings they were never trained on."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import translate
from translate import checkpoints
from translate.config import GeneratorConfig, ModelConfig
from translate.data import street, synthetic
from translate.errors import ConfigError
from translate.features import load_features
from translate.metrics.figures import figure
from translate.objectives.clip import text_direction

ROOT = Path(__file__).resolve().parent.parent / "checkpoints"
SHIPPED = sorted(folder.name for folder in ROOT.iterdir() if (folder / checkpoints.MODEL_FILE).is_file())
CARD = ("## Measured", "## Failures", "## Terms", "## Train it again", "| Data |", "| Recipe |", "| Trained |")
TOLD = (
    ("mean_iou", "pixel_accuracy"),
    ("recall", "precision", "kernel", "frechet"),
    ("kernel", "frechet", "copied"),
    ("l1", "psnr"),
)
"""The figures a card must tell: of the first kind of these that a model was measured by."""


def untold(card: str, config: ModelConfig) -> list[str]:
    """What a card leaves out; it rounds the figures that the stored file was given when it was scored."""
    missing = [part for part in CARD if part not in card]
    cells = {cell.strip(" *") for row in card.splitlines() if row.startswith("|") for cell in row.split("|")}
    names = next((names for names in TOLD if names[0] in config.metrics), ("a figure",))
    for name in names:
        value = config.metrics.get(name, float("nan"))
        if not cells & {f"{value:.3f}", figure(name).text(value)}:
            missing.append(name)
    if "kernel" in config.metrics and load_features("shipped", "cpu").name not in card:
        missing.append("the feature space")
    return missing


def test_the_models_the_readme_names_are_there():
    named = {"aerial-road-map", "faces", "facade-labels", "facade-photo", "horse-to-zebra", "street-segmentation"}
    assert named | {"zebra-to-horse"} <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_model_is_small_and_stored_in_half_precision(name: str):
    path = ROOT / name / checkpoints.MODEL_FILE
    assert path.stat().st_size <= 16e6
    floats = {t.dtype for t in load_file(path).values() if t.is_floating_point()}
    assert floats == {torch.float16}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_card_says_data_recipe_quality_failures_and_terms(name: str):
    card = (ROOT / name / "README.md").read_text(encoding="utf-8")
    config = checkpoints.load_config(ROOT / name)
    assert untold(card, config) == []
    assert (ROOT / name / "sample.png").is_file()
    assert config.name == name
    assert config.licence


@pytest.mark.parametrize("name", ["street-segmentation", "aerial-road-map"])
def test_a_card_that_tells_another_figure_is_found_out(name: str):
    card, config = (ROOT / name / "README.md").read_text(encoding="utf-8"), checkpoints.load_config(ROOT / name)
    better = config.model_copy(update={"metrics": config.metrics | {"mean_iou": 0.999}})
    assert untold(card.replace("## Failures", ""), better) == ["## Failures", "mean_iou"]
    assert untold(card, config.model_copy(update={"metrics": {}})) == ["a figure"]


def test_the_card_of_an_unpaired_model_tells_its_distances_and_their_feature_space(monkeypatch: pytest.MonkeyPatch):
    space = SimpleNamespace(name="features-128@64px-0123abcd")
    monkeypatch.setattr(sys.modules[__name__], "load_features", lambda *_: space)
    config = ModelConfig(
        name="x", kind="cyclegan", generator=GeneratorConfig(),
        metrics={"kernel": 0.03451, "frechet": 62.13, "copied": 0.2104, "cycle": 0.08},
    )  # fmt: skip
    table = "| kernel distance | Fréchet distance | copied |\n|---|---|---|\n| **0.0345** | 62.1 | 21.0 % |\n"
    card = f"{' '.join(CARD)}\n\n{table}\nin the feature space {space.name}\n"
    assert untold(card, config) == []
    assert untold(card.replace("62.1", "6.21").replace("0123abcd", ""), config) == ["frechet", "the feature space"]


def test_street_segmentation_reads_drawn_streets():
    model = translate.load("street-segmentation", device="cpu")
    assert [spec.name for spec in model.config.classes] == [spec.name for spec in street.CLASSES]
    for seed in range(3):
        photo, truth = street.scene(seed, 360, 480)
        known = truth != 255
        assert float((model(photo) == truth)[known].mean()) > 0.75


def test_aerial_road_map_finds_drawn_roads():
    model = translate.load("aerial-road-map", device="cpu")
    road = [spec.name for spec in synthetic.CLASSES].index("road")
    for seed in range(3):
        photo, truth = synthetic.scene(seed, 400, 400)
        found, there = model(photo) == 1, truth == road
        assert np.sum(found & there) / np.sum(found | there) > 0.55


def test_faces_with_all_its_parts_is_small_and_stored_in_half_precision():
    files = sorted((ROOT / "faces").rglob(checkpoints.MODEL_FILE))
    assert [file.parent.name for file in files] == ["clip", "discriminator", "encoder", "faces"]
    assert sum(file.stat().st_size for file in files) <= 40e6
    tensors = [tensor for file in files for tensor in load_file(file).values()]
    assert {tensor.dtype for tensor in tensors if tensor.is_floating_point()} == {torch.float16}


@pytest.mark.parametrize(
    ("prompt", "neutral"), [("a smiling face", "a serious face"), ("a child", "an adult"), ("a man", "a woman")]
)
def test_faces_moves_where_words_it_was_taught_point(prompt: str, neutral: str):
    """In its own CLIP's space, the mean of eight faces; what they look like is in the card."""
    editor = translate.load_editor("faces", device="cpu")
    direction = text_direction(editor.need_clip(), prompt, neutral)

    def towards(strength: float) -> float:
        edits = [editor.edit(seed, prompt, neutral=neutral, strength=strength, measure=False) for seed in range(8)]
        pictures = torch.cat([edit.picture for edit in edits])
        return float((editor.need_clip().encode_image(pictures) @ direction).mean())

    assert towards(0.75) > towards(0.0) + 0.05
    assert towards(-0.75) < towards(0.0) - 0.05


def test_faces_names_the_words_it_does_not_know():
    editor = translate.load_editor("faces", device="cpu")
    with pytest.raises(ConfigError, match="faces-clip does not know the word 'zebra'; it knows: old"):
        editor.edit(0, "a zebra")
