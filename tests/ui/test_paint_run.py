"""Drawings without the page: packed, begun, and made a photo of."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import translate
from tests.ui.tiny_page import CLASSES, TinyModels, draw
from translate import images
from translate.config import ClassSpec, ModelConfig
from translate.errors import ConfigError, ImageError, TranslateError
from translate.ui import paint_run
from translate.ui.app import build
from translate.ui.models import Models
from translate.ui.paint_tab import NO_PAINTERS

COLOURS = [spec.color for spec in CLASSES]


@pytest.fixture
def config() -> ModelConfig:
    return TinyModels().entry("tiny-zpaint").config


def runs(*found: tuple[int, int]) -> str:
    """Runs of (value, pixels) as the page sends them."""
    return base64.b64encode(b"".join(bytes([v, n - 1 & 255, n - 1 >> 8]) for v, n in found)).decode()


def test_a_drawing_is_packed_as_runs_of_classes_row_by_row() -> None:
    index = np.array([[1, 1, 0], [0, 2, 2]], np.uint8)
    assert paint_run.pack(index) == f"3x2:{runs((1, 2), (0, 2), (2, 2))}"
    np.testing.assert_array_equal(paint_run.unpack(paint_run.pack(index), 3), index)


@pytest.mark.parametrize(("height", "pieces"), [(32, 1), (33, 2), (64, 2), (65, 3)])
def test_a_run_is_cut_into_pieces_that_two_bytes_count(height: int, pieces: int) -> None:
    """A piece is 65,536 pixels at most: 32 rows of 2,048."""
    index = np.ones((height, 2048), np.uint8)
    packed = paint_run.pack(index)
    assert len(base64.b64decode(packed.split(":")[1])) == 3 * pieces
    np.testing.assert_array_equal(paint_run.unpack(packed, 2), index)


@pytest.mark.parametrize(
    "text",
    [
        None, 7, "", "3x2", "3x2:!!!", "3x2:AA==", f"3x:{runs((0, 6))}", f"axb:{runs((0, 6))}",
        f"3x2:{runs((0, 5))}", f"3x2:{runs((0, 7))}", f"3x2:{runs((3, 6))}", f"0x0:{runs((0, 1))}",
        f"-3x-2:{runs((0, 6))}", f"2049x1:{runs((0, 2049))}", "2000x2000:" + runs(*[(0, 65536)] * 61),
    ],
)  # fmt: skip
def test_what_is_no_drawing_of_the_classes_is_refused(text: object) -> None:
    with pytest.raises(ConfigError, match="draw"):
        paint_run.unpack(text, 3)


def test_only_models_that_start_from_label_maps_are_offered() -> None:
    assert [name for _, name in paint_run.painters(TinyModels())] == ["tiny-zpaint"]


def test_a_page_without_such_a_model_teaches_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from translate import catalog

    monkeypatch.setattr(catalog, "roots", dict)
    shown = {block.elem_id: block for block in build(Models()).blocks.values() if getattr(block, "elem_id", None)}
    assert shown["paint-welcome"].visible
    assert shown["paint-welcome"].value == NO_PAINTERS
    assert not shown["paint"].visible


def test_the_photo_is_what_the_library_makes_of_the_label_map(ui_home: Path, tmp_path: Path) -> None:
    index = np.random.default_rng(0).integers(0, 3, (64, 48), np.uint8)
    done = paint_run.paint(TinyModels(), "tiny-zpaint", paint_run.pack(index))
    (tmp_path / "map.png").write_bytes(done.map)
    np.testing.assert_array_equal(images.read_labels(tmp_path / "map.png"), index)
    np.testing.assert_array_equal(images.read_array(tmp_path / "map.png"), images.colourise(index, COLOURS))
    expected = translate.load(ui_home / "models" / "tiny-zpaint")(tmp_path / "map.png")
    with Image.open(io.BytesIO(done.photo)) as photo:
        np.testing.assert_array_equal(np.asarray(photo), np.asarray(expected))
    assert (done.width, done.height) == (48, 64)


def test_a_model_of_photos_makes_nothing_of_a_drawing() -> None:
    with pytest.raises(ConfigError, match="'tiny-picture' starts from photos"):
        paint_run.paint(TinyModels(), "tiny-picture", paint_run.pack(np.zeros((4, 4), np.uint8)))


def test_a_photo_is_segmented_by_the_model_of_the_same_classes(
    ui_home: Path, config: ModelConfig, tmp_path: Path
) -> None:
    images.save(draw(90, 120), tmp_path / "photo.png")
    assert paint_run.segmenter(TinyModels(), config) == "tiny-labels"
    found = paint_run.from_photo(TinyModels(), config, tmp_path / "photo.png")
    labels = np.asarray(translate.load(ui_home / "models" / "tiny-labels")(tmp_path / "photo.png"))
    np.testing.assert_array_equal(found, images.nearest(labels, 55, 74))
    assert len(np.unique(found)) > 1


def test_classes_are_matched_by_name_whatever_their_order(config: ModelConfig, tmp_path: Path) -> None:
    images.save(draw(64, 64), tmp_path / "photo.png")
    turned = config.replace(input_classes=CLASSES[::-1])
    straight = paint_run.from_photo(TinyModels(), config, tmp_path / "photo.png")
    np.testing.assert_array_equal(paint_run.from_photo(TinyModels(), turned, tmp_path / "photo.png"), 2 - straight)


def test_without_a_model_of_the_same_classes_no_photo_can_be_started_from(config: ModelConfig, tmp_path: Path) -> None:
    other = config.replace(input_classes=(*CLASSES, ClassSpec(name="sky", color=(1, 2, 3))))
    assert paint_run.segmenter(TinyModels(), other) is None
    with pytest.raises(TranslateError, match="no model here finds the 4 classes"):
        paint_run.from_photo(TinyModels(), other, tmp_path / "photo.png")


def test_a_stored_map_comes_back_as_it_was_drawn(config: ModelConfig, tmp_path: Path) -> None:
    index = np.random.default_rng(0).integers(0, 3, (64, 64), np.uint8)
    images.save(images.labels_to_pil(index, COLOURS), tmp_path / "map.png")
    np.testing.assert_array_equal(paint_run.from_map(config, tmp_path / "map.png"), index)
    images.save(images.labels_to_pil(images.nearest(index, 128, 512), COLOURS), tmp_path / "large.png")
    assert paint_run.from_map(config, tmp_path / "large.png").shape == (32, 128)
    images.save(draw(64, 64), tmp_path / "photo.png")
    with pytest.raises(ImageError, match="none of the 3 classes"):
        paint_run.from_map(config, tmp_path / "photo.png")


def test_a_map_as_long_as_a_thread_stays_within_what_is_taken_back(config: ModelConfig, tmp_path: Path) -> None:
    images.save(images.labels_to_pil(np.zeros((1, 9000), np.uint8), COLOURS), tmp_path / "map.png")
    index = paint_run.from_map(config, tmp_path / "map.png")
    np.testing.assert_array_equal(paint_run.unpack(paint_run.pack(index), 3), index)


def test_an_example_is_drawn_of_a_house_s_classes_and_else_the_sheet_is_empty(config: ModelConfig) -> None:
    np.testing.assert_array_equal(paint_run.example(config, 5), np.zeros((64, 64), np.uint8))
    names = ("window", "facade", "background", "door")
    house = config.replace(input_classes=tuple(ClassSpec(name=n, color=(i, 0, 0)) for i, n in enumerate(names)))
    drawn = paint_run.example(house, 5)
    assert set(np.unique(drawn)) == {0, 1, 2, 3}
    assert (drawn != paint_run.example(house, 6)).any()
    assert drawn[0, 32] == 2  # the sky above the house
