"""U-Net generator (Ronneberger 2015; Isola 2017, Sec. 3.2.1) of any depth and width, for any input height and width."""

from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from translate.networks.blocks import Norm, ResidualBlock, has_bias, norm_layer
from translate.networks.shared import Dropout

Upsample = Literal["transposed", "resize"]
Head = Literal["image", "labels"]


class DownBlock(nn.Module):
    """Halve the resolution, rounding up.

    Shape: (N, C_in, H, W) -> (N, C_out, ceil(H / 2), ceil(W / 2)).
    """

    def __init__(
        self, in_channels: int, out_channels: int, norm: Norm, *, activate: bool, normalise: bool, residual: int
    ) -> None:
        super().__init__()
        self.activate = activate
        self.conv = nn.Conv2d(in_channels, out_channels, 4, stride=2, padding=1, bias=has_bias(norm))
        self.norm = norm_layer(norm if normalise else "none", out_channels)
        self.residual = nn.Sequential(*(ResidualBlock(out_channels, norm) for _ in range(residual)))

    def forward(self, x: Tensor) -> Tensor:
        x = _even(x)
        if self.activate:
            x = F.leaky_relu(x, 0.2)
        return self.residual(self.norm(self.conv(x)))  # (N, C_out, ceil(H / 2), ceil(W / 2))


class UpBlock(nn.Module):
    """Double the resolution, then cut to the size the encoder had at this level.

    Shape: (N, C_in, H, W) -> (N, C_out, *size) with size in {2H - 1, 2H} x {2W - 1, 2W}.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        norm: Norm,
        *,
        upsample: Upsample,
        last: bool,
        dropout: float,
        residual: int,
    ) -> None:
        super().__init__()
        self.upsample = upsample
        bias = last or has_bias(norm)
        self.conv: nn.Module
        if upsample == "transposed":
            self.conv = nn.ConvTranspose2d(in_channels, out_channels, 4, stride=2, padding=1, bias=bias)
        else:
            self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=bias)
        self.norm = norm_layer("none" if last else norm, out_channels)
        self.dropout = Dropout(dropout)
        self.residual = nn.Sequential(*(ResidualBlock(out_channels, norm) for _ in range(residual)))

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        if self.upsample == "resize":
            # Resize, then convolve: stride-2 transposed convolutions leave checkerboards (Odena 2016).
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        x = self.conv(x)  # (N, C_out, 2H, 2W)
        x = x[..., : size[0], : size[1]]
        return self.residual(self.dropout(self.norm(x)))


class UNet(nn.Module):
    """Encoder and decoder with a skip at every level, or without `skips`; the output has the input's size.

    With the defaults, the layout of the paper at 256 x 256: `depth` halvings, channels `filters` doubling up to
    `max_filters`, dropout in the inner levels of full width. `residual` adds that many 3x3 residual blocks behind
    every level's convolution. Without `skips` it is the plain encoder-decoder the paper compares with (Sec. 4.2).

    Shape: (N, in_channels, H, W) -> (N, out_channels, H, W), any H and W.
    Range: [-1, 1] for the head `image`, unbounded logits for `labels`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        filters: int = 64,
        depth: int = 8,
        max_filters: int = 512,
        norm: Norm = "batch",
        dropout: float = 0.5,
        upsample: Upsample = "transposed",
        residual: int = 0,
        head: Head = "image",
        skips: bool = True,
    ) -> None:
        super().__init__()
        self.in_channels, self.depth, self.skips, bottom = in_channels, depth, skips, depth - 1
        self.min_side = min_side(depth, residual)
        widths = [min(filters * 2**level, max_filters) for level in range(depth)]
        self.feature_channels = above = (in_channels, *widths)
        self.downs = nn.ModuleList(
            DownBlock(a, b, norm, activate=level > 0, normalise=0 < level < bottom, residual=residual)
            for level, (a, b) in enumerate(pairwise(above))
        )
        self.ups = nn.ModuleList(
            UpBlock(
                2 * widths[level] if skips and level < bottom else widths[level],
                out_channels if level == 0 else widths[level - 1],
                norm,
                upsample=upsample,
                last=level == 0,
                # Isola 2017, 6.1.1: the decoder's inner levels of full width, except the innermost.
                dropout=dropout if 3 < level < bottom else 0.0,
                residual=residual if level > 0 else 0,
            )
            for level in range(depth)
        )
        self.head: Callable[[Tensor], Tensor] = torch.tanh if head == "image" else nn.Identity()

    @property
    def output(self) -> nn.Module:
        """The layer that gives the output's channels."""
        return self.ups[0]

    def features(self, x: Tensor) -> list[Tensor]:
        """The picture (its border repeated below `min_side`), then every level of the encoder, the innermost too.

        Shape: (N, in_channels, H, W) -> depth + 1 maps (N, C, H', W'), C as in `feature_channels`, each half of the one
        before.
        """
        if x.ndim != 4 or x.shape[1] != self.in_channels:
            raise ValueError(f"expected (N, {self.in_channels}, H, W), got {tuple(x.shape)}")
        features = [extended(x, self.min_side)]
        for down in self.downs:
            features.append(down(features[-1]))
        return features

    def decode(self, features: list[Tensor], size: torch.Size) -> Tensor:
        """The translation that the `features` of a picture lead to.

        Shape: as `features` gives them, `size` the picture's (H, W) -> (N, out_channels, H, W).
        """
        y = F.relu(features[-1])
        for level in reversed(range(self.depth)):
            y = self.ups[level](y, features[level].shape[-2:])
            if level == 0:
                break
            y = F.relu(y)
            if self.skips:
                # Each half by itself: behind a joint ReLU the gradient of a norm would be a strided slice, and slow.
                y = torch.cat([F.relu(features[level]), y], dim=1)  # (N, 2 C, H / 2^level, W / 2^level)
        return self.head(y[..., : size[0], : size[1]])

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.features(x), x.shape[-2:])


def min_side(depth: int, residual: int) -> int:
    """What one side of a picture must have: every norm needs two pixels.

    The paper's innermost level has no norm; its residual blocks bring some.
    """
    return int(2 ** (depth if residual else depth - 1) + 1)


def _even(x: Tensor) -> Tensor:
    """One repeated row or column: the layout of the paper needs even sizes, the user's picture has any."""
    height, width = x.shape[-2:]
    # An exported graph serves every size, so that nothing in it may hang on whether this one is odd.
    if torch.compiler.is_exporting() or height % 2 or width % 2:
        return F.pad(x, (0, width % 2, 0, height % 2), mode="replicate")
    return x


def extended(x: Tensor, side: int) -> Tensor:
    """Repeat the border until one side is long enough that no normalised level is a single pixel."""
    height, width = x.shape[-2:]
    if max(height, width) >= side:
        return x
    return F.pad(x, (0, side - width, 0, 0), mode="replicate")
