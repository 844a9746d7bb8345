"""Edits that stay inside a mask: outside of it the picture keeps its bits."""

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from translate import images
from translate.errors import ImageError

FEATHER = 1 / 32
"""Share of the picture's side over which the border of a mask fades, inwards."""


def composite(before: Tensor, after: Tensor, mask: Tensor) -> Tensor:
    """`after` where the mask is 1, `before` where it is 0, a blend between.

    Shape: pictures (N, C, H, W), mask (1 or N, 1, H, W) in [0, 1] -> (N, C, H, W), bit-identical to `before` at 0.
    """
    return torch.where(mask > 0, torch.lerp(before, after, mask), before)


def feather(mask: Tensor, share: float = FEATHER) -> Tensor:
    """Let the border of a mask fade inwards: nothing outside is added to it.

    Shape: (N, 1, H, W) in [0, 1] -> (N, 1, H, W), at most the mask.
    """
    radius = max(1, round(share * mask.shape[-1]))
    padded = F.pad(mask, (radius,) * 4, mode="replicate")  # the picture's own border is none of the mask's
    size = 2 * radius + 1
    shrunk = -F.max_pool2d(-padded, size, stride=1)  # 1 only where all around is 1
    blurred = F.avg_pool2d(F.pad(shrunk, (radius,) * 4, mode="replicate"), size, stride=1)
    return torch.minimum(blurred, mask)


def read_mask(picture: Image.Image, side: int, name: str = "mask") -> Tensor:
    """A mask for pictures of `side` pixels: white may change, black stays.

    Shape: -> (1, 1, side, side) in [0, 1], for each pixel the darkest of the mask that lies under it.
    Raises: ImageError for one that is not square, or has no white.
    """
    if picture.width != picture.height:
        raise ImageError(f"{name}: is {picture.width} x {picture.height}; the mask of a face is a square, as the face")
    gray = images.to_tensor(images.from_pil(picture)).mean(dim=0)[None, None].add(1).div(2)  # (1, 1, H, W) in [0, 1]
    # A mean would let the border of the white reach over what was meant to be black.
    mask = -F.adaptive_max_pool2d(-gray, side)
    if not bool(mask.any()):
        raise ImageError(f"{name}: is black all over; paint white what may change")
    return mask
