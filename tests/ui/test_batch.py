"""Many photos for the page, without the page."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import translate
from tests.ui.tiny_page import CLASSES, draw
from translate import images
from translate.errors import ConfigError
from translate.ui import batch
from translate.ui.batch import Batch, Step, preview, translate_files, translate_folder
from translate.ui.models import Models


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Three photos, two of one name, as uploads are: each in a folder of its own."""
    paths = [tmp_path / "1" / "field.png", tmp_path / "2" / "field.png", tmp_path / "3" / "a lake.jpg"]
    for seed, path in enumerate(paths):
        images.save(draw(40 + seed, 60, seed), path)
    return paths


def unpacked(result: Batch) -> dict[str, Image.Image]:
    assert result.archive is not None
    with zipfile.ZipFile(result.archive) as archive:
        assert {info.compress_type for info in archive.infolist()} <= {zipfile.ZIP_STORED}
        found = {}
        for name in archive.namelist():
            with archive.open(name) as file, Image.open(file, formats=["PNG"]) as image:
                image.load()
                found[name] = image
        return found


@pytest.mark.parametrize("model", ["tiny-labels", "tiny-picture"])
def test_the_zip_holds_exactly_what_the_library_gives_under_names_of_their_own(
    photos: list[Path], ui_home: Path, model: str
) -> None:
    steps: list[Step] = []
    result = translate_files(Models(), model, photos, "auto", steps.append, bool)
    found = unpacked(result)
    assert list(found) == [shown.name for shown in result.shown]
    assert len(found) == 3
    assert "a lake.png" in found
    translator = translate.load(ui_home / "models" / model)
    expected = [np.asarray(translator(photo)).tobytes() for photo in photos]
    assert sorted(np.asarray(image).tobytes() for image in found.values()) == sorted(expected)
    assert {image.mode for image in found.values()} == {"P" if model == "tiny-labels" else "RGB"}
    assert (steps[0].done, steps[-1].done, steps[-1].total) == (0, 3, 3)
    assert [step.latest for step in steps if step.latest] == sorted(
        result.shown, key=lambda one: int(one.thumb.parent.name)
    )
    assert (result.failed, result.stopped, result.device) == ([], False, "cpu")


def test_a_bad_file_is_named_and_the_others_go_on(photos: list[Path], tmp_path: Path) -> None:
    broken, clip = tmp_path / "broken.png", tmp_path / "walk.mp4"
    broken.write_bytes(b"no picture")
    clip.write_bytes(b"no clip")
    cut = tmp_path / "cut.png"
    cut.write_bytes(photos[0].read_bytes()[:400])  # its header is whole
    result = translate_files(Models(), "tiny-labels", [photos[0], broken, clip, cut], "auto", bool, bool)
    assert list(unpacked(result)) == ["field.png"]
    reasons = dict(result.failed)
    assert sorted(reasons) == ["broken.png", "cut.png", "walk.mp4"]
    assert reasons["broken.png"].startswith("no PNG, JPEG")
    assert "Video tab" in reasons["walk.mp4"]
    assert not any(str(tmp_path) in reason for reason in reasons.values())


