"""The procedural set: the same place for the same seed at any size, and a folder that training accepts."""

import json

import numpy as np
import pytest
from PIL import Image

from translate import images
from translate.config import DataConfig
from translate.data import layouts, synthetic
from translate.data.labels import read_legend
from translate.errors import DatasetError

SEEDS = range(16)


@pytest.fixture(scope="module")
def scenes():
    return [synthetic.scene(seed, 96, 96) for seed in SEEDS]


def test_a_seed_is_a_scene_and_another_seed_is_another(scenes):
    photo, labels = synthetic.scene(3, 96, 96)
    assert np.array_equal(photo, scenes[3][0])
    assert np.array_equal(labels, scenes[3][1])
    assert not np.array_equal(labels, scenes[4][1])


@pytest.mark.parametrize(("height", "width"), [(64, 64), (48, 80), (81, 33), (1, 1), (1, 120), (120, 1)])
def test_a_scene_may_have_any_size(height, width):
    photo, labels = synthetic.scene(1, height, width)
    assert photo.shape == (height, width, 3)
    assert photo.dtype == np.uint8
    assert labels.shape == (height, width)
    assert labels.dtype == np.uint8
    assert labels.max() < len(synthetic.CLASSES)


def test_a_seed_is_the_same_place_at_every_resolution():
    for seed in (0, 5, 9):
        small = synthetic.scene(seed, 100, 100)
        large = synthetic.scene(seed, 300, 300)
        assert (large[1][1::3, 1::3] == small[1]).mean() > 0.85
        shrunk = large[0].reshape(100, 3, 100, 3, 3).mean(axis=(1, 3))
        assert np.corrcoef(shrunk.ravel(), small[0].ravel())[0, 1] > 0.8


def test_a_wide_picture_shows_the_middle_of_the_square_place():
    square, wide = synthetic.scene(2, 120, 120)[1], synthetic.scene(2, 60, 120)[1]
    assert (square[30:90] == wide).mean() > 0.9


def test_all_six_classes_are_there_and_none_rules(scenes):
    share = np.bincount(np.stack([labels for _, labels in scenes]).ravel(), minlength=6) / (96 * 96 * len(scenes))
    assert len(share) == len(synthetic.CLASSES) == 6
    assert share.min() > 0.01
    assert share.max() < 0.6
    assert len({spec.color for spec in synthetic.CLASSES}) == 6


def test_the_photo_shows_what_the_map_says(scenes):
    """The nearest class mean colour, learned on half of the scenes, beats the most frequent class on the others."""
    photos = np.stack([photo for photo, _ in scenes]).reshape(len(scenes), -1, 3).astype(float)
    labels = np.stack([label for _, label in scenes]).reshape(len(scenes), -1)
    half = len(scenes) // 2
    means = np.stack([photos[:half][labels[:half] == k].mean(axis=0) for k in range(6)])
    guess = ((photos[half:, :, None] - means) ** 2).sum(axis=-1).argmin(axis=-1)
    recall = [(guess[labels[half:] == k] == k).mean() for k in range(6)]
    assert np.mean(recall) > 0.4


def test_what_stands_throws_shadows(scenes):
    """Some of the open ground is much darker than most of it; and not the same way in every scene."""
    dark = []
    for photo, labels in scenes:
        ground = photo[labels == 0].mean(axis=-1)
        dark.append((ground < 0.65 * np.median(ground)).mean())
    assert np.mean(dark) > 0.03


def test_pixels_are_no_flat_colours(scenes):
    for photo, _ in scenes:
        assert 60 < photo.mean() < 170
        assert len(np.unique(photo.reshape(-1, 3), axis=0)) > 3000


def test_a_written_set_is_a_folder_that_training_accepts(tmp_path):
    synthetic.write(tmp_path / "set", 6, 48, 7)
    layout = layouts.recognise(tmp_path / "set", config=DataConfig())
    assert {split: len(pairs) for split, pairs in layout.splits.items() if pairs} == {"train": 5, "val": 1}
    assert layout.classes == synthetic.CLASSES
    assert read_legend(tmp_path / "set" / "classes.json").classes == synthetic.CLASSES


def test_a_written_pair_is_the_scene_itself(tmp_path):
    seen = []
    synthetic.write(tmp_path, 2, 32, 0, progress=seen.append)
    assert seen == [1, 2]
    photo, labels = synthetic.scene(1, 32, 32)
    assert np.array_equal(images.read_array(tmp_path / "val" / "images" / "00001.png"), photo)
    assert np.array_equal(images.read_labels(tmp_path / "val" / "labels" / "00001.png"), labels)
    with Image.open(tmp_path / "val" / "labels" / "00001.png") as stored:
        assert stored.mode == "P"


def test_seeds_of_neighbouring_sets_share_no_scene(tmp_path):
    for seed in (0, 1):
        synthetic.write(tmp_path / str(seed), 3, 16, seed)
    stored = [path.read_bytes() for path in sorted(tmp_path.rglob("images/*.png"))]
    assert len(set(stored)) == 6


def test_a_stopped_call_goes_on_where_it_stopped(tmp_path, monkeypatch):
    synthetic.write(tmp_path / "whole", 4, 24, 5)
    made = []

    def stopping(seed, height, width):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(seed)
        return scene(seed, height, width)

    scene = synthetic.scene
    with monkeypatch.context() as patch:
        patch.setattr(synthetic, "scene", stopping)
        with pytest.raises(KeyboardInterrupt):
            synthetic.write(tmp_path / "part", 4, 24, 5)
    assert not list((tmp_path / "part").rglob("*.part"))
    synthetic.write(tmp_path / "part", 4, 24, 5)
    names = sorted(path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").rglob("*.*"))
    assert all((tmp_path / "whole" / n).read_bytes() == (tmp_path / "part" / n).read_bytes() for n in names)
    assert sorted(path.relative_to(tmp_path / "part") for path in (tmp_path / "part").rglob("*.*")) == names


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all I have")
    with pytest.raises(DatasetError, match="something else"):
        synthetic.write(tmp_path / "mine", 2, 32)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    with pytest.raises(DatasetError):
        synthetic.write(tmp_path / "mine" / "thesis.txt", 2, 32)


def test_a_set_of_another_recipe_is_left_alone(tmp_path):
    synthetic.write(tmp_path, 2, 32, 1)
    for count, size, seed in [(3, 32, 1), (2, 48, 1), (2, 32, 2)]:
        with pytest.raises(DatasetError, match="another set"):
            synthetic.write(tmp_path, count, size, seed)
    (tmp_path / "classes.json").write_text(json.dumps([1, 2]))
    with pytest.raises(DatasetError):
        synthetic.write(tmp_path, 2, 32, 1)


@pytest.mark.parametrize(("count", "size", "seed"), [(0, 64, 0), (2, 15, 0), (2, 4097, 0), (2, 64, -1)])
def test_numbers_out_of_range_are_refused_before_anything_is_written(tmp_path, count, size, seed):
    with pytest.raises(DatasetError, match="give"):
        synthetic.write(tmp_path / "new", count, size, seed)
    assert not (tmp_path / "new").exists()
