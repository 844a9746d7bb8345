"""The page in a real headless Chromium: every test also asserts no external request and no error on the console."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import translate
from tests.ui.browser import MARKS, PHONE, download, fits, upload, wait_for_result
from tests.ui.tiny_page import Served

pytestmark = MARKS


def right_side(page: Any) -> str:
    """The address of the picture that is compared with the photo."""
    source: str = page.locator("#comparison img").last.get_attribute("src")
    return source


def choose_model(page: Any, title: str) -> None:
    page.click("#model input")
    page.get_by_role("option", name=title).click()


def test_an_uploaded_photo_is_compared_and_downloaded(page: Any, served: Served, tmp_path: Path) -> None:
    assert page.is_visible("text=Your translation appears here")
    upload(page, served.photo)
    wait_for_result(page)
    assert not page.is_visible("text=Your translation appears here")
    path = download(page, tmp_path)
    assert path.name == "a-photo-tiny-labels.png"
    expected = translate.load(served.home / "models" / "tiny-labels")(served.photo)
    with Image.open(path) as image:
        assert (image.mode, image.getpalette()) == ("P", expected.getpalette())
        np.testing.assert_array_equal(np.asarray(image), np.asarray(expected))


def test_a_run_says_where_how_long_at_which_scale_and_what_is_in_the_picture(page: Any, served: Served) -> None:
    upload(page, served.photo)
    wait_for_result(page)
    facts = page.locator("#facts").inner_text()
    for words in ("Time", " ms", "Device", "cpu", "Precision", "120 × 90", "74 × 55", "× 0.616"):
        assert words in facts
    names = page.locator("#legend .tr-name").all_inner_texts()
    assert set(names) <= {"ground", "road & path", "water"}
    shares = [float(text.removesuffix(" %")) for text in page.locator("#legend .tr-share").all_inner_texts()]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(100, abs=0.2)
    page.get_by_label("Photo's pixels").check()
    page.wait_for_function("document.querySelector('#facts').innerText.includes('120 × 90 (× 1)')")


def test_the_overlay_s_strength_changes_the_picture_without_running_the_model(
    page: Any, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    from translate.inference.translator import Translator

    upload(page, served.photo)
    wait_for_result(page)
    before = right_side(page)
    monkeypatch.setattr(Translator, "run", lambda *_, **__: pytest.fail("the model was run again"))
    page.locator("#strength input[type=range]").fill("1")
    page.wait_for_function(f"[...document.querySelectorAll('#comparison img')].at(-1).src != {before!r}")
    wait_for_result(page)
    assert right_side(page) != before


def test_another_model_says_what_it_is_and_translates_the_photo_anew(page: Any, served: Served, tmp_path: Path) -> None:
    card = page.locator("#model-card")
    for words in ("Finds <nothing> in particular.", "0.500\nmean IoU", "87.5 %\npixel accuracy", "3 classes"):
        assert words in card.inner_text()
    upload(page, served.photo)
    wait_for_result(page)
    choose_model(page, "Tiny picture")
    page.wait_for_selector("#legend", state="hidden")
    assert "12.3 dB\nPSNR" in card.inner_text()
    assert "classes" not in card.inner_text()
    assert not page.is_visible("#strength")
    with Image.open(download(page, tmp_path)) as image:
        expected = translate.load(served.home / "models" / "tiny-picture")(served.photo)
        np.testing.assert_array_equal(np.asarray(image), np.asarray(expected))


def test_a_kind_of_model_nobody_has_heard_of_is_shown_and_run(page: Any, served: Served, tmp_path: Path) -> None:
    choose_model(page, "Tiny novelty")
    page.wait_for_function("document.querySelector('#model-card').innerText.includes('kernel distance')")
    card = page.locator("#model-card").inner_text()
    for words in ("0.0345\nkernel distance", "62.1\nFréchet distance", "21.0 %\nleft as it was", "chosen on them"):
        assert words in card
    upload(page, served.photo)
    wait_for_result(page)
    assert not page.is_visible("#legend")
    assert not page.is_visible("#strength")
    assert "Fine detail\nthe photo's own" in page.locator("#facts").inner_text()
    with Image.open(download(page, tmp_path)) as image:
        expected = translate.load(served.home / "models" / "tiny-whatever")(served.photo)
        np.testing.assert_array_equal(np.asarray(image), np.asarray(expected))


def test_an_example_brings_its_own_model_and_is_one_run(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from translate.inference.translator import Translator

    ran: list[str] = []
    original = Translator.run
    monkeypatch.setattr(
        Translator, "run", lambda self, *args, **given: ran.append(self.config.name) or original(self, *args, **given)
    )
    page.get_by_label("Example: tiny picture field").click()
    wait_for_result(page)
    page.wait_for_function("document.querySelector('#model input').value.startsWith('Tiny picture')")
    assert ran == ["tiny-picture"]


def test_a_snapshot_is_translated(page: Any) -> None:
    page.get_by_label("Capture from camera").click()
    page.click("#photo .access-wrap button, #photo [title='grant webcam access']")
    # On a busy machine the button is there before the camera's first frame, and would capture nothing.
    page.wait_for_function(
        "[...document.querySelectorAll('#photo video')].some(v => v.readyState >= 2 && v.videoWidth)"
    )
    page.get_by_label("capture photo").click()
    wait_for_result(page)
    assert " ms" in page.locator("#facts").inner_text()


def test_a_pasted_picture_is_translated(page: Any) -> None:
    page.evaluate("""async () => {
        const canvas = Object.assign(document.createElement("canvas"), {width: 40, height: 30});
        canvas.getContext("2d").fillRect(5, 5, 20, 20);
        const png = await new Promise(done => canvas.toBlob(done, "image/png"));
        await navigator.clipboard.write([new ClipboardItem({"image/png": png})]);
    }""")
    page.get_by_label("Paste from clipboard").click()
    wait_for_result(page)
    assert "40 × 30" in page.locator("#facts").inner_text()


def test_a_broken_file_is_told_in_one_line_and_takes_the_old_result_away(
    page: Any, served: Served, tmp_path: Path
) -> None:
    upload(page, served.photo)
    wait_for_result(page)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    page.get_by_label("Remove Image").click()
    page.wait_for_selector("text=Your translation appears here")
    upload(page, broken)
    toast = page.get_by_test_id("toast-body")
    toast.wait_for()
    assert "broken.png: no PNG, JPEG" in toast.inner_text()
    assert "translate-" not in toast.inner_text()
    assert not page.is_visible("#comparison")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling_and_sees_the_result(page: Any, served: Served, scheme: str) -> None:
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    assert fits(page)
    upload(page, served.photo)
    wait_for_result(page)
    page.wait_for_function("document.querySelector('#comparison').getBoundingClientRect().top < innerHeight * 0.6")
    assert fits(page)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    red = int(background.split("(")[1].split(",")[0])
    assert (red < 60) == (scheme == "dark")
