"""Drawings on the way to a model: packed as text; begun by examples, photos or files; and the photo made of them."""

import base64
import binascii
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from translate import images
from translate.data import facades
from translate.errors import ConfigError
from translate.ui.models import Models

if TYPE_CHECKING:
    from translate.config import ModelConfig

MAX_SIDE = 2048
MAX_PIXELS = 1_200_000
"""Of a drawing that is taken."""
LARGEST = 1024
"""Side of a sheet; a model that learnt on more sees it enlarged."""

Array = np.ndarray[Any, Any]
_RUN = np.dtype([("value", "u1"), ("more", "<u2")])
"""A run of one class: pixels in the order of reading, `more` + 1 of them."""


@dataclass(frozen=True)
class Painted:
    """A photo made of a drawing, and the drawing as a label map, both as PNG files."""

    photo: bytes
    map: bytes
    width: int
    height: int
    seconds: float
    device: str


def pack(index: Array) -> str:
    """A drawing as text: width, height and runs. Shape: (H, W) uint8."""
    flat = index.ravel()
    starts = np.flatnonzero(np.diff(flat, prepend=-1).astype(bool))
    lengths = np.diff(starts, append=flat.size)
    pieces = [(flat[s], n) for s, n in zip(starts.tolist(), lengths.tolist(), strict=True)]
    runs = [(v, min(65536, n - at) - 1) for v, n in pieces for at in range(0, n, 65536)]
    text = base64.b64encode(np.array(runs, _RUN).tobytes()).decode()
    return f"{index.shape[1]}x{index.shape[0]}:{text}"


def unpack(text: object, classes: int) -> Array:
    """The drawing that `pack` or the page's own script wrote.

    Shape: (H, W) uint8 indices below `classes`, or 255.
    Raises: ConfigError for anything else.
    """
    try:
        head, body = str(text).split(":", 1)
        width, height = (int(side) for side in head.split("x"))
        runs = np.frombuffer(base64.b64decode(body, validate=True), _RUN)
    except (ValueError, binascii.Error):
        raise ConfigError("this is no drawing of the Paint tab; draw it anew") from None
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise ConfigError(f"a drawing of {width} x {height} pixels is larger than the {MAX_PIXELS:,} that are taken")
    counts = runs["more"].astype(np.int64) + 1
    values = runs["value"]
    if counts.sum() != width * height or not ((values < classes) | (values == images.VOID)).all():
        raise ConfigError(f"the drawing is damaged, or of other than the model's {classes} classes; draw it anew")
    return np.repeat(values, counts).reshape(height, width)


def painters(models: Models) -> list[tuple[str, str]]:
    """(title, name) of every offered model that starts from a label map."""
    return [(title, name) for title, name in models.choices() if models.entry(name).config.input_classes]


def segmenter(models: Models, config: "ModelConfig") -> str | None:
    """An offered model that finds in a photo just the classes which `config` starts from."""
    wanted = {spec.name for spec in config.input_classes}
    for _, name in models.choices():
        found = models.entry(name).config
        if found.translator.head == "labels" and {spec.name for spec in found.classes} == wanted:
            return name
    return None


def blank(config: "ModelConfig") -> Array:
    """Nothing but the first class. Shape: a square of the side the model learnt on, or LARGEST."""
    return np.zeros((_side(config), _side(config)), np.uint8)


def has_examples(config: "ModelConfig") -> bool:
    """Whether there is a program that draws maps of these classes."""
    return {spec.name for spec in config.input_classes} >= facades.NEEDED


def example(config: "ModelConfig", seed: int) -> Array:
    """A map to start from, another for each seed; blank where the classes are no house's. Shape: as `blank`."""
    if not has_examples(config):
        return blank(config)
    drawn = facades.front(seed, _side(config), _side(config))
    return facades.renamed(drawn, [spec.name for spec in config.input_classes])


def from_map(config: "ModelConfig", path: Path) -> Array:
    """A stored label map, brought to the area the model learnt on. Shape: (H, W).

    Raises: ImageError for a file that is no map of the model's input classes.
    """
    from translate.inference.label_input import read_index

    return _fitted(read_index(path, config.input_classes, config.name), _side(config))


def from_photo(models: Models, config: "ModelConfig", path: Path, cancelled: Callable[[], bool] = bool) -> Array:
    """What a label model finds in a photo, as a map for `config`, at the area that one learnt on. Shape: (H, W).

    Raises: TranslateError for what is no photo, or where there is no such model; Cancelled.
    """
    name = segmenter(models, config)
    if name is None:
        raise ConfigError(f"no model here finds the {len(config.input_classes)} classes of {config.name!r} in a photo")
    translator = models.load(name)
    array = translator.read(path)
    names = [spec.name for spec in config.input_classes]
    table = np.array([names.index(spec.name) for spec in translator.config.classes], np.uint8)
    return _fitted(table[translator.run(array, cancelled=cancelled).pixels], _side(config))


def paint(models: Models, name: object, text: object, cancelled: Callable[[], bool] = bool) -> Painted:
    """The photo that the model makes of a drawing.

    Raises: TranslateError for a model that starts from no label map, or what is no drawing of its classes; Cancelled.
    """
    config = models.entry(name).config
    if not config.input_classes:
        raise ConfigError(f"{config.name!r} starts from photos; choose a model that starts from label maps")
    index = unpack(text, len(config.input_classes))
    translator = models.load(name)
    done = translator.run(index, cancelled=cancelled)
    palette = [spec.color for spec in config.input_classes]
    return Painted(
        photo=_png(done.image),
        map=_png(images.labels_to_pil(index, palette)),
        width=index.shape[1],
        height=index.shape[0],
        seconds=done.seconds,
        device=str(translator.device),
    )


def address(png: bytes) -> str:
    """A picture as an address, so that nothing of a drawing is kept on the server."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def palette(config: "ModelConfig") -> list[Sequence[str]]:
    """Name and colour of each class, as the page shows them."""
    return [[spec.name.replace("_", " "), f"#{bytes(spec.color).hex()}"] for spec in config.input_classes]


def _side(config: "ModelConfig") -> int:
    return min(config.data.size, LARGEST)


def _fitted(index: Array, size: int) -> Array:
    """A map at the area of `size` x `size`, in its own shape and no longer than a drawing may be."""
    height, width = index.shape
    factor = min(size / (height * width) ** 0.5, MAX_SIDE / max(height, width))
    return images.nearest(index, max(1, round(height * factor)), max(1, round(width * factor)))


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