def test_nothing_done_is_no_zip(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    result = translate_files(Models(), "tiny-labels", [tmp_path / "broken.png"], "auto", bool, bool)
    assert result.archive is None
    assert len(result.failed) == 1


def test_who_stops_gets_the_zip_of_what_is_done(photos: list[Path]) -> None:
    steps: list[Step] = []
    result = translate_files(
        Models(), "tiny-labels", photos, "auto", steps.append, lambda: any(step.latest for step in steps)
    )
    assert result.stopped
    assert len(unpacked(result)) == len(result.shown) == 1


def test_too_much_work_is_refused_before_it_starts(photos: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="3 files; this page takes 2 at a time"):
        translate_files(Models(), "tiny-labels", photos, "auto", bool, bool, most=2)
    monkeypatch.setattr(batch, "MAX_MEGAPIXELS", 0.007)
    with pytest.raises(ConfigError, match="megapixels of work together"):  # 60 x (40 + 41 + 42)
        translate_files(Models(), "tiny-labels", photos, "native", bool, bool)
    monkeypatch.setattr(batch, "MAX_MEGAPIXELS", 0.008)
    assert len(translate_files(Models(), "tiny-labels", photos, "native", bool, bool).shown) == 3


def test_no_photo_at_all_is_one_line() -> None:
    with pytest.raises(ConfigError, match="no photo was given"):
        translate_files(Models(), "tiny-labels", [], "auto", bool, bool)


def test_a_label_map_is_shown_over_its_photo(tmp_path: Path) -> None:
    images.save(Image.new("RGB", (2, 1), (100, 100, 100)), tmp_path / "photo.png")
    palette = [spec.color for spec in CLASSES]
    images.save(images.labels_to_pil(np.array([[1, 1]]), palette), tmp_path / "map.png")
    shown = preview("map.png", tmp_path / "photo.png", tmp_path / "map.png", palette, tmp_path / "shown")
    expected = 0.4 * 100 + 0.6 * np.array(palette[1])
    assert np.abs(images.read_array(shown.after)[0, 0] - expected).max() <= 4  # JPEG rounds
    assert np.abs(images.read_array(shown.before)[0, 0].astype(int) - 100).max() <= 2


def test_what_is_shown_is_small_and_the_zip_is_not(tmp_path: Path) -> None:
    images.save(draw(20, 2000), tmp_path / "wide.png")
    result = translate_files(Models(), "tiny-picture", [tmp_path / "wide.png"], "auto", bool, bool)
    shown = result.shown[0]
    assert images.header(shown.before).width == images.header(shown.after).width == 1600
    assert images.header(shown.thumb).width == 480
    assert unpacked(result)["wide.png"].size == (2000, 20)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root with a folder of two photos, one below the other."""
    for seed, name in enumerate(("a.png", "sub/b.png")):
        images.save(draw(30, 40, seed), tmp_path / "root" / "in" / name)
    return tmp_path / "root"


def test_a_folder_goes_into_another_as_on_the_command_line(root: Path, ui_home: Path) -> None:
    source, out = root / "in", root / "out"
    result = translate_folder(Models(), "tiny-picture", source, out, root, "auto", bool, bool)
    assert (result.written, result.skipped, result.failed) == (2, 0, [])
    translator = translate.load(ui_home / "models" / "tiny-picture")
    for name in ("a.png", "sub/b.png"):
        np.testing.assert_array_equal(images.read_array(out / name), np.asarray(translator(source / name)))
    again = translate_folder(Models(), "tiny-picture", source, out, root, "auto", bool, bool)
    assert (again.written, again.skipped) == (0, 2)
    with pytest.raises(ConfigError, match="is the input folder"):
        translate_folder(Models(), "tiny-picture", source, source, root, "auto", bool, bool)


def test_links_out_of_the_data_root_are_named_and_left(root: Path, tmp_path: Path) -> None:
    draw(30, 40, 7).save(tmp_path / "secret.png")
    (root / "in" / "secret.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "elsewhere").mkdir()
    (root / "out").mkdir()
    (root / "out" / "sub").symlink_to(tmp_path / "elsewhere")
    result = translate_folder(Models(), "tiny-picture", root / "in", root / "out", root, "auto", bool, bool)
    assert sorted(name for name, _ in result.failed) == ["secret.png", "sub/b.png"]
    assert [path.name for path in (root / "out").iterdir() if path.is_file()] == ["a.png"]
    assert not list((tmp_path / "elsewhere").iterdir())


def test_who_stops_a_folder_keeps_what_is_written(root: Path) -> None:
    steps: list[Step] = []
    result = translate_folder(
        Models(), "tiny-picture", root / "in", root / "out", root, "auto", steps.append,
        lambda: any(step.done for step in steps),
    )  # fmt: skip
    assert result.stopped
    assert len(list((root / "out").rglob("*.png"))) == result.written == 1
