"""The discriminator: parity, minibatch deviation by hand, classes, R1 under double backward."""

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from translate.interop.stylegan2 import Published, convert_discriminator
from translate.networks.stylegan2 import StyleGAN2Discriminator
from translate.networks.stylegan2.discriminator import deviation

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "parity"


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def test_nvidias_logits_are_given_to_1e_4():
    state = load_file(FIXTURES / "stylegan2_nvidia_32px_disc.state.safetensors")
    converted = convert_discriminator(Published({}, state, {}, {"b4.mbstd.group_size": 2}))
    sample = load_file(FIXTURES / "stylegan2_nvidia_32px_disc.io.safetensors")
    with torch.no_grad():
        logits = converted.build()(sample["input"])
    assert (logits - sample["output"]).abs().max() <= 1e-4
    assert converted.shape["widths"] == [32, 32, 32, 16]


def test_the_deviation_of_equal_pictures_is_zero_and_of_opposite_ones_one():
    flat = torch.ones(2, 3, 4, 4)
    assert deviation(flat, 2).abs().max() <= 1e-4
    opposite = torch.cat([flat, -flat])[[0, 2]]
    torch.testing.assert_close(deviation(opposite, 2), torch.ones(2, 1, 4, 4))


def test_groups_are_strided_through_the_batch_as_in_the_reference():
    """With groups of two in a batch of four, pictures 0 and 2 belong together, and 1 and 3."""
    batch = torch.tensor([1.0, 0.0, -1.0, 0.0])[:, None, None, None].expand(4, 2, 4, 4)
    torch.testing.assert_close(deviation(batch, 2)[:, 0, 0, 0], torch.tensor([1, 1e-4, 1, 1e-4]))


@pytest.mark.parametrize(("samples", "group", "size"), [(4, 4, 4), (6, 4, 3), (5, 4, 1), (2, 4, 2), (7, 8, 7)])
def test_a_group_is_the_most_pictures_that_divide_the_batch(samples: int, group: int, size: int):
    x = torch.randn(samples, 3, 4, 4)
    groups = x.reshape(size, -1, 3, 4, 4)
    expected = (groups.var(dim=0, unbiased=False) + 1e-8).sqrt().mean(dim=(1, 2, 3)).repeat(size)
    torch.testing.assert_close(deviation(x, group)[:, 0, 2, 1], expected)


def test_every_parameter_gets_a_gradient():
    network = StyleGAN2Discriminator((8, 6, 4), classes=3, mapping_layers=2)
    network(torch.randn(4, 3, 16, 16), torch.eye(3)[[0, 1, 2, 0]]).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_a_conditional_logit_is_the_features_projection_on_the_class():
    network = StyleGAN2Discriminator((8, 6), classes=3, mapping_layers=2)
    image, labels = torch.randn(3, 3, 8, 8), torch.eye(3)
    logits = network(image, labels)
    assert logits.shape == (3, 1)
    assert network.mapping is not None
    classes = network.mapping(None, labels)
    network.mapping, plain = None, network.mapping
    features = network(image)  # (3, 8)
    assert plain is not None
    torch.testing.assert_close(logits[:, 0], (features * classes).sum(dim=1) / math.sqrt(8))


def test_r1_has_a_right_gradient():
    """Its gradient goes through the gradient of the logits (Mescheder 2018, Eq. 9); compared with differences."""
    network = StyleGAN2Discriminator((3, 2)).double()

    def penalty(image: Tensor) -> Tensor:
        (grad,) = torch.autograd.grad(network(image).sum(), image, create_graph=True)
        return grad.square().sum(dim=(1, 2, 3))

    image = torch.randn(2, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(penalty, image)


def test_features_come_at_every_resolution_and_the_logits_are_made_of_the_last():
    network = StyleGAN2Discriminator((8, 6, 4))
    maps = network.features(torch.randn(2, 3, 16, 16))
    assert [tuple(x.shape) for x in maps] == [(2, 4, 16, 16), (2, 6, 8, 8), (2, 8, 4, 4)]
    assert network.feature_channels == (4, 6, 8)


def test_bfloat16_stays_close_and_gives_float32_logits():
    network, image = StyleGAN2Discriminator((32, 32, 16)), torch.randn(4, 3, 16, 16)
    exact = network(image)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = network(image)
    assert rounded.dtype == torch.float32
    assert (rounded - exact).abs().max() <= 0.05 * max(1, exact.abs().max().item())


def test_the_clamp_bounds_the_maps():
    network = StyleGAN2Discriminator((8, 6, 4), clamp=0.25)
    assert network.features(100 * torch.randn(2, 3, 16, 16))[0].max() == 0.25


@pytest.mark.parametrize("shape", [(1, 3, 8, 8), (1, 1, 16, 16), (3, 16, 16)])
def test_wrong_shapes_are_refused_by_name(shape: tuple[int, ...]):
    with pytest.raises(ValueError, match=r"expected \(N, 3, 16, 16\), got \("):
        StyleGAN2Discriminator((8, 6, 4))(torch.randn(shape))
