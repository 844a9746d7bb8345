"""The endpoint `/apply`, asked as a user's script would ask it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import translate
from tests.ui.tiny_page import CLASSES, Served, draw
from translate import images


@pytest.fixture(scope="module")
def client(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from gradio_client import Client

    client = Client(served.url, verbose=False, download_files=str(tmp_path_factory.mktemp("downloads")))
    yield client
    client.close()


def ask(client: Any, photo: Path, model: str = "tiny-labels", **options: str) -> tuple[Image.Image, dict[str, Any]]:
    from gradio_client import handle_file

    path, details = client.predict(model=model, image=handle_file(photo), api_name="/apply", **options)
    with Image.open(path) as image:
        image.load()
    return image, details


@pytest.mark.parametrize("scale", ["auto", "native"])
@pytest.mark.parametrize("model", ["tiny-labels", "tiny-picture", "tiny-whatever"])
def test_apply_gives_exactly_what_the_library_gives(client: Any, served: Served, model: str, scale: str) -> None:
    image, details = ask(client, served.photo, model, scale=scale)
    expected = translate.load(served.home / "models" / model)(served.photo, scale=scale)
    assert image.mode == expected.mode
    np.testing.assert_array_equal(np.asarray(image), np.asarray(expected))
    assert (details["width"], details["height"]) == expected.size == (120, 90)


def test_a_label_map_comes_as_class_indices_with_the_palette(client: Any, served: Served) -> None:
    image, _ = ask(client, served.photo)
    assert image.format == "PNG"
    assert image.mode == "P"
    assert image.getpalette()[:9] == [value for spec in CLASSES for value in spec.color]


def test_a_scale_may_be_a_factor(client: Any, served: Served) -> None:
    assert ask(client, served.photo, scale="0.5")[1]["scale"] == 0.5


def test_the_details_say_what_ran_where_and_what_is_in_the_picture(client: Any, served: Served) -> None:
    image, details = ask(client, served.photo)
    assert (details["model"], details["device"], details["precision"]) == ("tiny-labels", "cpu", details["precision"])
    assert details["scale"] == pytest.approx(64 / (120 * 90) ** 0.5)
    assert 0 < details["seconds"] < 60
    assert [entry["name"] for entry in details["classes"]] == [spec.name for spec in CLASSES]
    counted = np.bincount(np.asarray(image).ravel(), minlength=3) / (120 * 90)
    np.testing.assert_allclose([entry["share"] for entry in details["classes"]], counted, atol=1e-9)


def test_the_details_of_pictures_have_no_classes_and_say_whether_detail_was_kept(client: Any, served: Served) -> None:
    for model, scale, kept in (
        ("tiny-picture", "auto", False),
        ("tiny-whatever", "auto", True),
        ("tiny-whatever", "native", False),
    ):
        details = ask(client, served.photo, model, scale=scale)[1]
        assert "classes" not in details
        assert details["kept_detail"] is kept


def test_model_and_scale_have_defaults(client: Any, served: Served) -> None:
    from gradio_client import handle_file

    _, details = client.predict(image=handle_file(served.photo), api_name="/apply")
    assert details["model"] == "tiny-labels"


def test_a_camera_s_orientation_is_applied(client: Any, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # held upright
    draw(60, 80).save(tmp_path / "turned.jpg", exif=exif)
    image, _ = ask(client, tmp_path / "turned.jpg", "tiny-picture")
    assert image.size == (60, 80)


def test_a_result_says_nothing_about_the_camera(client: Any, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Secret Camera"
    draw(60, 80).save(tmp_path / "photo.jpg", exif=exif)
    image, _ = ask(client, tmp_path / "photo.jpg", "tiny-picture")
    assert not image.getexif()
    assert set(image.info) <= {"transparency"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "tiny-label"}, "did you mean tiny-labels"),
        ({"model": "../tiny-labels"}, "no model"),
        ({"model": ""}, "no model is chosen"),
        ({"scale": "large"}, "auto, native, or a factor"),
        ({"scale": "nan"}, "auto, native, or a factor"),
        ({"scale": "17"}, "up to 16"),
    ],
)
def test_a_wrong_setting_is_told_in_one_line(client: Any, served: Served, options: dict[str, str], words: str) -> None:
    assert words in failure(client, served.photo, **options)


def test_a_model_is_found_by_its_name_never_by_a_path(client: Any, served: Served) -> None:
    assert "no model" in failure(client, served.photo, model=str(served.home / "models" / "tiny-labels"))


def test_a_broken_picture_is_told_in_one_line_without_the_server_s_folders(client: Any, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    message = failure(client, tmp_path / "broken.png")
    assert message.startswith("broken.png: ")
    assert "Traceback" not in message
    assert str(tmp_path) not in message


def test_a_photo_at_more_pixels_than_can_be_translated_is_refused(client: Any, tmp_path: Path) -> None:
    images.save(Image.new("L", (500, 400)), tmp_path / "photo.png")
    assert "8000 x 6400, more than can be translated" in failure(client, tmp_path / "photo.png", scale="16")


def test_a_bug_shows_no_traceback(client: Any, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from translate.ui import translate_tab

    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret of the implementation")

    monkeypatch.setattr(translate_tab, "run", broken)
    message = failure(client, served.photo)
    assert "its log says what" in message
    assert "secret" not in message


def failure(client: Any, photo: Path, **options: str) -> str:
    """The error a request is answered with."""
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError) as caught:
        ask(client, photo, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message
