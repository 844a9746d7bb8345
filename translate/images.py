"""The only place that turns files, PIL pictures and arrays into tensors, and tensors back into pictures.

Inside the package a picture is float32 (N, C, H, W), RGB, in [-1, 1]. A file is known by its content, never by its
suffix; its limits are checked on the header, before anything is decoded; and outputs are built from bare arrays, so
that nothing a photo says about its owner (EXIF, XMP, ICC, comments) can reach them.
"""

import io
import logging
import os
import threading
import uuid
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from translate.errors import ImageError

if TYPE_CHECKING:
    from torch import Tensor

MAX_SIDE = 16_384
MAX_PIXELS = 50_000_000
EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif"})

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
_WRITERS = {suffix: suffix[1:].upper() for suffix in EXTENSIONS} | {".jpg": "JPEG", ".tif": "TIFF"}
_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
    "TIFF": {"compression": "tiff_deflate"},
}
_MODES = {"JPEG": ("L", "RGB"), "BMP": ("1", "L", "P", "RGB", "RGBA")}
_VOID = 255  # config.IGNORE_INDEX
_LIMITS = f"at most {MAX_SIDE:,} pixels a side and {MAX_PIXELS // 10**6} megapixels are taken"

_log = logging.getLogger(__name__)
_cv_log_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel  # OpenCV 4, 5
_quiet_lock = threading.Lock()
_quiet: list[ExitStack] = []  # one entry for each thread that is reading; the first holds what to restore

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Header:
    """Width and height as a viewer shows them, and the kind of pixels ("RGB", "P", "I;16", "RGB;16", ...)."""

    width: int
    height: int
    mode: str


def header(path: str | Path) -> Header:
    """What a picture is, without decoding it.

    Raises: ImageError if it's no picture of the six formats or larger than the limits.
    """
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
    with _opened(path) as image:
        return _with_channels(_read_deep(path, image) if _is_deep(image) else _pixels(image), channels)


def read_labels(path: str | Path) -> Array:
    """Read a label map unconverted: the indices of a palette or gray picture, or the colours of an RGB one.

    Shape: (H, W) uint8 or uint16 indices (a 1-bit picture gives 0 and 255), or (H, W, 3) colours without alpha.
    Raises: ImageError as `read_array` does.
    """
    with _opened(path) as image:
        if _is_deep(image):
            return np.ascontiguousarray(_read_deep(path, image)[..., :3])
        if image.mode in ("P", "PA", "LA", "La"):
            return _turned(np.array(image.getchannel(0)), _orientation(image))
        image.info.pop("transparency", None)  # a transparent colour is a label like any other
        array = _pixels(image)
        return np.ascontiguousarray(array[..., :3] if array.shape[2] > 2 else array[..., 0])


def from_pil(image: Image.Image, channels: int | None = 3) -> Array:
    """The pixels of a PIL picture, converted as `read_array` does.

    Shape: (H, W, C), uint8 or uint16.
    Raises: ImageError for float or 32-bit pixels, or a channel count that can't be made.
    """
    with _guarded("picture"):
        _check_size(*image.size)
        return _with_channels(_pixels(image), channels)


def to_pil(tensor: "Tensor") -> Image.Image:
    """A PIL picture ("L" or "RGB") from one tensor.

    Shape: (C, H, W) or (1, C, H, W), C 1 or 3, in [-1, 1]; values beyond are clamped.
    Raises: ImageError for another shape, or NaN.
    """
    tensor = tensor[0] if tensor.ndim == 4 and len(tensor) == 1 else tensor
    if tensor.ndim != 3 or len(tensor) not in (1, 3):
        raise ImageError(f"a tensor of shape {tuple(tensor.shape)} is no picture; expected (3, H, W) or (1, H, W)")
    return Image.fromarray(to_array(tensor) if len(tensor) == 3 else to_array(tensor)[..., 0])


def to_tensor(array: Array) -> "Tensor":
    """A tensor in [-1, 1] from bytes (0..255), 16-bit values (0..65535) or floats in [0, 1].

    Shape: (H, W) or (H, W, C) with any C -> (C, H, W) float32.
    Raises: ImageError for another type, another shape, or floats outside [0, 1].
    """
    import torch

    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or 0 in array.shape:
        raise ImageError(f"an array of shape {array.shape} is no picture; expected (H, W) or (H, W, C)")
    if array.dtype in (np.uint8, np.uint16):
        half = np.float32(np.iinfo(array.dtype).max / 2)
    elif np.issubdtype(array.dtype, np.floating):
        half = np.float32(0.5)
        low, high = float(array.min()), float(array.max())
        if not (low >= 0 and high <= 1):
            raise ImageError(f"float pixels span [{low:g}, {high:g}]; scale them to [0, 1]")
    else:
        raise ImageError(f"pixels are {array.dtype}; expected uint8, uint16, or floats in [0, 1]")
    planes = np.array(array.transpose(2, 0, 1), dtype=np.float32, order="C")  # (C, H, W), always a copy
    planes /= half
    planes -= 1
    return torch.from_numpy(planes)


def to_array(tensor: "Tensor") -> Array:
    """Bytes from a tensor in [-1, 1], rounded; values beyond are clamped.

    Shape: (C, H, W) -> (H, W, C) uint8.
    Raises: ImageError if the tensor holds NaN.
    """
    scaled = tensor.detach().float().cpu().add(1).mul_(127.5)
    if bool(scaled.isnan().any()):
        raise ImageError("the picture holds NaN; the model that made it has diverged")
    return scaled.clamp_(0, 255).round_().byte().permute(1, 2, 0).contiguous().numpy()


