"""The Paint tab in a real headless Chromium: what is drawn is what the model gets, and its photo is what is shown."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import translate
from tests.ui.browser import MARKS, PHONE, fits, open_tab
from tests.ui.tiny_page import CLASSES, Served, draw
from translate import images

pytestmark = MARKS

SIDE = 64
COLOURS = [spec.color for spec in CLASSES]


@pytest.fixture
def board(page: Any) -> Any:
    """The tab, with the photo of an empty sheet."""
    open_tab(page, "Paint")
    page.wait_for_selector("#paint-result")
    return page


def photo_of(page: Any) -> str:
    source: str = page.locator("#paint-result").get_attribute("src")
    return source


def wait_for_another(page: Any, before: str) -> None:
    page.wait_for_function("before => document.querySelector('#paint-result').src !== before", arg=before)


def at(page: Any, x: int, y: int) -> tuple[float, float]:
    """The middle of a pixel of the drawing, on the screen."""
    frame = page.locator("#paint-board canvas").bounding_box()
    return frame["x"] + (x + 0.5) * frame["width"] / SIDE, frame["y"] + (y + 0.5) * frame["height"] / SIDE


def drag(page: Any, start: tuple[int, int], end: tuple[int, int]) -> None:
    page.mouse.move(*at(page, *start))
    page.mouse.down()
    page.mouse.move(*at(page, *end), steps=5)
    page.mouse.up()


def choose(page: Any, name: str) -> None:
    page.locator("#paint-board").get_by_role("radio", name=name, exact=True).check()


def save(page: Any, what: str, folder: Path) -> Path:
    with page.expect_download() as waited:
        page.click(f"#paint-save-{what}")
    path = folder / waited.value.suggested_filename
    waited.value.save_as(path)
    return path


def give(page: Any, what: str, file: Path) -> None:
    with page.expect_file_chooser() as waited:
        page.click(f"#paint-from-{what}")
    waited.value.set_files(file)


def drawn(page: Any, folder: Path) -> np.ndarray:
    return images.read_labels(save(page, "map", folder))


def test_a_painted_rectangle_changes_the_photo_which_is_the_library_s_of_the_downloaded_map(
    board: Any, served: Served, tmp_path: Path
) -> None:
    empty = images.read_array(save(board, "photo", tmp_path))
    before = photo_of(board)
    choose(board, "water")
    drag(board, (10, 12), (41, 30))
    wait_for_another(board, before)
    expected = np.zeros((SIDE, SIDE), np.uint8)
    expected[12:31, 10:42] = 2
    path = save(board, "map", tmp_path)
    assert path.name == "tiny-zpaint-map.png"
    with Image.open(path) as stored:
        assert (stored.mode, stored.getpalette()[:9]) == ("P", [value for colour in COLOURS for value in colour])
        np.testing.assert_array_equal(np.asarray(stored), expected)
    found = images.read_array(save(board, "photo", tmp_path))
    model = translate.load(served.home / "models" / "tiny-zpaint")
    np.testing.assert_array_equal(found, np.asarray(model(path)))
    assert (found != empty)[12:31, 10:42].any(axis=2).mean() > 0.9


def test_brush_fill_eraser_undo_and_redo_do_what_they_say(board: Any, tmp_path: Path) -> None:
    expected, shots = np.zeros((SIDE, SIDE), np.uint8), [photo_of(board)]

    def done() -> None:
        wait_for_another(board, shots[-1])
        np.testing.assert_array_equal(drawn(board, tmp_path), expected)
        shots.append(photo_of(board))

    choose(board, "road & path")
    choose(board, "Brush")
    board.locator("#paint-board input[type=range]").fill("4")
    drag(board, (20, 2), (20, 62))
    expected[:, 18:22] = 1  # 4 pixels, from 2 before the place to 1 behind it: from edge to edge
    done()
    choose(board, "water")
    choose(board, "Fill")
    board.mouse.click(*at(board, 40, 40))
    expected[:, 22:] = 2
    done()
    choose(board, "Eraser")
    board.mouse.click(*at(board, 50, 30))
    expected[28:32, 48:52] = 0
    done()
    board.get_by_role("button", name="Undo").click()
    expected[28:32, 48:52] = 2
    done()
    board.get_by_role("button", name="Redo").click()
    expected[28:32, 48:52] = 0
    done()


def test_everything_can_be_drawn_with_the_keyboard(board: Any, tmp_path: Path) -> None:
    choose(board, "road & path")
    before = photo_of(board)
    board.locator("#paint-board canvas").focus()
    for key in ("ArrowLeft", "Shift+ArrowUp", "Space", "ArrowRight", "Shift+ArrowRight", "ArrowDown"):
        board.keyboard.press(key)
    assert (
        board.locator("#paint-board [role=status]").inner_text() == "Pen at 33, 39, on road & path; drawing road & path"
    )
    board.keyboard.press("Enter")
    wait_for_another(board, before)
    expected = np.zeros((SIDE, SIDE), np.uint8)
    expected[31:40, 24:34] = 1
    np.testing.assert_array_equal(drawn(board, tmp_path), expected)
    after = photo_of(board)
    board.locator("#paint-board canvas").focus()  # it was on the download
    board.keyboard.press("Control+z")
    wait_for_another(board, after)
    assert not drawn(board, tmp_path).any()


def test_of_many_quick_strokes_the_newest_is_shown_in_the_end(board: Any, served: Served, tmp_path: Path) -> None:
    asked: list[str] = []
    board.on("request", lambda request: asked.append(request.url) if request.url.endswith("queue/join?") else None)
    choose(board, "water")
    expected = np.zeros((SIDE, SIDE), np.uint8)
    for row in range(0, 60, 6):
        drag(board, (5, row), (50, row + 2))
        expected[row : row + 3, 5:51] = 2
    for _ in range(50):
        if np.array_equal(found := drawn(board, tmp_path), expected):
            break
        board.wait_for_timeout(200)
    np.testing.assert_array_equal(found, expected)
    model = translate.load(served.home / "models" / "tiny-zpaint")
    np.testing.assert_array_equal(images.read_array(save(board, "photo", tmp_path)), np.asarray(model(expected)))
    assert len(asked) <= 11


def test_a_drawing_begins_from_a_photo_or_a_stored_map_and_a_photo_is_no_map(
    board: Any, served: Served, tmp_path: Path
) -> None:
    before = photo_of(board)
    give(board, "photo", served.photo)
    wait_for_another(board, before)
    labels = np.asarray(translate.load(served.home / "models" / "tiny-labels")(served.photo))
    np.testing.assert_array_equal(drawn(board, tmp_path), images.nearest(labels, 55, 74))
    index = np.random.default_rng(0).integers(0, 3, (SIDE, SIDE), np.uint8)
    images.save(images.labels_to_pil(index, COLOURS), tmp_path / "mine.png")
    before = photo_of(board)
    give(board, "map", tmp_path / "mine.png")
    wait_for_another(board, before)
    np.testing.assert_array_equal(drawn(board, tmp_path), index)
    images.save(draw(64, 64), tmp_path / "photo.png")
    give(board, "map", tmp_path / "photo.png")
    board.wait_for_selector("text=photo.png: 100.0% of the picture is none of the 3 classes")


def test_it_fits_a_phone_where_a_finger_draws_without_scrolling(board: Any, tmp_path: Path) -> None:
    board.set_viewport_size(PHONE)
    assert fits(board)
    canvas = board.locator("#paint-board canvas")
    assert canvas.evaluate("canvas => getComputedStyle(canvas).touchAction") == "none"
    assert canvas.bounding_box()["width"] > 340
