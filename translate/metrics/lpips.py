"""How different two pictures look, by what a network trained to classify sees in them (Zhang 2018: LPIPS)."""

from collections.abc import Sequence

import torch
from torch import Tensor

EPS = 1e-10
"""Keeps a position where nothing fires from dividing by zero; the authors' value."""


def lpips(features_a: Sequence[Tensor], features_b: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    """sum_l mean_hw sum_c w_lc (a_lhwc - b_lhwc)^2 with features of unit length (Zhang 2018, Eq. 1).

    Shape: for each layer two (N, C_l, H_l, W_l) and weights (C_l,) -> (N,). Range: at least 0 for weights of at least
    0, and 0 for equal features.
    Raises: ValueError when layers or shapes differ.
    """
    if not len(features_a) == len(features_b) == len(weights) or not len(weights):
        found = f"{len(features_a)}, {len(features_b)} and {len(weights)}"
        raise ValueError(f"expected as many layers of both pictures as of weights, got {found}")
    layers = [_layer(a, b, w) for a, b, w in zip(features_a, features_b, weights, strict=True)]
    return torch.stack(layers).sum(dim=0)


def _layer(a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
    """Shape: two (N, C, H, W) and (C,) -> (N,)."""
    if a.shape != b.shape or a.ndim != 4 or weight.shape != a.shape[1:2]:
        shapes = f"{tuple(a.shape)}, {tuple(b.shape)} and {tuple(weight.shape)}"
        raise ValueError(f"expected two (N, C, H, W) and weights (C,), got {shapes}")
    a, b = (t / (t.norm(dim=1, keepdim=True) + EPS) for t in (a, b))
    return torch.einsum("nchw,c->nhw", (a - b).square(), weight).mean(dim=(1, 2))
