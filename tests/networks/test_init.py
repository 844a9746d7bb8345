"""The papers' initialisation: N(0, 0.02) for kernels, N(1, 0.02) for scales, nothing else."""

import pytest
import torch
from torch import nn

from translate.config import DiscriminatorConfig, GeneratorConfig
from translate.networks import build_discriminator, build_generator
from translate.networks.blocks import ResidualBlock, has_bias, init_weights, norm_layer

NETWORKS = {
    "unet": lambda: build_generator(GeneratorConfig(filters=16, depth=5)),
    "resnet": lambda: build_generator(GeneratorConfig(kind="resnet", filters=16, blocks=2, norm="instance")),
    "patch": lambda: build_discriminator(DiscriminatorConfig(filters=16), 6),
    "multiscale": lambda: build_discriminator(DiscriminatorConfig(kind="multiscale", filters=8), 6),
}
each_network = pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)


@each_network
def test_kernels_are_drawn_from_n_0_002(build):
    torch.manual_seed(0)
    for part in build().modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d) and part.weight.numel() > 2000:
            assert part.weight.mean().item() == pytest.approx(0, abs=5 * 0.02 / part.weight.numel() ** 0.5)
            assert part.weight.std().item() == pytest.approx(0.02, rel=0.1)


@each_network
def test_scales_are_drawn_from_n_1_002_and_biases_are_zero(build):
    torch.manual_seed(0)
    network = build()
    norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
    if norms:
        scales = torch.cat([part.weight for part in norms])
        assert scales.mean().item() == pytest.approx(1, abs=5 * 0.02 / scales.numel() ** 0.5)
        assert scales.std().item() == pytest.approx(0.02, rel=0.25)
    biases = [value for name, value in network.named_parameters() if name.endswith("bias")]
    assert biases
    assert all(not bias.any() for bias in biases)


def test_a_residual_unet_keeps_the_variance_of_its_signal():
    """He 2015: a kernel's standard deviation is sqrt(2 / fan_in); every residual block starts as the identity."""
    torch.manual_seed(0)
    network = build_generator(GeneratorConfig(filters=16, depth=4, residual=1))
    conv = network.downs[2].conv
    assert conv.weight.std().item() == pytest.approx((2 / (32 * 16)) ** 0.5, rel=0.05)
    x = torch.randn(1, 16, 8, 8)
    blocks = [part for part in network.modules() if isinstance(part, ResidualBlock)]
    assert torch.equal(network.downs[0].residual(x), x)
    assert len(blocks) == 4 + 3


def test_the_same_generator_gives_the_same_weights():
    first, second = (build_generator(GeneratorConfig(filters=2, depth=2)) for _ in range(2))
    for network in (first, second):
        init_weights(network, torch.Generator().manual_seed(7))
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


def test_norms_go_by_name():
    assert isinstance(norm_layer("batch", 4), nn.BatchNorm2d)
    assert isinstance(norm_layer("none", 4), nn.Identity)
    instance = norm_layer("instance", 4)
    assert isinstance(instance, nn.InstanceNorm2d)
    assert not list(instance.parameters()) and not list(instance.buffers())  # noqa: PT018
    picture = norm_layer("picture", 4)
    assert isinstance(picture, nn.InstanceNorm2d)
    assert picture.affine
    assert [has_bias(norm) for norm in ("batch", "picture", "instance", "none")] == [False, False, True, True]
    with pytest.raises(ValueError, match=r"'layer'; known: batch, instance, picture, none"):
        norm_layer("layer", 4)
