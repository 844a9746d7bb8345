"""Modulated convolution against a kernel built for every sample, as the paper writes it (Karras 2020, Eq. 1 and 3)."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.networks.stylegan2.test_resample import upfirdn
from tests.reliability.figures import Record
from translate.networks.stylegan2.modulated import StyledConv, ToRGB


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def by_the_paper(conv: StyledConv, x: Tensor, s: Tensor, noise: Tensor) -> Tensor:
    pictures = []
    for sample, style in zip(x, s, strict=True):
        kernel = style[None, :, None, None] * conv.weight  # Eq. 1
        kernel = kernel / (kernel.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).sqrt()  # Eq. 3
        if conv.up:
            y = F.conv_transpose2d(sample[None], kernel.transpose(0, 1), stride=2)
            y = upfirdn(y, 1, 1, (1, 1), 4.0)
        else:
            y = F.conv2d(sample[None], kernel, padding=1)
        pictures.append(y)
    y = torch.cat(pictures) + conv.noise_strength * noise + conv.bias[:, None, None]
    return F.leaky_relu(y, 0.2) * math.sqrt(2)


@pytest.mark.parametrize("up", [False, True])
def test_scaling_inputs_and_outputs_equals_a_kernel_for_every_sample(up: bool):
    conv = StyledConv(5, 4, 6, 8, up=up).double()
    torch.nn.init.normal_(conv.bias)
    torch.nn.init.constant_(conv.noise_strength, 0.7)
    x, s = torch.randn(3, 5, 4 if up else 8, 4 if up else 8).double(), torch.randn(3, 5).double()
    noise = torch.randn(3, 1, 8, 8).double()
    torch.testing.assert_close(conv(x, s, noise), by_the_paper(conv, x, s, noise))


@pytest.mark.parametrize("up", [False, True])
def test_gradients_of_first_and_second_order_pass_gradcheck(up: bool, record_figure: Record):
    conv = StyledConv(2, 3, 4, 4, up=up).double()
    torch.nn.init.constant_(conv.noise_strength, 0.5)
    side = 2 if up else 4
    x = torch.randn(2, 2, side, side, dtype=torch.float64, requires_grad=True)
    s = torch.randn(2, 2, dtype=torch.float64, requires_grad=True)
    noise = torch.randn(1, 1, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(conv, (x, s, noise))
    assert torch.autograd.gradgradcheck(conv, (x, s, noise))
    record_figure(27, "operations that pass gradcheck", 1)


def test_demodulated_outputs_do_not_depend_on_the_scale_of_the_style():
    conv = StyledConv(4, 4, 4, 4).double()
    x, s = torch.randn(1, 4, 4, 4).double(), torch.randn(1, 4).double()
    torch.testing.assert_close(conv(x, s), conv(x, 100 * s))


def test_noise_moves_every_channel_by_its_strength_alone():
    conv = StyledConv(3, 4, 4, 4)
    x, s = torch.randn(1, 3, 4, 4), torch.randn(1, 3)
    assert torch.equal(conv(x, s, torch.randn(1, 1, 4, 4)), conv(x, s))  # the strength starts at zero
    torch.nn.init.constant_(conv.noise_strength, 1e3)
    bright = conv(x, s, torch.ones(1, 1, 4, 4))
    torch.testing.assert_close(bright, torch.full_like(bright, 1e3 * math.sqrt(2)), rtol=0.01, atol=0)


def test_the_clamp_bounds_what_comes_out_and_shrinks_with_the_gain():
    conv = StyledConv(3, 4, 4, 4, clamp=0.5)
    x, s = 10 * torch.randn(1, 3, 4, 4), torch.randn(1, 3)
    assert conv(x, s).max() == 0.5
    assert conv(x, s, gain=0.5).max() == 0.25


def test_to_rgb_is_a_sum_of_styled_channels_and_keeps_float32_under_autocast():
    rgb = ToRGB(4, 3, 6)
    x, s = torch.randn(2, 4, 5, 5), torch.randn(2, 4)
    expected = torch.einsum("nchw,nc,oc->nohw", x, s, rgb.weight[:, :, 0, 0]) / 2  # 1 / sqrt(4)
    torch.testing.assert_close(rgb(x, s), expected)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert rgb(x.bfloat16(), s).dtype == torch.float32


def test_a_new_layer_starts_with_styles_around_one():
    assert torch.equal(StyledConv(5, 4, 6, 4).affine.bias, torch.ones(5))
