"""Telling pictures apart: two views of one picture should lie closer than views of any two (Chen 2020, SimCLR)."""

import torch
from torch import Tensor
from torch.nn import functional as F


def nt_xent(view_a: Tensor, view_b: Tensor, temperature: float = 0.5) -> Tensor:
    """Normalised temperature-scaled cross-entropy (Chen 2020, Eq. 1), the mean over all 2N views.

    Row i of both is the same picture; the other 2N - 2 views are what it is told apart from.

    Shape: two (N, D) -> (). Range: at least 0; log(2N - 1) where no view is nearer than another.
    Raises: ValueError when the shapes differ, or for fewer than two pictures or a temperature that is not positive.
    """
    if view_a.shape != view_b.shape or view_a.ndim != 2 or len(view_a) < 2:
        shapes = f"{tuple(view_a.shape)} and {tuple(view_b.shape)}"
        raise ValueError(f"expected two (N, D) of the same shape with N >= 2, got {shapes}")
    if temperature <= 0:
        raise ValueError(f"temperature is {temperature}; it needs to be positive")
    count = len(view_a)
    # Half precision can't tell the similarities of near views apart.
    z = F.normalize(torch.cat([view_a, view_b]).float(), dim=1)  # (2N, D)
    logits = z @ z.T / temperature  # (2N, 2N)
    itself = torch.eye(2 * count, dtype=torch.bool, device=z.device)
    partner = torch.arange(2 * count, device=z.device).roll(count)  # (2N,)
    return F.cross_entropy(logits.masked_fill(itself, -torch.inf), partner)
