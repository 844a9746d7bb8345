"""One side of one pair from its file to an array, as training and checking both read it."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Literal

import numpy as np

from translate import images
from translate.data.folders import PairFile
from translate.data.labels import LOSSY
from translate.data.layouts import PairedLayout
from translate.data.masks import path_of, side_of
from translate.errors import DatasetError, ImageError

Array = np.ndarray[Any, Any]
Side = Literal["a", "b"]

LOSSY_UNKNOWN = 0.4
"""Share of a lossy map's pixels that may be near no class's colour; they are void. In other files none may."""


def read_picture(pair: PairFile, side: Side, channels: int = 3) -> Array:
    """A side as a picture: 1 or 3 channels are converted to, any other count has to be what is stored.

    Shape: (H, W, channels) uint8 or uint16.
    Raises: ImageError, DatasetError naming the file.
    """
    path = path_of(pair, side)
    array = images.read_array(path, channels if channels in (1, 3) else None)
    if array.shape[2] != channels:
        raise DatasetError(f"{path}: has {array.shape[2]} channels, {channels} are expected")
    return _cut(array, pair, side)


def usual_channels(pairs: Sequence[PairFile], side: Side) -> int:
    """The channels to read a side in where nobody says: 3, or those of its first picture that can't be brought to 3."""
    for pair in pairs:
        path = path_of(pair, side)
        try:
            images.read_array(path, 3)
            break
        except ImageError:
            with suppress(ImageError):  # a damaged one tells nothing; check() names it
                return int(images.read_array(path, None).shape[2])
    return 3


def read_index(layout: PairedLayout, pair: PairFile, side: Side) -> Array:
    """A side as class indices 0..n-1, void 255.

    Shape: (H, W) uint8.
    Raises: ImageError, DatasetError naming the file and what in it is none of the classes.
    """
    path, legend = path_of(pair, side), layout.legend
    if legend is None:
        raise DatasetError(f"{path}: is a picture, not a label map")
    raw = _cut(images.read_labels(path), pair, side)
    lossy = path.suffix.lower() in LOSSY
    try:
        index, unknown = legend.encode(raw, lossy=lossy)
    except DatasetError as error:
        raise DatasetError(f"{path}: {error}") from None
    pixels = sum(unknown.values())
    if pixels > (LOSSY_UNKNOWN if lossy else 0) * index.size:
        raise DatasetError(f"{path}: {_unknown(unknown, pixels / index.size, len(legend.classes))}")
    return index


def read_side(layout: PairedLayout, pair: PairFile, side: Side, *, labels: bool, channels: int = 3) -> Array:
    """A side as class indices where `labels`, else as a picture; an index map is painted in its classes' colours.

    Shape: (H, W) uint8, or (H, W, C) uint8 or uint16; writable.
    Raises: ImageError, DatasetError naming the file.
    """
    legend = layout.legend if layout.legend_side == side else None
    if labels:
        return read_index(layout, pair, side)
    if legend is not None and legend.encoding == "index":
        if channels != 3:
            raise DatasetError(f"{path_of(pair, side)}: an index map is drawn in 3 channels, {channels} are expected")
        return legend.paint(read_index(layout, pair, side))
    return read_picture(pair, side, channels)


def _cut(array: Array, pair: PairFile, side: Side) -> Array:
    if pair.b is None and array.shape[1] % 2:
        raise DatasetError(f"{pair.a}: is {array.shape[1]} pixels wide; two halves side by side have an even width")
    array = side_of(array, pair, side)
    # torch warns of arrays it may not write to, and a decoder's buffer is one.
    return np.ascontiguousarray(array) if array.flags.writeable else array.copy()


def _unknown(counts: dict[str, int], share: float, classes: int) -> str:
    ranked = sorted(counts, key=lambda value: -counts[value])
    named = ", ".join(f"{value} ({counts[value]} pixels)" for value in ranked[:3])
    more = f" and {len(ranked) - 3} more" if len(ranked) > 3 else ""
    kind = "" if ranked[0].startswith("colour") else "label value "
    return f"{kind}{named}{more}: {share:.1%} of the picture is none of the {classes} classes; add it to classes.json"
