"""Any window of a resized picture, computed from nothing but the pixels it depends on.

The whole picture in float32 would take twelve times its 8-bit RGB; a window takes what is looked at. The filter is the
one of `images.resize`: a triangle as wide as a pixel of the coarser of the two grids (bilinear with antialiasing).
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from translate import images

Array = np.ndarray[Any, Any]

BLOCK = 64
"""Rows, and columns, of the resized picture that are made at a time: few, for most weights between far places are 0."""


def taps(size: int, new: int, first: int, last: int) -> tuple[int, Tensor]:
    """What the samples `first` to `last` of a line resized from `size` to `new` are made of.

    Shape: where the line's part begins, and weights (last - first, n) of its n samples from there on; rows sum to 1.
    """
    begin, length = reach(size, new, first, last)
    centres = (torch.arange(first, last, dtype=torch.float64) + 0.5) * (size / new)  # (last - first,)
    places = torch.arange(begin, begin + length, dtype=torch.float64) + 0.5  # (n,)
    weights = (1 - (places - centres[:, None]).abs() / max(1.0, size / new)).clamp_(min=0)
    return begin, (weights / weights.sum(dim=1, keepdim=True)).float()


class Source:
    """A picture as it was read, seen at another size.

    Shape: (H, W, C) bytes, 16-bit values or floats in [0, 1], seen as (C, height, width).
    """

    def __init__(self, array: Array, height: int, width: int) -> None:
        self.array, self.height, self.width = array, height, width

    def window(self, top: int, bottom: int, left: int, right: int) -> Tensor:
        """A part of the resized picture. Shape: (C, bottom - top, right - left), float32 in [-1, 1]."""
        high, wide = self.array.shape[:2]
        if (high, wide) == (self.height, self.width):
            return images.to_tensor(self.array[top:bottom, left:right])
        x, n = reach(wide, self.width, left, right)
        rows = []
        for first in range(top, bottom, BLOCK):
            y, down = taps(high, self.height, first, min(first + BLOCK, bottom))
            part = images.to_tensor(self.array[y : y + down.shape[1], x : x + n])  # (C, m, n)
            rows.append(across(torch.matmul(down, part), wide, self.width, left, right, x))
        return torch.cat(rows, dim=1)

    def at(self, height: int, width: int) -> "Source":
        """The picture seen at yet another size."""
        return Source(self.array, height, width)


class Resized:
    """A picture that is there as the model sees it, for use as a Source. Shape: (C, H, W) in [-1, 1]."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor, (self.height, self.width) = tensor, tensor.shape[-2:]

    def window(self, top: int, bottom: int, left: int, right: int) -> Tensor:
        """A part of it. Shape: (C, bottom - top, right - left)."""
        return self.tensor[:, top:bottom, left:right]

    def at(self, height: int, width: int) -> "Resized":
        """The picture seen at another size."""
        return Resized(images.resize(self.tensor[None], height, width)[0])


class Painted:
    """A label map in its classes' colours, seen at another size to the nearest pixel; for use as a Source.

    Shape: (H, W, 3) bytes, seen as (3, height, width).
    """

    def __init__(self, array: Array, height: int, width: int) -> None:
        self.array, self.height, self.width = array, height, width
        self.seen = images.nearest(array, height, width)

    def window(self, top: int, bottom: int, left: int, right: int) -> Tensor:
        """A part of it. Shape: (3, bottom - top, right - left), float32 in [-1, 1]."""
        return images.to_tensor(self.seen[top:bottom, left:right])

    def at(self, height: int, width: int) -> "Painted":
        """The map seen at yet another size."""
        return Painted(self.array, height, width)


View = Source | Resized | Painted
"""What tiles are cut from."""


def across(rows: Tensor, size: int, new: int, left: int, right: int, x: int = 0) -> Tensor:
    """The columns `left` to `right` of rows resized from `size` to `new`; they are given from column `x` on.

    Shape: (C, rows, n) -> (C, rows, right - left).
    """
    columns = []
    for first in range(left, right, BLOCK):
        begin, weights = taps(size, new, first, min(first + BLOCK, right))
        columns.append(torch.matmul(rows[..., begin - x : begin - x + weights.shape[1]], weights.T))
    return torch.cat(columns, dim=2)


def reach(size: int, new: int, first: int, last: int) -> tuple[int, int]:
    """Where the part of a line begins that its resized samples `first` to `last` are made of, and how long it is."""
    support = max(1.0, size / new)
    begin = max(0, math.floor((first + 0.5) * size / new - support + 0.5))
    return begin, min(size, math.floor((last - 0.5) * size / new + support + 0.5)) - begin
