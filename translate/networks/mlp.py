"""Points from noise and what judges them: plain layers for generated mixtures, the smallest place to study a game."""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from translate.networks.class_head import ClassedLatent, ClassHead, Condition, Verdict


class MLPGenerator(nn.Module):
    """`depth` hidden layers of `filters` units from noise to a point anywhere.

    Shape: z (N, latent), label (N,) int64 where there are classes -> (N, out_channels).
    Raises: ValueError for noise of another width, or a missing label.
    """

    def __init__(
        self, latent: int, out_channels: int = 2, *, filters: int = 128, depth: int = 3, norm: bool = False,
        classes: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.start = ClassedLatent(latent, classes)
        self.hidden = hidden(self.start.width, filters, depth, norm)
        self.last = nn.Linear(filters, out_channels)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        return self.last(self.hidden(self.start(z, label)))


class MLPDiscriminator(nn.Module):
    """`layers` hidden layers of `filters` units from a point to a verdict.

    Shape: (N, in_channels), label (N,) int64 for a projection -> Verdict with logits (N, 1).
    Raises: ValueError for points of another dimension.
    """

    def __init__(
        self, in_channels: int = 2, *, filters: int = 128, layers: int = 3, norm: bool = False,
        condition: Condition = "none", classes: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.in_channels = in_channels
        self.hidden = hidden(in_channels, filters, layers, norm)
        self.head = ClassHead(filters, condition=condition, classes=classes)

    def features(self, x: Tensor) -> Tensor:
        """What the verdict is read from. Shape: (N, in_channels) -> (N, filters)."""
        if x.ndim != 2 or x.shape[1] != self.in_channels:
            raise ValueError(f"expected (N, {self.in_channels}), got {tuple(x.shape)}")
        features: Tensor = self.hidden(x)
        return features

    def forward(self, x: Tensor, label: Tensor | None = None) -> Verdict:
        verdict: Verdict = self.head(self.features(x), label)
        return verdict


class Layer(nn.Module):
    """Linear, batch norm where it is asked for, leaky ReLU. Shape: (N, D) -> (N, E)."""

    def __init__(self, before: int, after: int, norm: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(before, after)
        self.norm = nn.BatchNorm1d(after) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.norm(self.linear(x)), 0.2)


def hidden(before: int, filters: int, count: int, norm: bool) -> nn.Sequential:
    """`count` layers of `filters` units. Shape: (N, before) -> (N, filters)."""
    widths = [before, *[filters] * count]
    return nn.Sequential(*(Layer(*pair, norm) for pair in pairwise(widths)))


def init_linear(module: nn.Module) -> None:
    """Keep the variance through leaky layers (He 2015, Eq. 15), biases zero."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.kaiming_normal_(part.weight, 0.2)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
