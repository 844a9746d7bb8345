"""Editing for the page, without a page: the same pictures as the library's, undo bit for bit, files that say it."""

import base64
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageSequence

import translate
from tests import tiny_faces
from tests.ui.tiny_page import TinyEditors
from translate import images
from translate.editing import detection
from translate.editing.photo import PhotoInverter
from translate.errors import CheckpointError, ConfigError, ImageError
from translate.ui import edit_files, edit_work
from translate.ui.edit_work import Asked, Table

MODEL = "tiny-faces"
PNG = "data:image/png;base64"
OLD = Asked(prompt="an old man", strength=0.5, disentangle=0.2)


@pytest.fixture(scope="module")
def editors(ui_home: Path) -> TinyEditors:
    return TinyEditors("cpu")


@pytest.fixture
def table(editors: TinyEditors) -> Table:
    return edit_work.begin_seed(editors, MODEL, 3)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    images.save(tiny_faces.smooth(60, 80), tmp_path / "me and you.png")
    return tmp_path / "me and you.png"


def pixels(picture: Path | Image.Image) -> np.ndarray[Any, Any]:
    if isinstance(picture, Path):
        return images.read_array(picture)
    return np.asarray(picture)


def begin(editors: TinyEditors, photo: Path, **given: Any) -> Table:
    return edit_work.begin_photo(editors, MODEL, photo, **({"crop": "20,10,40", "steps": 3} | given))


def test_an_edit_is_the_library_s_and_undo_gives_the_picture_before_bit_for_bit(
    editors: TinyEditors, table: Table, ui_home: Path
):
    first = pixels(edit_files.full(editors, table))
    done = edit_work.edit(editors, table, OLD)
    library = translate.load_editor(ui_home / "models" / MODEL, device="cpu")
    expected = library.edit(3, "an old man", strength=0.5, disentangle=0.2)
    np.testing.assert_array_equal(pixels(edit_files.full(editors, done)), pixels(expected.image))
    assert done.figures == pytest.approx(expected.figures, abs=1e-4)
    again = edit_work.edit(editors, done, replace(OLD, prompt="glasses"))
    assert [step.prompt for step in again.state.steps] == ["an old man", "glasses"]
    assert pixels(again.after).tobytes() != pixels(done.after).tobytes()
    back = edit_work.undo(editors, again)
    np.testing.assert_array_equal(pixels(back.after), pixels(done.after))
    assert back.figures == pytest.approx(done.figures, abs=1e-6)
    bare = edit_work.undo(editors, back)
    assert bare.after == bare.before == table.before
    assert pixels(edit_files.full(editors, bare)).tobytes() == first.tobytes()
    assert (bare.figures, bare.said) == ({}, ())


def test_another_strength_or_threshold_of_the_last_edit_is_as_if_it_had_been_asked_for(
    editors: TinyEditors, table: Table
):
    done = edit_work.edit(editors, table, OLD)
    for moved, asked in (
        (edit_work.at_strength(editors, done, -1.5), replace(OLD, strength=-1.5)),
        (edit_work.at_threshold(editors, done, 0.6), replace(OLD, disentangle=0.6)),
    ):
        expected = edit_work.edit(editors, table, asked)
        np.testing.assert_array_equal(pixels(moved.after), pixels(expected.after))
        assert moved.figures == pytest.approx(expected.figures, abs=1e-6)


def test_a_threshold_that_nothing_reaches_leaves_the_edit_and_says_so(editors: TinyEditors, table: Table):
    done = edit_work.edit(editors, table, OLD)
    editor = editors.load(MODEL)
    key = ("an old man", "a face")
    known = editor.relevance(*key)
    editor._relevance[key] = type(known)(known.values * 0.9, known.method)
    try:
        moved = edit_work.at_threshold(editors, done, 0.95)
    finally:
        editor._relevance[key] = known
    assert moved.state is done.state
    words = "no style channel reaches 0.95, the most relevant has 0.90; take a smaller disentanglement"
    assert moved.said == (f"Nothing was changed: {words}",)


def test_a_painted_mask_keeps_an_edit_in_its_place_beforehand_and_afterwards(editors: TinyEditors, table: Table):
    before = pixels(edit_files.full(editors, table))
    painted = Image.new("L", (64, 64))
    painted.paste(255, (0, 0, 64, 32))
    buffer = io.BytesIO()
    painted.save(buffer, "PNG")
    address = f"{PNG},{base64.b64encode(buffer.getvalue()).decode()}"
    mask = edit_files.read_mask(table.folder, address)
    masked = edit_work.edit(editors, table, replace(OLD, mask=mask))
    found = pixels(edit_files.full(editors, masked))
    np.testing.assert_array_equal(found[8:], before[8:])
    assert (found[:7] != before[:7]).any()
    whole = edit_work.edit(editors, table, OLD)
    later = edit_work.within(editors, whole, mask)
    np.testing.assert_array_equal(pixels(edit_files.full(editors, later)), found)
    everywhere = edit_work.within(editors, later, None)
    np.testing.assert_array_equal(pixels(everywhere.after), pixels(whole.after))


@pytest.mark.parametrize(
    "text", ["x", "data:image/jpeg;base64,AAAA", "data:image/png;base64,?", "data:image/png;base64,AAAA"]
)
def test_a_mask_that_the_brush_did_not_make_is_refused(table: Table, text: str):
    with pytest.raises(ImageError):
        edit_files.read_mask(table.folder, text)
    assert edit_files.read_mask(table.folder, "") is None


