"""Picture files of six formats into arrays: upright, converted, and never decoded before their limits are checked."""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from translate.errors import ImageError
from translate.images import bands
from translate.images.arrays import Array
from translate.images.limits import LIMITS, check_size

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")

_log = logging.getLogger(__name__)
_cv_log_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel  # OpenCV 4, 5
_quiet_lock = threading.Lock()
_quiet: list[ExitStack] = []  # one entry for each thread that is reading; the first holds what to restore


@dataclass(frozen=True)
class Header:
    """Width and height as a viewer shows them, and the kind of pixels.

    As Pillow names it ("RGB", "P", "I;16"), with ";16" for 16 bits in several channels; or "7 channels;16".
    """

    width: int
    height: int
    mode: str


def header(path: str | Path) -> Header:
    """What a picture is, without decoding it.

    Raises: ImageError if it's no picture of the six formats or larger than the limits.
    """
    found = _bands(path)
    if found is not None:
        size = (found.height, found.width) if found.orientation >= 5 else (found.width, found.height)
        mode = {3: "RGB", 4: "RGBA"}[found.channels] if _has_colours(found) else f"{found.channels} channels"
        return Header(*size, f"{mode};16" if found.depth.itemsize == 2 else mode)
    with _opened(path) as image:
        mode = f"{image.mode};16" if _is_deep(image) else image.mode
        # Pillow turns a TIFF's size by itself; a PNG whose EXIF stands behind its pixels would be decoded here.
        if image.format != "TIFF" and (image.format != "PNG" or "exif" in image.info) and _orientation(image) >= 5:
            return Header(image.height, image.width, mode)
        return Header(image.width, image.height, mode)


def read_array(path: str | Path, channels: int | None = 3) -> Array:
    """Read a picture: orientation applied, alpha laid over white, palette, CMYK and gray converted.

    `channels` 3 gives RGB, 1 luma, None what is stored (alpha kept). Of an animation the first frame is read.
    Shape: (H, W, C), uint8 or uint16; 16-bit files keep all 16 bits.
    Raises: ImageError naming the file, what was found and what to do.
    """
    found = _bands(path)
    if found is not None:
        return _with_channels(_read_bands(path, found), channels, where=path, has_alpha=found.has_alpha)
    with _opened(path) as image:
        return _with_channels(_read_deep(path, image) if _is_deep(image) else _pixels(image), channels)


def read_labels(path: str | Path) -> Array:
    """Read a label map unconverted: the indices of a palette or gray picture, or the colours of an RGB one.

    Shape: (H, W) uint8 or uint16 indices (a 1-bit picture gives 0 and 255), or (H, W, 3) colours without alpha.
    Raises: ImageError as `read_array` does.
    """
    found = _bands(path)
    if found is not None:
        if not _has_colours(found):
            raise ImageError(f"{path}: {found.channels} channels are no label map; it has one, or the colours of three")
        return np.ascontiguousarray(_read_bands(path, found)[..., :3])
    with _opened(path) as image:
        if _is_deep(image):
            return np.ascontiguousarray(_read_deep(path, image)[..., :3])
        return _labels(image)


def labels_from_pil(image: Image.Image) -> Array:
    """The label map in a PIL picture, as `read_labels` reads one from a file.

    Shape: (H, W) uint8 or uint16 indices, or (H, W, 3) colours without alpha.
    Raises: ImageError for float or 32-bit pixels.
    """
    with _guarded("picture"):
        check_size(*image.size)
        return _labels(image.copy())


def from_pil(image: Image.Image, channels: int | None = 3) -> Array:
    """The pixels of a PIL picture, converted as `read_array` does.

    Shape: (H, W, C), uint8 or uint16.
    Raises: ImageError for float or 32-bit pixels, or a channel count that can't be made.
    """
    with _guarded("picture"):
        check_size(*image.size)
        return _with_channels(_pixels(image), channels)


@contextmanager
def _guarded(where: object) -> Iterator[None]:
    """Turn whatever a decoder raises on a damaged file (it may be anything) into one line."""
    try:
        yield
    except Exception as error:
        match error:
            case ImageError():
                text = str(error)
            case UnidentifiedImageError():
                text = f"no {', '.join(_FORMATS)} picture, or a damaged one; save it again in one of these"
            case Image.DecompressionBombError() | Image.DecompressionBombWarning():
                text = f"too large; {LIMITS}, make it smaller first"
            case OSError(strerror=str(reason)):
                text = reason
            case _:
                text = f"damaged picture ({' '.join(str(error).split())[:99] or type(error).__name__}); fetch it again"
        raise ImageError(f"{' '.join(str(where).splitlines())}: {text}") from None


