"""The latent mapper: which layers belong to a level, both norms, what is left out."""

import pytest
import torch
from torch.nn import functional as F

from translate.networks.mapper import LatentMapper, levels_of


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def test_levels_go_by_the_resolution_that_layers_draw():
    """18 layers draw 4 to 1024 pixels, 10 draw 4 to 64, 8 end at 32 and have no fine level."""
    assert levels_of(18) == levels_of(10) == ("coarse", "medium", "fine")
    assert levels_of(8) == ("coarse", "medium")
    assert levels_of(4) == ("coarse",)


def test_three_levels_of_512_have_3_15_million_parameters():
    """3 x 4 x (512 x 512 + 512)."""
    mapper = LatentMapper(18, 512)
    assert sum(p.numel() for p in mapper.parameters()) == 3_151_872


@pytest.mark.parametrize(("level", "layers"), [("coarse", range(4)), ("medium", range(4, 8)), ("fine", range(8, 10))])
def test_a_level_changes_its_layers_and_no_other(level, layers):
    change = LatentMapper(10, 6, levels=(level,))(torch.randn(2, 10, 6))
    assert change.shape == (2, 10, 6)
    assert [i for i in range(10) if bool(change[:, i].any())] == list(layers)


def test_each_level_has_a_network_of_its_own_and_all_is_one_for_all():
    same = torch.randn(1, 1, 6).expand(1, 10, 6)
    apart, one = LatentMapper(10, 6)(same), LatentMapper(10, 6, levels=("all",))(same)
    assert torch.allclose(one[:, :1].expand_as(one), one, atol=1e-5)
    assert torch.allclose(apart[:, 0], apart[:, 3], atol=1e-5)
    assert not torch.allclose(apart[:, 3], apart[:, 4])
    assert not torch.allclose(apart[:, 7], apart[:, 8])


@pytest.mark.parametrize(("norm", "axis"), [("features", 2), ("layers", 1)])
def test_the_norm_is_over_features_or_as_published_over_layers(norm, axis):
    mapper = LatentMapper(4, 3, levels=("coarse",), norm=norm)
    w_plus = torch.randn(2, 4, 3)
    x = w_plus / w_plus.square().mean(dim=axis, keepdim=True).add(1e-8).sqrt()
    for number in range(4):
        weight = mapper.state_dict()[f"parts.coarse.layers.{number}.weight"] * 0.01 / 3**0.5
        bias = mapper.state_dict()[f"parts.coarse.layers.{number}.bias"] * 0.01
        x = 2**0.5 * F.leaky_relu(x @ weight.T + bias, 0.2)
    assert torch.allclose(mapper(w_plus), x, atol=1e-5)


def test_every_parameter_learns_and_gradients_are_exact():
    mapper = LatentMapper(10, 4)
    mapper(torch.randn(2, 10, 4)).square().sum().backward()
    assert all(bool(p.grad.any()) for p in mapper.parameters())
    w_plus = torch.randn(1, 10, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(mapper.double(), (w_plus,))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"levels": ()}, "levels are none"),
        ({"levels": ("all", "fine")}, "all, fine; take some of coarse, medium, fine, or all"),
        ({"levels": ("fin",)}, "levels are fin;"),
        ({"num_ws": 8}, "8 layers have no fine level; leave it out"),
    ],
)
def test_levels_that_do_not_exist_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        LatentMapper(**({"num_ws": 10, "w_dim": 4} | settings))


@pytest.mark.parametrize("shape", [(1, 9, 4), (1, 10, 5), (10, 4)])
def test_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"expected w_plus \(N, 10, 4\)"):
        LatentMapper(10, 4)(torch.zeros(shape))
