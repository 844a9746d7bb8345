"""Nearest neighbours among features, in blocks: memory grows with the number of pictures, not with its square."""

from collections.abc import Iterator

import torch
from torch import Tensor

from translate.metrics.frechet import checked

ROWS = 256
"""Samples whose distances to all others are held at a time."""

SAME = 1e-12
"""Of the squared lengths: squared distances below are rounding, of samples that are the same."""


def checked_sets(real: Tensor, fake: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Both sets in float64 on the CPU.

    Shape: (N, D) and (M, D), N and M > k.
    Raises: ValueError for other shapes, too few samples, values that are not finite, or k below 1.
    """
    real, fake = checked(real), checked(fake)
    if real.shape[1] != fake.shape[1]:
        raise ValueError(f"features of different spaces: {real.shape[1]} and {fake.shape[1]} of them a picture")
    if k < 1:
        raise ValueError(f"k is {k}, expected at least 1 neighbour")
    if (fewest := min(len(real), len(fake))) <= k:
        raise ValueError(f"{fewest} pictures don't have {k} neighbours; each set needs at least {k + 1}")
    # Distances don't change, and lose less when they are small beside the lengths of what they are between.
    centre = real.mean(dim=0)
    return real - centre, fake - centre


def squared_distances(x: Tensor, y: Tensor) -> Iterator[Tensor]:
    """Blocks of rows, in order. Shape: (N, D) and (M, D) -> several (R, M) that make up (N, M)."""
    of_y = y.square().sum(dim=1)  # (M,)
    for rows in x.split(ROWS):
        lengths = rows.square().sum(dim=1, keepdim=True) + of_y  # (R, M)
        squared = torch.addmm(lengths, rows, y.T, alpha=-2)
        yield squared.where(squared > SAME * lengths, 0)


def squared_radii(x: Tensor, k: int) -> Tensor:
    """Squared distance of each sample to its k-th nearest other. Shape: (N, D), N > k -> (N,)."""
    # The nearest of all is the sample itself.
    return torch.cat([block.kthvalue(k + 1, dim=1).values for block in squared_distances(x, x)])
