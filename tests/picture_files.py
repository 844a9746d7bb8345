"""Picture files made by hand, byte by byte, so that a test knows every value in them."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

STORED = [[10, 20, 30], [40, 50, 60]]
UPRIGHT = {
    1: [[10, 20, 30], [40, 50, 60]],
    2: [[30, 20, 10], [60, 50, 40]],
    3: [[60, 50, 40], [30, 20, 10]],
    4: [[40, 50, 60], [10, 20, 30]],
    5: [[10, 40], [20, 50], [30, 60]],
    6: [[40, 10], [50, 20], [60, 30]],
    7: [[60, 30], [50, 20], [40, 10]],
    8: [[30, 60], [20, 50], [10, 40]],
}
RAINBOW = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[1, 2, 3], [250, 100, 7], [0, 0, 0]]], np.uint8)
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".webp": "WEBP", ".bmp": "BMP", ".tif": "TIFF", ".gif": "GIF"}
SUFFIXES = tuple(FORMATS)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_bytes(array: np.ndarray, *, kind: int, extra: bytes = b"", after: bytes = b"", size=None) -> bytes:
    """A PNG made by hand; `kind` is PNG's colour type, `size` a lie about (width, height)."""
    depth = array.dtype.itemsize * 8
    width, height = size or array.shape[1::-1]
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(array.dtype.newbyteorder(">")).tobytes() for row in array)
    body = chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(rows)) + after + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def tiff_bytes(array: np.ndarray, *, colours: int, orientation: int = 1, planes: bool = False, kind: int = 1) -> bytes:
    """An uncompressed TIFF made by hand; `colours` is its photometric interpretation, `kind` its sample format."""
    height, width = array.shape[:2]
    samples = 1 if array.ndim == 2 else array.shape[2]
    stored = array.transpose(2, 0, 1) if planes else array
    data = stored.astype(array.dtype.newbyteorder("<")).tobytes()
    pages = samples if planes else 1
    tail = 8 + len(data)  # pixels first, then the long values, then the directory
    longs: list[bytes] = []

    def many(code: str, values: list[int]) -> tuple[int, bytes]:
        raw = struct.pack(f"<{len(values)}{code}", *values)
        if len(raw) <= 4:
            return len(values), raw.ljust(4, b"\0")
        at = tail + sum(map(len, longs))
        longs.append(raw)
        return len(values), struct.pack("<I", at)

    piece = len(data) // pages
    entries = [
        (256, 4, *many("I", [width])),
        (257, 4, *many("I", [height])),
        (258, 3, *many("H", [array.dtype.itemsize * 8] * samples)),
        (259, 3, *many("H", [1])),
        (262, 3, *many("H", [colours])),
        (273, 4, *many("I", [8 + piece * i for i in range(pages)])),
        (274, 3, *many("H", [orientation])),
        (277, 3, *many("H", [samples])),
        (278, 4, *many("I", [height])),
        (279, 4, *many("I", [piece] * pages)),
        (284, 3, *many("H", [2 if planes else 1])),
        (339, 3, *many("H", [kind] * samples)),
    ]
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHI", *entry[:3]) + entry[3] for entry in entries) + struct.pack("<I", 0)
    tables = b"".join(longs)
    return b"II*\0" + struct.pack("<I", tail + len(tables)) + data + tables + directory


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def encoded(suffix: str, size: tuple[int, int] = (37, 29)) -> bytes:
    """A photo-like picture in the format of `suffix`."""
    y, x = np.mgrid[: size[1], : size[0]]
    noise = np.random.default_rng(3).integers(0, 40, (size[1], size[0], 3))
    array = (np.stack([x * 5, y * 7, x * 2 + y * 3], axis=-1) + noise).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, FORMATS[suffix])
    return buffer.getvalue()


def webp_canvas(width: int, height: int) -> bytes:
    """An animated WEBP of one 4 x 4 frame, which the canvas must hold, that claims to be `width` x `height`."""

    def three(value: int) -> bytes:
        return struct.pack("<I", value)[:3]

    def piece(name: bytes, data: bytes) -> bytes:
        return name + struct.pack("<I", len(data)) + data

    frame = three(0) * 2 + three(3) * 2 + three(100) + b"\0" + encoded(".webp", (4, 4))[12:]
    canvas = piece(b"VP8X", b"\x02\0\0\0" + three(width - 1) + three(height - 1))
    return piece(b"RIFF", b"WEBP" + canvas + piece(b"ANIM", bytes(6)) + piece(b"ANMF", frame))


def bmp_header(width: int, height: int) -> bytes:
    return struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


def tiff_sizes(width: int, height: int) -> tuple[bytes, bytes]:
    def entries(w: int, h: int) -> bytes:
        return struct.pack("<HHII", 256, 4, 1, w) + struct.pack("<HHII", 257, 4, 1, h)

    return entries(3, 2), entries(width, height)
