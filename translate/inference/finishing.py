"""From a network's output to the result at the photo's own size."""

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from translate import images

Array = np.ndarray[Any, Any]


def with_detail(fake: Tensor, seen: Tensor, photo: Tensor) -> Tensor:
    """`fake` at the photo's size, plus what the model could not see of the photo.

    up(fake) + (photo - up(seen)), `seen` being the photo at the model's scale: photo - up(seen) is the finest level of
    its Laplacian pyramid (Burt and Adelson 1983), here with one level and any factor. A model that changes nothing
    gives the photo back, and one that changes a horse leaves the grass around it as sharp as it was.

    Shape: fake and seen (1, C, h, w), photo (1, C, H, W) -> (1, C, H, W), on the CPU. Range: [-1, 1], clamped.
    """
    # Resizing is linear, so that the difference of the two needs it only once.
    change = images.resize(fake - seen.to(fake.device), *photo.shape[-2:])
    return photo.add(change.to(photo.device)).clamp(-1, 1)


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
