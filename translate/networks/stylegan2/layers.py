"""Layers with an equalised learning rate (Karras 2018, Sec. 4.1): unit-variance weights, scaled as they are used."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.2
ACT_GAIN = math.sqrt(2.0)
"""A leaky ReLU halves the signal's energy; StyleGAN2 gives it back."""
EPSILON = 1e-8


def activate(x: Tensor, clamp: float | None = None) -> Tensor:
    """Leaky ReLU in place, then a clamp. The gain stands in front of it: sqrt(2) relu(x) = relu(sqrt(2) x)."""
    x = F.leaky_relu_(x, SLOPE)
    return x if clamp is None else x.clamp(-clamp, clamp)


def normalise(x: Tensor) -> Tensor:
    """Every row to a mean square of one (Karras 2018, Sec. 4.2).

    Shape: (N, C) -> (N, C).
    """
    return x * (x.square().mean(dim=1, keepdim=True) + EPSILON).rsqrt()


class EqualLinear(nn.Module):
    """A matrix with an equalised learning rate, `lr` times that of the rest.

    Shape: (N, in_features) -> (N, out_features).
    """

    def __init__(
        self, in_features: int, out_features: int, *, lr: float = 1.0, bias: float = 0.0, active: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr)
        self.bias = nn.Parameter(torch.full((out_features,), bias))
        self.active = active
        after = ACT_GAIN if active else 1.0
        self.weight_gain = after * lr / math.sqrt(in_features)
        self.bias_gain = after * lr

    def forward(self, x: Tensor) -> Tensor:
        x = F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)
        return activate(x) if self.active else x


class EqualConv(nn.Module):
    """A convolution with an equalised learning rate.

    Shape: (N, C_in, H, W) -> (N, C_out, H', W'); the border is zeros and keeps the size at stride 1 and `padding` None.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        size: int,
        *,
        stride: int = 1,
        padding: int | None = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, size, size))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.stride = stride
        self.padding = size // 2 if padding is None else padding
        self.weight_gain = 1 / math.sqrt(in_channels * size**2)

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        bias = None if self.bias is None else self.bias * gain
        return F.conv2d(x, self.weight * (self.weight_gain * gain), bias, self.stride, self.padding)
