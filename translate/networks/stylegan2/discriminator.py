"""StyleGAN2's discriminator (Karras 2020, Fig. 7): residual blocks, minibatch standard deviation, optional classes."""

import math
from collections.abc import Sequence
from typing import TypedDict

import torch
from torch import Tensor, nn

from translate.networks.stylegan2.layers import ACT_GAIN, EPSILON, EqualConv, EqualLinear, activate
from translate.networks.stylegan2.mapping import Mapping
from translate.networks.stylegan2.resample import blur, downsample
from translate.networks.stylegan2.synthesis import FIRST


class DiscriminatorShape(TypedDict, total=False):
    """What `StyleGAN2Discriminator` is built from, as JSON can hold it."""

    widths: Sequence[int]
    image_channels: int
    classes: int
    class_dim: int | None
    mapping_layers: int
    mapping_lr: float
    group: int
    clamp: float | None


class DiscriminatorBlock(nn.Module):
    """Halve the resolution: two convolutions beside a 1x1 one, summed at the same energy.

    Shape: (N, C_in, H, W) -> (N, C_out, H / 2, W / 2).
    """

    def __init__(self, in_channels: int, out_channels: int, clamp: float | None) -> None:
        super().__init__()
        self.conv0 = EqualConv(in_channels, in_channels, 3)
        self.conv1 = EqualConv(in_channels, out_channels, 3, stride=2, padding=0)
        self.skip = EqualConv(in_channels, out_channels, 1, bias=False)
        self.clamp = clamp

    def forward(self, x: Tensor) -> Tensor:
        half = math.sqrt(0.5)
        beside = self.skip(downsample(x), gain=half)  # (N, C_out, H / 2, W / 2)
        x = activate(self.conv0(x, gain=ACT_GAIN), self.clamp)
        x = self.conv1(blur(x, padding=2), gain=ACT_GAIN * half)  # (N, C_out, H / 2, W / 2)
        return beside + activate(x, None if self.clamp is None else self.clamp * half)


class StyleGAN2Discriminator(nn.Module):
    """One logit a picture; with classes, its agreement with the given one (Miyato 2018).

    Shape: image (N, image_channels, R, R), labels (N, classes) one-hot -> (N, 1).
    Range: raw logits.
    Raises: ValueError when an input has another shape.
    """

    def __init__(
        self,
        widths: Sequence[int],
        *,
        image_channels: int = 3,
        classes: int = 0,
        class_dim: int | None = None,
        mapping_layers: int = 8,
        mapping_lr: float = 0.01,
        group: int = 4,
        clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.resolution, self.image_channels = FIRST * 2 ** (len(widths) - 1), image_channels
        self.group, self.clamp = group, clamp
        self.feature_channels = tuple(reversed(widths))
        self.from_rgb = EqualConv(image_channels, widths[-1], 1)
        pairs = zip(widths[:0:-1], widths[-2::-1], strict=True)
        self.blocks = nn.ModuleList([DiscriminatorBlock(a, b, clamp) for a, b in pairs])
        self.conv = EqualConv(widths[0] + 1, widths[0], 3)
        self.linear = EqualLinear(widths[0] * FIRST**2, widths[0], active=True)
        class_dim = (widths[0] if class_dim is None else class_dim) if classes else 0
        self.mapping = (
            Mapping(0, class_dim, layers=mapping_layers, classes=classes, lr=mapping_lr, average=False)
            if classes
            else None
        )
        self.out = EqualLinear(widths[0], class_dim or 1)

    def features(self, image: Tensor) -> list[Tensor]:
        """What the picture is turned into at every resolution, the picture's own first.

        Shape: (N, image_channels, R, R) -> maps (N, C, R, R), ..., (N, C, 4, 4), C as in `feature_channels`.
        """
        expected = (self.image_channels, self.resolution, self.resolution)
        if image.ndim != 4 or image.shape[1:] != expected:
            raise ValueError(f"expected (N, {', '.join(map(str, expected))}), got {tuple(image.shape)}")
        image = image.contiguous(memory_format=torch.channels_last)
        maps = [activate(self.from_rgb(image, gain=ACT_GAIN), self.clamp)]
        for block in self.blocks:
            maps.append(block(maps[-1]))
        return maps

    def forward(self, image: Tensor, labels: Tensor | None = None) -> Tensor:
        x = self.features(image)[-1].to(self.out.weight.dtype)
        # 16 pixels: exact logits cost nothing here.
        with torch.autocast(x.device.type, enabled=False):
            x = torch.cat([x, deviation(x, self.group)], dim=1)  # (N, C + 1, 4, 4)
            x = activate(self.conv(x, gain=ACT_GAIN), self.clamp)
            x = self.out(self.linear(x.flatten(1)))  # (N, 1 or class_dim)
        if self.mapping is None:
            return x
        return (x * self.mapping(None, labels)).sum(dim=1, keepdim=True) / math.sqrt(x.shape[1])


def deviation(x: Tensor, group: int) -> Tensor:
    """How much pictures of a group differ, as one more channel (minibatch standard deviation, Karras 2018, Sec. 3).

    A group has `group` pictures, or the most below that which divide the batch evenly.

    Shape: (N, C, H, W) -> (N, 1, H, W).
    """
    samples = len(x)
    size = max(number for number in range(1, min(group, samples) + 1) if samples % number == 0)
    grouped = x.reshape(size, samples // size, *x.shape[1:])
    variance = grouped.var(dim=0, unbiased=False)  # (N / size, C, H, W)
    mean = (variance + EPSILON).sqrt().mean(dim=(1, 2, 3))  # (N / size,)
    return mean.repeat(size)[:, None, None, None].expand(-1, 1, *x.shape[2:])
