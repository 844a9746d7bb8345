import pytest
import torch
from torch import Tensor

from translate.metrics.appearance import (
    add_colours,
    colour_difference,
    colour_shift,
    lab,
    sharpness,
    sharpness_ratio,
)
from translate.metrics.frechet import Statistics


def _flat(*colours: tuple[float, float, float], size: int = 4) -> Tensor:
    """A picture of each colour, given in [0, 1]."""
    return (torch.tensor(colours)[:, :, None, None] * 2 - 1).expand(-1, -1, size, size)


def _noise(count: int = 3, channels: int = 3, seed: int = 0) -> Tensor:
    return torch.rand(count, channels, 12, 10, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def _colours(*pictures: Tensor) -> Statistics:
    total = Statistics()
    for batch in pictures:
        add_colours(total, batch)
    return total


def test_known_colours_have_their_published_lab_values():
    """sRGB under D65: black, white, the primaries, and the gray of 119 / 255 at lightness 50."""
    found = lab(_flat((0, 0, 0), (1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1), (119 / 255,) * 3))[:, :, 0, 0]
    known = [(0, 0, 0), (100, 0, 0), (53.24, 80.09, 67.20), (87.73, -86.18, 83.18), (32.30, 79.19, -107.86)]
    assert torch.allclose(found[:5], torch.tensor(known, dtype=torch.float32), atol=0.05)
    assert found[5].tolist() == pytest.approx([50.03, 0, 0], abs=0.05)


def test_autocast_around_it_changes_no_colour():
    with torch.autocast("cpu", torch.bfloat16):
        inside = lab(_noise())
    assert torch.equal(inside, lab(_noise()))


def test_a_picture_against_itself_has_no_shift():
    found = colour_shift(_colours(_noise()), _colours(_noise()))
    assert (found.mean, found.spread) == pytest.approx((0, 0), abs=1e-4)
    assert found.lab == (0, 0, 0)
    assert found.counts == (360, 360)


def test_flat_pictures_are_as_far_apart_as_their_colours():
    """Black against white is 100 of lightness; both are without spread."""
    found = colour_shift(_colours(_flat((0, 0, 0))), _colours(_flat((1, 1, 1))))
    assert (found.mean, found.spread) == pytest.approx((100, 0), abs=1e-2)
    assert found.lab == pytest.approx((100, 0, 0), abs=1e-2)


def test_colours_further_from_the_mean_are_a_spread_and_no_shift():
    """Grays at lightness 50 +- s: the spreads of two such sets differ by the difference of their deviations."""
    low, high = _flat((0.4,) * 3, (0.5,) * 3), _flat((0.2,) * 3, (0.7,) * 3)
    levels = [lab(pictures)[:, 0, 0, 0].double() for pictures in (low, high)]
    deviations = [float(level.repeat_interleave(16).std()) for level in levels]
    found = colour_shift(_colours(low), _colours(high))
    assert found.spread == pytest.approx(abs(deviations[0] - deviations[1]), rel=1e-3)
    assert found.mean == pytest.approx(abs(float(levels[0].mean() - levels[1].mean())), rel=1e-3)


def test_the_shift_is_symmetric_but_for_its_direction():
    a, b = _colours(_noise(seed=1)), _colours(_noise(seed=2) * 0.5 + 0.2)
    there, back = colour_shift(a, b), colour_shift(b, a)
    assert (there.mean, there.spread) == pytest.approx((back.mean, back.spread))
    assert there.lab == pytest.approx(tuple(-value for value in back.lab))


def test_a_redder_and_a_bluer_set_are_told_by_their_sign():
    gray = _flat((0.5, 0.5, 0.5))
    redder = colour_shift(_colours(gray), _colours(_flat((0.6, 0.45, 0.5)))).lab
    bluer = colour_shift(_colours(gray), _colours(_flat((0.5, 0.5, 0.7)))).lab
    assert redder[1] > 5
    assert bluer[2] < -5


def test_colours_add_up_over_batches_and_over_pictures_of_any_size():
    pictures = _noise(4)
    whole, parts = _colours(pictures), _colours(pictures[:1], pictures[1:, :, :, :5], pictures[1:, :, :, 5:])
    assert whole.count == parts.count == 480
    assert torch.allclose(whole.mean, parts.mean)
    assert torch.allclose(whole.covariance, parts.covariance)


def test_gray_is_three_equal_channels():
    gray = _noise(channels=1)
    assert torch.equal(lab(gray), lab(gray.repeat(1, 3, 1, 1)))
    assert torch.allclose(sharpness(gray), sharpness(gray.repeat(1, 3, 1, 1)), rtol=1e-4)


def test_a_pair_is_as_far_apart_as_its_mean_colours():
    pred, target = _flat((1, 1, 1), (0.3, 0.5, 0.2)), _flat((0, 0, 0), (0.3, 0.5, 0.2), size=7)
    assert colour_difference(pred, target).tolist() == pytest.approx([100, 0], abs=1e-2)
    a, b = _noise(seed=1), _noise(seed=2)
    assert torch.allclose(colour_difference(a, b), colour_difference(b, a))
    alone = torch.cat([colour_difference(p[None], t[None]) for p, t in zip(a, b, strict=True)])
    assert torch.allclose(alone, colour_difference(a, b), atol=1e-4)


def test_moving_the_pixels_of_a_picture_changes_no_colour():
    pictures = _noise()
    assert torch.allclose(colour_difference(pictures, pictures.flip(2)), torch.zeros(3), atol=1e-4)


def test_hand_computed_sharpness_of_a_single_white_pixel():
    """One white pixel amid black has the Laplacian -4, its four neighbours 1: of nine, mean 0, variance 20 / 9."""
    picture = torch.full((1, 1, 5, 5), -1.0)
    picture[0, 0, 2, 2] = 1
    assert sharpness(picture).item() == pytest.approx(20 / 9, rel=1e-5)


def test_flat_pictures_and_even_ramps_have_no_sharpness():
    ramp = torch.linspace(-1, 1, 9).expand(1, 3, 9, 9)
    assert sharpness(torch.cat([ramp, torch.zeros(1, 3, 9, 9)])).tolist() == pytest.approx([0, 0], abs=1e-10)


def test_blurred_pictures_are_less_sharp_and_noisy_ones_more():
    real = torch.nn.functional.avg_pool2d(_noise(), 3, 1, 1)
    blurred = torch.nn.functional.avg_pool2d(real, 3, 1, 1)
    noisy = (real + 0.1 * _noise(seed=5)).clamp(-1, 1)
    assert sharpness_ratio(sharpness(real), sharpness(real)) == 1
    assert sharpness_ratio(sharpness(blurred), sharpness(real)) < 0.5
    assert sharpness_ratio(sharpness(noisy), sharpness(real)) > 1.1


def test_half_the_contrast_is_a_quarter_of_the_sharpness():
    real = _noise()
    assert sharpness_ratio(sharpness(real / 2), sharpness(real)) == pytest.approx(0.25, rel=1e-4)
    alone = torch.cat([sharpness(picture[None]) for picture in real])
    assert torch.allclose(alone, sharpness(real))


def test_a_ratio_to_flat_pictures_is_no_number():
    assert sharpness_ratio(torch.ones(2), torch.zeros(2)) != sharpness_ratio(torch.ones(2), torch.zeros(2))


@pytest.mark.parametrize(
    ("pictures", "said"),
    [
        (torch.zeros(2, 4, 8, 8), "expected gray or RGB pictures"),
        (torch.zeros(3, 8, 8), "expected gray or RGB pictures"),
        (torch.zeros(0, 3, 8, 8), "expected gray or RGB pictures"),
        (torch.full((1, 3, 8, 8), 2.0), r"outside of \[-1, 1\]"),
        (torch.full((1, 3, 8, 8), float("nan")), r"outside of \[-1, 1\]"),
    ],
)
def test_what_is_no_picture_is_refused(pictures: Tensor, said: str):
    for measure in (lab, sharpness, lambda x: colour_difference(x, x), _colours):
        with pytest.raises(ValueError, match=said):
            measure(pictures)


def test_sets_that_have_no_figure_are_refused():
    with pytest.raises(ValueError, match="as many pictures on both sides, got 2 and 3"):
        colour_difference(_noise(2), _noise(3))
    with pytest.raises(ValueError, match="at least 3 pixels a side"):
        sharpness(torch.zeros(1, 3, 2, 8))
    with pytest.raises(ValueError, match="0 pictures against 2"):
        sharpness_ratio(torch.zeros(0), torch.ones(2))
