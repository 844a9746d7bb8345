"""The contact sheet: what lies where, in which colours, under which title."""

import numpy as np
import pytest
import torch
from PIL import Image

from translate.config import ClassSpec
from translate.evaluation.gallery import CELL, SHOWN, Gallery, spread

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)
CLASSES = (ClassSpec(name="road", color=RED), ClassSpec(name="sky", color=BLUE))
GAP = 4


def _flat(level: float, count: int = 1, size: tuple[int, int] = (8, 8)) -> torch.Tensor:
    return torch.full((count, 3, *size), level)


def _middle(sheet: Image.Image, row: int, column: int, rows: int, below: int = 0) -> tuple[int, ...]:
    """The colour in the middle of a cell, counted from the sheet's lower end, where no title is."""
    y = sheet.height - below - (rows - row) * (CELL + GAP) + CELL // 2
    return tuple(np.asarray(sheet)[y, GAP + column * (CELL + GAP) + CELL // 2].tolist())


@pytest.mark.parametrize(("total", "places"), [(1, [0]), (3, [0, 1, 2]), (13, [0, 2, 4, 6, 8, 10])])
def test_what_is_shown_is_spread_evenly(total: int, places: list[int]):
    assert spread(total, total) == places
    assert len(spread(100, 100)) == SHOWN


def test_a_row_is_input_models_and_truth_however_the_batches_were_cut():
    gallery, names = Gallery(), [f"x{number}" for number in range(12)]
    for level, cuts in ((0.0, (5, 7)), (0.5, (1, 11))):
        gallery.begin(12)
        index = 0
        for count in cuts:
            given = torch.arange(index, index + count).view(-1, 1, 1, 1).expand(-1, 3, 8, 8) / 6 - 1
            gallery.add(index, names[index : index + count], given, _flat(level, count), _flat(1.0, count))
            index += count
    sheet = gallery.sheet(["one", "two"])
    assert gallery.names == ["x0", "x2", "x4", "x6", "x8", "x10"]
    assert sheet.width == GAP + 4 * (CELL + GAP)
    for row, number in enumerate((0, 2, 4, 6, 8, 10)):
        assert _middle(sheet, row, 0, 6) == pytest.approx((number / 6 * 127.5,) * 3, abs=1)
        assert [_middle(sheet, row, column, 6)[0] for column in (1, 2, 3)] == pytest.approx([127.5, 191, 255], abs=1)


def test_an_input_that_only_one_model_was_given_leaves_the_others_place_empty():
    gallery = Gallery()
    for name, level in (("here", -1.0), ("there", 0.0)):
        gallery.begin(1)
        gallery.add(0, [name], _flat(-1.0), _flat(level))
    sheet = gallery.sheet(["one", "two"])
    assert sheet.width == GAP + 3 * (CELL + GAP)
    assert [_middle(sheet, 0, column, 2) for column in (1, 2)] == [(0, 0, 0), WHITE]
    assert [_middle(sheet, 1, column, 2) for column in (1, 2)] == [WHITE, (128, 128, 128)]


def test_label_maps_are_painted_in_their_classes_colours_which_are_explained_below():
    gallery = Gallery()
    gallery.begin(1, CLASSES)
    truth = torch.tensor([[1, 1], [1, 255]])[None]
    gallery.add(0, ["x"], _flat(0.0), torch.zeros(1, 2, 2, dtype=torch.int64), truth)
    sheet = gallery.sheet(["model"])
    pixels = np.asarray(sheet)
    legend = pixels[-20:]
    below = sheet.height - (CELL + 2 * GAP + 24)
    assert _middle(sheet, 0, 1, 1, below) == RED
    colours = {tuple(colour) for colour in legend.reshape(-1, 3).tolist()}
    assert {RED, BLUE, (0, 0, 0)} <= colours
    right = pixels[:CELL, GAP + 2 * (CELL + GAP) :].reshape(-1, 3)
    assert {BLUE, (0, 0, 0)} <= {tuple(colour) for colour in right.tolist()}


def test_pictures_keep_their_shape_and_small_label_maps_stay_sharp():
    gallery = Gallery()
    gallery.begin(1, CLASSES)
    labels = torch.tensor([[0, 1, 0, 1]])[None]  # 4 x 1 pixels: stripes of 64 x 64
    gallery.add(0, ["wide"], _flat(-1.0, size=(8, 32)), labels)
    pixels = np.asarray(gallery.sheet(["model"]))
    second = pixels[28:-24, GAP + CELL + GAP : GAP + CELL + GAP + CELL].reshape(-1, 3)
    assert {tuple(colour) for colour in second.tolist()} == {RED, BLUE, WHITE}
    black = (pixels[:, : GAP + CELL] == 0).all(axis=2).sum(axis=1)
    assert (black == CELL).sum() == 64


def test_a_long_title_keeps_its_ends():
    from translate.evaluation.gallery import LONGEST, _shortened

    assert _shortened("street-segmentation") == "street-segmentation"
    short = _shortened("a-very-long-name-of-a-model-that-was-trained-last-week")
    assert len(short) == LONGEST
    assert short.startswith("a-very-long")
    assert short.endswith("last-week")
