"""What StyleCLIP's methods minimise (Patashnik 2021, Eq. 1 and 5)."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from translate.objectives.clip import clip_distance

Losses = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimisationObjective:
    """D_CLIP + lambda_l2 |w - w_0|^2 + lambda_id (1 - cos), and what a mask leaves outside must not change (Eq. 1).

    The second term is a sum over all values of the latent. Free generation has D_CLIP alone: take zeros.
    """

    lambda_l2: float = 0.008
    lambda_id: float = 0.0
    lambda_outside: float = 1.0

    def __call__(self, seen: Tensor, told: Tensor, moved: Tensor, start: Tensor) -> Losses:
        """Shape: seen (1, E), told (1, E), moved and start alike."""
        return {
            "clip": clip_distance(seen, told).mean(),
            "l2": self.lambda_l2 * (moved - start).square().sum(),
        }

    def identity(self, before: Tensor, after: Tensor) -> Losses:
        """Shape: (1, E) and (1, E), of length 1."""
        return {"id": self.lambda_id * clip_distance(after, before).mean()}

    def outside(self, before: Tensor, after: Tensor, mask: Tensor) -> Losses:
        """The mean square of what changed outside `mask`. Shape: pictures (1, C, H, W), mask (1, 1, H, W) in [0, 1]."""
        left = (1 - mask).expand_as(before)
        changed = ((after - before) * left).square().sum() / left.sum().clamp_min(1)
        return {"outside": self.lambda_outside * changed}


@dataclass(frozen=True, kw_only=True, slots=True)
class MapperObjective:
    """lambda_clip D_CLIP + lambda_l2 |M(w)|^2, here a mean over the latent, + lambda_id (1 - cos) (Eq. 5)."""

    lambda_clip: float = 1.0
    lambda_l2: float = 0.8
    lambda_id: float = 0.1

    def __call__(self, seen: Tensor, told: Tensor, moved: Tensor, start: Tensor) -> Losses:
        """Shape: seen (N, E), told (1, E), moved and start (N, num_ws, w_dim)."""
        return {
            "clip": self.lambda_clip * clip_distance(seen, told).mean(),
            "l2": self.lambda_l2 * F.mse_loss(moved, start),
        }

    def identity(self, before: Tensor, after: Tensor) -> Losses:
        """Shape: (N, E) and (N, E), of length 1."""
        return {"id": self.lambda_id * clip_distance(after, before.detach()).mean()}


def detached(losses: Losses) -> dict[str, float]:
    """The figures of a step, for a report."""
    names, values = list(losses), torch.stack([value.detach() for value in losses.values()])
    return dict(zip(names, values.tolist(), strict=True))
