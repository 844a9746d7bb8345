"""Label maps as a model's input: read as classes, refused where they are none, painted in the classes' colours.

What is painted is pure: resized to the nearest pixel, it shows the network no colour that training didn't.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from translate import images
from translate.config import IGNORE_INDEX, ClassSpec, ModelConfig
from translate.data.labels import LOSSY, Legend
from translate.errors import ImageError

MIXED = 0.2
"""Share of a lossy map's pixels that may be near no class's colour: those along the borders of classes."""
LOSSY_KINDS = frozenset({"JPEG", "WEBP"})
BLACK = (0, 0, 0)
"""How void is drawn, where no class is."""

Array = np.ndarray[Any, Any]
Picture = Image.Image | Array | str | Path

_log = logging.getLogger(__name__)


def painted(picture: Picture, config: ModelConfig) -> Array:
    """The label map in `picture`, in the colours of the model's input classes; void is black, as in training.

    Shape: (H, W, 3) uint8.
    Raises: ImageError for what is no picture, or no map of these classes.
    """
    classes = config.input_classes
    return images.colourise(read_index(picture, classes, config.name), [spec.color for spec in classes])


def read_index(picture: Picture, classes: Sequence[ClassSpec], model: str) -> Array:
    """The classes 0..n-1 in a label map, void 255: gray and palette pictures hold them as numbers, RGB ones as colours.

    Of a palette picture the colours count where all of them are the classes' own, for some programs sort a palette
    anew; under any other palette its numbers do. A lossy file goes to the nearest colour within a tolerance, and what
    compression has mixed along borders to the class beside it. `model` is a name for messages.
    Shape: (H, W) uint8.
    Raises: ImageError for what is no picture, or no map of these classes.
    """
    raw = _raw(picture)
    is_lossy = raw.ndim == 3 and _is_lossy(picture)
    index, unknown = _encoded(raw, classes, lossy=is_lossy)
    if raw.ndim == 2 and _has_palette(picture):
        by_colour, others = _encoded(_colours(picture), classes, lossy=False)
        if not others and bool((by_colour != IGNORE_INDEX).any()):
            index, unknown = by_colour, {}
    where = f"{picture}: " if isinstance(picture, str | Path) else ""
    share = sum(unknown.values()) / index.size
    if share > (MIXED if is_lossy else 0):
        kind = "" if raw.ndim == 3 else "value "
        most = max(unknown, key=lambda value: unknown[value])
        raise ImageError(
            f"{where}{share:.1%} of the picture is none of the {len(classes)} classes of {model!r} (as {kind}{most}); "
            f"it starts from a label map: class numbers from 0 to {len(classes) - 1}, or the classes' own colours, "
            "which `translate models show` lists"
        )
    if share:
        _log.info("%s%.1f %% is mixed by compression and goes to the class beside it", where, 100 * share)
        index = _beside(index, raw, classes)
    void = float((index == IGNORE_INDEX).mean())
    if where and void >= 0.0005:
        _log.info("%s%.1f %% is void, drawn black as in training", where, 100 * void)
    return index


def _raw(picture: Picture) -> Array:
    """Numbers (H, W) or colours (H, W, 3), uint8 or uint16."""
    if isinstance(picture, str | Path):
        return images.read_labels(picture)
    if isinstance(picture, Image.Image):
        return images.labels_from_pil(picture)
    if not isinstance(picture, np.ndarray):
        raise ImageError(f"expected a PIL picture, an array or a path, got {type(picture).__name__}")
    if picture.ndim == 3 and picture.shape[2] == 1:
        picture = picture[..., 0]
    if picture.ndim == 3 and picture.shape[2] in (3, 4):
        images.check_array(picture)
        whole = picture if picture.dtype.kind == "u" else np.rint(picture * 255).astype(np.uint8)
        return np.ascontiguousarray(whole[..., :3])
    if picture.ndim != 2 or picture.dtype.kind not in "ui" or not picture.size:
        raise ImageError(
            f"an array of {picture.dtype} and shape {picture.shape} is no label map; it has whole numbers (H, W), or "
            "colours (H, W, 3)"
        )
    low, high = int(picture.min()), int(picture.max())
    if low < 0 or high > np.iinfo(np.uint16).max:
        raise ImageError(f"a label map has numbers from 0 on, and this array's span [{low}, {high}]")
    return picture.astype(np.uint16)


def _encoded(raw: Array, classes: Sequence[ClassSpec], *, lossy: bool) -> tuple[Array, dict[str, int]]:
    """Classes of stored numbers or colours, and the pixels of each one that is none (void in the result)."""
    void = () if BLACK in (spec.color for spec in classes) else (BLACK,)
    legend = Legend(
        classes=tuple(classes),
        encoding="index" if raw.ndim == 2 else "colour",
        values=tuple(range(len(classes))),
        ignore_colours=void,
    )
    return legend.encode(raw, lossy=lossy)


def _beside(index: Array, raw: Array, classes: Sequence[ClassSpec]) -> Array:
    """The same map, with the class or void of the nearest known pixel where the colour is none."""
    is_void = _encoded(raw, [ClassSpec(name="void", color=BLACK)], lossy=True)[0] == 0
    known = (index != IGNORE_INDEX) | is_void
    _, nearest = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    value = np.zeros(int(nearest.max()) + 1, np.uint8)
    value[nearest[known]] = index[known]
    return value[nearest]


def _has_palette(picture: Picture) -> bool:
    if isinstance(picture, Image.Image):
        return picture.mode in ("P", "PA")
    return isinstance(picture, str | Path) and images.header(picture).mode in ("P", "PA")


def _colours(picture: Picture) -> Array:
    """What a palette picture looks like. Shape: (H, W, 3)."""
    if isinstance(picture, Image.Image):
        return images.from_pil(picture)
    return images.read_array(str(picture))


def _is_lossy(picture: Picture) -> bool:
    if isinstance(picture, str | Path):
        return Path(picture).suffix.lower() in LOSSY
    return isinstance(picture, Image.Image) and picture.format in LOSSY_KINDS