def test_a_photo_s_edit_is_tried_on_a_smaller_one_and_downloaded_at_its_own_size(
    editors: TinyEditors, photo: Path, ui_home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(edit_work, "SHOWN_SIDE", 40)
    done = edit_work.edit(editors, begin(editors, photo), OLD)
    assert Image.fromarray(pixels(done.after)).size == (40, 30)
    library = translate.load_editor(ui_home / "models" / MODEL, device="cpu")
    assert isinstance(library.inverter, PhotoInverter)
    library.inverter = replace(library.inverter, crop=(20, 10, 40), steps=3)
    source = Image.fromarray(images.read_array(photo))
    expected = library.edit(source, "an old man", strength=0.5, disentangle=0.2)
    path = edit_files.download_picture(editors, done)
    assert path.name == "me-and-you-an-old-man.png"
    np.testing.assert_array_equal(pixels(path), pixels(expected.image))
    outside = np.ones((60, 80), bool)
    outside[10:50, 20:60] = False
    np.testing.assert_array_equal(pixels(path)[outside], images.read_array(photo)[outside])


def test_a_photo_without_a_face_is_told_in_the_page_s_words(editors: TinyEditors, photo: Path):
    with pytest.raises(ImageError, match=r"no face detector is .* set the face's square on the photo") as told:
        begin(editors, photo, crop="")
    assert "--" not in str(told.value)
    for crop in ("1,2", "70,0,60"):
        with pytest.raises(ConfigError, match=r"square|three numbers") as told:
            begin(editors, photo, crop=crop)
        assert "--crop" not in str(told.value)


def test_a_square_to_set_is_shown_where_no_detector_is_or_by_hand(
    editors: TinyEditors, photo: Path, monkeypatch: pytest.MonkeyPatch
):
    html = edit_work.look(editors, MODEL, photo, False)
    assert 'data-width="80" data-height="60" data-square="22,8,36"' in html
    assert html.count("<i ") == 5
    assert "No face detector is installed" in html
    monkeypatch.setattr(detection, "is_installed", lambda: True)
    assert edit_work.look(editors, MODEL, photo, False) == ""
    assert "No face detector" not in edit_work.look(editors, MODEL, photo, True)


def test_a_saved_face_is_opened_with_its_edits_and_names_no_folder(editors: TinyEditors, table: Table, tmp_path: Path):
    done = edit_work.edit(editors, table, OLD)
    path = edit_files.download_latent(editors, done)
    assert path.name == "seed-3-an-old-man.safetensors"
    again = edit_work.begin_latent(editors, MODEL, path)
    np.testing.assert_array_equal(pixels(again.after), pixels(done.after))
    np.testing.assert_array_equal(pixels(again.before), pixels(done.before))
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="not a readable safetensors file"):
        edit_work.begin_latent(editors, MODEL, tmp_path / "x.safetensors")


def test_what_is_taken_away_says_that_it_is_synthetic_and_by_which_model(editors: TinyEditors, table: Table):
    done = edit_work.edit(editors, table, OLD)
    said = (
        f"Synthetic picture: a face made by the model {editors.load(MODEL).name}: an old man (direction, strength 0.5)"
    )
    for work in (edit_files.download_picture, edit_files.download_strip, edit_files.drawn):
        with Image.open(work(editors, done)) as picture:
            assert picture.text["Comment"] == said  # type: ignore[attr-defined]
    path = edit_files.download_animation(editors, done)
    with Image.open(path) as moving:
        assert moving.info["comment"].decode() == said
        frames = [np.asarray(frame.convert("RGB")).astype(int) for frame in ImageSequence.Iterator(moving)]
    away = [abs(frame - frames[0]).mean() for frame in frames]
    assert away.index(max(away)) == edit_files.FRAMES
    assert frames[0].shape == (256, 256, 3)


def test_an_optimisation_is_followed_and_stopped_where_it_is(editors: TinyEditors, table: Table):
    seen: list[int] = []
    asked = Asked(prompt="an old man", method="optimise", steps=50)
    done = edit_work.edit(editors, table, asked, lambda: len(seen) == 3, lambda step: seen.append(step.step))
    assert seen == [1, 2, 3]
    assert done.said[-1] == "Stopped: cancelled; the face is as far as it got"
    assert len(done.state.steps) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"prompt": " "}, "write what to see"),
        ({"method": "mapper"}, "no mapper for 'an old man'"),
        ({"strength": 1e9}, "strength is"),
    ],
)
def test_what_can_t_be_done_is_told(editors: TinyEditors, table: Table, changes: dict[str, Any], words: str):
    with pytest.raises(ConfigError, match=words):
        edit_work.edit(editors, table, replace(OLD, **changes))


@pytest.mark.parametrize("seed", [-1, 2.5, "3", None, True, 2**63])
def test_a_seed_is_a_whole_number(seed: object):
    with pytest.raises(ConfigError, match="give a whole number from 0 on"):
        edit_work.parse_seed(seed)


def test_only_listed_models_of_faces_are_loaded_and_once(editors: TinyEditors, ui_home: Path):
    assert editors.choices() == [("tiny-faces", "tiny-faces")]
    assert editors.load(MODEL) is editors.load(MODEL)
    with pytest.raises(CheckpointError, match="no model"):
        editors.load(str(ui_home / "models" / MODEL))
    with pytest.raises(CheckpointError, match="is no StyleGAN2 of colours"):
        editors.load("tiny-picture")
    with pytest.raises(CheckpointError, match="no model of faces is chosen"):
        editors.load(None)
