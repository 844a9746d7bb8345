"""How a face is cut out of a photo as its model saw faces, and pasted back; both ends of one similarity transform.

Places are in pixels with edges at whole numbers: pixel i reaches from i to i + 1. Photos stay arrays of 8 or 16 bits;
of a large one only the square itself is ever turned into floats.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from translate import images
from translate.config import POINTS, Alignment
from translate.errors import ImageError

FEATHER = 0.25
"""Share of the square's half over which the seam fades."""
STRIP = 256
"""Rows that are pasted at a time."""

Point = Sequence[float]


@dataclass(frozen=True, slots=True)
class Square:
    """A square somewhere in a photo, turned by any angle: its centre, and half of its upper side as a vector."""

    x: float
    y: float
    half_x: float
    half_y: float = 0.0

    @property
    def side(self) -> float:
        """In pixels of the photo."""
        return 2 * math.hypot(self.half_x, self.half_y)

    @property
    def corners(self) -> np.ndarray[Any, Any]:
        """Upper left, upper right, lower right, lower left. Shape: (4, 2)."""
        right, down = np.array([self.half_x, self.half_y]), np.array([-self.half_y, self.half_x])
        signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
        return np.array([self.x, self.y]) + np.array([a * right + b * down for a, b in signs])

    def places(self, across: Tensor, down: Tensor) -> tuple[Tensor, Tensor]:
        """x and y in the photo of places in the square, which reaches from -1 to 1. Shape: any, the same for all."""
        return (
            self.x + across * self.half_x - down * self.half_y,
            self.y + across * self.half_y + down * self.half_x,
        )

    def shares(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Inverse of `places`."""
        dx, dy, square = x - self.x, y - self.y, self.half_x**2 + self.half_y**2
        return (dx * self.half_x + dy * self.half_y) / square, (dy * self.half_x - dx * self.half_y) / square


def of_crop(x: float, y: float, side: float) -> Square:
    """The upright square with its upper left corner at (x, y)."""
    return Square(x + side / 2, y + side / 2, side / 2)


def of_points(points: Sequence[Point], alignment: Alignment) -> Square:
    """The square that shows a face as `alignment` says, from its five points (see `config.POINTS`).

    Raises: ImageError where the points fall together.
    """
    if len(points) != len(POINTS):
        raise ImageError(f"{len(points)} points of a face; {len(POINTS)} are needed: {', '.join(POINTS)}")
    left, right, _, mouth_left, mouth_right = places = [complex(*point) for point in points]
    if abs(right - left) < 1e-6:
        raise ImageError("both eyes of the face lie in one place; give its square instead, as --crop X,Y,SIDE")
    if alignment.kind == "ffhq":
        return _ffhq(left, right, (mouth_left + mouth_right) / 2)
    template = [complex(*point) for point in alignment.points]
    # The similarity p = a t + b nearest to all five (Umeyama 1991), with points as complex numbers.
    middle, middle_of_template = sum(places) / len(places), sum(template) / len(template)
    spread = [t - middle_of_template for t in template]
    turn = sum(t.conjugate() * (p - middle) for t, p in zip(spread, places, strict=True))
    a = turn / sum(abs(t) ** 2 for t in spread)
    centre = middle + a * (complex(0.5, 0.5) - middle_of_template)
    return Square(centre.real, centre.imag, a.real / 2, a.imag / 2)


def _ffhq(left: complex, right: complex, mouth: complex) -> Square:
    """The crop of FFHQ's authors (Karras 2019, App. A; `recreate_aligned_images` of their code)."""
    eyes = (left + right) / 2
    across, down = right - left, mouth - eyes
    x = across - 1j * down
    x *= max(2 * abs(across), 1.8 * abs(down)) / abs(x)
    centre = eyes + 0.1 * down
    return Square(centre.real, centre.imag, x.real, x.imag)


def cut(photo: images.Array, square: Square, size: int) -> Tensor:
    """The square as a picture of `size` pixels a side; beyond the photo's border it is mirrored.

    Shape: (H, W, 3), uint8 or uint16 -> (1, 3, size, size) in [-1, 1].
    """
    scale = square.side / size
    reduced = max(1, int(scale / 2))
    margin = 2 * reduced
    low, high = np.floor(square.corners.min(axis=0)).astype(int), np.ceil(square.corners.max(axis=0)).astype(int)
    across, down = (-(-(high[i] - low[i] + 2 * margin) // reduced) for i in (0, 1))
    left, top = (int(value) - margin for value in low)
    columns = _mirrored(np.arange(left, left + across * reduced), photo.shape[1])
    rows = _mirrored(np.arange(top, top + down * reduced), photo.shape[0])
    region = photo[rows[:, None], columns[None]]  # (h, w, 3)
    if reduced > 1:
        region = cv2.resize(region, (int(across), int(down)), interpolation=cv2.INTER_AREA)
    # What is left is less than a factor of three: sampled that much finer, then averaged.
    finer = max(1, math.ceil(scale / reduced))
    line = (torch.arange(size * finer) + 0.5) / (size * finer) * 2 - 1
    v, u = torch.meshgrid(line, line, indexing="ij")
    x, y = square.places(u.double(), v.double())
    pixels = images.to_tensor(region)[None]
    grid = torch.stack([(x - left) / reduced / across, (y - top) / reduced / down], dim=-1) * 2 - 1
    sampled = F.grid_sample(pixels, grid[None].float(), padding_mode="border", align_corners=False)
    return F.avg_pool2d(sampled, finer)


def paste(
    photo: images.Array, square: Square, edited: Tensor, *, base: Tensor | None = None, mask: Tensor | None = None
) -> images.Array:
    """The photo with the square's content replaced, fading out towards the square's rim; a new array.

    With `base`, the picture that `edited` was made from, only what changed between the two is added: the photo keeps
    its own detail, of which a model of few pixels has none. `mask` says where to paste besides. Every pixel outside the
    faded square, and wherever the mask is 0, keeps its bits.

    Shape: photo (H, W, 3), uint8 or uint16; edited and base (1, 3, S, S) in [-1, 1]; mask (1, 1, S', S') in [0, 1].
    """
    out = photo.copy()
    height, width = photo.shape[:2]
    content = edited if base is None else edited - base
    if square.side < content.shape[-1]:  # sampled as it is, it would alias
        content = images.resize(content, *[max(1, math.ceil(square.side))] * 2)
    low, high = np.floor(square.corners.min(axis=0)).astype(int), np.ceil(square.corners.max(axis=0)).astype(int)
    left, right = max(0, int(low[0])), min(width, int(high[0]))
    top, bottom = max(0, int(low[1])), min(height, int(high[1]))
    if left >= right:
        return out
    for start in range(top, bottom, STRIP):
        part = np.s_[start : min(start + STRIP, bottom), left:right]
        x = torch.arange(left, right).double() + 0.5
        y = torch.arange(start, part[0].stop).double() + 0.5
        u, v = square.shares(x[None].expand(len(y), -1), y[:, None].expand(-1, len(x)))
        weight = feather(u, v)
        grid = torch.stack([u, v], dim=-1)[None].float()
        if mask is not None:
            weight = weight * F.grid_sample(mask.double(), grid.double(), align_corners=False)[0, 0].clamp(0, 1)
        fresh = F.grid_sample(content.float(), grid, mode="bicubic", padding_mode="border", align_corners=False)
        old = images.to_tensor(photo[part])[None]
        weight = weight.float()
        blended = old + weight * (fresh if base is not None else fresh - old)
        inside = (weight > 0).numpy()
        out[part][inside] = images.to_array(blended[0], photo.dtype)[inside]
    return out


def feather(across: Tensor, down: Tensor) -> Tensor:
    """How much of the pasted picture is seen: 1 within, falling smoothly to 0 at a rounded square's rim.

    Shape: places in the square from -1 to 1, any -> the same. Range: 0 outside, to 1.
    """
    rim = 1 - (across**4 + down**4) ** 0.25
    t = (rim / FEATHER).clamp(0, 1)
    return t * t * (3 - 2 * t)


def _mirrored(index: np.ndarray[Any, Any], length: int) -> np.ndarray[Any, Any]:
    """Indices beyond the border, reflected at its outermost pixels as often as need be."""
    if length == 1:
        return np.zeros_like(index)
    period = 2 * (length - 1)
    folded = np.abs(index) % period
    return np.minimum(folded, period - folded)
