"""Pieces that several architectures share: normalisation by name, residual blocks, the papers' initialisation."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from translate.networks.shared import BatchNorm

Norm = Literal["batch", "instance", "picture", "none"]


def norm_layer(kind: Norm, channels: int) -> nn.Module:
    """Batch norm with learnt scale, instance norm without (as in both reference systems), or nothing.

    `picture` is batch norm whose statistics are each picture's own, in training and after: what the reference's pix2pix
    computes when it tests a model at batch 1 without `--eval`.

    Raises: ValueError for an unknown kind.
    """
    if kind == "batch":
        return BatchNorm(channels)
    if kind == "instance":
        return InstanceNorm(channels)
    if kind == "picture":
        return InstanceNorm(channels, affine=True)
    if kind == "none":
        return nn.Identity()
    raise ValueError(f"norm is {kind!r}; known: batch, instance, picture, none")


class InstanceNorm(nn.InstanceNorm2d):
    """Every channel of every sample to mean 0 and variance 1 (Ulyanov 2016), in the memory layout it comes in.

    torch's own gives up channels_last, and on a CPU every layer behind it pays for the copies. Batch norm of a single
    sample is the same function and keeps the layout.

    Shape: (N, C, H, W) -> (N, C, H, W).
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu" or x.is_contiguous():
            return super().forward(x)
        samples = [
            F.batch_norm(sample, None, None, self.weight, self.bias, training=True, eps=self.eps)
            for sample in x.split(1)
        ]
        return samples[0] if len(samples) == 1 else torch.cat(samples)


def has_bias(norm: Norm) -> bool:
    """Whether a convolution in front of this norm keeps a bias: batch norm brings its own shift."""
    return norm not in ("batch", "picture")


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside an identity, activation first (He 2016, Fig. 4e).

    Shape: (N, C, H, W) -> (N, C, H, W).
    """

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=has_bias(norm))
        self.norm1 = norm_layer(norm, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=has_bias(norm))
        self.norm2 = norm_layer(norm, channels)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(F.relu(x))))
        return x + self.norm2(self.conv2(y))


def init_weights(module: nn.Module, generator: torch.Generator | None = None) -> None:
    """Convolutions from N(0, 0.02), batch norm scale from N(1, 0.02), biases zero (Radford 2015; Isola 2017, 6.2)."""
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    _fill(module, kinds, lambda weight: nn.init.normal_(weight, 0.0, 0.02, generator=generator), generator)


def init_xavier(module: nn.Module, generator: torch.Generator | None = None, gain: float = 0.02) -> None:
    """Glorot's normal (2010, Eq. 12) at a small gain for kernels and matrices, batch norm scale from N(1, 0.02), biases
    zero: the initialisation of contrastive unpaired translation (Park 2020).
    """
    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    _fill(module, kinds, lambda weight: nn.init.xavier_normal_(weight, gain, generator=generator), generator)


def _fill(
    module: nn.Module,
    kinds: tuple[type[nn.Conv2d | nn.ConvTranspose2d | nn.Linear], ...],
    draw: Callable[[Tensor], object],
    generator: torch.Generator | None,
) -> None:
    for part in module.modules():
        if isinstance(part, kinds):
            draw(part.weight)
        elif isinstance(part, nn.BatchNorm2d | nn.InstanceNorm2d) and part.affine:
            nn.init.normal_(part.weight, 1.0, 0.02, generator=generator)
        else:
            continue
        if part.bias is not None:
            nn.init.zeros_(part.bias)


def init_residual(module: nn.Module, generator: torch.Generator | None = None) -> None:
    """Keep the variance of activations through deep stacks (He 2015); every residual block starts as the identity."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu", generator=generator)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
    for part in module.modules():
        norm = part.norm2 if isinstance(part, ResidualBlock) else None
        if isinstance(norm, nn.BatchNorm2d | nn.InstanceNorm2d) and norm.affine:
            nn.init.zeros_(norm.weight)
