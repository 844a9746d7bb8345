"""Are the pictures real, and are all kinds of real pictures among them (Kynkaanniemi 2019)?

A Frechet distance can't tell a few good pictures from many bad ones; these two can.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from translate.metrics.neighbours import checked_sets, squared_distances, squared_radii


class PrecisionRecall(NamedTuple):
    """Both in [0, 1]; they compare only with figures of as many samples, of the same k and feature space."""

    precision: float
    """Share of the generated samples that lie where real ones do."""
    recall: float
    """Share of the real samples that lie where generated ones do."""
    counts: tuple[int, int]


def precision_recall(real: Tensor, fake: Tensor, k: int = 3) -> PrecisionRecall:
    """A set's manifold: balls around its samples that reach to their k-th neighbours (Kynkaanniemi 2019, Eq. 1-3).

    Shape: (N, D) and (M, D), N and M > k.
    Raises: ValueError for other shapes, too few samples, values that are not finite, or k below 1.
    """
    counts = (len(real), len(fake))
    real, fake = checked_sets(real, fake, k)
    return PrecisionRecall(_inside(fake, real, k), _inside(real, fake, k), counts)


def _inside(samples: Tensor, others: Tensor, k: int) -> float:
    """Share of `samples` in the manifold of `others`. Shape: (N, D) and (M, D)."""
    radii = squared_radii(others, k)  # (M,)
    found = [(block <= radii).any(dim=1) for block in squared_distances(samples, others)]
    return float(torch.cat(found).double().mean())
