"""From a face to the styles that draw it: a small relative of e4e (Tov 2021, Fig. 4), w of layer i as w_0 + delta_i."""

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

COARSE, MEDIUM = 3, 7
"""The first layers of the medium and the fine styles (Richardson 2021, Sec. 3)."""
GRID = 4
"""Side of the map that a head sees."""
REDUCED = 32
"""Channels of it."""
GROUPS = 8


class EncoderBlock(nn.Module):
    """Halve the resolution: two convolutions beside an averaged 1x1 one (He 2016, pre-activation).

    Shape: (N, C_in, H, W) -> (N, C_out, H / 2, W / 2).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm0, self.norm1 = _norm(in_channels), _norm(out_channels)
        self.conv0 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.conv1 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.skip = nn.Conv2d(in_channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        beside = self.skip(F.avg_pool2d(x, 2))  # (N, C_out, H / 2, W / 2)
        x = F.avg_pool2d(self.conv0(F.silu(self.norm0(x))), 2)
        return cast(Tensor, beside + self.conv1(F.silu(self.norm1(x))))


class StyleHead(nn.Module):
    """Some styles from one map.

    Shape: (N, C, H, W) -> (N, styles, w_dim).
    """

    def __init__(self, channels: int, styles: int, w_dim: int) -> None:
        super().__init__()
        self.shape = (styles, w_dim)
        self.reduce = nn.Conv2d(channels, REDUCED, 1)
        self.linear = nn.Linear(REDUCED * GRID**2, styles * w_dim)

    def forward(self, x: Tensor) -> Tensor:
        x = F.silu(self.reduce(F.adaptive_avg_pool2d(x, GRID)))  # (N, REDUCED, 4, 4)
        return cast(Tensor, self.linear(x.flatten(1)).unflatten(1, self.shape))


class FaceEncoder(nn.Module):
    """w_i = w_avg + w_0 + delta_i: coarse deltas from the 4 x 4 map, medium from 8 x 8, fine from 16 x 16 (Tov 2021).

    Shape: (N, 3, R, R) in [-1, 1] -> (N, num_ws, w_dim).
    Raises: ValueError for another shape.
    """

    w_avg: Tensor

    def __init__(self, size: int, num_ws: int, w_dim: int, *, filters: int = 32, max_filters: int = 256) -> None:
        super().__init__()
        self.size, self.num_ws, self.w_dim = size, num_ws, w_dim
        halvings = (size // GRID).bit_length() - 1
        widths = [min(filters << level, max_filters) for level in range(halvings + 1)]
        self.stem = nn.Conv2d(3, widths[0], 3, padding=1)
        self.blocks = nn.ModuleList([EncoderBlock(a, b) for a, b in pairwise(widths)])
        self.norm = _norm(widths[-1])
        self.base = StyleHead(widths[-1], 1, w_dim)
        ends = [min(end, num_ws) for end in (1, COARSE, MEDIUM, num_ws)]
        counts = [max(0, b - a) for a, b in pairwise(ends)]
        self.levels = [-1 - min(level, halvings) for level, count in enumerate(counts) if count]
        heads = zip(self.levels, [count for count in counts if count], strict=True)
        self.deltas = nn.ModuleList([StyleHead(widths[level], count, w_dim) for level, count in heads])
        for head in (self.base, *self.deltas):
            nn.init.zeros_(cast(nn.Linear, head.linear).weight)
            nn.init.zeros_(cast(nn.Linear, head.linear).bias)
        self.register_buffer("w_avg", torch.zeros(w_dim))

    def features(self, image: Tensor) -> list[Tensor]:
        """What the picture is turned into at every resolution, the picture's own first.

        Shape: (N, 3, R, R) -> maps (N, C, R, R), ..., (N, C', 4, 4).
        """
        expected = (3, self.size, self.size)
        if image.ndim != 4 or image.shape[1:] != expected:
            raise ValueError(f"expected (N, {', '.join(map(str, expected))}), got {tuple(image.shape)}")
        maps = [self.stem(image)]
        for block in self.blocks:
            maps.append(block(maps[-1]))
        return maps

    def forward(self, image: Tensor) -> Tensor:
        maps = self.features(image)
        maps[-1] = F.silu(self.norm(maps[-1]))
        base = self.base(maps[-1])  # (N, 1, w_dim)
        deltas = [head(maps[level]) for head, level in zip(self.deltas, self.levels, strict=True)]
        # The first style is w_0 itself: deltas tell what the others have beyond it.
        return self.w_avg + torch.cat([base, *(base + delta for delta in deltas)], dim=1)


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(max(g for g in range(1, GROUPS + 1) if channels % g == 0), channels)
