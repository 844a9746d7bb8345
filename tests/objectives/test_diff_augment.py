"""Differentiable augmentation: each kind by hand from its draws, gradients through all of them."""

import pytest
import torch
from torch import Tensor

from translate.objectives.diff_augment import AUGMENTATIONS, DiffAugment, colour, cutout, translation

each_kind = pytest.mark.parametrize("kind", AUGMENTATIONS)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def pictures(*shape: int) -> Tensor:
    return 2 * torch.rand(*shape, generator=torch.Generator().manual_seed(1)) - 1


def test_no_kinds_leave_the_pictures_untouched_and_draw_nothing():
    x, state = pictures(2, 3, 8, 8), torch.get_rng_state()
    assert DiffAugment()(x) is x
    assert torch.equal(torch.get_rng_state(), state)


@each_kind
@pytest.mark.parametrize("shape", [(2, 3, 16, 16), (1, 1, 7, 5), (3, 7, 9, 16), (2, 3, 1, 1)])
def test_any_size_and_number_of_channels_keeps_its_shape(kind, shape: tuple[int, ...]):
    assert DiffAugment([kind])(pictures(*shape)).shape == shape


@each_kind
def test_gradients_reach_the_input(kind):
    x = pictures(2, 3, 16, 16).requires_grad_()
    (DiffAugment([kind])(x) * pictures(2, 3, 16, 16)).sum().backward()
    # Moving and blanking lose some pixels, never most of them.
    assert (x.grad != 0).float().mean() > 0.6


def test_gradients_reach_colours_at_the_bounds():
    """Where a clamp would stop them: half of all draws push beyond white."""
    x = torch.ones(16, 3, 2, 2).requires_grad_()
    colour(x).sum().backward()
    assert x.grad.sum().item() == pytest.approx(x.numel(), rel=1e-5)


@each_kind
def test_a_seed_repeats_and_the_next_draw_differs(kind):
    augment, x = DiffAugment([kind]), pictures(4, 3, 16, 16)
    state = torch.get_rng_state()
    first, second = augment(x), augment(x)
    torch.set_rng_state(state)
    assert torch.equal(augment(x), first)
    assert not torch.equal(first, second)


@each_kind
def test_every_picture_gets_its_own_draw(kind):
    x = pictures(1, 3, 16, 16).repeat(4, 1, 1, 1)
    assert len({tuple(one.flatten().tolist()) for one in DiffAugment([kind])(x)}) == 4


def test_colour_is_brightness_then_saturation_then_contrast():
    """Zhao 2020: + (u - 0.5), * 2 u around the pixel's gray, * (u + 0.5) around the picture's mean."""
    x, state = pictures(2, 3, 4, 5), torch.get_rng_state()
    ours = colour(x)
    torch.set_rng_state(state)
    draws = torch.rand(3, 2)
    for n in range(2):
        brightness, saturation, contrast = draws[:, n].tolist()
        y = x[n] + brightness - 0.5
        for row in range(4):
            for column in range(5):
                gray = y[:, row, column].sum() / 3
                y[:, row, column] = gray + 2 * saturation * (y[:, row, column] - gray)
        mean = y.sum() / 60
        torch.testing.assert_close(ours[n], mean + (contrast + 0.5) * (y - mean))


def test_translation_moves_a_known_pixel_by_the_drawn_offset():
    """An eighth of 32 x 16: up to 4 rows and 2 columns either way."""
    x = torch.zeros(64, 1, 32, 16)
    x[:, :, 12, 7] = 0.5
    state = torch.get_rng_state()
    moved = translation(x)
    torch.set_rng_state(state)
    rows, columns = 4 - torch.randint(9, (64,)), 2 - torch.randint(5, (64,))
    assert [tuple(place) for place in moved[:, 0].nonzero()[:, 1:].tolist()] == [
        (12 + row, 7 + column) for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
    ]
    assert set(rows.tolist()) == set(range(-4, 5))
    assert set(columns.tolist()) == set(range(-2, 3))
    assert (moved.amax(dim=(1, 2, 3)) == 0.5).all()


def test_translation_lets_the_middle_gray_in():
    moved = translation(torch.ones(32, 1, 16, 16))
    blank = (moved == 0).flatten(1).sum(1)
    assert set(moved.unique().tolist()) == {0.0, 1.0}
    # Moved by (r, c), r and c at most 2, it loses 16 r + 16 c - r c pixels.
    assert set(blank.tolist()) <= {16 * r + 16 * c - r * c for r in range(3) for c in range(3)}


def test_cutout_blanks_exactly_a_quarter_unless_the_border_cuts_it():
    x = torch.ones(200, 2, 16, 12)
    blank = cutout(x) == 0
    assert torch.equal(blank[:, 0], blank[:, 1])
    whole = 0
    for one in blank[:, 0]:
        rows, columns = one.any(dim=1).nonzero()[:, 0], one.any(dim=0).nonzero()[:, 0]
        height, width = int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1
        assert int(one.sum()) == height * width  # a box without holes
        # The centre is inside, so that at least half of either side is too.
        assert 4 <= height <= 8
        assert 3 <= width <= 6
        at_border = {0, 15} & set(rows.tolist()), {0, 11} & set(columns.tolist())
        assert (height == 8 or at_border[0]) and (width == 6 or at_border[1])  # noqa: PT018
        whole += height * width == 16 * 12 // 4
    assert whole > 30


def test_kinds_apply_in_their_order():
    x, state = pictures(2, 3, 16, 16), torch.get_rng_state()
    together = DiffAugment(["colour", "cutout"])(x)
    torch.set_rng_state(state)
    assert torch.equal(together, cutout(colour(x)))


@each_kind
def test_lower_precision_comes_out_as_float32_of_the_same_draw(kind):
    x, state = pictures(2, 3, 16, 16).bfloat16(), torch.get_rng_state()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = DiffAugment([kind])(x)
    torch.set_rng_state(state)
    assert low.dtype == torch.float32
    assert torch.equal(low, DiffAugment([kind])(x.float()))
