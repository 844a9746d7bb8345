"""DCGAN and the networks of points: shapes, gradients, classes that matter, save and load."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from translate.config import DiscriminatorConfig, LatentConfig
from translate.networks import (
    DCGANDiscriminator,
    DCGANGenerator,
    MLPDiscriminator,
    MLPGenerator,
    PatchGAN,
    build_latent_discriminator,
    build_latent_generator,
)

Build = Callable[..., nn.Module]

GENERATORS: dict[str, Build] = {
    "dcgan": lambda **more: DCGANGenerator(6, size=16, filters=4, **more),
    "dcgan-instance": lambda **more: DCGANGenerator(6, 1, size=8, filters=4, norm="instance", **more),
    "mlp": lambda **more: MLPGenerator(6, filters=8, **more),
    "mlp-batch": lambda **more: MLPGenerator(6, 3, filters=8, norm=True, **more),
}
DISCRIMINATORS: dict[str, tuple[Build, tuple[int, ...]]] = {
    "dcgan": (lambda **more: DCGANDiscriminator(size=16, filters=4, **more), (3, 16, 16)),
    "dcgan-plain": (lambda **more: DCGANDiscriminator(1, size=8, filters=4, norm="none", **more), (1, 8, 8)),
    "mlp": (lambda **more: MLPDiscriminator(filters=8, **more), (2,)),
    "mlp-batch": (lambda **more: MLPDiscriminator(3, filters=8, norm=True, **more), (3,)),
}
generators = pytest.mark.parametrize("build", GENERATORS.values(), ids=GENERATORS)
discriminators = pytest.mark.parametrize(("build", "shape"), DISCRIMINATORS.values(), ids=DISCRIMINATORS)
LABEL = torch.tensor([0, 1, 2, 0])


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("size", [8, 16, 32, 64, 128])
def test_a_dcgan_makes_and_judges_pictures_of_every_doubling(size: int):
    pictures = DCGANGenerator(5, size=size, filters=2, max_filters=8)(torch.randn(2, 5))
    assert pictures.shape == (2, 3, size, size)
    assert pictures.abs().max() <= 1
    assert DCGANDiscriminator(size=size, filters=2, max_filters=8)(pictures).logits.shape == (2, 1)


def test_the_widths_of_the_paper_at_64_pixels():
    """Radford 2016, Fig. 1: 1024, 512, 256, 128 channels at 4, 8, 16, 32 pixels."""
    network = DCGANGenerator(100, size=64, filters=128, max_filters=1024)
    assert [up.in_channels for up in [*network.ups, network.last]] == [1024, 512, 256, 128]


@pytest.mark.parametrize("size", [4, 12, 48])
def test_a_size_that_is_no_doubling_of_four_is_refused(size: int):
    with pytest.raises(ValueError, match=f"size is {size}"):
        DCGANGenerator(5, size=size)


@generators
@pytest.mark.parametrize("classes", [0, 3])
def test_every_parameter_of_a_generator_gets_a_gradient(build: Build, classes: int):
    network = build(classes=classes)
    network(torch.randn(4, 6), LABEL).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    silent = [n for n, p in network.named_parameters() if p.ndim > 1 and not p.grad.abs().max() > 0]
    assert not silent


@discriminators
@pytest.mark.parametrize("condition", ["none", "projection", "auxiliary"])
def test_every_parameter_of_a_discriminator_gets_a_gradient(build: Build, shape: tuple[int, ...], condition: str):
    network = build(condition=condition, classes=3)
    verdict = network(torch.rand(4, *shape), LABEL)
    total = verdict.logits.square().sum() + (0 if verdict.classes is None else verdict.classes.square().sum())
    total.backward()
    assert not [n for n, p in network.named_parameters() if p.grad is None or (p.ndim > 1 and not p.grad.abs().max())]


@generators
def test_the_class_changes_what_is_made(build: Build):
    network, z = build(classes=3).eval(), torch.randn(1, 6)
    with torch.no_grad():
        made = [network(z, torch.tensor([number])) for number in range(3)]
    assert not torch.equal(made[0], made[1])
    assert not torch.equal(made[1], made[2])


@generators
def test_a_stored_generator_is_the_same(build: Build, tmp_path: Path):
    first, second, z = build(classes=2), build(classes=2), torch.randn(3, 6)
    first(z, torch.tensor([0, 1, 1]))  # moves the running statistics
    save_file(first.state_dict(), tmp_path / "net.safetensors")
    second.load_state_dict(load_file(tmp_path / "net.safetensors"))
    with torch.no_grad():
        labels = torch.tensor([1, 0, 1])
        assert torch.equal(first.eval()(z, labels), second.eval()(z, labels))


@discriminators
def test_a_sample_of_another_shape_is_refused(build: Build, shape: tuple[int, ...]):
    with pytest.raises(ValueError, match=r"expected \(N, "):
        build()(torch.rand(2, *[side + 1 for side in shape]))


@pytest.mark.parametrize(
    ("network", "judge", "kinds"),
    [
        (LatentConfig(size=16, filters=4), DiscriminatorConfig(kind="dcgan", filters=4), (DCGANGenerator, "whole")),
        (
            LatentConfig(kind="mlp", latent=2, out_channels=2, filters=8, norm="none"),
            DiscriminatorConfig(kind="mlp", filters=8, norm="none"),
            (MLPGenerator, "whole"),
        ),
        (LatentConfig(size=32, filters=4), DiscriminatorConfig(filters=4), (DCGANGenerator, "patches")),
    ],
    ids=["dcgan", "mlp", "patch"],
)
def test_configs_build_players_that_fit_each_other(network: LatentConfig, judge: DiscriminatorConfig, kinds: Any):
    generator = build_latent_generator(network)
    disc = build_latent_discriminator(judge, network, "none")
    assert isinstance(generator, kinds[0])
    said = disc(generator(torch.randn(2, network.latent)))
    logits: Tensor = said if isinstance(disc, PatchGAN) else said.logits
    assert (kinds[1] == "patches") == isinstance(disc, PatchGAN)
    assert len(logits) == 2


def test_at_first_another_class_changes_a_picture_far_less_than_another_noise():
    """A batch norm would amplify the few vectors of classes, and the generator learn one picture for each."""
    torch.manual_seed(0)
    generator = DCGANGenerator(64, size=16, filters=8, classes=2)
    z, label = torch.randn(32, 64), torch.arange(32) % 2
    one, other_class, other_noise = (generator(*x) for x in ((z, label), (z, 1 - label), (z.flip(0), label)))
    assert (one - other_class).std() < 0.1 * (one - other_noise).std()
    assert bool((one != other_class).any())
