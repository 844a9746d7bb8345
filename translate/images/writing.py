"""Pictures into files, whole or not at all, and with nothing in them but pixels."""

import io
import os
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from translate.errors import ImageError
from translate.images import bands
from translate.images.arrays import Array, array_to_pil
from translate.images.limits import EXTENSIONS
from translate.images.provenance import Provenance
from translate.images.reading import from_pil

WRITERS = {suffix: suffix[1:].upper() for suffix in EXTENSIONS} | {".jpg": "JPEG", ".tif": "TIFF"}
DEEP = frozenset({".png", ".tif", ".tiff"})
"""Suffixes of files that hold 16 bits; only a TIFF holds other channels than one or three."""

_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
    "TIFF": {"compression": "tiff_deflate"},
}
_MODES = {"JPEG": ("L", "RGB"), "BMP": ("1", "L", "P", "RGB", "RGBA")}


def save(picture: Image.Image | Array, path: str | Path, *, provenance: Provenance | None = None) -> None:
    """Write a picture in the format of the suffix: whole or not at all, and with no metadata but what is given.

    Shape: of an array (H, W, C), uint8 or uint16; other than 1 or 3 channels need a TIFF, 16 bits a TIFF or PNG.
    Raises: ImageError for an unknown suffix, pixels or provenance the format can't hold, or a disk that won't take it.
    """
    path = Path(path)
    kind = WRITERS.get(path.suffix.lower())
    if kind is None:
        raise ImageError(f"{path}: can't write {path.suffix or 'a file without suffix'}; name it .png, .jpg or .webp")
    try:
        data = _encoded(picture, kind, {} if provenance is None else provenance.options(kind))
    except (OSError, ValueError, KeyError) as error:
        raise ImageError(f"{path}: can't write this {_name(picture)} picture as {kind}: {error}") from None
    write_bytes(path, data)


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Write an encoded picture whole or not at all.

    Raises: ImageError where the disk won't take it.
    """
    partial = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ImageError(f"{path}: can't be written: {reason}") from None
    finally:
        with suppress(OSError):
            partial.unlink()


def _encoded(picture: Image.Image | Array, kind: str, said: dict[str, Any]) -> bytes | memoryview:
    if isinstance(picture, np.ndarray):
        channels, deep = picture.shape[2], picture.dtype == np.uint16
        if kind == "TIFF" and (channels not in (1, 3) or (deep and channels == 3)):
            return bands.encode(picture)
        if channels not in (1, 3):
            raise ValueError("it holds one channel or three; save it as TIFF")
        if deep and kind not in ("PNG", "TIFF"):
            raise ValueError("it holds 8 bits; save it as PNG")
        if deep and channels == 3:
            if said:
                raise ValueError("in 16 bits it can't say that it is synthetic; save 8 bits")
            return cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))[1].tobytes()  # OpenCV takes BGR
        picture = array_to_pil(picture)  # made of pixels alone
    else:
        picture = _bare(picture, kind)
    buffer = io.BytesIO()
    picture.save(buffer, kind, **_OPTIONS.get(kind, {}), **said)
    return buffer.getbuffer()


def _name(picture: Image.Image | Array) -> str:
    if isinstance(picture, Image.Image):
        return picture.mode
    return f"{picture.shape[2]}-channel {8 * picture.dtype.itemsize}-bit"


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
