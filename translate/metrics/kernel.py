"""How far apart two sets of pictures lie by a kernel on their features (Binkowski 2018).

Unlike the Frechet distance it is unbiased: its expectation doesn't depend on how many pictures there are. It is called
KID only where the features are InceptionV3's.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from translate.metrics.estimate import Estimate
from translate.metrics.frechet import checked

ROWS = 256
"""Of the kernel matrix held at a time: memory doesn't grow with the square of the set."""


def kernel_distance(features_a: Tensor, features_b: Tensor) -> float:
    """Squared maximum mean discrepancy, the unbiased estimate, with the kernel (x . y / D + 1)^3 (Binkowski 2018, 4).

    All samples are used, no random subsets, so that the same features always give the same figure.

    Shape: (N, D) and (M, D), N and M >= 2. Range: around 0 for sets of one distribution, below it too.
    Raises: ValueError for other shapes, fewer than two samples, or values that are not finite.
    """
    sums = _sums(features_a, features_b)
    return float(_value(sums.among_a.sum(), sums.among_b.sum(), sums.across_a.sum(), *sums.counts))


def kernel_estimate(features_a: Tensor, features_b: Tensor) -> Estimate:
    """`kernel_distance` with its standard error over the draw of both sets, by leaving out a sample at a time.

    This jackknife is never too small on average (Efron and Stein 1981), and for sets of one distribution up to 1.4
    times too large. The spread over random subsets that others print says how surely a *subset's* figure is known.

    Shape: (N, D) and (M, D), N and M >= 3.
    Raises: ValueError as `kernel_distance` does, or for two samples.
    """
    sums = _sums(features_a, features_b)
    n, m = sums.counts
    if min(n, m) < 3:
        raise ValueError(f"{min(n, m)} pictures have no error bar; it needs at least 3 of each set")
    total_a, total_b, across = sums.among_a.sum(), sums.among_b.sum(), sums.across_a.sum()
    # A sample stands in its set's sum twice, as x and as y.
    without_a = _value(total_a - 2 * sums.among_a, total_b, across - sums.across_a, n - 1, m)  # (N,)
    without_b = _value(total_a, total_b - 2 * sums.among_b, across - sums.across_b, n, m - 1)  # (M,)
    variance = sum((len(w) - 1) * w.var(correction=0) for w in (without_a, without_b))
    return Estimate(float(_value(total_a, total_b, across, n, m)), float(variance) ** 0.5, (n, m))


class _Sums(NamedTuple):
    """Of the kernel, by sample: with the others of its own set, without itself, and with those of the other set."""

    among_a: Tensor
    among_b: Tensor
    across_a: Tensor
    across_b: Tensor

    @property
    def counts(self) -> tuple[int, int]:
        return len(self.among_a), len(self.among_b)


def _sums(features_a: Tensor, features_b: Tensor) -> _Sums:
    x, y = checked(features_a), checked(features_b)
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"features of different spaces: {x.shape[1]} and {y.shape[1]} of them a picture")
    # A sample with itself is what would bias it.
    among = [_rows(own, own)[0] - (own.square().mean(dim=1) + 1) ** 3 for own in (x, y)]
    return _Sums(among[0], among[1], *_rows(x, y))


def _rows(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Sums of the kernel over all y for each x, and over all x for each y. Shape: (N, D), (M, D) -> (N,), (M,)."""
    by_x, by_y = [], torch.zeros(len(y), dtype=y.dtype)
    for rows in x.split(ROWS):
        values = (rows @ y.T / x.shape[1] + 1) ** 3  # (R, M)
        by_x.append(values.sum(dim=1))
        by_y += values.sum(dim=0)
    return torch.cat(by_x), by_y


def _value(among_a: Tensor, among_b: Tensor, across: Tensor, n: int, m: int) -> Tensor:
    """The estimate, from the sums over all pairs."""
    return among_a / (n * (n - 1)) + among_b / (m * (m - 1)) - 2 * across / (n * m)
