"""A photo on its way to an editor: made smaller for looking at, followed and stopped on its way to a latent."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests import tiny_faces
from translate import images
from translate.editing.alignment import Square
from translate.editing.inverter import Inverter
from translate.editing.photo import PhotoInverter, PlacedPhoto


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_reduced_photo_has_its_face_in_the_same_place(dtype: type):
    array = tiny_faces.smooth(100, 200, dtype)
    placed = PlacedPhoto(array, Square(120, 60, 20, 4), torch.zeros(1, 3, 16, 16), ("a note",))
    small = placed.reduced(50)
    assert small.array.shape == (25, 50, 3)
    assert small.array.dtype == np.uint8
    assert small.square == Square(30, 15, 5, 1)
    assert (small.target is placed.target, small.notes) == (True, ("a note",))
    expected = Image.fromarray(images.to_bytes(array)).resize((50, 25), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(small.array, np.asarray(expected))
    assert placed.reduced(1000).array.shape == array.shape


def test_an_inversion_is_followed_and_stopped(tmp_path: Path):
    inverter = Inverter.load(tiny_faces.model(tmp_path / "tiny"), device="cpu")
    seen: list[int] = []
    take = PhotoInverter(
        inverter=inverter,
        crop=(0, 0, 40),
        steps=20,
        cancelled=lambda: len(seen) == 2,
        report=lambda step, steps, figures: seen.append(step),
    )
    _, placed, _ = take(Image.fromarray(tiny_faces.smooth(40, 60)))
    assert seen == [1, 2]
    assert placed.notes == ("the square 0,0,40 was given", "stopped early: the best so far")
