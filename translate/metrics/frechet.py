"""How far apart two sets of pictures lie as Gaussians of their features (Heusel 2017).

It is called FID only where the features are InceptionV3's; elsewhere the figure is told with the name of its space.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

LEAST_SHARE = 0.1
"""Of a set in the smallest subset that the extrapolation measures; the paper's are 5,000 of 50,000."""


@dataclass(slots=True)
class Statistics:
    """Adds up batches of one set's features; the result doesn't depend on how the set is cut (Chan 1979, Eq. 2.1)."""

    count: int = 0
    _mean: Tensor | None = field(default=None, repr=False)
    _scatter: Tensor | None = field(default=None, repr=False)
    """Sum of the outer products of what lies off the mean, (D, D)."""

    def add(self, features: Tensor) -> None:
        """Take in a batch. Shape: (N, D), N >= 1.

        Raises: ValueError for another shape or D than before, no samples, or values that are not finite.
        """
        features = _doubled(features)
        mean = features.mean(dim=0)  # (D,)
        if self._mean is None or self._scatter is None:
            self._mean, self._scatter = torch.zeros_like(mean), mean.new_zeros(len(mean), len(mean))
        if mean.shape != self._mean.shape:
            raise ValueError(f"features of different spaces: {len(self._mean)} and {len(mean)} of them a picture")
        away, total = mean - self._mean, self.count + len(features)
        # What the means are apart is one row more. In place: a second (D, D) costs more than the product itself.
        between = away * (self.count * len(features) / total) ** 0.5
        rows = torch.cat([features - mean, between[None]])  # (N + 1, D)
        self._scatter.addmm_(rows.T, rows)
        self._mean = self._mean + away * (len(features) / total)
        self.count = total

    @property
    def mean(self) -> Tensor:
        """Shape: (D,) float64. Raises: ValueError where nothing was added."""
        if self._mean is None:
            raise ValueError("0 pictures have no mean; add their features first")
        return self._mean

    @property
    def covariance(self) -> Tensor:
        """The unbiased one. Shape: (D, D) float64. Raises: ValueError for fewer than two samples."""
        if self._scatter is None or self.count < 2:
            raise ValueError(_no_spread(self.count))
        return self._scatter / (self.count - 1)


class Extrapolated(NamedTuple):
    """A distance freed of what small sets add to it."""

    value: float
    """What it would be of infinitely many pictures; around 0 for sets of one distribution, below it too."""
    measured: float
    """What it is of those that there are."""
    counts: tuple[int, int]


