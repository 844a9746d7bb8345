"""The models in checkpoints/: small, sound, documented, and right about drawings they were never trained on."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import translate
from translate import checkpoints
from translate.data import street, synthetic

ROOT = Path(__file__).resolve().parent.parent / "checkpoints"
SHIPPED = sorted(folder.name for folder in ROOT.iterdir() if folder.is_dir())
CARD = ("## Measured", "## Failures", "## Terms", "## Train it again", "| Data |", "| Recipe |", "| Trained |")


def test_the_models_the_readme_names_are_there():
    assert {"aerial-road-map", "street-segmentation"} <= set(SHIPPED)


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
    assert [part for part in CARD if part not in card] == []
    assert (ROOT / name / "sample.png").is_file()
    assert config.name == name
    assert config.licence
    # The card rounds the figures that the stored file was given when it was scored.
    assert f"{config.metrics['mean_iou']:.3f}" in card
    assert f"{config.metrics['pixel_accuracy']:.3f}" in card


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
