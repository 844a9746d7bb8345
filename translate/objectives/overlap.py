"""Losses of a label map against class logits: cross-entropy and soft Dice (Milletari 2016), void left out."""

import torch
from torch import Tensor
from torch.nn import functional as F

from translate.config import IGNORE_INDEX
from translate.networks.shared import total


def cross_entropy(logits: Tensor, target: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """Mean over the batch's labelled pixels of weight * -log p(class); zero, not NaN, when every pixel is void.

    Shape: logits (N, K, H, W), target (N, H, W) int64, class_weights (K,) -> scalar.
    """
    loss = F.cross_entropy(logits.float(), target, class_weights, ignore_index=IGNORE_INDEX, reduction="sum")
    known = target != IGNORE_INDEX
    if class_weights is None:
        weight = known.sum()
    else:
        weight = (class_weights[target.where(known, 0)] * known).sum()
    return total(loss) / total(weight.to(loss)).clamp(min=1e-6)


def soft_dice(logits: Tensor, target: Tensor) -> Tensor:
    """1 - mean over the classes present of 2 |p . t| / (|p| + |t|), sums over the whole batch (Milletari 2016, Eq. 2).

    Shape: logits (N, K, H, W), target (N, H, W) int64 -> scalar in [0, 1].
    """
    prob = logits.float().softmax(dim=1)
    truth = one_hot(target, logits.shape[1])
    prob = prob * (target != IGNORE_INDEX).unsqueeze(1)
    sums = torch.stack([side.sum(dim=(0, 2, 3)) for side in (prob * truth, truth, prob)])  # (3, K)
    overlap, area, said = total(sums)
    dice = 2 * overlap / (said + area).clamp(min=1e-6)
    present = (area > 0).float()
    return 1 - (dice * present).sum() / present.sum().clamp(min=1)


def one_hot(target: Tensor, classes: int) -> Tensor:
    """Planes of 0 and 1; a void pixel is 0 in all. Shape: (N, H, W) int64 -> (N, K, H, W) float32."""
    planes = torch.arange(classes, device=target.device).view(1, -1, 1, 1)
    return (target.unsqueeze(1) == planes).float()


def balanced_weights(pixels: Tensor, power: float) -> Tensor:
    """Class weights frequency ** -power, scaled so that the mean over pixels is 1; classes never seen get 0.

    Shape: pixels (K,) counts -> (K,).
    """
    share = pixels.double() / pixels.sum().clamp(min=1)
    weights = torch.where(share > 0, share.clamp(min=1e-12) ** -power, torch.zeros_like(share))
    return (weights / (weights * share).sum().clamp(min=1e-12)).float()
