"""From a network's output to the result at the photo's own size."""

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from translate import images

Array = np.ndarray[Any, Any]

LITTLE, MUCH, REACH = 0.05, 0.2, 4
"""Where detail fades: from which mean change on, from which on none is left; in [-1, 1], over REACH pixels around."""


def with_detail(fake: Tensor, seen: Tensor, photo: Tensor, *, fade: bool = False) -> Tensor:
    """`fake` at the photo's size, plus what the model could not see of the photo.

    up(fake) + (photo - up(seen)), `seen` being the photo at the model's scale: photo - up(seen) is the finest level of
    its Laplacian pyramid (Burt and Adelson 1983), here with one level and any factor. A model that changes nothing
    gives the photo back, and one that changes a horse leaves the grass around it as sharp as it was. With `fade` that
    level fades where much is changed, up to up(fake) alone.

    Shape: fake and seen (1, C, h, w), photo (1, C, H, W) -> (1, C, H, W), on the CPU. Range: [-1, 1], clamped.
    """
    # Resizing is linear, so that the difference of the two needs it only once.
    cover = images.resize(overlay(fake, seen.to(fake.device), fade=fade), *photo.shape[-2:])
    return laid_over(photo, cover.to(photo.device)).clamp(-1, 1)


def overlay(fake: Tensor, seen: Tensor, *, fade: bool = False) -> Tensor:
    """What is laid over the photo: the change; with `fade` also, as last plane, how much of the photo goes, 0 to 1.

    Shape: (1, C, h, w) each -> (1, C or C + 1, h, w).
    """
    change = fake - seen
    if not fade:
        return change
    # Averaged: between a stripe made darker and one made brighter the change is none, and there is the stripe's edge.
    much = F.avg_pool2d(change.abs().mean(dim=1, keepdim=True), 2 * REACH + 1, 1, REACH, count_include_pad=False)
    gone = ((much - LITTLE) / (MUCH - LITTLE)).clamp(0, 1)  # (1, 1, h, w)
    return torch.cat([change + gone * seen, gone], dim=1)


def laid_over(photo: Tensor, cover: Tensor) -> Tensor:
    """The photo below an overlay of its size. Shape: (..., C, H, W) and (..., C or C + 1, H, W) -> (..., C, H, W)."""
    planes = photo.shape[-3]
    below = photo if cover.shape[-3] == planes else photo * (1 - cover[..., planes:, :, :])
    return below + cover[..., :planes, :, :]


def winners(logits: Tensor, height: int, width: int) -> Tensor:
    """The class of the largest logit at every pixel of another size; the logits are resized, not the classes.

    Shape: (1, K, h, w) -> (height, width) uint8; of equal logits the first class wins.
    """
    best = images.resize(logits[:, :1], height, width)
    index = torch.zeros_like(best, dtype=torch.uint8)
    # Class by class: all logits of a photo of 50 megapixels at once would fill the memory.
    for k in range(1, logits.shape[1]):
        plane = images.resize(logits[:, k : k + 1], height, width)
        index.masked_fill_(plane > best, k)
        best = torch.maximum(best, plane)
    return index[0, 0]


def shares(labels: Array, classes: int) -> list[float]:
    """Part of the picture that each class covers."""
    counts = np.zeros(classes, np.int64)
    # In bands: counting takes eight bytes a pixel.
    for top in range(0, len(labels) if classes else 0, 256):
        counts += np.bincount(labels[top : top + 256].ravel(), minlength=classes)
    return [float(share) for share in counts / labels.size]


def blend(photo: Image.Image, translation: Image.Image, strength: float) -> Image.Image:
    """`translation` laid over `photo` of the same size; 0 gives the photo, 1 the translation in RGB."""
    return Image.blend(photo.convert("RGB"), translation.convert("RGB"), strength)
