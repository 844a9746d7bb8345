"""Many photos, a clip, the camera and several models in a real headless Chromium."""

import re
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import translate
from tests.ui.browser import MARKS, PHONE, fits
from tests.ui.tiny_page import Served, draw
from translate import images

pytestmark = MARKS


def way(page: Any, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def choose(page: Any, menu: str, title: str) -> None:
    page.click(f"{menu} input")
    page.get_by_role("option", name=title).click()


def kept(page: Any, button: str, folder: Path) -> Path:
    page.wait_for_selector(button, state="visible")
    with page.expect_download() as waited:
        page.click(button)
    path = folder / waited.value.suggested_filename
    waited.value.save_as(path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    for seed, name in enumerate(("a field.png", "lake.jpg")):
        images.save(draw(60, 80, seed), tmp_path / name)
    return [tmp_path / "a field.png", tmp_path / "lake.jpg"]


def test_two_photos_and_a_broken_file_are_two_results_in_a_zip_and_a_name(
    page: Any, served: Served, photos: list[Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    way(page, "Many photos")
    choose(page, "#batch-model", "Tiny picture")
    page.set_input_files("#batch-files input[type=file]", [*photos, broken])
    page.wait_for_function("document.querySelectorAll('#batch-files tr.file').length == 3")
    page.click("#batch-start")
    path = kept(page, "#batch-download", tmp_path)
    assert page.locator("#batch-gallery .thumbnail-item").count() == 2
    assert "2 files translated; 1 could not be" in page.locator("#batch-status").inner_text()
    assert re.search(r"broken\.png\s+no PNG, JPEG", page.locator("#batch-failed").inner_text())
    translator = translate.load(served.home / "models" / "tiny-picture")
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["a field.png", "lake.png"]
        for name, photo in zip(archive.namelist(), photos, strict=True):
            with archive.open(name) as file, Image.open(file, formats=["PNG"]) as image:
                np.testing.assert_array_equal(np.asarray(image), np.asarray(translator(photo)))
    page.locator("#batch-gallery .thumbnail-item").nth(1).click()
    page.wait_for_selector("#batch-comparison img", state="visible")
    assert "lake.png" in page.locator("#batch-comparison").inner_text()


def test_starting_without_a_photo_is_told_in_one_line(page: Any) -> None:
    way(page, "Many photos")
    page.click("#batch-start")
    toast = page.get_by_test_id("toast-body")
    toast.wait_for()
    assert "no photo was given" in toast.inner_text()
    assert page.is_visible("#batch-welcome")


def test_two_models_are_seen_side_by_side(page: Any, served: Served, tmp_path: Path) -> None:
    way(page, "Compare models")
    page.set_input_files("#compare-photo input[type=file]", served.photo)
    page.wait_for_selector("#compare-photo img")
    page.click("#compare-start")
    path = kept(page, "#compare-zip", tmp_path)
    captions = page.locator("#compare-gallery .caption-label").all_inner_texts()
    assert [re.sub(r"[\d.]+ m?s", "?", caption) for caption in captions] == [
        "Your photo", "Tiny map · ?", "Tiny picture · ?",
    ]  # fmt: skip
    with zipfile.ZipFile(path) as archive:
        for model in ("tiny-labels", "tiny-picture"):
            name = next(name for name in archive.namelist() if model in name)
            with archive.open(name) as file, Image.open(file, formats=["PNG"]) as image:
                expected = translate.load(served.home / "models" / model)(served.photo)
                np.testing.assert_array_equal(np.asarray(image), np.asarray(expected))
    sheet = images.header(kept(page, "#compare-sheet", tmp_path))
    assert sheet.width == 4 + 3 * (120 + 4)


def test_a_clip_of_five_frames_is_translated_and_played(page: Any, served: Served, tmp_path: Path) -> None:
    pytest.importorskip("av")
    from tests.inference import clips
    from translate.inference.files import Options
    from translate.inference.translator import Translator
    from translate.inference.video import translate_clip

    frames = [np.full((48, 64, 3), 50 * number, np.uint8) for number in range(5)]
    clips.write_clip(tmp_path / "walk.mp4", frames)
    way(page, "Video")
    page.set_input_files("#video-clip input[type=file]", tmp_path / "walk.mp4")
    page.wait_for_function("document.querySelector('#video-told')?.innerText.includes('64 × 48')")
    page.locator("#video-smooth input[type=number]").fill("0")
    page.locator("#video-smooth input[type=number]").press("Tab")
    page.click("#video-start")
    path = kept(page, "#video-download", tmp_path)
    assert "Frames\n5" in page.locator("#video-facts").inner_text()
    translate_clip(
        Translator.load(served.home / "models" / "tiny-labels"),
        tmp_path / "walk.mp4",
        tmp_path / "expected.mp4",
        Options(),
    )
    np.testing.assert_array_equal(clips.pictures(path), clips.pictures(tmp_path / "expected.mp4"))
    page.wait_for_function("document.querySelector('#video-result video').videoWidth == 64")


def test_the_camera_is_translated_live_until_it_is_stopped_or_left(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from translate.ui import camera

    monkeypatch.setattr(camera, "MOST_SECONDS", 60)  # this machine may be busy
    way(page, "Camera")
    page.click("#camera .tr-start")
    page.wait_for_function("document.querySelector('#camera img').naturalWidth == 640")
    first = page.get_attribute("#camera img", "src")
    page.wait_for_function(f"document.querySelector('#camera img').src != {first!r}")
    page.click("#camera .tr-stop")
    page.wait_for_function("!document.querySelector('#camera video').srcObject")
    page.wait_for_timeout(500)  # what was under way has been answered
    last = page.get_attribute("#camera img", "src")
    page.wait_for_timeout(700)
    assert page.get_attribute("#camera img", "src") == last
    page.click("#camera .tr-start")
    page.wait_for_function(f"document.querySelector('#camera img').src != {last!r}")
    way(page, "One photo")  # who leaves it stops it as well
    page.wait_for_function("!document.querySelector('#camera video')?.srcObject")


def test_stopping_the_camera_ends_what_is_under_way_on_the_server(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from translate.ui import camera_tab

    begun, ended = threading.Event(), threading.Event()

    def slow(_: object, __: object, cancelled: Callable[[], bool]) -> float:
        begun.set()
        until = time.monotonic() + 60
        while time.monotonic() < until and not cancelled():
            time.sleep(0.05)
        ended.set()
        return 0.1

    monkeypatch.setattr(camera_tab, "check_speed", slow)
    way(page, "Camera")
    page.click("#camera .tr-start")
    assert begun.wait(30)
    page.click("#camera .tr-stop")
    assert ended.wait(15)
    page.wait_for_function("document.querySelector('#camera [role=status]').innerText === 'Stopped.'")


def test_a_model_too_slow_for_the_camera_says_how_fast_it_is(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from translate.ui import camera

    monkeypatch.setattr(camera, "frame_seconds", lambda *_: 0.75)
    way(page, "Camera")
    page.click("#camera .tr-start")
    page.wait_for_function("document.querySelector('#camera [role=status]').innerText.includes('takes 0.75 s a frame')")
    assert page.is_visible("#camera .tr-start")


def test_the_model_chosen_for_one_photo_is_offered_for_many(page: Any) -> None:
    choose(page, "#model", "Tiny picture")
    way(page, "Many photos")
    page.wait_for_function("document.querySelector('#batch-model input').value.startsWith('Tiny picture')")
    assert page.locator("#batch-model input").input_value().startswith("Tiny picture")


def test_every_way_fits_a_phone(page: Any) -> None:
    page.set_viewport_size(PHONE)
    for name in ("Many photos", "Video", "Camera", "Compare models"):
        page.wait_for_timeout(200)
        if page.get_by_role("tab", name=name).is_visible():
            way(page, name)
        else:
            page.locator("#ways .overflow-menu button").first.click()
            page.locator("#ways .overflow-dropdown button", has_text=name).click()
        page.wait_for_selector(f"#way-{name.split()[0].lower().replace('many', 'batch')}", state="visible")
        assert fits(page), name
