"""The mapping network: normalisation, learning rate, classes, running mean; truncation and mixing by hand."""

import math

import pytest
import torch
from torch.nn import functional as F

from translate.networks.stylegan2.layers import EqualConv, EqualLinear
from translate.networks.stylegan2.mapping import Mapping, mix, truncate


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def test_z_is_projected_to_the_sphere_first():
    mapping = Mapping(8, 8, layers=2)
    z = torch.randn(3, 8)
    torch.testing.assert_close(mapping(z), mapping(100 * z))


def test_a_layer_is_a_scaled_matrix_then_a_leaky_relu():
    mapping = Mapping(4, 3, layers=1, lr=0.01)
    layer = mapping.layers[0]
    assert isinstance(layer, EqualLinear)
    torch.nn.init.normal_(layer.bias)
    z = torch.randn(2, 4)
    unit = z / z.square().mean(dim=1, keepdim=True).sqrt()
    y = unit @ (layer.weight.T * 0.01 / 2) + 0.01 * layer.bias  # 1 / sqrt(4)
    torch.testing.assert_close(mapping(z), F.leaky_relu(y, 0.2) * math.sqrt(2))


def test_a_small_learning_rate_starts_at_the_same_outputs():
    """Weights are stored larger by as much as they are used smaller."""
    for lr in (1.0, 0.01):
        torch.manual_seed(1)
        layer = EqualLinear(64, 64, lr=lr)
        assert layer.weight.detach().std() == pytest.approx(1 / lr, rel=0.05)
        assert layer(torch.randn(256, 64)).detach().std() == pytest.approx(1, rel=0.05)


def test_a_convolution_keeps_the_variance():
    x = torch.randn(4, 16, 32, 32)
    assert EqualConv(16, 64, 3)(x).detach()[..., 1:-1, 1:-1].std() == pytest.approx(1, rel=0.1)


def test_classes_change_w_and_are_asked_for():
    mapping = Mapping(4, 6, layers=2, classes=3, hidden=5, embedding=2)
    z, labels = torch.randn(3, 4), torch.eye(3)
    assert mapping(z, labels).shape == (3, 6)
    assert not torch.allclose(mapping(z[:1], labels[:1]), mapping(z[:1], labels[1:2]))
    with pytest.raises(ValueError, match=r"expected labels \(N, 3\), got None"):
        mapping(z)
    with pytest.raises(ValueError, match=r"expected z \(N, 4\), got \(3, 5\)"):
        mapping(torch.randn(3, 5), labels)


def test_without_z_it_maps_classes_alone():
    mapping = Mapping(0, 6, layers=2, classes=3, average=False)
    assert mapping(None, torch.eye(3)).shape == (3, 6)
    assert "w_avg" not in mapping.state_dict()


def test_the_running_mean_moves_by_its_beta():
    mapping = Mapping(2, 2)
    mapping.track(torch.tensor([[1.0, 2.0], [3.0, 6.0]]), beta=0.75)
    assert mapping.w_avg.tolist() == [0.5, 1.0]
    mapping.track(torch.tensor([[2.5, 5.0]]), beta=0.75)
    assert mapping.w_avg.tolist() == [1.0, 2.0]


def test_the_estimated_mean_is_that_of_the_same_points():
    mapping = Mapping(4, 3, layers=2)
    mean = mapping.estimate_average(torch.Generator().manual_seed(5), count=1500)
    random = torch.Generator().manual_seed(5)
    points = torch.cat([torch.randn(1000, 4, generator=random), torch.randn(500, 4, generator=random)])
    torch.testing.assert_close(mean, mapping(points).mean(dim=0).detach())


def test_truncation_pulls_towards_the_mean_in_the_first_layers():
    w_plus, mean = torch.full((1, 3, 2), 2.0), torch.ones(2)
    assert truncate(w_plus, mean, 1.0) is w_plus
    assert torch.equal(truncate(w_plus, mean, 0.0), torch.ones(1, 3, 2))
    assert truncate(w_plus, mean, 0.5)[0, :, 0].tolist() == [1.5, 1.5, 1.5]
    assert truncate(w_plus, mean, 0.5, cutoff=2)[0, :, 0].tolist() == [1.5, 1.5, 2.0]
    assert truncate(w_plus, mean, -1.0)[0, :, 0].tolist() == [0, 0, 0]


def test_mixing_takes_the_coarse_layers_of_the_first():
    first, second = torch.zeros(1, 4, 2), torch.ones(1, 4, 2)
    assert mix(first, second, 1)[0, :, 0].tolist() == [0, 1, 1, 1]


def test_w_is_exact_under_autocast():
    mapping, z = Mapping(16, 16), torch.randn(2, 16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = mapping(z)
    assert torch.equal(under, mapping(z))
