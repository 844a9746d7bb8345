"""The channels of an array brought to those that a model takes."""

from typing import Any

import numpy as np
from PIL import Image

from translate import images

Array = np.ndarray[Any, Any]


def with_channels(array: Array, wanted: int) -> Array:
    """Gray to colour for any type; alpha over white and colour to gray for bytes. Otherwise as it came."""
    array = array[..., None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[2] == wanted or wanted not in (1, 3):
        return array
    if array.shape[2] == 1:
        return array.repeat(wanted, axis=2)
    if array.dtype == np.uint8 and array.shape[2] in (2, 3, 4):
        return images.from_pil(Image.fromarray(array), wanted)
    return array
