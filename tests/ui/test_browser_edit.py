"""The Edit and Generate tabs in a real headless Chromium, with a tiny model whose words mean nothing."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import translate
from tests import tiny_faces
from tests.ui.browser import MARKS, PHONE, fits, open_tab
from tests.ui.tiny_page import Served
from translate import images
from translate.editing.latents import load_latent

pytestmark = MARKS


@pytest.fixture
def edit(page: Any) -> Any:
    open_tab(page, "Edit")
    page.wait_for_selector("#edit-prompt textarea, #edit-prompt input")
    return page


def ask(page: Any, words: str, edits: int) -> None:
    page.locator("#edit-prompt textarea, #edit-prompt input").fill(words)
    page.click("#edit-go")
    wait(page, edits)


def wait(page: Any, edits: int) -> None:
    """Until so many edits are listed, and the pictures are there."""
    page.wait_for_function(f"document.querySelectorAll('#edit-history li').length == {edits}")
    page.wait_for_function(
        "[...document.querySelectorAll('#edit-comparison img')].every(i => i.complete && i.naturalWidth)"
        " && document.querySelector('#edit-comparison img')"
    )


def save(page: Any, button: str, folder: Path) -> Path:
    with page.expect_download() as waited:
        page.click(button)
    path = folder / waited.value.suggested_filename
    waited.value.save_as(path)
    return path


def test_words_edit_a_face_and_undo_gives_the_first_picture_back_bit_for_bit(
    edit: Any, served: Served, tmp_path: Path
) -> None:
    assert edit.is_visible("text=The edited face appears here")
    edit.get_by_role("tab", name="Random face").click()
    edit.locator("#edit-seed input").fill("3")
    edit.click("#edit-show")
    edit.wait_for_selector("#edit-comparison img")
    first = save(edit, "#edit-download", tmp_path)
    assert first.name == "seed-3.png"
    before = first.read_bytes()
    ask(edit, "an old man", 1)
    done = save(edit, "#edit-download", tmp_path)
    assert done.name == "seed-3-an-old-man.png"
    editor = translate.load_editor(served.home / "models" / "tiny-faces", device="cpu")
    expected = editor.edit(3, "an old man")
    np.testing.assert_array_equal(images.read_array(done), np.asarray(expected.image))
    facts = edit.locator("#edit-told").inner_text()
    assert f"{expected.figures['clip_after']:.2f}, was {expected.figures['clip_before']:.2f}" in facts
    assert "(by the discriminator of tiny)" in facts
    ask(edit, "glasses", 2)
    edit.click("#edit-undo")
    wait(edit, 1)
    assert save(edit, "#edit-download", tmp_path).read_bytes() == done.read_bytes()
    edit.click("#edit-undo")
    wait(edit, 0)
    assert save(edit, "#edit-download", tmp_path).read_bytes() == before
    sides = [image.get_attribute("src") for image in edit.locator("#edit-comparison img").all()]
    assert len(set(sides)) == 1
    assert edit.locator("#edit-undo").is_disabled()


def test_strength_is_moved_without_asking_the_words_again(edit: Any, tmp_path: Path) -> None:
    from translate.editing.editor import Editor

    edit.get_by_role("button", name="a child").click()
    wait(edit, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Editor, "relevance", lambda *_, **__: pytest.fail("the words were asked again"))
        edit.locator("#edit-strength input[type=range]").fill("-1.5")
        edit.wait_for_function("document.querySelector('#edit-history').innerText.includes('strength -1.5')")
    latent = save(edit, "#edit-latent", tmp_path)
    assert [(step.prompt, step.strength) for step in load_latent(latent).steps] == [("a child", -1.5)]
    edit.click("#edit-over")
    wait(edit, 0)
    edit.get_by_role("tab", name="Saved face").click()
    edit.set_input_files("#edit-saved input[type=file]", latent)
    wait(edit, 1)
    assert "strength -1.5" in edit.locator("#edit-history").inner_text()


def test_a_photo_s_face_is_marked_with_the_keyboard_and_an_edit_stays_in_what_was_painted(
    edit: Any, tmp_path: Path
) -> None:
    images.save(tiny_faces.smooth(150, 200), tmp_path / "me.png")
    edit.set_input_files("#edit-photo input[type=file]", tmp_path / "me.png")
    crop = edit.locator("#edit-crop .tr-crop")
    crop.wait_for()
    assert "No face detector is installed" in edit.locator("#edit-crop").inner_text()
    assert crop.get_attribute("data-square") == "55,20,90"
    edit.locator(".tr-box").focus()
    for key in ("-", "-", "ArrowRight", "ArrowDown"):
        edit.keyboard.press(key)
    x, y, side = map(int, crop.get_attribute("data-square").split(","))
    assert side < 90
    assert x > 55
    edit.get_by_text("More about the photo").click()
    edit.get_by_label("Steps towards the photo").first.fill("0")
    edit.click("#edit-use")
    edit.wait_for_selector("#edit-comparison img")
    assert f"the square {x},{y},{side} was given" in edit.locator("#edit-told").inner_text()
    edit.get_by_text("Only within a painted area").click()
    canvas = edit.locator("#edit-mask canvas")
    canvas.scroll_into_view_if_needed()
    place = canvas.bounding_box()
    for share in (0.05, 0.15, 0.25, 0.35):
        edit.mouse.move(place["x"] + 2, place["y"] + share * place["height"])
        edit.mouse.down()
        edit.mouse.move(place["x"] + place["width"] - 2, place["y"] + share * place["height"], steps=3)
        edit.mouse.up()
    ask(edit, "an old man", 1)
    assert "painted area" in edit.locator("#edit-history").inner_text()
    found = images.read_array(save(edit, "#edit-download", tmp_path)).astype(int)
    moved = np.abs(found - images.read_array(tmp_path / "me.png")).sum(axis=2) > 0
    assert moved.any()
    assert not moved[:y].any()
    assert not moved[y + side * 6 // 10 :].any()
    assert not moved[:, :x].any()


@pytest.fixture
def mappers(served: Served) -> Iterator[Path]:
    """Two mappers of the page's model of faces."""
    folder = served.home / "models" / "tiny-faces"
    tiny_faces.mapper(folder, "a bright face")
    yield tiny_faces.mapper(folder, "a dark face")
    shutil.rmtree(folder / "mappers")