@contextmanager
def _opened(path: str | Path) -> Iterator[Image.Image]:
    """Open one of the six formats by its content and check the limits; nothing is decoded yet."""
    # Handed a name, Pillow maps the file, and a mapped TIFF that lies on its side is read wrong.
    with _guarded(path), _quietly(), open(path, "rb") as file, Image.open(file, formats=_FORMATS) as image:
        check_size(*image.size)
        if getattr(image, "is_animated", False):
            _log.info("%s: several frames; only the first is used", path)
        yield image


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep decoders quiet about damage, make warnings of bombs errors: for the process, till its last reader is out."""
    with _quiet_lock:
        settings = ExitStack()
        if not _quiet:
            settings.enter_context(warnings.catch_warnings())
            settings.callback(_cv_log_level, _cv_log_level(0))
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
        _quiet.append(settings)
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet.pop().close()


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception as error:  # broken EXIF beside sound pixels; a decoder may raise anything
        _log.debug("EXIF ignored: %s", error)
        return 1


def _turned(array: Array, orientation: int) -> Array:
    """Undo the EXIF orientation (1 to 8) a camera noted."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return np.ascontiguousarray(array)


def _is_deep(image: Image.Image) -> bool:
    """True for a PNG, not loaded yet, with 16 bits in several channels: Pillow would cut them to 8."""
    return (
        image.format == "PNG"
        and len(image.getbands()) > 1
        and any(";16" in str(tile[3]) for tile in cast(Any, image).tile)
    )


def _read_deep(path: str | Path, image: Image.Image) -> Array:
    """Read 16-bit colours by OpenCV, once Pillow has found the file sound. Shape: (H, W, 3 or 4) uint16."""
    image.load()
    data = np.fromfile(path, np.uint8)
    if b"IEND\xae\x42\x60\x82" not in data.tobytes():
        raise ImageError("damaged picture (its end is missing); fetch it again")
    array = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if array is None or array.dtype != np.uint16 or array.ndim != 3:
        raise ImageError(f"this layout of 16-bit {image.mode} pixels can't be read; save it as a 16-bit RGB PNG")
    array = array[..., [2, 1, 0, 3][: array.shape[2]]]  # OpenCV has BGR
    return _turned(array, _orientation(image))


def _bands(path: str | Path) -> bands.Bands | None:
    """What a TIFF that Pillow has no mode for says of itself; None for any other file."""
    with _guarded(path), open(path, "rb") as file:
        return bands.find(file)


def _read_bands(path: str | Path, found: bands.Bands) -> Array:
    with _guarded(path), _quietly(), open(path, "rb") as file:
        return _turned(bands.read(file, found), found.orientation)


def _has_colours(found: bands.Bands) -> bool:
    return found.channels == 3 or (found.channels == 4 and found.has_alpha)


def _pixels(image: Image.Image) -> Array:
    """A picture as gray or RGB, either with alpha where it has one, upright. Shape: (H, W, 1 to 4) uint8 or uint16."""
    image.load()
    orientation = _orientation(image)
    if image.mode == "F":
        raise ImageError("float pixels, whose range is unknown; scale it to 8 or 16 bits and save it again")
    if image.mode == "I" or image.mode.startswith("I;16"):
        array = np.asarray(image)
        if image.mode == "I" and (array.min() < 0 or array.max() > 65535):
            raise ImageError(f"32-bit pixels from {array.min()} to {array.max()}; scale them to 8 or 16 bits")
        white_is_zero = image.mode != "I" and getattr(image, "tag_v2", {}).get(262) == 0  # a TIFF may say so
        array = (65535 - array if white_is_zero else array).astype(np.uint16)
    else:
        mode = "L" if image.mode in ("1", "L", "LA", "La") else "RGB"
        array = np.array(image.convert(mode + "A" if image.has_transparency_data else mode))
    return _turned(array.reshape(*array.shape[:2], -1), orientation)


def _labels(image: Image.Image) -> Array:
    if image.mode in ("P", "PA", "LA", "La"):
        return _turned(np.array(image.getchannel(0)), _orientation(image))
    image.info.pop("transparency", None)  # a transparent colour is a label like any other
    array = _pixels(image)
    return np.ascontiguousarray(array[..., :3] if array.shape[2] > 2 else array[..., 0])


def _with_channels(
    array: Array, channels: int | None, *, where: str | Path = "picture", has_alpha: bool = True
) -> Array:
    """Bring (H, W, C) to `channels`: alpha over white, gray repeated, colours to luma."""
    stored = array.shape[2]
    if channels is None or stored == channels:
        return array
    if channels not in (1, 3) or stored > 4 or (stored in (2, 4) and not has_alpha):
        raise ImageError(f"{where}: has {stored} channels where {channels} are wanted; convert it first")
    top = np.uint32(np.iinfo(array.dtype).max)
    out = np.empty((*array.shape[:2], channels), array.dtype)
    for y in range(0, array.shape[0], 256):  # in strips: the 32-bit copies are large
        wide = array[y : y + 256].astype(np.uint32)
        if wide.shape[2] in (2, 4):
            colours, alpha = wide[..., :-1], wide[..., -1:]
            wide = (colours * alpha + top * (top - alpha) + top // 2) // top
        if channels == 1 and wide.shape[2] == 3:
            luma = wide @ np.array([[19595], [38470], [7471]], np.uint32)  # ITU-R 601, times 65536
            wide = (luma + np.uint32(32768)) >> np.uint32(16)
        out[y : y + 256] = wide
    return out