def resize(tensor: "Tensor", height: int, width: int) -> "Tensor":
    """Resize pictures, bilinear with antialiasing (no value leaves the range of its neighbours).

    Shape: (N, C, H, W) -> (N, C, height, width).
    """
    import torch.nn.functional as F

    if tensor.shape[-2:] == (height, width):
        return tensor
    return F.interpolate(tensor.float(), (height, width), mode="bilinear", antialias=True)


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
    known = (index >= 0) & (index < len(palette)) | (index == _VOID)
    if index.ndim != 2 or not known.all():
        found = f"index {index[~known][0]}" if index.ndim == 2 else f"shape {index.shape}"
        raise ImageError(f"a label map with {found}, where (H, W) indices of {len(palette)} classes are expected")
    colours = np.zeros((256, 3), np.uint8)
    colours[: len(palette)] = palette
    colours[_VOID] = 0
    image = Image.fromarray(np.ascontiguousarray(index, dtype=np.uint8))
    image.putpalette(colours.tobytes())
    return image


def save(image: Image.Image, path: str | Path) -> None:
    """Write a picture in the format of the suffix: whole or not at all, and without any metadata.

    Raises: ImageError for an unknown suffix, pixels the format can't hold, or a disk that won't take it.
    """
    path = Path(path)
    kind = _WRITERS.get(path.suffix.lower())
    if kind is None:
        raise ImageError(f"{path}: can't write {path.suffix or 'a file without suffix'}; name it .png, .jpg or .webp")
    buffer = io.BytesIO()
    partial = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        _bare(image, kind).save(buffer, kind, **_OPTIONS.get(kind, {}))
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("xb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, ValueError, KeyError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ImageError(f"{path}: can't write this {image.mode} picture as {kind}: {reason}") from None
    finally:
        with suppress(OSError):
            partial.unlink()


def grid(rows: Sequence[Sequence[Image.Image | Array]], *, gap: int = 4, titles: Sequence[str] = ()) -> Image.Image:
    """A contact sheet on white: every cell as large as the largest picture, titles above the columns."""
    cells = [[Image.fromarray(x) if isinstance(x, np.ndarray) else x for x in row] for row in rows]
    sizes = [cell.size for row in cells for cell in row] or [(1, 1)]
    width, height = (max(sides) for sides in zip(*sizes, strict=True))
    columns = max((len(row) for row in cells), default=1)
    letters = max(12, width // 16)
    top = gap + (letters * 3 // 2 if titles else 0)
    sheet = Image.new("RGB", (gap + columns * (width + gap), top + len(cells) * (height + gap)), "white")
    for y, row in enumerate(cells):
        for x, cell in enumerate(row):
            left, upper = gap + x * (width + gap), top + y * (height + gap)
            picture = Image.fromarray(from_pil(cell))
            sheet.paste(picture, (left + (width - cell.width) // 2, upper + (height - cell.height) // 2))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=letters)
    for x, title in enumerate(titles[:columns]):
        draw.text((gap + x * (width + gap) + width // 2, top // 2), title, fill="black", font=font, anchor="mm")
    return sheet


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
                text = f"too large; {_LIMITS}, make it smaller first"
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
        _check_size(*image.size)
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


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise ImageError(f"{width} x {height} pixels: an empty picture; remove it")
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise ImageError(f"{width} x {height} pixels is too large; {_LIMITS}, make it smaller first")


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
    """True for a picture, not loaded yet, with 16 bits in several channels: Pillow would cut them to 8."""
    if image.format == "TIFF":
        return len(image.getbands()) > 1 and max(cast(Any, image).tag_v2.get(258, (8,))) > 8
    return (
        image.format == "PNG"
        and len(image.getbands()) > 1
        and any(";16" in str(tile[3]) for tile in cast(Any, image).tile)
    )


def _read_deep(path: str | Path, image: Image.Image) -> Array:
    """Read 16-bit colours by OpenCV, once Pillow has found the file sound. Shape: (H, W, 3 or 4) uint16."""
    image.load()
    data = np.fromfile(path, np.uint8)
    if image.format == "PNG" and b"IEND\xae\x42\x60\x82" not in data.tobytes():
        raise ImageError("damaged picture (its end is missing); fetch it again")
    array = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    planes = getattr(image, "tag_v2", {}).get(284, 1) == 2  # OpenCV takes separate planes for interleaved ones
    if planes or image.mode == "CMYK" or array is None or array.dtype != np.uint16 or array.ndim != 3:
        raise ImageError(f"this layout of 16-bit {image.mode} pixels can't be read; save it as a 16-bit RGB PNG")
    array = array[..., [2, 1, 0, 3][: array.shape[2]]]  # OpenCV has BGR
    # It turns a TIFF by its tag, but leaves a PNG as it is.
    return _turned(array, _orientation(image) if image.format == "PNG" else 1)


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


def _with_channels(array: Array, channels: int | None) -> Array:
    """Bring (H, W, C) to `channels`: alpha over white, gray repeated, colours to luma."""
    if channels is None or array.shape[2] == channels:
        return array
    if channels not in (1, 3):
        raise ImageError(f"has {array.shape[2]} channels where {channels} are wanted; convert it first")
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


def _bare(image: Image.Image, kind: str) -> Image.Image:
    """A copy that has pixels and palette and nothing else, in a mode the format can hold."""
    if image.has_transparency_data and image.mode not in ("RGBA", "LA"):
        image = image.convert("RGBA")
    if image.mode.startswith("I") and kind not in ("PNG", "TIFF"):
        raise ValueError("it holds 8 bits; save it as PNG")
    if image.mode == "CMYK" or image.mode not in _MODES.get(kind, (image.mode,)):
        image = Image.fromarray(from_pil(image))
    bare = Image.frombytes(image.mode, image.size, image.tobytes())
    if image.mode == "P":
        bare.putpalette(image.getpalette() or [0] * 768)
    return bare
