"""Arrays and tensors into one another and into PIL pictures; a tensor is float32 (N, C, H, W), RGB, in [-1, 1]."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from translate.errors import ImageError

if TYPE_CHECKING:
    from torch import Tensor

VOID = 255  # config.IGNORE_INDEX

Array = np.ndarray[Any, Any]


def to_pil(tensor: "Tensor") -> Image.Image:
    """A PIL picture ("L" or "RGB") from one tensor.

    Shape: (C, H, W) or (1, C, H, W), C 1 or 3, in [-1, 1]; values beyond are clamped.
    Raises: ImageError for another shape, or NaN.
    """
    tensor = tensor[0] if tensor.ndim == 4 and len(tensor) == 1 else tensor
    if tensor.ndim != 3 or len(tensor) not in (1, 3):
        raise ImageError(f"a tensor of shape {tuple(tensor.shape)} is no picture; expected (3, H, W) or (1, H, W)")
    return Image.fromarray(to_array(tensor) if len(tensor) == 3 else to_array(tensor)[..., 0])


def array_to_pil(array: Array) -> Image.Image:
    """A PIL picture of pixels: "L" or "I;16" of one channel; "RGB" of three, which PIL holds in 8 bits at most.

    Shape: (H, W, 1 or 3), uint8 or uint16.
    Raises: ImageError for another number of channels.
    """
    if array.shape[2] == 1:
        return Image.fromarray(array[..., 0])
    if array.shape[2] == 3:
        return Image.fromarray(to_bytes(array))
    raise ImageError(f"{array.shape[2]} channels are no PIL picture; take the array, or write it as .tif")


def to_bytes(array: Array) -> Array:
    """8 bits of 16, rounded; bytes stay as they are. Shape: any."""
    if array.dtype != np.uint16:
        return array
    out = np.empty(array.shape, np.uint8)
    for y in range(0, len(array), 256):  # in strips: the 32-bit copies are large
        out[y : y + 256] = (array[y : y + 256].astype(np.uint32) + 128) // 257
    return out


def to_tensor(array: Array) -> "Tensor":
    """A tensor in [-1, 1] from bytes (0..255), 16-bit values (0..65535) or floats in [0, 1].

    Shape: (H, W) or (H, W, C) with any C -> (C, H, W) float32.
    Raises: ImageError for another type, another shape, or floats outside [0, 1].
    """
    import torch

    half = np.float32(check_array(array))
    array = array[..., None] if array.ndim == 2 else array
    planes = np.array(array.transpose(2, 0, 1), dtype=np.float32, order="C")  # (C, H, W), always a copy
    planes /= half
    planes -= 1
    return torch.from_numpy(planes)


def check_array(array: Array) -> float:
    """Make sure that an array is a picture; half of its range, for bytes 127.5.

    Raises: ImageError for another type, another shape than (H, W) or (H, W, C), or floats outside [0, 1].
    """
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise ImageError(f"an array of shape {array.shape} is no picture; expected (H, W) or (H, W, C)")
    if array.dtype in (np.uint8, np.uint16):
        return float(np.iinfo(array.dtype).max) / 2
    if not np.issubdtype(array.dtype, np.floating):
        raise ImageError(f"pixels are {array.dtype}; expected uint8, uint16, or floats in [0, 1]")
    low, high = float(array.min()), float(array.max())
    if not (low >= 0 and high <= 1):
        raise ImageError(f"float pixels span [{low:g}, {high:g}]; scale them to [0, 1]")
    return 0.5


def to_array(tensor: "Tensor", depth: "np.typing.DTypeLike" = np.uint8) -> Array:
    """Bytes, or values of 16 bits, from a tensor in [-1, 1], rounded; values beyond are clamped.

    Shape: (C, H, W) -> (H, W, C) of the type `depth`, uint8 or uint16.
    Raises: ImageError if the tensor holds NaN.
    """
    top = float(np.iinfo(np.dtype(depth)).max)
    scaled = tensor.detach().float().cpu().add(1).mul_(top / 2)
    if bool(scaled.isnan().any()):
        raise ImageError("the picture holds NaN; the model that made it has diverged")
    scaled = scaled.clamp_(0, top).round_().permute(1, 2, 0)  # (H, W, C)
    if top == 255:
        return scaled.byte().contiguous().numpy()
    return np.ascontiguousarray(scaled.numpy(), dtype=depth)


def resize(tensor: "Tensor", height: int, width: int) -> "Tensor":
    """Resize pictures, bilinear with antialiasing (no value leaves the range of its neighbours).

    Shape: (N, C, H, W) -> (N, C, height, width).
    """
    import torch.nn.functional as F

    if tensor.shape[-2:] == (height, width):
        return tensor
    return F.interpolate(tensor.float(), (height, width), mode="bilinear", antialias=True)


def nearest(array: Array, height: int, width: int) -> Array:
    """Resize a label map, or one painted in its classes' colours, to the nearest pixel: no two classes are mixed.

    Shape: (H, W) or (H, W, C) -> (height, width[, C]), same type.
    """
    if array.shape[:2] == (height, width):
        return array
    rows = (np.arange(height) * 2 + 1) * array.shape[0] // (2 * height)
    columns = (np.arange(width) * 2 + 1) * array.shape[1] // (2 * width)
    return array[rows[:, None], columns]


def colourise(index: Array, palette: Sequence[Sequence[int]]) -> Array:
    """Paint class indices in their colours; the void label 255 is black.

    Shape: (H, W) integers -> (H, W, 3) uint8.
    Raises: ImageError for an index without a colour.
    """
    return np.array(labels_to_pil(index, palette).convert("RGB"))


def labels_to_pil(index: Array, palette: Sequence[Sequence[int]]) -> Image.Image:
    """A palette picture ("P") whose pixels are the class indices themselves; the void label 255 is black.

    Shape: (H, W) integers.
    Raises: ImageError for an index without a colour.
    """
    index = np.asarray(index)
    known = (index >= 0) & (index < len(palette)) | (index == VOID)
    if index.ndim != 2 or not known.all():
        found = f"index {index[~known][0]}" if index.ndim == 2 else f"shape {index.shape}"
        raise ImageError(f"a label map with {found}, where (H, W) indices of {len(palette)} classes are expected")
    colours = np.zeros((256, 3), np.uint8)
    colours[: len(palette)] = palette
    colours[VOID] = 0
    image = Image.fromarray(np.ascontiguousarray(index, dtype=np.uint8))
    image.putpalette(colours.tobytes())
    return image
