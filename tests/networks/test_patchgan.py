"""Discriminators: receptive fields, map sizes and parameter counts worked out from the papers."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from translate.config import DiscriminatorConfig
from translate.networks import MultiScale, PatchGAN, PixelGAN, build_discriminator


def field(network: nn.Module, side: int) -> tuple[int, int]:
    """Rows and columns of the input that the middle logit depends on."""
    image = torch.randn(1, 3, side, side, requires_grad=True)
    logits = network(image)
    logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2].backward()
    assert image.grad is not None
    seen = image.grad.abs().sum(dim=(0, 1)) > 0
    rows, columns = seen.any(dim=1).nonzero(), seen.any(dim=0).nonzero()
    return int(rows.max() - rows.min() + 1), int(columns.max() - columns.min() + 1)


def test_one_patchgan_logit_sees_70_pixels():
    """Isola 2017, Sec. 3.2.2. Norm is off: instance norm sees the whole map."""
    assert field(PatchGAN(3, filters=2, norm="none"), 256) == (70, 70)


@pytest.mark.parametrize(("layers", "pixels"), [(1, 16), (2, 34), (4, 142), (5, 286)])
def test_one_patchgan_logit_sees_16_to_286_pixels(layers: int, pixels: int):
    """From the end: 4, 7 at stride 1; then (r - 1) * 2 + 4 for each halving (Isola 2017, Table 4)."""
    side = 64 * 2**layers // 2 if layers < 4 else 160 * layers
    assert field(PatchGAN(3, filters=2, layers=layers, norm="none"), side) == (pixels, pixels)


def test_one_pixelgan_logit_sees_1_pixel():
    assert field(PixelGAN(3, filters=2, norm="none"), 32) == (1, 1)


def test_the_70_pixel_patchgan_judges_256_pixels_with_30_x_30_logits():
    assert PatchGAN(6, filters=4)(torch.rand(1, 6, 256, 256)).shape == (1, 1, 30, 30)


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
@pytest.mark.parametrize(("height", "width"), [(64, 64), (63, 77), (101, 50)])
def test_the_map_has_the_documented_size(layers: int, height: int, width: int):
    logits = PatchGAN(3, filters=2, layers=layers)(torch.rand(2, 3, height, width))
    assert logits.shape == (2, 1, height // 2**layers - 2, width // 2**layers - 2)


@pytest.mark.parametrize(
    ("in_channels", "norm", "parameters"),
    [
        # first 16*3*64 + 64; 16*64*128 + 2*128; 16*128*256 + 2*256; 16*256*512 + 2*512; last 16*512 + 1
        (3, "batch", 3_136 + 131_328 + 524_800 + 2_098_176 + 8_193),
        (6, "batch", 6_208 + 131_328 + 524_800 + 2_098_176 + 8_193),
        # a bias instead of scale and shift
        (3, "instance", 3_136 + 131_200 + 524_544 + 2_097_664 + 8_193),
    ],
)
def test_the_70_pixel_patchgan_has_2765_thousand_parameters(in_channels: int, norm: str, parameters: int):
    with torch.device("meta"):
        network = build_discriminator(DiscriminatorConfig(norm=norm), in_channels)
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_channels_double_up_to_eight_times():
    widths = [conv.out_channels for conv in PatchGAN(3, filters=4, layers=5).convs]
    assert widths == [8, 16, 32, 32, 32]


def test_multi_scale_judges_the_picture_and_its_halves_finest_first():
    """64 gives 64 // 4 - 2 = 14 logits, 32 gives 6, 16 gives 2; odd sides round up: 51 -> 26 -> 13."""
    network = MultiScale(3, scales=3, filters=2, layers=2)
    shapes = [tuple(logits.shape) for logits in network(torch.rand(2, 3, 64, 51))]
    assert shapes == [(2, 1, 14, 10), (2, 1, 6, 4), (2, 1, 2, 1)]


def test_each_scale_has_a_judge_of_its_own_over_the_averaged_picture():
    network = MultiScale(3, scales=2, filters=2, layers=1).eval()
    x = torch.rand(1, 3, 32, 32)
    fine, coarse = network(x)
    halved = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
    assert torch.equal(fine, network.judges[0](x))
    assert torch.equal(coarse, network.judges[1](halved))
    assert not torch.equal(network.judges[0](halved), coarse)


def test_halving_leaves_a_flat_picture_flat():
    """Wang 2018 averages without the zeros outside, or every border would look darker at the coarse scales."""
    network = MultiScale(1, scales=2, filters=2, layers=1, norm="none")
    seen = []
    network.judges[1].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    network(torch.full((1, 1, 32, 27), 0.5))
    torch.testing.assert_close(seen[0], torch.full((1, 1, 16, 14), 0.5))


@pytest.mark.parametrize(("layers", "scales", "side"), [(1, 1, 6), (3, 1, 24), (3, 2, 47), (3, 3, 93), (2, 2, 23)])
def test_the_smallest_size_leaves_the_coarsest_judge_one_logit(layers: int, scales: int, side: int):
    """The coarsest needs 3 * 2^layers; halving rounds up, so 2 * 24 - 1 = 47 is enough for two scales."""
    network = MultiScale(3, scales=scales, filters=2, layers=layers).eval()
    assert network.min_side == side
    assert network(torch.rand(1, 3, side, side))[-1].shape == (1, 1, 1, 1)


def test_no_layer_and_no_scale_are_refused():
    with pytest.raises(ValueError, match="layers is 0"):
        PatchGAN(3, layers=0)
    with pytest.raises(ValueError, match="scales is 0"):
        MultiScale(3, scales=0)


@pytest.mark.parametrize(("kind", "network"), [("patch", PatchGAN), ("pixel", PixelGAN), ("multiscale", MultiScale)])
def test_a_config_builds_the_discriminator_it_names(kind: str, network: type):
    config = DiscriminatorConfig(kind=kind, filters=4, layers=2, norm="instance", scales=3)
    built = build_discriminator(config, 5)
    assert type(built) is network
    assert built.in_channels == 5
    assert not any(isinstance(part, nn.BatchNorm2d) for part in built.modules())
    if isinstance(built, MultiScale):
        assert len(built.judges) == 3
