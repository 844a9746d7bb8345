"""The drawn street: the same for the same seed, in CamVid's classes; and the example pictures are what they claim."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from translate import images
from translate.data import street

EXAMPLES = Path(__file__).resolve().parents[2] / "datasets" / "examples"


def rows():
    """The table of the examples' README: file, function, seed, height, width."""
    lines = (EXAMPLES / "README.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [(name, function, int(seed), int(h), int(w)) for name, function, seed, h, w in cells[2:]]


def test_a_seed_is_a_street_and_another_seed_is_another():
    first, again, other = street.scene(3, 60, 80), street.scene(3, 60, 80), street.scene(4, 60, 80)
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])


@pytest.mark.parametrize(("height", "width"), [(90, 120), (64, 64), (33, 121), (100, 40)])
def test_a_street_may_have_any_size(height, width):
    photo, labels = street.scene(0, height, width)
    assert photo.shape == (height, width, 3)
    assert photo.dtype == np.uint8
    assert labels.shape == (height, width)
    assert labels.max() < len(street.CLASSES) == 11


def test_the_same_street_is_seen_at_every_resolution():
    small, large = street.scene(5, 90, 120)[1], street.scene(5, 270, 360)[1]
    assert (large[1::3, 1::3] == small).mean() > 0.9


def test_streets_have_what_streets_have():
    labels = np.concatenate([street.scene(seed, 90, 120)[1].ravel() for seed in range(8)])
    share = np.bincount(labels, minlength=11) / labels.size
    for common in (street.SKY, street.BUILDING, street.ROAD, street.PAVEMENT, street.TREE, street.CAR):
        assert share[common] > 0.01
    for rare in (street.POLE, street.SIGN, street.FENCE, street.PERSON):
        assert share[rare] > 0
    assert share[street.BUILDING] > 0.15
    assert share[street.ROAD] > 0.15


def test_road_is_below_and_sky_above():
    for seed in range(4):
        labels = street.scene(seed, 90, 120)[1]
        assert (labels[-5:] == street.ROAD).mean() > 0.5
        assert not (labels[:30] == street.ROAD).any()
        assert not (labels[60:] == street.SKY).any()


@pytest.mark.parametrize(("name", "function", "seed", "height", "width"), rows())
def test_an_example_is_the_drawing_its_readme_says(name, function, seed, height, width):
    module, _, scene = function.rpartition(".")
    photo, _ = getattr(importlib.import_module(module), scene)(seed, height, width)
    stored = images.read_array(EXAMPLES / name)
    assert stored.shape == photo.shape
    assert np.abs(stored.astype(int) - photo).mean() < 3
    assert (EXAMPLES / name).stat().st_size <= 150_000


def test_every_example_is_in_the_readme():
    named = {row[0] for row in rows()}
    assert named == {path.name for path in EXAMPLES.iterdir() if path.suffix.lower() in images.EXTENSIONS}
