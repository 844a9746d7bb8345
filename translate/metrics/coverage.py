"""How much of the data a generator reaches: the modes of a known mixture, or the neighbourhoods of real pictures."""

from typing import NamedTuple

import torch
from torch import Tensor

from translate.metrics.neighbours import checked_sets, squared_distances, squared_radii


class ModeCoverage(NamedTuple):
    """What became of a mixture whose modes are known."""

    modes: float
    """Share of the modes that were hit, in [0, 1]."""
    quality: float
    """Share of the samples that lie in a mode, in [0, 1]; the others lie between."""
    hits: tuple[int, ...]
    """Samples in each mode."""
    counts: tuple[int, int]
    """Samples and modes."""


class DensityCoverage(NamedTuple):
    """Unlike precision and recall they are not led astray by outliers, whose balls are large."""

    density: float
    """How many neighbourhoods of real samples a generated one lies in, as a share of k: about 1 where both sets are of
    one distribution, above it where the generated ones crowd where real ones are dense."""
    coverage: float
    """Share of the real samples with a generated one in their neighbourhood, in [0, 1]."""
    counts: tuple[int, int]


def mode_coverage(
    samples: Tensor, modes: Tensor, deviation: float, *, within: float = 3.0, least: int = 1
) -> ModeCoverage:
    """A sample lies in its nearest mode when it is `within` deviations of it (Srivastava 2017, Sec. 4.1).

    A mode is hit when `least` samples lie in it. `deviation` is that of every mode, on every axis.

    Shape: samples (N, D), modes (K, D).
    Raises: ValueError for other shapes, no samples or modes, values that are not finite or not positive.
    """
    if samples.ndim != 2 or modes.ndim != 2 or samples.shape[1] != modes.shape[1]:
        raise ValueError(f"expected samples (N, D) and modes (K, D), got {tuple(samples.shape)}, {tuple(modes.shape)}")
    if not samples.numel() or not modes.numel():
        raise ValueError(f"{len(samples)} samples of {len(modes)} modes have no coverage; each needs at least 1")
    if not bool(samples.isfinite().all()) or not bool(modes.isfinite().all()):
        raise ValueError("samples or modes hold values that are not finite")
    if not (deviation > 0 and within > 0 and least >= 1):
        raise ValueError(f"deviation {deviation}, within {within} and least {least} have to be positive")
    samples, modes = samples.detach().cpu().double(), modes.detach().cpu().double()
    nearest, index = torch.cdist(samples, modes, compute_mode="donot_use_mm_for_euclid_dist").min(dim=1)  # (N,)
    good = nearest <= within * deviation
    hits = torch.bincount(index[good], minlength=len(modes))
    shares = (hits >= least).double().mean(), good.double().mean()
    return ModeCoverage(float(shares[0]), float(shares[1]), tuple(hits.tolist()), (len(samples), len(modes)))


def density_coverage(real: Tensor, fake: Tensor, k: int = 5) -> DensityCoverage:
    """A real sample's neighbourhood reaches to its k-th nearest other (Naeem 2020, Eq. 4 and 6).

    Shape: (N, D) and (M, D), N and M > k.
    Raises: ValueError for other shapes, too few samples, values that are not finite, or k below 1.
    """
    counts = (len(real), len(fake))
    real, fake = checked_sets(real, fake, k)
    radii = squared_radii(real, k)  # (N,)
    inside, covered = 0, torch.zeros(len(real), dtype=torch.bool)
    for block in squared_distances(fake, real):
        within = block < radii  # the border is outside, so that a set's density in itself is 1
        inside += int(within.sum())
        covered |= within.any(dim=0)
    return DensityCoverage(inside / (k * len(fake)), float(covered.double().mean()), counts)
