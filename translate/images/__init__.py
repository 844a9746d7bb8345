"""The only place that turns files, PIL pictures and arrays into tensors, and tensors back into pictures.

Inside the package a picture is float32 (N, C, H, W), RGB, in [-1, 1]. A file is known by its content, never by its
suffix; its limits are checked on the header, before anything is decoded; and outputs are built from bare arrays, so
that nothing a photo says about its owner (EXIF, XMP, ICC, comments) can reach them. What a model made is said to be so.
"""

from translate.images.animation import ANIMATED, save_animation
from translate.images.arrays import (
    VOID,
    Array,
    array_to_pil,
    check_array,
    colourise,
    labels_to_pil,
    nearest,
    resize,
    to_array,
    to_bytes,
    to_pil,
    to_tensor,
)
from translate.images.limits import EXTENSIONS, MAX_PIXELS, MAX_SIDE
from translate.images.provenance import Provenance
from translate.images.reading import Header, from_pil, header, labels_from_pil, read_array, read_labels
from translate.images.writing import DEEP, WRITERS, grid, save

__all__ = [
    "ANIMATED",
    "DEEP",
    "EXTENSIONS",
    "MAX_PIXELS",
    "MAX_SIDE",
    "VOID",
    "WRITERS",
    "Array",
    "Header",
    "Provenance",
    "array_to_pil",
    "check_array",
    "colourise",
    "from_pil",
    "grid",
    "header",
    "labels_from_pil",
    "labels_to_pil",
    "nearest",
    "read_array",
    "read_labels",
    "resize",
    "save",
    "save_animation",
    "to_array",
    "to_bytes",
    "to_pil",
    "to_tensor",
]
