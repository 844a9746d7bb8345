"""Path length: by hand where the picture is linear in w, its running mean, and its gradient."""

import math

import pytest
import torch

from translate.objectives.path_length import PathLength, path_lengths


def linear(gains: list[float], count: int = 4000) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures of one gray pixel that are gain * w, w of one layer and one number."""
    w_plus = torch.ones(count, 1, 1, requires_grad=True)
    gain = torch.tensor(gains).repeat(count // len(gains))
    return (w_plus[:, 0, 0] * gain)[:, None, None, None], w_plus


def test_the_length_of_a_linear_map_is_its_gain_times_a_normal_number():
    torch.manual_seed(0)
    lengths = path_lengths(*linear([3.0]))
    assert lengths.mean().item() == pytest.approx(3 * math.sqrt(2 / math.pi), rel=0.03)  # E |y| of a normal y
    assert lengths.square().mean().item() == pytest.approx(9, rel=0.05)


def test_layers_are_averaged_and_pixels_scaled_away():
    """A picture whose every pixel is w of the first of two layers: J^T y = sum y / sqrt(H W), of variance 1."""
    torch.manual_seed(0)
    w_plus = torch.ones(4000, 2, 1, requires_grad=True)
    picture = w_plus[:, :1, :, None].expand(-1, 1, 4, 8)
    assert path_lengths(picture, w_plus).square().mean().item() == pytest.approx(1 / 2, rel=0.05)


def test_the_penalty_is_the_squared_distance_to_the_running_mean():
    torch.manual_seed(0)
    module = PathLength()
    picture, w_plus = linear([1.0])
    penalty = module(picture, w_plus)
    torch.manual_seed(0)
    lengths = path_lengths(*linear([1.0]))
    assert module.mean.item() == pytest.approx(0.01 * lengths.mean().item(), rel=1e-5)
    assert penalty.item() == pytest.approx((lengths - module.mean).square().mean().item(), rel=1e-5)


def test_its_gradient_makes_lengths_equal():
    torch.manual_seed(0)
    gain = torch.tensor([0.5, 2.0], requires_grad=True)
    w_plus = torch.ones(2, 1, 1, requires_grad=True)
    module = PathLength()
    module.mean.fill_(1.0)
    slopes = []
    for _ in range(300):
        picture = (w_plus[:, 0, 0] * gain)[:, None, None, None]
        (slope,) = torch.autograd.grad(module(picture, w_plus), gain)
        module.mean.fill_(1.0)
        slopes.append(slope)
    # d/dg E (g |y| - 1)^2 = 2 g - 2 E |y|, halved by the mean over two pictures.
    expected = torch.tensor([0.5, 2.0]) - math.sqrt(2 / math.pi)
    assert torch.allclose(torch.stack(slopes).mean(dim=0), expected, atol=0.3)
    assert slopes[0].shape == (2,)
