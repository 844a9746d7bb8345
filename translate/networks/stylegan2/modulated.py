"""Modulated convolution (StyleGAN2, Karras 2020, Sec. 2.2), its output layer to RGB, and what a style is.

Scaling the inputs by s and the outputs by the demodulation is the same mathematics as a kernel for every sample, and
needs one convolution for the whole batch instead of a grouped one: several times faster on a CPU, and fit for
bfloat16 and channels_last. Demodulation takes out any gain on the kernel, so there is none.
"""

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from translate.networks.stylegan2.layers import ACT_GAIN, EPSILON, EqualLinear, activate
from translate.networks.stylegan2.resample import blur


class StyleLayer(NamedTuple):
    """One vector of style space S: which layer it scales the input channels of, and which w it is computed from."""

    name: str
    kind: Literal["conv", "rgb"]
    resolution: int
    channels: int
    w_index: int


class StyledConv(nn.Module):
    """3x3 modulated convolution, noise, bias, leaky ReLU; with `up` it doubles the resolution first.

    Shape: x (N, C_in, H, W), s (N, C_in), noise (N or 1, 1, R, R) -> (N, C_out, R, R), R = H or 2H.
    """

    noise_const: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        resolution: int,
        *,
        up: bool = False,
        noise: bool = True,
        clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.up, self.noisy, self.clamp = up, noise, clamp
        self.affine = EqualLinear(w_dim, in_channels, bias=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        if noise:
            self.noise_strength = nn.Parameter(torch.zeros(()))
            self.register_buffer("noise_const", torch.randn(resolution, resolution))

    def forward(self, x: Tensor, s: Tensor, noise: Tensor | None = None, gain: float = 1.0) -> Tensor:
        y = self.convolve(x * s.to(x.dtype)[:, :, None, None])  # (N, C_out, R, R)
        gain *= ACT_GAIN
        scale = (gain * self.demodulation(s)).to(y.dtype)[:, :, None, None]
        bias = (gain * self.bias).to(y.dtype)[:, None, None]
        if noise is None:
            y = torch.addcmul(bias, y, scale)
        else:
            y = torch.addcmul((gain * self.noise_strength * noise).to(y.dtype), y, scale).add_(bias)
        return activate(y, None if self.clamp is None else self.clamp * gain / ACT_GAIN)

    def convolve(self, x: Tensor) -> Tensor:
        """The shared convolution; upwards it is transposed, and the filter takes out its checkerboard.

        Shape: (N, C_in, H, W) -> (N, C_out, R, R).
        """
        if not self.up:
            return F.conv2d(x, self.weight, padding=1)
        x = F.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2)  # (N, C_out, 2H + 1, 2W + 1)
        return blur(x, padding=1, gain=4.0)  # (N, C_out, 2H, 2W)

    def demodulation(self, s: Tensor) -> Tensor:
        """One over the norm of every output channel's scaled kernel (Eq. 3).

        Shape: (N, C_in) -> (N, C_out).
        """
        with torch.autocast(s.device.type, enabled=False):
            energy = self.weight.square().sum(dim=(2, 3))  # (C_out, C_in)
            return (s.square() @ energy.t() + EPSILON).rsqrt()


class ToRGB(nn.Module):
    """1x1 modulated convolution without demodulation, into picture channels, in float32.

    Shape: x (N, C, H, W), s (N, C) -> (N, image_channels, H, W).
    """

    def __init__(self, in_channels: int, image_channels: int, w_dim: int, clamp: float | None = None) -> None:
        super().__init__()
        self.clamp = clamp
        self.affine = EqualLinear(w_dim, in_channels, bias=1.0)
        self.weight = nn.Parameter(torch.randn(image_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(image_channels))
        self.weight_gain = 1 / math.sqrt(in_channels)

    def forward(self, x: Tensor, s: Tensor) -> Tensor:
        samples, channels, height, width = x.shape
        # Three output channels: a kernel for every sample costs less than scaling all the inputs.
        kernels = (self.weight_gain * s)[:, :, None] * self.weight.flatten(1).t()  # (N, C, image_channels)
        pixels = x.permute(0, 2, 3, 1).reshape(samples, height * width, channels)
        y = torch.bmm(pixels, kernels.to(pixels.dtype)).to(s.dtype) + self.bias  # (N, H W, image_channels)
        y = y.reshape(samples, height, width, -1).permute(0, 3, 1, 2)  # (N, image_channels, H, W), channels_last
        return y if self.clamp is None else y.clamp(-self.clamp, self.clamp)
