"""How surely a classifier tells what a picture shows, and how many things the set shows (Salimans 2016)."""

from itertools import pairwise

import torch
from torch import Tensor

from translate.metrics.estimate import Estimate

NOT_ONE = 1e-3
"""What float16 probabilities of a thousand classes can sum up to beside 1."""


def inception_score(probabilities: Tensor, splits: int = 10, generator: torch.Generator | None = None) -> Estimate:
    """exp(E_x KL(p(y|x) || p(y))) (Salimans 2016, Sec. 4), the mean over `splits` parts and their spread.

    Parts are taken in order, so samples sorted by class need a `generator` that shuffles them. The fewer samples in a
    part, the lower the score: compare figures of equal counts and splits. It never looks at real pictures.

    Shape: (N, K) class probabilities, rows sum to 1, N >= 2 splits. Range: [1, K].
    Raises: ValueError for another shape, rows that are no probabilities, or too few samples.
    """
    if probabilities.ndim != 2 or not probabilities.numel():
        raise ValueError(f"expected class probabilities (N, K), got {tuple(probabilities.shape)}")
    p = probabilities.detach().cpu().double()
    if not bool(p.isfinite().all()) or bool((p < 0).any()) or bool(((p.sum(dim=1) - 1).abs() > NOT_ONE).any()):
        raise ValueError("rows are no class probabilities: each has to sum to 1; take the softmax of logits first")
    if not 1 <= splits <= len(p) // 2:
        raise ValueError(f"splits is {splits}, expected 1 to {len(p) // 2} for {len(p)} samples")
    if generator is not None:
        p = p[torch.randperm(len(p), generator=generator)]
    bounds = [part * len(p) // splits for part in range(splits + 1)]
    scores = torch.stack([_score(p[start:end]) for start, end in pairwise(bounds)])  # (splits,)
    return Estimate(float(scores.mean()), float(scores.std(correction=0)), (len(p),))


def _score(p: Tensor) -> Tensor:
    """Shape: (N, K) -> ()."""
    marginal = p.mean(dim=0, keepdim=True)  # (1, K)
    # x log y with 0 log 0 = 0; a class that never occurs adds nothing.
    return (torch.xlogy(p, p) - torch.xlogy(p, marginal)).sum(dim=1).mean().exp()
