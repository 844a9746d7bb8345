"""The latent mapper of StyleCLIP (Patashnik 2021, Sec. 5): from w_plus to the change that one prompt asks for.

Coarse, medium and fine layers have a network each. Which layers those are goes by the resolution they draw: 4 and 8
pixels, 16 and 32, 64 and more, so that a generator below 1024 pixels has fewer fine layers, or none.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from translate.networks.stylegan2.layers import EPSILON, EqualLinear

Level = Literal["coarse", "medium", "fine", "all"]
LEVELS: tuple[Level, ...] = ("coarse", "medium", "fine")
SPANS: dict[Level, slice] = {"coarse": slice(0, 4), "medium": slice(4, 8), "fine": slice(8, None), "all": slice(None)}
Norm = Literal["features", "layers"]
DEPTH = 4
LR = 0.01


class LevelMapper(nn.Module):
    """A perceptron as wide as w for the layers of a level, behind a norm of w's features.

    The published mappers norm each feature over the layers instead ("layers").

    Shape: (N, L, w_dim) -> (N, L, w_dim).
    """

    def __init__(self, w_dim: int, norm: Norm = "features") -> None:
        super().__init__()
        self.axis = 2 if norm == "features" else 1
        self.layers = nn.ModuleList([EqualLinear(w_dim, w_dim, lr=LR, active=True) for _ in range(DEPTH)])

    def forward(self, w_plus: Tensor) -> Tensor:
        x = w_plus * (w_plus.square().mean(dim=self.axis, keepdim=True) + EPSILON).rsqrt()
        for layer in self.layers:
            x = layer(x)
        return x


class LatentMapper(nn.Module):
    """M of w_hat = w + 0.1 M(w) (Eq. 4); the layers of a level that is left out stay as they are.

    With the one level "all" it is a single network for all layers.

    Shape: (N, num_ws, w_dim) -> (N, num_ws, w_dim).
    Raises: ValueError for levels that don't exist or have no layers, or when w_plus has another shape.
    """

    def __init__(self, num_ws: int, w_dim: int, *, levels: Sequence[Level] = LEVELS, norm: Norm = "features") -> None:
        super().__init__()
        known = get_args(Level)
        if not levels or set(levels) - set(known) or ("all" in levels and len(levels) > 1):
            raise ValueError(f"levels are {', '.join(levels) or 'none'}; take some of {', '.join(LEVELS)}, or all")
        if empty := [level for level in levels if not range(num_ws)[SPANS[level]]]:
            raise ValueError(f"{num_ws} layers have no {empty[0]} level; leave it out")
        self.num_ws, self.w_dim = num_ws, w_dim
        self.parts = nn.ModuleDict({level: LevelMapper(w_dim, norm) for level in levels})

    def forward(self, w_plus: Tensor) -> Tensor:
        if w_plus.ndim != 3 or w_plus.shape[1:] != (self.num_ws, self.w_dim):
            raise ValueError(f"expected w_plus (N, {self.num_ws}, {self.w_dim}), got {tuple(w_plus.shape)}")
        change = []
        for level in ("all",) if "all" in self.parts else LEVELS:
            part = w_plus[:, SPANS[level]]
            change.append(self.parts[level](part) if level in self.parts else torch.zeros_like(part))
        return torch.cat(change, dim=1)  # (N, num_ws, w_dim)


def levels_of(num_ws: int) -> tuple[Level, ...]:
    """The levels a generator of `num_ws` layers has: no fine one below 64 pixels, no medium one below 16."""
    return tuple(level for level in LEVELS if range(num_ws)[SPANS[level]])
