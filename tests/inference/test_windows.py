"""A window of a resized picture is that part of the whole one."""

import numpy as np
import pytest
import torch

from translate import images
from translate.inference.windows import Resized, Source, across, reach, taps

SIZES = [(37, 90, 16, 11), (20, 30, 41, 77), (5, 9, 1, 1), (130, 64, 70, 150), (100, 3, 7, 50), (33, 33, 32, 34)]


def photo(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(("high", "wide", "height", "width"), SIZES)
def test_every_window_is_that_part_of_the_whole_resized_picture(high, wide, height, width):
    array = photo(high, wide)
    whole = images.resize(images.to_tensor(array)[None], height, width)[0]
    source = Source(array, height, width)
    for top, bottom, left, right in [
        (0, height, 0, width),
        (height // 3, height, 0, -(-width // 2)),
        (0, 1, width - 1, width),
    ]:
        found = source.window(top, bottom, left, right)
        assert (found - whole[:, top:bottom, left:right]).abs().max() < 1e-5


def test_half_the_size_weighs_with_a_triangle_of_two_pixels():
    """Sample 0 lies at 1.0; pixels at 0.5, 1.5 and 2.5 are 0.5, 0.5 and 1.5 away: 3/4, 3/4, 1/4, scaled to sum 1."""
    begin, weights = taps(4, 2, 0, 1)
    assert begin == 0
    assert torch.allclose(weights, torch.tensor([[3 / 7, 3 / 7, 1 / 7]]))
    assert reach(4, 2, 1, 2) == (1, 3)


def test_twice_the_size_lies_between_neighbours():
    """Sample 1 of 4 lies at 0.75: three quarters of pixel 0 and a quarter of pixel 1."""
    assert torch.allclose(taps(2, 4, 1, 2)[1], torch.tensor([[0.75, 0.25]]))


def test_a_picture_at_its_own_size_is_taken_as_it_is():
    array = photo(9, 7)
    assert torch.equal(Source(array, 9, 7).window(2, 5, 1, 7), images.to_tensor(array[2:5, 1:7]))


def test_columns_may_be_made_from_a_part_of_the_rows():
    rows = torch.randn(2, 3, 200, generator=torch.Generator().manual_seed(0))
    whole = across(rows, 200, 90, 0, 90)
    x, n = reach(200, 90, 40, 50)
    assert torch.allclose(across(rows[..., x : x + n], 200, 90, 40, 50, x), whole[..., 40:50], atol=1e-5)


def test_a_picture_that_is_there_already_has_the_same_windows():
    tensor = images.to_tensor(photo(20, 30))
    resized = Resized(tensor)
    assert torch.equal(resized.window(3, 9, 4, 30), tensor[:, 3:9, 4:30])
    small = resized.at(10, 15)
    assert (small.height, small.width) == (10, 15)
    assert torch.equal(small.window(0, 10, 0, 15), images.resize(tensor[None], 10, 15)[0])
