"""A copy of a network whose instance norms keep what they saw first."""

import pytest
import torch
from torch import nn

from translate.inference.norms import HeldNorm, has_instance_norms, holding_norms
from translate.inference.translator import Translator
from translate.networks.blocks import norm_layer

from .conftest import picture_config
from .test_translator import tiny


def test_the_first_batch_is_normed_by_itself_and_the_next_like_it():
    """Values 1 and 3: mean 2, variance 1. So 5 is 3 away, whatever else is in its batch."""
    norm = HeldNorm(nn.InstanceNorm2d(1, eps=0))
    assert norm(torch.tensor([1.0, 3.0]).view(1, 1, 1, 2)).flatten().tolist() == [-1.0, 1.0]
    assert norm(torch.tensor([5.0, 2.0]).view(1, 1, 1, 2)).flatten().tolist() == [3.0, 0.0]


def test_scale_and_shift_are_kept():
    plain = nn.InstanceNorm2d(2, affine=True)
    nn.init.constant_(plain.weight, 3)
    nn.init.constant_(plain.bias, 7)
    x = torch.randn(1, 2, 5, 5, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(HeldNorm(plain)(x), plain(x), atol=1e-5)


@pytest.mark.parametrize("kind", ["unet", "resnet"])
@torch.inference_mode()
def test_a_holding_copy_gives_what_the_network_gives_and_then_what_it_held(kind):
    translator = Translator(
        tiny(kind=kind, blocks=2, norm="instance"), picture_config(), device="cpu", precision="fp32"
    )
    network = translator.generator
    first, second = torch.rand(2, 1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    plain = [network(x) for x in (first, second * 0.1)]
    held = holding_norms(network)
    assert (held(first) - plain[0]).abs().max() < 1e-4
    assert (held(second * 0.1) - plain[1]).abs().max() > 0.01
    assert torch.equal(network(second * 0.1), plain[1])  # the network itself is as it was


def test_the_copy_shares_the_weights():
    network = tiny(norm="instance")
    assert {id(p) for p in network.parameters()} == {id(p) for p in holding_norms(network).parameters()}


def test_only_what_looks_at_the_whole_picture_is_held():
    assert has_instance_norms(nn.Sequential(norm_layer("instance", 3)))
    assert not has_instance_norms(nn.Sequential(norm_layer("batch", 3), nn.Conv2d(3, 3, 1)))
    assert not has_instance_norms(nn.InstanceNorm2d(3, track_running_stats=True))
