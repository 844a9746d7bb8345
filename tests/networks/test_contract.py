"""What every generator and every discriminator must do, whatever its architecture."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from translate.networks import MultiScale, PatchGAN, PixelGAN, ResNetGenerator, UNet

Build = Callable[..., nn.Module]

GENERATORS: dict[str, Build] = {
    "unet": lambda a, b, **more: UNet(a, b, **{"filters": 4, "max_filters": 16, "depth": 6} | more),
    "unet-resize": lambda a, b, **more: UNet(a, b, **{"filters": 4, "depth": 3, "upsample": "resize"} | more),
    "unet-instance": lambda a, b, **more: UNet(a, b, **{"filters": 4, "depth": 4, "norm": "instance"} | more),
    "unet-picture": lambda a, b, **more: UNet(a, b, **{"filters": 4, "depth": 4, "norm": "picture"} | more),
    "unet-residual": lambda a, b, **more: UNet(a, b, **{"filters": 4, "depth": 4, "residual": 2} | more),
    "unet-residual-instance": lambda a, b, **more: UNet(
        a, b, **{"filters": 4, "depth": 4, "residual": 1, "norm": "instance"} | more
    ),
    "unet-plain": lambda a, b, **more: UNet(a, b, **{"filters": 4, "depth": 3, "norm": "none"} | more),
    "unet-shallow": lambda a, b, **more: UNet(a, b, **{"filters": 4, "depth": 1} | more),
    "resnet": lambda a, b, **more: ResNetGenerator(a, b, **{"filters": 4, "blocks": 2} | more),
    "resnet-resize": lambda a, b, **more: ResNetGenerator(
        a, b, **{"filters": 4, "blocks": 1, "upsample": "resize", "norm": "batch"} | more
    ),
    "resnet-picture": lambda a, b, **more: ResNetGenerator(
        a, b, **{"filters": 4, "blocks": 1, "norm": "picture"} | more
    ),
    "resnet-plain": lambda a, b, **more: ResNetGenerator(a, b, **{"filters": 4, "blocks": 1, "norm": "none"} | more),
    "resnet-dropout": lambda a, b, **more: ResNetGenerator(a, b, **{"filters": 4, "blocks": 1, "dropout": 0.5} | more),
}
DISCRIMINATORS: dict[str, Build] = {
    "patch": lambda a: PatchGAN(a, filters=4),
    "patch-instance": lambda a: PatchGAN(a, filters=4, layers=2, norm="instance"),
    "patch-shallow": lambda a: PatchGAN(a, filters=4, layers=1, norm="none"),
    "pixel": lambda a: PixelGAN(a, filters=4),
    "pixel-instance": lambda a: PixelGAN(a, filters=4, norm="instance"),
    "patch-picture": lambda a: PatchGAN(a, filters=4, layers=2, norm="picture"),
    "multiscale": lambda a: MultiScale(a, filters=4, scales=2, layers=2),
    "multiscale-instance": lambda a: MultiScale(a, filters=4, scales=3, layers=1, norm="instance"),
}
SIZES = [(256, 256), (250, 331), (97, 64), (33, 33), (5, 3), (3, 5), (2, 2), (1, 1), (1, 40)]
CHANNELS = [1, 2, 3, 7]

generators = pytest.mark.parametrize("build", GENERATORS.values(), ids=GENERATORS)
discriminators = pytest.mark.parametrize("build", DISCRIMINATORS.values(), ids=DISCRIMINATORS)
networks = pytest.mark.parametrize(
    "build",
    [*(lambda a, make=make: make(a, 2) for make in GENERATORS.values()), *DISCRIMINATORS.values()],
    ids=[*GENERATORS, *DISCRIMINATORS],
)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def maps(output: Tensor | list[Tensor]) -> list[Tensor]:
    return [output] if isinstance(output, Tensor) else output


@generators
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_output_has_the_size_of_the_input(build: Build, height: int, width: int):
    with torch.no_grad():
        assert build(3, 2).eval()(torch.rand(1, 3, height, width)).shape == (1, 2, height, width)


@generators
@pytest.mark.parametrize(("height", "width"), [(48, 70), (5, 3), (1, 1)])
def test_any_size_can_be_trained_on_and_is_finite(build: Build, height: int, width: int):
    output = build(3, 2).train()(torch.rand(1, 3, height, width))
    assert output.shape == (1, 2, height, width)
    assert output.isfinite().all()


@generators
@pytest.mark.parametrize("channels", CHANNELS)
def test_a_generator_takes_and_gives_any_number_of_channels(build: Build, channels: int):
    with torch.no_grad():
        assert build(channels, 8 - channels).eval()(torch.rand(2, channels, 17, 20)).shape == (2, 8 - channels, 17, 20)


@generators
def test_the_image_head_stays_within_minus_one_and_one(build: Build):
    network = build(3, 3, norm="none").eval()
    for parameter in network.parameters():
        parameter.data *= 10
    output = network(100 * torch.randn(1, 3, 32, 32))
    assert output.abs().max() <= 1


@generators
def test_the_labels_head_gives_raw_logits(build: Build):
    """The same weights under both heads: the image is the tanh of the logits."""
    image, labels = build(3, 4).eval(), build(3, 4, head="labels").eval()
    labels.load_state_dict(image.state_dict())
    x = torch.rand(1, 3, 32, 37)
    with torch.no_grad():
        torch.testing.assert_close(image(x), labels(x).tanh())
        last = labels.ups[0].conv if isinstance(labels, UNet) else labels.last
        last.bias += 5
        assert labels(x).max() > 1


@networks
def test_every_parameter_gets_a_gradient(build: Build):
    network = build(3).train()
    loss = sum(logits.square().sum() for logits in maps(network(torch.randn(2, 3, 64, 48))))
    assert isinstance(loss, Tensor)
    loss.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        # A bias in front of an instance norm moves nothing: the norm takes it out again.
        assert name.endswith(".bias") or parameter.grad.abs().max() > 0, name


@networks
def test_the_input_gets_a_gradient_everywhere(build: Build):
    image = torch.randn(1, 3, 64, 64, requires_grad=True)
    sum(logits.square().sum() for logits in maps(build(3).eval()(image))).backward()
    assert image.grad is not None
    assert (image.grad.abs().sum(dim=1) > 0).float().mean() > 0.95


@networks
def test_a_saved_and_loaded_network_is_the_same(build: Build, tmp_path: Path):
    first, second = build(3), build(3)
    first.train()(torch.rand(2, 3, 40, 40))  # moves the running statistics
    save_file(first.state_dict(), tmp_path / "net.safetensors")
    second.load_state_dict(load_file(tmp_path / "net.safetensors"))
    x = torch.rand(1, 3, 40, 51)
    with torch.no_grad():
        for a, b in zip(maps(first.eval()(x)), maps(second.eval()(x)), strict=True):
            assert torch.equal(a, b)


@networks
def test_a_picture_gets_the_same_answer_alone_and_in_a_batch(build: Build):
    network = build(3)
    network.train()(torch.rand(4, 3, 64, 45))
    network.eval()
    batch = torch.rand(3, 3, 64, 45)
    with torch.no_grad():
        together = maps(network(batch))
        for index in range(3):
            for whole, single in zip(together, maps(network(batch[index : index + 1])), strict=True):
                assert (whole[index : index + 1] - single).abs().max() <= 1e-5


@networks
def test_the_memory_layout_does_not_change_the_answer(build: Build):
    network = build(3).eval()
    x = torch.rand(2, 3, 61, 48)
    with torch.no_grad():
        plain = maps(network(x))
        network = network.to(memory_format=torch.channels_last)
        dense = maps(network(x.to(memory_format=torch.channels_last)))
        exact = maps(network.double()(x.double()))
    # Each within the rounding of float32, which norms over few pixels amplify.
    for a, b, truth in zip(plain, dense, exact, strict=True):
        assert (a - truth).abs().max() <= 5e-5
        assert (b - truth).abs().max() <= 5e-5


@networks
@pytest.mark.parametrize("shape", [(1, 4, 64, 64), (1, 1, 64, 64), (3, 64, 64)])
def test_another_number_of_channels_is_refused_by_name(build: Build, shape: tuple[int, ...]):
    with pytest.raises(ValueError, match=r"expected \(N, 3, H, W\), got \("):
        build(3)(torch.rand(shape))


@discriminators
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize(("height", "width"), [(64, 64), (51, 70)])
def test_a_discriminator_gives_one_plane_of_raw_logits(build: Build, channels: int, height: int, width: int):
    for logits in maps(build(channels).eval()(torch.rand(2, channels, height, width))):
        assert logits.shape[:2] == (2, 1)
        assert min(logits.shape[2:]) >= 1


@discriminators
def test_a_discriminator_works_from_its_smallest_size_on(build: Build):
    network = build(3).train()
    side = max(2, network.min_side)  # a norm needs more than one pixel
    network(torch.rand(1, 3, side, side))
    if network.min_side > 1:
        smaller = torch.rand(1, 3, side + 9, side - 1)
        with pytest.raises(ValueError, match=f"{side - 1} x {side + 9} .* at least {side} x {side}"):
            network(smaller)
