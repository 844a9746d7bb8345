"""A generator that starts from its input."""

import pytest
import torch
from torch import nn

from translate.config import GeneratorConfig
from translate.errors import ConfigError
from translate.networks import Shortcut, build_generator
from translate.networks.unet import UNet


def small(**changes: object) -> GeneratorConfig:
    return GeneratorConfig(filters=4, depth=2, norm="instance", dropout=0.0, shortcut=True).replace(**changes)


def silenced(network: Shortcut) -> Shortcut:
    inner = network.network
    assert isinstance(inner, UNet)
    nn.init.zeros_(inner.ups[0].conv.weight)  # type: ignore[union-attr, arg-type]
    return network


def test_where_the_network_gives_zero_the_output_is_99_percent_of_the_input():
    network = build_generator(small())
    assert isinstance(network, Shortcut)
    picture = torch.linspace(-1, 1, 3 * 16 * 24).view(1, 3, 16, 24)
    with torch.no_grad():
        assert torch.allclose(silenced(network)(picture), 0.99 * picture, atol=1e-6)


def test_a_change_is_added_in_front_of_the_tanh():
    network = build_generator(small())
    assert isinstance(network, Shortcut)
    inner = silenced(network).network
    nn.init.constant_(inner.ups[0].conv.bias, 0.5)  # type: ignore[union-attr, index, arg-type]
    with torch.no_grad():
        assert torch.allclose(network(torch.zeros(1, 3, 8, 8)), torch.full((1, 3, 8, 8), 0.4621), atol=1e-4)  # tanh 0.5


@pytest.mark.parametrize("kind", ["unet", "resnet"])
@pytest.mark.parametrize("residual", [0, 1])
def test_a_fresh_generator_shows_its_input(kind: str, residual: int):
    torch.manual_seed(0)
    network = build_generator(small(kind=kind, residual=residual, filters=16, blocks=2)).eval()
    picture = torch.rand(2, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        pixels = torch.stack([network(picture).flatten(), picture.flatten()])
    assert torch.corrcoef(pixels)[0, 1] > 0.8


def test_pictures_at_the_end_of_the_range_keep_a_gradient():
    picture = torch.ones(1, 3, 8, 8, requires_grad=True)
    network = build_generator(small())
    network(picture).sum().backward()
    assert picture.grad is not None
    assert bool(picture.grad.isfinite().all())
    assert all(bool((p.grad != 0).any()) for p in network.parameters() if p.ndim > 1 and p.grad is not None)


@pytest.mark.parametrize("size", [(7, 5), (16, 16), (33, 20)])
def test_any_size_comes_out_as_it_went_in(size: tuple[int, int]):
    assert build_generator(small())(torch.zeros(1, 3, *size)).shape == (1, 3, *size)


@pytest.mark.parametrize("changes", [{"out_channels": 1}, {"head": "labels"}])
def test_it_needs_an_image_head_and_as_many_channels_out_as_in(changes: dict[str, object]):
    with pytest.raises(ConfigError, match="shortcut starts from the input"):
        small(**changes)
