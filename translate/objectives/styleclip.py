"""What StyleCLIP's methods minimise (Patashnik 2021, Eq. 1 and 5), and the direction between two texts (Sec. 6.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

Losses = dict[str, Tensor]
PLAIN = ("{}",)


def clip_distance(seen: Tensor, told: Tensor) -> Tensor:
    """D_CLIP, one minus the cosine between a picture's and a text's embedding.

    Shape: (N, E) and (N, E) or (1, E), each of length 1 -> (N,). Range: [0, 2].
    """
    return 1 - (seen * told).sum(dim=1)


class TextEncoder(Protocol):
    """The half of a CLIP that reads."""

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Shape: T sentences -> (T, E), length 1."""


def text_direction(clip: TextEncoder, target: str, neutral: str, templates: Sequence[str] = PLAIN) -> Tensor:
    """norm(t_target - t_neutral), each the mean of its text in all templates (Patashnik 2021, Sec. 6.1).

    Shape: (E,), length 1; zeros where both texts are the same to the model.
    Raises: ConfigError for words that `clip` does not know.
    """
    ends = [clip.encode_text([form.format(text) for form in templates]).mean(dim=0) for text in (neutral, target)]
    return F.normalize(F.normalize(ends[1], dim=0) - F.normalize(ends[0], dim=0), dim=0)


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
