"""Resampling with the filter [1, 3, 3, 1] (StyleGAN2, Karras 2020), in plain PyTorch, differentiable at any order.

The three operations are linear and each one's gradient is another of the three, so they are told to autograd that way:
torch's own gradient of a depthwise convolution with stride takes a hundred times the forward pass on a CPU in bfloat16.
Memory stays channels_last, which depthwise convolutions need to be fast.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional as F

TAPS = (1.0, 3.0, 3.0, 1.0)
REACH = len(TAPS) - 1
"""How many pixels a blur without padding takes away."""


def fir_kernel() -> Tensor:
    """The separable filter with a sum of one.

    Shape: (4, 4).
    """
    taps = torch.tensor(TAPS)
    return torch.outer(taps, taps) / taps.sum().square()


def blur(x: Tensor, padding: int, gain: float = 1.0) -> Tensor:
    """Filter at the same resolution, over a border of zeros.

    Shape: (N, C, H, W) -> (N, C, H + 2 padding - 3, W + 2 padding - 3).
    """
    return _Blur.apply(x, padding, gain) if _tracked(x) else _blur(x, padding, gain)


def downsample(x: Tensor, gain: float = 1.0) -> Tensor:
    """Filter and keep every second pixel.

    Shape: (N, C, H, W) with even H and W -> (N, C, H / 2, W / 2).
    """
    return _Down.apply(x, gain) if _tracked(x) else _down(x, gain)


def upsample(x: Tensor, gain: float = 4.0) -> Tensor:
    """Put zeros between pixels and filter; at a gain of 4 a flat picture keeps its value, but for the border.

    Shape: (N, C, H, W) -> (N, C, 2H, 2W).
    """
    return _Up.apply(x, gain) if _tracked(x) else _up(x, gain)


def _tracked(x: Tensor) -> bool:
    # Without gradients the plain operations are called, which exporters can follow.
    return torch.is_grad_enabled() and x.requires_grad


def _blur(x: Tensor, padding: int, gain: float, stride: int = 1) -> Tensor:
    channels = x.shape[1]
    kernel = (gain * fir_kernel()).to(x).expand(channels, 1, len(TAPS), len(TAPS))
    # Autocast would round a picture that is summed in float32.
    with torch.autocast(x.device.type, enabled=False):
        return F.conv2d(x, kernel, stride=stride, padding=padding, groups=channels)


def _down(x: Tensor, gain: float) -> Tensor:
    return _blur(x, padding=1, gain=gain, stride=2)  # (N, C, H / 2, W / 2)


def _up(x: Tensor, gain: float) -> Tensor:
    samples, channels, height, width = x.shape
    # The zero behind the last pixel is the border's.
    spread = x.new_zeros(samples, 2 * height - 1, 2 * width - 1, channels).permute(0, 3, 1, 2)  # channels_last
    spread[:, :, ::2, ::2] = x
    return _blur(spread, padding=2, gain=gain)  # (N, C, 2H, 2W)


class _Blur(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, padding: int, gain: float) -> Tensor:
        ctx.settings = (REACH - padding, gain)  # type: ignore[attr-defined]
        return _blur(x, padding, gain)

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Tensor) -> Any:
        return blur(grads[0], *ctx.settings), None, None  # type: ignore[attr-defined]


class _Down(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, gain: float) -> Tensor:
        ctx.gain = gain  # type: ignore[attr-defined]
        return _down(x, gain)

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Tensor) -> Any:
        return upsample(grads[0], ctx.gain), None  # type: ignore[attr-defined]


class _Up(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, gain: float) -> Tensor:
        ctx.gain = gain  # type: ignore[attr-defined]
        return _up(x, gain)

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Tensor) -> Any:
        return downsample(grads[0], ctx.gain), None  # type: ignore[attr-defined]