def statistics(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and unbiased covariance. Shape: (N, D), N >= 2 -> (D,) and (D, D) float64.

    Raises: ValueError for fewer than two samples, another shape, or values that are not finite.
    """
    total = Statistics()
    total.add(features)
    return total.mean, total.covariance


def frechet_distance(features_a: Tensor | Statistics, features_b: Tensor | Statistics) -> float:
    """|m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)) (Heusel 2017, Eq. 6). Range: at least 0; 0 for equal sets.

    It is biased: the fewer the samples, the larger, and most so below D of them (`undersampled`). Compare figures of
    equal counts, or see `frechet_infinity`.

    Shape: (N, D) and (M, D), N and M >= 2, or the `Statistics` of as many.
    Raises: ValueError as `statistics` does, or for different D.
    """
    return sum(frechet_parts(features_a, features_b))


def frechet_parts(features_a: Tensor | Statistics, features_b: Tensor | Statistics) -> tuple[float, float]:
    """What the means and what the covariances add to `frechet_distance`: a shift, and a spread that differs.

    Shape, range and errors are those of `frechet_distance`.
    """
    mean_a, factor_a = _gaussian(features_a)
    mean_b, factor_b = _gaussian(features_b)
    if mean_a.shape != mean_b.shape:
        raise ValueError(f"features of different spaces: {len(mean_a)} and {len(mean_b)} of them a picture")
    spread = factor_a.square().sum() + factor_b.square().sum() - 2 * _root_trace(factor_a, factor_b)
    # Rounding can leave equal sets a hair below zero.
    return float((mean_a - mean_b).square().sum()), max(0.0, float(spread))


def frechet_infinity(
    features_a: Tensor, features_b: Tensor, generator: torch.Generator, points: int = 15
) -> Extrapolated:
    """The distance at 1/N = 0, by a line through those of random subsets over 1/N (Chong and Forsyth 2020, Sec. 4).

    Both sets shrink by the same share, so that what either adds goes; in the paper the real one is large and stays.

    Shape: (N, D) and (M, D), N and M >= 2 D: below D samples the distance is no line in 1/N.
    Raises: ValueError for fewer samples or points than 2, or as `frechet_distance` does.
    """
    features_a, features_b = checked(features_a), checked(features_b)
    fewest, dim = min(len(features_a), len(features_b)), features_a.shape[1]
    if fewest < max(4, 2 * dim):
        raise ValueError(
            f"{fewest} pictures are too few to extrapolate: {dim} features need at least {max(4, 2 * dim)}"
        )
    if points < 2:
        raise ValueError(f"points is {points}, expected at least 2: a line needs that many")
    values = []
    shares = torch.linspace(max(LEAST_SHARE, max(2, dim) / fewest), 1, points, dtype=torch.float64)
    for share in shares.tolist():
        subsets = (_subset(features, share, generator) for features in (features_a, features_b))
        values.append(frechet_distance(*subsets))
    line = torch.stack([torch.ones_like(shares), 1 / shares], dim=1)  # (points, 2)
    measured = torch.tensor(values, dtype=torch.float64)[:, None]
    intercept = torch.linalg.lstsq(line, measured).solution[0]
    return Extrapolated(float(intercept), values[-1], (len(features_a), len(features_b)))


def undersampled(features_a: Tensor | Statistics, features_b: Tensor | Statistics) -> bool:
    """Whether a set has no more pictures than features: then say so beside its Fréchet distance, bias rules it."""
    return any(_size(features)[0] <= _size(features)[1] for features in (features_a, features_b))


def checked(features: Tensor) -> Tensor:
    """Features in float64 on the CPU: sums over thousands of pictures lose nothing, and not every device has float64.

    Raises: ValueError for fewer than two samples, another shape than (N, D), or values that are not finite.
    """
    if features.ndim == 2 and features.shape[1] and len(features) < 2:
        raise ValueError(_no_spread(len(features)))
    return _doubled(features)


def _doubled(features: Tensor) -> Tensor:
    if features.ndim != 2 or not features.numel():
        raise ValueError(f"expected features (N, D), got {tuple(features.shape)}")
    if not bool(features.isfinite().all()):
        raise ValueError("features hold values that are not finite")
    return features.detach().cpu().double()


def _no_spread(count: int) -> str:
    return f"{count} pictures have no spread; a distance between sets needs at least 2 of each"


def _size(features: Tensor | Statistics) -> tuple[int, int]:
    """Number of samples, and of features of each."""
    if isinstance(features, Statistics):
        return features.count, len(features.mean)
    return len(features), features.shape[1]


def _subset(features: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Shape: (N, D) -> (share N, D), drawn without putting back."""
    kept = round(share * len(features))
    return features[torch.randperm(len(features), generator=generator)[:kept]]


def _gaussian(features: Tensor | Statistics) -> tuple[Tensor, Tensor]:
    """Mean and a factor F of the covariance F F^T. Shape: (N, D) -> (D,) and (D, R), square only for full rank."""
    if not isinstance(features, Statistics):
        features = checked(features)
        if len(features) < features.shape[1]:
            mean = features.mean(dim=0)
            return mean, ((features - mean) / (len(features) - 1) ** 0.5).T
        total = Statistics()
        total.add(features)
        features = total
    return features.mean, _factor(features.covariance, features.count - 1)


def _factor(covariance: Tensor, rank: int) -> Tensor:
    """Shape: (D, D) -> (D, R), square only for full rank."""
    triangle, failed = torch.linalg.cholesky_ex(covariance)
    if rank >= len(covariance) and not int(failed):
        return triangle
    values, vectors = torch.linalg.eigh(covariance)  # ascending
    # What the samples don't span is zero; rounding leaves a little there, of which the root would make more.
    least = len(values) * torch.finfo(values.dtype).eps * values[-1]
    spanned = (values > least) & (torch.arange(len(values)) >= len(values) - rank)
    return vectors[:, spanned] * values[spanned].sqrt()


def _root_trace(factor_a: Tensor, factor_b: Tensor) -> Tensor:
    """tr (S_a S_b)^(1/2): the sum of the singular values of F_a^T F_b. Shape: (D, R) and (D, Q) -> ()."""
    product = factor_a.T @ factor_b  # (R, Q)
    if product.shape == (len(factor_a), len(factor_b)):
        # Five times faster, and as exact as long as no value is zero: the root of one loses half of the digits.
        return torch.linalg.eigvalsh(product @ product.T).clamp(min=0).sqrt().sum()
    return torch.linalg.svdvals(product).sum()
