"""The heads behind which patches are told apart: two-layer perceptrons, one a layer (Park 2020, Sec. 3)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

SMALLEST = 1e-7
"""A vector shorter than this has no direction: it counts as zero, and sends no gradient."""


class PatchHeads(nn.Module):
    """Project the features at some places of each layer onto the unit sphere.

    Shape: for each layer a map (N, C_l, H_l, W_l) and places (P_l,), indices into H_l * W_l -> (N, P_l, projection).
    Range: vectors of length 1, or 0 where there is no direction; float32.
    Raises: ValueError when the number of maps or places is not that of `channels`.
    """

    def __init__(self, channels: Sequence[int], projection: int = 256) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(width, projection), nn.ReLU(), nn.Linear(projection, projection))
            for width in channels
        )

    def forward(self, features: Sequence[Tensor], places: Sequence[Tensor]) -> list[Tensor]:
        projected = []
        for head, feature, place in zip(self.heads, features, places, strict=True):
            rows = feature.flatten(2).transpose(1, 2)  # (N, H W, C)
            projected.append(_unit(head(rows[:, place]).float()))  # (N, P, projection)
        return projected


def draw_places(features: Sequence[Tensor], patches: int, generator: torch.Generator | None = None) -> list[Tensor]:
    """Up to `patches` different places of each layer, any as likely; drawn on the CPU, whose random state a run saves.

    Shape: maps (N, C_l, H_l, W_l) -> (min(patches, H_l * W_l),) int64, one a layer.
    """
    counts = (feature.shape[-2] * feature.shape[-1] for feature in features)
    drawn = (torch.randperm(count, generator=generator)[:patches] for count in counts)
    return [places.to(feature.device) for places, feature in zip(drawn, features, strict=True)]


def _unit(x: Tensor) -> Tensor:
    """Behind a dead ReLU all is zero, where dividing by a tiny length would turn any gradient into a huge one."""
    length = x.norm(dim=-1, keepdim=True)
    return x * ((length >= SMALLEST) / length.clamp(min=SMALLEST))
