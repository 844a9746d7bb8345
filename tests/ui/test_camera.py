"""A camera's frames, without camera and page."""

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.ui.tiny_page import CLASSES, draw
from translate.errors import ConfigError, ImageError, TranslateError
from translate.ui import camera
from translate.ui.camera import check_speed, frame_seconds, translate_frame
from translate.ui.guard import own_folder
from translate.ui.models import Models


def address(picture: Image.Image, quality: int = 100) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def picture(data: str) -> Image.Image:
    with Image.open(io.BytesIO(base64.b64decode(data.split(",")[1])), formats=["JPEG"]) as image:
        image.load()
        return image


def test_a_frame_comes_back_translated() -> None:
    models, frame = Models(), draw(48, 64)
    got = picture(translate_frame(models, "tiny-picture", address(frame)))
    expected = models.load("tiny-picture")(picture(address(frame)))
    np.testing.assert_array_equal(np.asarray(got), np.asarray(picture(address(expected, 88))))


def test_a_label_map_lies_over_the_frame() -> None:
    models, frame = Models(), draw(48, 64)
    got = np.asarray(picture(translate_frame(models, "tiny-labels", address(frame))), float)
    labels = np.asarray(models.load("tiny-labels")(picture(address(frame))))
    colours = np.array([spec.color for spec in CLASSES], float)[labels]
    mixed = 0.4 * np.asarray(picture(address(frame)), float) + 0.6 * colours
    expected = picture(address(Image.fromarray(mixed.astype(np.uint8)), 88))
    assert np.abs(got - np.asarray(expected, float)).mean() < 1


def test_a_frame_leaves_nothing_on_the_disk() -> None:
    translate_frame(Models(), "tiny-picture", address(draw(48, 64)))
    assert not list(own_folder().glob("frame-*"))


@pytest.mark.parametrize(
    "data",
    [
        None, 7, "", "/etc/passwd", "data:image/svg+xml;base64,AAAA", "data:image/jpeg;base64,???",
        "data:image/jpeg;base64,AAAA", "data:image/jpeg;base64," + "A" * camera.MAX_BYTES,
        address(Image.new("RGB", (641, 8))),
    ],
)  # fmt: skip
def test_what_is_no_small_jpeg_is_refused(data: object) -> None:
    with pytest.raises(ImageError) as caught:
        translate_frame(Models(), "tiny-picture", data)
    assert len(str(caught.value)) < 300


def test_a_model_is_measured_once_while_it_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    from translate.inference.translator import Translator

    models, seen = Models(), []
    original = Translator.run

    def run(self: Translator, image: np.ndarray, **how: Any) -> object:
        seen.append(image.shape)
        return original(self, image, **how)

    monkeypatch.setattr(Translator, "run", run)
    assert frame_seconds(models, "tiny-labels") == frame_seconds(models, "tiny-labels") > 0
    assert seen == [(480, 640, 3)] * 2  # the first pays for what is set up once


def test_a_model_too_slow_is_told_how_slow_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera, "frame_seconds", lambda *_: 0.8123)
    with pytest.raises(ConfigError, match=r"takes 0\.81 s a frame on this machine, and a live picture needs 0\.3 s"):
        check_speed(Models(), "tiny-labels")
    with pytest.raises(TranslateError, match=r"0\.81 s"):
        translate_frame(Models(), "tiny-labels", address(draw(8, 8)))
