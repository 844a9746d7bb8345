"""Every kind of label map becomes the same class indices, and what is no class is told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from translate.config import DataConfig
from translate.data.labels import find_legend, palette, read_legend
from translate.data.layouts import recognise
from translate.data.reading import read_index, read_side
from translate.errors import DatasetError

Write = Callable[..., Path]

CLASSES = {
    "ignore_index": 11,
    "classes": [
        {"index": 7, "name": "sky", "color": [0, 0, 255]},
        {"index": 2, "name": "road", "color": [128, 64, 128]},
        {"index": 11, "name": "void", "color": [9, 9, 9]},
    ],
}
RAW = np.array([[7, 2, 2], [11, 255, 7]], np.uint8)
EXPECTED = [[0, 1, 1], [255, 255, 0]]


def write_classes(path: Path, content: Any = CLASSES) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_stored_indices_become_0_to_n_in_listed_order_and_void_255(tmp_path: Path) -> None:
    legend = read_legend(write_classes(tmp_path / "classes.json"))
    assert [spec.name for spec in legend.classes] == ["sky", "road"]
    assert legend.values == (7, 2)
    index, unknown = legend.encode(RAW)
    assert index.tolist() == EXPECTED
    assert index.dtype == np.uint8
    assert not unknown
    assert legend.encode(RAW.astype(np.uint16))[0].tolist() == EXPECTED


def test_an_index_that_is_no_class_is_counted_and_void(tmp_path: Path) -> None:
    legend = read_legend(write_classes(tmp_path / "classes.json"))
    index, unknown = legend.encode(np.array([[7, 3, 3, 4]], np.uint8))
    assert index.tolist() == [[0, 255, 255, 255]]
    assert unknown == {"3": 2, "4": 1}


def test_painted_classes_have_their_colours_and_void_is_black(tmp_path: Path) -> None:
    legend = read_legend(write_classes(tmp_path / "classes.json"))
    painted = legend.paint(np.array([[0, 1, 255]], np.uint8))
    assert painted.tolist() == [[[0, 0, 255], [128, 64, 128], [0, 0, 0]]]


@pytest.mark.parametrize("mode", ["L", "P", "I;16"])
def test_index_pictures_of_every_kind_read_the_same(draw: Write, tmp_path: Path, mode: str) -> None:
    for i in range(3):
        draw(f"images/{i}.png", size=(2, 3), seed=i)
        path = draw(f"labels/{i}.png", RAW.astype(np.uint16) if mode == "I;16" else RAW)
        if mode == "P":
            image = Image.fromarray(RAW)
            image.putpalette([value for colour in palette(256) for value in colour])
            image.save(path)
        assert Image.open(path).mode == mode
    write_classes(tmp_path / "classes.json")
    layout = recognise(tmp_path, config=DataConfig())
    assert layout.target == "labels"
    assert read_index(layout, layout.pairs[0], "b").tolist() == EXPECTED


@pytest.mark.parametrize("place", ["labels", ".", ".."])
def test_classes_json_may_lie_there_or_one_or_two_folders_up(draw: Write, tmp_path: Path, place: str) -> None:
    for i in range(2):
        draw(f"set/images/{i}.png", size=(2, 3))
        draw(f"set/labels/{i}.png", RAW)
    write_classes(tmp_path / "set" / place / "classes.json")
    layout = recognise(tmp_path / "set", config=DataConfig())
    assert [spec.name for spec in layout.classes or ()] == ["sky", "road"]


def test_a_classes_json_further_up_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "x/y/z").mkdir(parents=True)
    write_classes(tmp_path / "classes.json")
    assert find_legend(tmp_path / "x/y") is not None
    assert find_legend(tmp_path / "x/y/z") is None


def colour_coded() -> np.ndarray[Any, Any]:
    coded = np.zeros((8, 64, 3), np.uint8)
    coded[:, :32] = (0, 0, 255)
    coded[:, 32:] = (128, 64, 128)
    return coded


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_colour_coded_maps_become_classes_in_lossless_and_lossy_files(draw: Write, tmp_path: Path, suffix: str) -> None:
    for i in range(3):
        draw(f"a/{i}.png", size=(8, 64), seed=i)
        draw(f"b/{i}.{suffix}", colour_coded())
    write_classes(tmp_path / "classes.json")
    layout = recognise(tmp_path, config=DataConfig())
    assert layout.legend is not None
    assert layout.legend.encoding == "colour"
    index = read_index(layout, layout.pairs[0], "b")
    truth = np.repeat([[0] * 32 + [1] * 32], 8, axis=0)
    smeared = index == 255
    assert (index == truth)[~smeared].all()
    assert smeared.mean() <= (0 if suffix == "png" else 0.05)  # JPEG mixes the colours along the edge


def test_void_colours_and_black_are_void_and_a_strange_colour_is_named(draw: Write, tmp_path: Path) -> None:
    coded = colour_coded()
    coded[0, 0], coded[1, 1] = (9, 9, 9), (0, 0, 0)
    draw("a/0.png", size=(8, 64))
    draw("b/0.png", coded)
    strange = coded.copy()
    strange[2, 2:4] = (1, 2, 3)
    draw("a/1.png", size=(8, 64))
    draw("b/1.png", strange)
    write_classes(tmp_path / "classes.json")
    layout = recognise(tmp_path, config=DataConfig())
    sound, wrong = sorted(layout.pairs, key=lambda pair: pair.name)
    index = read_index(layout, sound, "b")
    assert (index[0, 0], index[1, 1], index[0, 1]) == (255, 255, 0)
    with pytest.raises(DatasetError, match=r"1\.png: colour \(1, 2, 3\) \(2 pixels\): 0\.4% of the picture"):
        read_index(layout, wrong, "b")


@pytest.mark.parametrize(("folder", "name"), [("roads", "road"), ("map", "foreground"), ("masks", "foreground")])
def test_masks_of_0_and_255_become_background_and_what_the_folder_is_named_for(
    draw: Write, tmp_path: Path, folder: str, name: str
) -> None:
    mask = np.array([[0, 0, 255, 255]], np.uint8).repeat(10, axis=0).repeat(10, axis=1)
    mask[0, :2] = (127, 128)
    for i in range(3):
        draw(f"photo/{i}.jpg", size=mask.shape, seed=i)
        draw(f"{folder}/{i}.png", mask)
    layout = recognise(None, a=tmp_path / "photo", b=tmp_path / folder, config=DataConfig())
    assert [spec.name for spec in layout.classes or ()] == ["background", name]
    assert any("0/255 masks" in note and "128" in note for note in layout.notes)
    assert read_index(layout, layout.pairs[0], "b").tolist() == (mask >= 128).astype(int).tolist()


def test_masks_are_found_where_the_first_ones_are_empty(draw: Write, tmp_path: Path) -> None:
    for i in range(30):
        draw(f"photo/{i:02}.jpg", size=(20, 20), seed=i)
        draw(f"map/{i:02}.png", np.full((20, 20), 255 * (i == 29), np.uint8))
    assert recognise(tmp_path, config=DataConfig()).target == "labels"


def test_dark_pictures_beside_a_classes_json_are_no_label_maps(draw: Write, tmp_path: Path) -> None:
    for i in range(3):
        night = np.zeros((20, 20, 3), np.uint8)
        night[:5] = np.random.default_rng(i).integers(0, 256, (5, 20, 3), np.uint8)
        draw(f"a/{i}.png", size=(20, 20), seed=i)
        draw(f"b/{i}.png", night)
    write_classes(tmp_path / "classes.json")
    layout = recognise(tmp_path, config=DataConfig())
    assert layout.target == "image"
    assert any("taken as pictures" in note for note in layout.notes)


def test_a_mask_with_too_much_gray_is_refused(draw: Write, tmp_path: Path) -> None:
    for i in range(9):
        mask = np.full((20, 20), 255 * (i % 2), np.uint8)
        mask[: 6 if i == 8 else 0] = 128
        draw(f"photo/{i}.jpg", size=(20, 20), seed=i)
        draw(f"map/{i}.png", mask)
    layout = recognise(tmp_path, config=DataConfig())
    gray = next(pair for pair in layout.pairs if pair.name == "8")
    with pytest.raises(DatasetError, match=r"8\.png: is no 0/255 mask: 30% of its pixels"):
        read_index(layout, gray, "b")


def test_jpeg_masks_with_noise_are_masks_still(draw: Write, tmp_path: Path) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[10:50, 20:40] = 255
    for i in range(3):
        draw(f"photo/{i}.jpg", size=(64, 64), seed=i)
        draw(f"map/{i}.jpg", np.repeat(mask[..., None], 3, axis=2))
    layout = recognise(tmp_path, config=DataConfig())
    assert layout.target == "labels"
    assert read_index(layout, layout.pairs[0], "b").tolist() == (mask > 0).astype(int).tolist()


def test_classes_json_names_0_255_masks(draw: Write, tmp_path: Path) -> None:
    names = [{"index": i, "name": n, "color": [i, i, i]} for i, n in enumerate(("ground", "roof"))]
    write_classes(tmp_path / "classes.json", {"classes": names})
    for i in range(3):
        draw(f"images/{i}.jpg", seed=i)
        draw(f"masks/{i}.png", np.full((24, 32), 255 * (i % 2), np.uint8))
    layout = recognise(tmp_path, config=DataConfig())
    assert [spec.name for spec in layout.classes or ()] == ["ground", "roof"]
    assert {int(read_index(layout, pair, "b").max()) for pair in layout.pairs} == {0, 1}


def test_index_maps_without_classes_json_get_numbered_classes_in_their_palettes_colours(
    draw: Write, tmp_path: Path
) -> None:
    index = np.array([[0, 1, 2, 255]], np.uint8).repeat(4, axis=0)
    for i in range(3):
        draw(f"a/{i}.png", size=(4, 4), seed=i)
        image = Image.fromarray(index)
        image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, *[0] * 759])
        (tmp_path / "b").mkdir(exist_ok=True)
        image.save(tmp_path / f"b/{i}.png")
    classes = recognise(tmp_path, config=DataConfig()).classes
    assert classes is not None
    assert [(spec.name, spec.color) for spec in classes] == [
        ("class 0", (10, 20, 30)),
        ("class 1", (40, 50, 60)),
        ("class 2", (70, 80, 90)),
    ]


def test_gray_and_colour_pictures_are_no_label_maps(draw: Write, tmp_path: Path) -> None:
    for i in range(3):
        draw(f"a/{i}.png", seed=i)
        draw(f"b/{i}.png", np.random.default_rng(i).integers(0, 256, (24, 32), np.uint8))
    assert recognise(tmp_path, config=DataConfig()).target == "image"
    with pytest.raises(DatasetError, match=r"look like pictures; put a classes\.json beside them"):
        recognise(tmp_path, config=DataConfig(target="labels"))


def test_index_maps_as_input_are_painted_in_their_classes_colours(labelled: Write) -> None:
    layout = recognise(labelled(), config=DataConfig(direction="BtoA"))
    painted = read_side(layout, layout.pairs[0], "b", labels=False)
    assert painted.shape == (24, 32, 3)
    assert painted[0, 0].tolist() == [0, 0, 0]
    assert {tuple(colour) for colour in painted[1].tolist()} <= {(0, 0, 200), (40, 0, 200), (80, 0, 200)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], 'needs a list "classes"'),
        ({"classes": []}, 'needs a list "classes"'),
        ({"classes": [{"index": 0}]}, "class 0 is"),
        ({"classes": [{"index": -1, "name": "x"}]}, "class 0 has index -1"),
        ({"classes": [{"index": "0", "name": "x"}]}, "class 0 has index '0'"),
        ({"classes": [{"name": "x", "color": [1, 2]}]}, "class 0: color"),
        ({"classes": [{"name": "x", "color": [1, 2, 300]}]}, "outside 0..255"),
        ({"classes": [{"index": 1, "name": "x"}, {"index": 1, "name": "y"}]}, "two classes share an index"),
        ({"ignore_index": "no", "classes": [{"name": "x"}]}, "ignore_index is 'no'"),
        ({"ignore_index": 0, "classes": [{"name": "x"}]}, "0 classes"),
    ],
)
def test_a_malformed_classes_json_is_refused_in_one_line(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        read_legend(write_classes(tmp_path / "classes.json", content))
    assert "\n" not in str(caught.value)
    assert "classes.json" in str(caught.value)


def test_a_broken_classes_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "classes.json").write_bytes(b"\xff{")
    with pytest.raises(DatasetError, match="not a readable JSON file"):
        read_legend(tmp_path / "classes.json")


def test_the_spare_palette_has_distinct_colours_and_begins_black() -> None:
    """Everingham 2010, the VOC development kit: 0 black, 1 (128, 0, 0), 2 (0, 128, 0), 3 (128, 128, 0)."""
    colours = palette(255)
    assert colours[:4] == [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0)]
    assert len(set(colours)) == 255
