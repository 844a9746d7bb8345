"""Masks: outside of them every bit stays."""

import pytest
import torch
from PIL import Image

from translate.editing.composite import composite, feather, read_mask
from translate.errors import ImageError


def test_outside_the_mask_every_bit_stays_and_inside_all_is_new():
    draw = torch.Generator().manual_seed(0)
    before, after = (torch.randn(1, 3, 8, 8, generator=draw) for _ in range(2))
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., 2:6, 2:6] = 1
    mask[..., 2, 2] = 0.25
    both = composite(before, after, mask)
    outside = (mask == 0).expand_as(both)
    assert torch.equal(both[outside], before[outside])
    assert torch.equal(both[..., 3:6, 3:6], after[..., 3:6, 3:6])
    assert torch.allclose(both[..., 2, 2], 0.75 * before[..., 2, 2] + 0.25 * after[..., 2, 2])


def test_what_is_not_finite_outside_does_not_reach_the_picture():
    after = torch.full((1, 1, 1, 2), torch.nan)
    after[..., 1] = 3.0
    mixed = composite(torch.zeros(1, 1, 1, 2), after, torch.tensor([[[[0.0, 1.0]]]]))
    assert mixed.flatten().tolist() == [0.0, 3.0]


def test_a_border_fades_inwards_only_and_the_picture_s_own_border_does_not():
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., :16] = 1
    soft = feather(mask, share=2 / 32)[0, 0]
    assert soft[:, 16:].max() == 0
    assert soft[:, :12].min() == 1  # two pixels shrunk, two blurred
    # What is left of 1 is 14 columns wide; a mean over five of them falls by a fifth each.
    assert soft[5, 12:16].tolist() == pytest.approx([0.8, 0.6, 0.4, 0.2])
    assert torch.equal(soft[0], soft[31])


def test_a_mask_is_read_from_white_on_black_of_any_square_size():
    picture = Image.new("L", (64, 64))
    picture.paste(255, (0, 0, 64, 32))
    mask = read_mask(picture, 16)
    assert mask.shape == (1, 1, 16, 16)
    assert mask[0, 0, :8].min() == 1
    assert mask[0, 0, 8:].max() == 0


def test_a_pixel_is_as_free_as_the_darkest_of_the_mask_under_it():
    """Four rows of ten white: of four pixels the second lies half over black, and stays."""
    picture = Image.new("L", (10, 10))
    picture.paste(255, (0, 0, 10, 4))
    assert read_mask(picture, 4)[0, 0, :, 0].tolist() == [1, 0, 0, 0]
    small = Image.new("L", (2, 2))
    small.putpixel((0, 0), 128)
    assert read_mask(small, 4)[0, 0, 0].tolist() == pytest.approx([128 / 255, 128 / 255, 0, 0])


@pytest.mark.parametrize(
    ("size", "said"), [((10, 12), "m.png: is 10 x 12; the mask of a face is a square"), ((8, 8), "m.png: is black")]
)
def test_a_mask_that_is_no_square_or_all_black_is_refused(size, said):
    with pytest.raises(ImageError, match=said):
        read_mask(Image.new("RGB", size), 16, "m.png")
