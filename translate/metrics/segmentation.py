"""Label maps against the truth: confusion matrix, accuracy by pixel and class, intersection over union (Long 2015, 5).

Everything is derived from one confusion matrix, so batches and whole sets add up exactly and in any order.
"""

import torch
from torch import Tensor

from translate.config import IGNORE_INDEX


def confusion(pred: Tensor, target: Tensor, classes: int) -> Tensor:
    """How many pixels of each true class were given each class; void pixels of the truth are left out.

    Shape: pred and target (N, H, W), or any same shape, integers -> (classes, classes) int64: rows truth, columns
    prediction, on the device of `pred`.
    Raises: ValueError when shapes differ or a label is neither a class nor, in the truth, void.
    """
    if pred.shape != target.shape:
        raise ValueError(f"prediction is {tuple(pred.shape)}, truth is {tuple(target.shape)}")
    if pred.is_floating_point() or target.is_floating_point():
        raise ValueError("label maps hold integers; take the argmax of logits first")
    known = target != IGNORE_INDEX
    truth, guess = target[known].long(), pred[known].long()  # (P,)
    for what, labels in (("truth", truth), ("prediction", guess)):
        low, high = (int(labels.min()), int(labels.max())) if labels.numel() else (0, 0)
        if low < 0 or high >= classes:
            raise ValueError(f"{what} has labels {low}..{high}, expected 0..{classes - 1}")
    return torch.bincount(truth * classes + guess, minlength=classes**2).view(classes, classes)


def recall_per_class(confusion: Tensor) -> Tensor:
    """The share of a class's pixels that was found; nan for a class absent from the truth. Shape: (K, K) -> (K,)."""
    counts = confusion.cpu().double()  # MPS has no float64
    return counts.diagonal() / counts.sum(dim=1)  # 0 / 0 is nan


def iou_per_class(confusion: Tensor) -> Tensor:
    """TP / (TP + FP + FN); nan for a class absent from the truth. Shape: (K, K) -> (K,) float64 in [0, 1].

    Absent means no pixel of the truth: false alarms still cost the classes whose pixels they took.
    """
    counts = confusion.cpu().double()
    hits, truth = counts.diagonal(), counts.sum(dim=1)
    iou = hits / (truth + counts.sum(dim=0) - hits)
    return iou.where(truth > 0, torch.nan)


def scores(confusion: Tensor) -> dict[str, float]:
    """pixel_accuracy, class_accuracy (mean recall) and mean_iou; means run over the classes present in the truth.

    Range: [0, 1], nan when the truth holds no labelled pixel at all.
    """
    counts = confusion.cpu().double()
    return {
        "pixel_accuracy": float(counts.diagonal().sum() / counts.sum()),
        "class_accuracy": float(recall_per_class(confusion).nanmean()),
        "mean_iou": float(iou_per_class(confusion).nanmean()),
    }
