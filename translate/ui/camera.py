"""A camera's pictures, one at a time: how fast a model is on this machine, and one frame in, one frame out."""

import base64
import binascii
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from PIL import Image

from translate import images
from translate.errors import ConfigError, ImageError
from translate.ui.guard import own_folder
from translate.ui.models import Models

if TYPE_CHECKING:
    from translate.inference.translator import Translator

MOST_SECONDS = 0.3
"""What a frame may take; a slower model is no live picture, and keeps others waiting."""
FRAME_SIDE = 640
"""The page's own frames; larger ones are refused."""
MAX_BYTES = 1_000_000
OVERLAY = 0.6

_HEAD = "data:image/jpeg;base64,"
_measured: "WeakKeyDictionary[Translator, float]" = WeakKeyDictionary()


def frame_seconds(models: Models, name: object, cancelled: Callable[[], bool] = bool) -> float:
    """How long a model takes for one frame here, measured once while it is loaded.

    Raises: Cancelled.
    """
    translator = models.load(name)
    if translator not in _measured:
        channels = translator.config.translator.in_channels
        frame = np.random.default_rng(0).integers(0, 256, (FRAME_SIDE * 3 // 4, FRAME_SIDE, channels), np.uint8)
        translator.run(frame, cancelled=cancelled)  # the first one pays for what is set up once
        began = time.perf_counter()
        translator.run(frame, cancelled=cancelled)
        _measured[translator] = time.perf_counter() - began
    return _measured[translator]


def check_speed(models: Models, name: object, cancelled: Callable[[], bool] = bool) -> float:
    """The seconds a frame takes.

    Raises: ConfigError for a model that is too slow on this machine, saying how slow; Cancelled.
    """
    seconds = frame_seconds(models, name, cancelled)
    if seconds > MOST_SECONDS:
        raise ConfigError(
            f"this model takes {seconds:.2g} s a frame on this machine, and a live picture needs {MOST_SECONDS} s or "
            "less; choose a quicker one, or translate a photo or a clip"
        )
    return seconds


def translate_frame(models: Models, name: object, picture: object, cancelled: Callable[[], bool] = bool) -> str:
    """One frame as the browser sends it, a JPEG in a `data:` address, and its translation as another.

    A label map lies over the frame.
    Raises: ImageError for what is no such frame; ConfigError for a model that is too slow; Cancelled.
    """
    check_speed(models, name, cancelled)
    translator = models.load(name)
    frame = _decoded(picture)
    result = translator.run(Image.fromarray(frame), cancelled=cancelled).image
    if translator.config.translator.head == "labels":
        result = Image.blend(Image.fromarray(frame), result.convert("RGB"), OVERLAY)
    buffer = io.BytesIO()
    Image.fromarray(images.to_bytes(images.from_pil(result))).save(buffer, "JPEG", quality=88)
    return _HEAD + base64.b64encode(buffer.getvalue()).decode()


def _decoded(picture: object) -> images.Array:
    """The pixels of a frame. Shape: (H, W, 3) uint8."""
    if not isinstance(picture, str) or not picture.startswith(_HEAD) or len(picture) > MAX_BYTES:
        raise ImageError("the camera's frame is no small JPEG")
    with tempfile.TemporaryDirectory(prefix="frame-", dir=own_folder()) as folder:
        path = Path(folder) / "frame.jpg"
        try:
            path.write_bytes(base64.b64decode(picture[len(_HEAD) :], validate=True))
        except binascii.Error:
            raise ImageError("the camera's frame is no small JPEG") from None
        header = images.header(path)
        if max(header.width, header.height) > FRAME_SIDE:
            raise ImageError(f"the camera's frame has {header.width} x {header.height} pixels, more than {FRAME_SIDE}")
        return images.to_bytes(images.read_array(path))