def test_a_model_s_mappers_are_a_menu_of_their_sentences(
    mappers: Path, edit: Any, served: Served, tmp_path: Path
) -> None:
    edit.get_by_text("How", exact=True).click()
    edit.get_by_label("Mapper: trained for one sentence").check()
    edit.wait_for_selector("#edit-mapper input", state="visible")
    edit.wait_for_selector("#edit-prompt", state="hidden")
    assert not edit.get_by_role("button", name="an old man").is_visible()
    edit.click("#edit-mapper input")
    offered = [text.split("\n")[-1] for text in edit.get_by_role("option").all_inner_texts()]  # before it a check mark
    assert offered == ["a bright face", "a dark face"]
    edit.get_by_role("option", name="a dark face").click()
    edit.click("#edit-go")
    wait(edit, 1)
    assert "a dark face" in edit.locator("#edit-history").inner_text()
    assert "mapper" in edit.locator("#edit-history").inner_text()
    editor = translate.load_editor(served.home / "models" / "tiny-faces", device="cpu")
    expected = editor.edit(7, "a dark face", method="mapper")
    found = images.read_array(save(edit, "#edit-download", tmp_path))
    np.testing.assert_array_equal(found, np.asarray(expected.image))
    edit.get_by_label("Direction: at once").check()
    edit.wait_for_selector("#edit-prompt", state="visible")


def test_where_there_is_no_mapper_none_is_offered(edit: Any) -> None:
    edit.get_by_text("How", exact=True).click()
    edit.get_by_label("Optimise: one face, step by step").wait_for()
    assert edit.get_by_label("Mapper: trained for one sentence").count() == 0


def test_an_optimisation_shows_its_steps_and_stops_when_told(edit: Any) -> None:
    edit.get_by_text("How", exact=True).click()
    edit.get_by_label("Optimise: one face, step by step").check()
    edit.locator("#edit-steps input[type=number]").fill("300")
    edit.locator("#edit-prompt textarea, #edit-prompt input").fill("an old man")
    edit.click("#edit-go")
    edit.wait_for_function("/^Step \\d+ of 300/.test(document.querySelector('#edit-status')?.innerText)")
    edit.click("#edit-stop")
    wait(edit, 1)
    assert "as far as it got" in edit.locator("#edit-told").inner_text()
    assert not edit.is_visible("#edit-stop")


def test_a_mistake_is_told_in_one_line_and_leaves_the_page_ready(edit: Any) -> None:
    edit.click("#edit-go")
    toast = edit.get_by_test_id("toast-body")
    toast.wait_for()
    assert "write what to see" in toast.inner_text()
    edit.wait_for_selector("#edit-stop", state="hidden")


def test_faces_of_seeds_a_way_and_a_mix_are_made(page: Any, tmp_path: Path) -> None:
    open_tab(page, "Generate")
    page.locator("#generate-seeds textarea, #generate-seeds input").fill("3-5")
    page.click("#generate-go")
    page.wait_for_function("document.querySelectorAll('#generate-gallery .grid-wrap img').length == 3")
    with Image.open(save(page, "#generate-sheet", tmp_path)) as sheet:
        assert sheet.size == (2 * 20 + 4, 2 * 20 + 4)
        assert sheet.text["Comment"].startswith("Synthetic picture")  # type: ignore[attr-defined]
    page.get_by_label("From one face to another").check()
    page.click("#generate-go")
    page.wait_for_selector("#generate-moving img", timeout=90_000)  # an animation of 30 frames
    with Image.open(save(page, "#generate-animation", tmp_path)) as moving:
        assert getattr(moving, "n_frames", 1) == 30
    page.get_by_label("Mix two faces").check()
    page.click("#generate-go")
    page.wait_for_function("document.querySelectorAll('#generate-gallery .grid-wrap img').length == 7")
    assert not page.is_visible("#generate-moving")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling_and_sees_the_face(edit: Any, scheme: str) -> None:
    edit.set_viewport_size(PHONE)
    edit.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    assert fits(edit)
    edit.get_by_role("button", name="an old man").click()
    wait(edit, 1)
    edit.wait_for_function("document.querySelector('#edit-result').getBoundingClientRect().top < innerHeight * 0.6")
    assert fits(edit)
