"""One translation for the page, without the page."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.ui.tiny_page import draw, save_tiny
from translate import images
from translate.errors import CheckpointError, ConfigError
from translate.stopping import Cancelled
from translate.ui.guard import own_folder
from translate.ui.models import Models
from translate.ui.run import SHOWN_SIDE, Comparison, blend, compare, parse_scale, run


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    images.save(draw(30, 40), tmp_path / "photo.png")
    return tmp_path / "photo.png"


def labels_over_white(folder: Path) -> Comparison:
    images.save(Image.new("RGB", (2, 1), "white"), folder / "before.png")
    images.save(images.labels_to_pil(np.array([[0, 1]]), [(0, 0, 0), (200, 0, 0)]), folder / "after.png")
    return Comparison(folder / "before.png", folder / "after.png", is_labels=True)


@pytest.mark.parametrize(
    ("strength", "expected"),
    [
        (0.0, [[255, 255, 255], [255, 255, 255]]),
        (0.6, [[102, 102, 102], [222, 102, 102]]),  # 255 x 0.4, and 255 x 0.4 + 200 x 0.6
        (1.0, [[0, 0, 0], [200, 0, 0]]),
        (7.0, [[0, 0, 0], [200, 0, 0]]),
        (float("nan"), [[255, 255, 255], [255, 255, 255]]),
    ],
)
def test_an_overlay_mixes_photo_and_map_by_its_strength(
    tmp_path: Path, strength: float, expected: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed: list[np.ndarray] = []
    comparison = labels_over_white(tmp_path)
    monkeypatch.setattr(images, "save", lambda image, _: mixed.append(np.asarray(image)))  # before JPEG rounds it
    blend(comparison, strength)
    np.testing.assert_allclose(mixed[0][0], expected, atol=1)


def test_a_picture_needs_no_overlay(tmp_path: Path) -> None:
    comparison = Comparison(tmp_path / "before.jpg", tmp_path / "after.jpg", is_labels=False)
    assert blend(comparison, 0.3) == tmp_path / "after.jpg"


def test_both_sides_of_the_slider_are_small_and_the_download_is_not(tmp_path: Path) -> None:
    images.save(draw(30, 2 * SHOWN_SIDE), tmp_path / "wide.png")
    done = run(Models(), "tiny-labels", tmp_path / "wide.png", "auto")
    shown = compare(done)
    assert images.header(shown.before).width == images.header(shown.after).width == SHOWN_SIDE
    assert images.header(shown.before).height == images.header(shown.after).height == 15
    assert set(np.unique(images.read_labels(shown.after))) <= {0, 1, 2}
    assert images.header(done.file).width == 2 * SHOWN_SIDE


@pytest.mark.parametrize("kind", ["uint16", "gray", "alpha", "tiff"])
def test_every_kind_of_photo_can_be_compared(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ("photo.tif" if kind == "tiff" else "photo.png")
    if kind == "uint16":
        Image.fromarray(np.full((8, 9), 0x8040, np.uint16)).save(path)
    else:
        images.save(draw(8, 9).convert({"gray": "L", "alpha": "RGBA", "tiff": "RGB"}[kind]), path)
    shown = compare(run(Models(), "tiny-picture", path, "native"))
    assert images.read_array(shown.before).shape == images.read_array(shown.after).shape == (8, 9, 3)
    if kind == "uint16":
        assert abs(int(images.read_array(shown.before)[0, 0, 0]) - 0x80) <= 1


def test_a_download_is_named_for_photo_and_model(tmp_path: Path) -> None:
    images.save(draw(8, 9), tmp_path / "my holiday; (1) ünter.png")
    file = run(Models(), "tiny-labels", tmp_path / "my holiday; (1) ünter.png", "auto").file
    assert file.name == "my-holiday-1-ünter-tiny-labels.png"


def test_each_direction_of_a_run_is_offered_and_named_in_the_download(
    tmp_path: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("AtoB", "BtoA"):
        save_tiny(tmp_path / "runs" / "horses" / name, "image", name=f"horses-{name}", kind="cyclegan")
    models = Models()
    offered = {name: title for title, name in models.choices()}
    assert offered["horses/AtoB"] == "horses-AtoB · your run"
    assert offered["horses/BtoA"] == "horses-BtoA · your run"
    assert run(models, "horses/BtoA", photo, "auto").file.name == "photo-horses-BtoA.png"


@pytest.mark.parametrize("scale", ["auto", "native"])
def test_the_named_scales_are_taken_as_they_are(scale: str) -> None:
    assert parse_scale(scale) == scale


@pytest.mark.parametrize("scale", ["0.5", 0.5])
def test_a_factor_may_be_text_or_a_number(scale: object) -> None:
    assert parse_scale(scale) == 0.5


@pytest.mark.parametrize("scale", ["", "none", "nan", "inf", "-1", "0", "16.1", None, [], {"a": 1}])
def test_any_other_scale_is_refused(scale: object) -> None:
    with pytest.raises(ConfigError, match="auto, native, or a factor"):
        parse_scale(scale)


def test_a_run_that_nobody_wants_any_more_stops_and_writes_nothing(photo: Path) -> None:
    before = set(own_folder().rglob("*"))
    with pytest.raises(Cancelled):
        run(Models(), "tiny-picture", photo, "native", lambda: True)
    assert set(own_folder().rglob("*")) == before


def test_a_model_is_loaded_once(photo: Path) -> None:
    models = Models()
    assert models.load("tiny-labels") is models.load("tiny-labels")


def test_a_model_that_was_trained_further_is_loaded_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSLATE_HOME", str(tmp_path))
    weights = tmp_path / "models" / "run" / "model.safetensors"
    save_tiny(weights.parent, "labels")
    models = Models()
    first = models.load("run")
    os.utime(weights, ns=(0, weights.stat().st_mtime_ns + 10**9))
    assert models.load("run") is not first


def test_the_model_not_used_for_longest_is_dropped() -> None:
    models = Models(keep=1)
    first = models.load("tiny-labels")
    models.load("tiny-picture")
    assert models.load("tiny-labels") is not first


@pytest.mark.parametrize("name", [None, "", 7, ["tiny-labels"], "tiny", "../tiny-labels", "/"])
def test_only_a_listed_name_is_a_model(name: object) -> None:
    with pytest.raises(CheckpointError):
        Models().load(name)
