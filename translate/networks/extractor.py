"""A small encoder whose pooled features place pictures by content and texture; trained by contrast (SimCLR).

Its features come from several levels: the coarse ones know shapes, the fine ones know stripes, grain and sharpness.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from translate.networks.blocks import ResidualBlock, init_residual

FILTERS = (24, 48, 96, 160)
DIM = 128


class Level(nn.Module):
    """Halve the resolution, then a residual block.

    Shape: (N, C_in, H, W) -> (N, C_out, H / 2, W / 2), sides rounded up.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, stride=2, padding=1, bias=False)
        self.block = ResidualBlock(out_channels, "batch")
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = F.relu(self.norm(self.block(self.conv(x))))
        return out


class FeatureExtractor(nn.Module):
    """Pictures to features of mean 0 and variance 1 over the training pictures, once `eval()` has fixed the statistics.

    All levels but the first are averaged over the picture and mixed by one linear layer.

    Shape: (N, in_channels, H, W) in [-1, 1], sides from 2 ** len(filters) on -> (N, dim).
    Raises: ValueError for a picture that is too small or has other channels.
    """

    def __init__(
        self,
        in_channels: int = 3,
        *,
        filters: Sequence[int] = FILTERS,
        dim: int = DIM,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.in_channels, self.dim, self.smallest = in_channels, dim, 2 ** len(filters)
        self.levels = nn.ModuleList(Level(a, b) for a, b in zip((in_channels, *filters), filters, strict=False))
        self.mix = nn.Conv2d(sum(filters[1:]), dim, 1, bias=False)
        # Without it a distance would be about the few features that happen to have the largest scale.
        self.standard = nn.BatchNorm2d(dim, affine=False)
        init_residual(self, generator)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1] != self.in_channels or min(x.shape[2:]) < self.smallest:
            wanted = f"(N, {self.in_channels}, H, W) with sides from {self.smallest} on"
            raise ValueError(f"the extractor takes {wanted}, got {tuple(x.shape)}")
        pooled = []
        for level in self.levels:
            x = level(x)  # (N, filters[i], H / 2 ** (i + 1), W / 2 ** (i + 1))
            pooled.append(x.mean(dim=(2, 3), keepdim=True))  # (N, filters[i], 1, 1)
        features: Tensor = self.standard(self.mix(torch.cat(pooled[1:], dim=1)))  # (N, dim, 1, 1)
        return features.flatten(1)  # (N, dim)


class ProjectionHead(nn.Module):
    """What the contrast is trained behind, and thrown away afterwards (Chen 2020, Sec. 4.2): two layers.

    Shape: (N, dim) -> (N, out).
    """

    def __init__(self, dim: int, out: int, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.hidden = nn.Linear(dim, dim, bias=False)
        self.norm = nn.BatchNorm1d(dim)
        self.out = nn.Linear(dim, out)
        for layer in (self.hidden, self.out):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out(F.relu(self.norm(self.hidden(x))))
        return out
