"""TIFFs that Pillow has no mode for: more channels than four, 16-bit colours, channels that are no alpha.

Of such a file nothing is believed but the dozen entries of its first directory that say where the pixels lie, and each
is held against the file's length and the limits before it is used. libtiff, which Pillow brings, decodes the pixels: to
a decoder a row of W pixels with C channels of B bytes is a gray row of W x C x B, so they are handed to it as such.
"""

import io
import os
import struct
import zlib
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from PIL import Image

from translate.errors import ImageError
from translate.images.limits import MAX_PIXELS, check_size

COMPRESSIONS = {1: "none", 5: "LZW", 8: "deflate", 32773: "PackBits", 32946: "deflate", 50000: "zstd"}
MAX_ENTRIES = 4096
AT_ONCE = 8_000_000
"""Bytes that are decoded at a time, or one row of strips or tiles if that is more."""

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _COLOURS, _FILL = 256, 257, 258, 259, 262, 266
_STRIPS, _ORIENTATION, _CHANNELS, _ROWS, _STRIP_LENGTHS, _PLANES = 273, 274, 277, 278, 279, 284
_PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_LENGTHS, _EXTRA, _KIND = 317, 322, 323, 324, 325, 338, 339
_WANTED = frozenset(
    {_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _COLOURS, _FILL, _STRIPS, _ORIENTATION, _CHANNELS, _ROWS, _STRIP_LENGTHS}
    | {_PLANES, _PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_LENGTHS, _EXTRA, _KIND}
)
_TYPES = {1: "u1", 3: "u2", 4: "u4", 16: "u8"}  # BYTE, SHORT, LONG, LONG8

Array = np.ndarray[Any, Any]
Tags = dict[int, list[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bands:
    """Where the pixels of a TIFF lie; a segment is a strip (as wide as the picture) or a tile."""

    width: int
    height: int
    channels: int
    depth: np.dtype[Any]
    """uint8 or uint16 in the file's byte order."""
    has_alpha: bool
    compression: int
    differences: bool
    """Stored is by how much each pixel differs from its left neighbour."""
    planes: bool
    """Each channel lies by itself."""
    orientation: int
    segment: tuple[int, int]
    """Height and width."""
    offsets: list[int]
    lengths: list[int]

    @property
    def across(self) -> int:
        """Segments side by side."""
        return -(-self.width // self.segment[1])


def find(file: IO[bytes]) -> Bands | None:
    """What a TIFF of the kind that this module reads says of its pixels; None for any other file.

    Raises: ImageError for such a TIFF that is damaged, too large, or stored in a way that isn't read.
    """
    size = os.fstat(file.fileno()).st_size
    tags = _tags(file, size)
    if tags is None or not _is_ours(tags):
        return None
    width, height, channels = (_one(tags, tag, 0) for tag in (_WIDTH, _HEIGHT, _CHANNELS))
    check_size(width, height, channels)
    order = _order(file)
    bits = tags.get(_BITS, [1])
    _refuse_unknown(tags, bits, channels)
    tiled = _TILES in tags
    rows = _one(tags, _TILE_HEIGHT if tiled else _ROWS, height)
    segment = (rows, _one(tags, _TILE_WIDTH, 0)) if tiled else (min(rows, height), width)
    found = Bands(
        width=width,
        height=height,
        channels=channels,
        depth=np.dtype(f"{order}u{bits[0] // 8}"),
        has_alpha=channels in (2, 4) and tags.get(_EXTRA, [2])[0] in (1, 2),
        compression=_one(tags, _COMPRESSION, 1),
        differences=_one(tags, _PREDICTOR, 1) == 2,
        planes=_one(tags, _PLANES, 1) == 2,
        orientation=_one(tags, _ORIENTATION, 1),
        segment=segment,
        offsets=tags.get(_TILES if tiled else _STRIPS, []),
        lengths=tags.get(_TILE_LENGTHS if tiled else _STRIP_LENGTHS, []),
    )
    _check_segments(found, size)
    return found


def read(file: IO[bytes], found: Bands) -> Array:
    """Decode the pixels, not yet turned upright. Shape: (H, W, C) uint8 or uint16.

    Raises: whatever Pillow does on a damaged file.
    """
    out = np.empty((found.height, found.width, found.channels), found.depth.newbyteorder("="))
    high, wide = found.segment
    channels = 1 if found.planes else found.channels
    down, across = -(-found.height // high), found.across
    line = across * wide * channels * found.depth.itemsize  # bytes in a row of segments
    together = max(1, AT_ONCE // (line * high))
    for plane in range(found.channels if found.planes else 1):
        for first in range(0, down, together):
            last = min(first + together, down)
            numbers = range((plane * down + first) * across, (plane * down + last) * across)
            top, bottom = first * high, min(last * high, found.height)
            rows = bottom - top if wide == found.width else (last - first) * high
            gray = _gray(file, found, numbers, rows, line)
            values = gray.view(found.depth).astype(out.dtype).reshape(rows, across, wide, channels)
            if found.differences:
                values = np.cumsum(values, axis=2, dtype=out.dtype)
            values = values.reshape(rows, across * wide, channels)[: bottom - top, : found.width]
            out[top:bottom, :, plane : plane + 1 if found.planes else None] = values
    return out


def encode(array: Array) -> bytes:
    """A TIFF of any number of channels, deflated. Shape: (H, W, C) uint8 or uint16."""
    height, width, channels = array.shape
    rows = max(1, 1_000_000 // (width * channels))
    pieces = []
    for top in range(0, height, rows):
        piece = array[top : top + rows].astype(array.dtype.newbyteorder("<"))
        piece[:, 1:] -= array[top : top + rows, :-1]  # neighbours are alike, differences pack better
        pieces.append(zlib.compress(piece.tobytes(), 6))
    colours = 3 if channels == 3 else 1
    entries: dict[int, tuple[str, list[int]]] = {
        _WIDTH: ("I", [width]),
        _HEIGHT: ("I", [height]),
        _BITS: ("H", [8 * array.dtype.itemsize] * channels),
        _COMPRESSION: ("H", [8]),
        _COLOURS: ("H", [2 if colours == 3 else 1]),
        _STRIPS: ("I", []),
        _CHANNELS: ("H", [channels]),
        _ROWS: ("I", [rows]),
        _STRIP_LENGTHS: ("I", [len(piece) for piece in pieces]),
        _PLANES: ("H", [1]),
        _PREDICTOR: ("H", [2]),
        _EXTRA: ("H", [0] * (channels - colours)),
        _KIND: ("H", [1] * channels),
    }
    return _file("<", {tag: entry for tag, entry in entries.items() if entry[1] or tag == _STRIPS}, _STRIPS, pieces)


def _is_ours(tags: Tags) -> bool:
    channels, extra = _one(tags, _CHANNELS, 1), tags.get(_EXTRA, [])
    if channels < 2:
        return False
    no_alpha = bool(extra) and extra[0] not in (1, 2)
    return channels > 4 or max(tags.get(_BITS, [1])) > 8 or no_alpha or (_one(tags, _COLOURS, 1) < 2 and channels > 2)


def _refuse_unknown(tags: Tags, bits: list[int], channels: int) -> None:
    what = f"{channels} channels of {max(bits)} bits"
    if set(tags.get(_KIND, [1])) != {1}:
        raise ImageError(f"{what} that are float or signed; scale it to 8 or 16 bits and save it again")
    if bits[0] not in (8, 16) or bits != [bits[0]] * channels:
        raise ImageError(f"{what}; scale them to 8 or 16 bits and save it again")
    compression = _one(tags, _COMPRESSION, 1)
    if compression not in COMPRESSIONS:
        known = ", ".join(dict.fromkeys(COMPRESSIONS.values()))
        raise ImageError(f"{what} in compression {compression}; read are {known}, save it again with one of these")
    if _one(tags, _COLOURS, 1) not in (1, 2) or _one(tags, _FILL, 1) != 1 or _one(tags, _PREDICTOR, 1) not in (1, 2):
        raise ImageError(f"this layout of {max(bits)}-bit pixels can't be read; save it as RGB or gray channels")


def _check_segments(found: Bands, size: int) -> None:
    """Make sure that the strips or tiles are as many as the picture needs, of a sensible size, and in the file."""
    high, wide = found.segment
    if not (wide >= 1 and 1 <= high <= 2 * MAX_PIXELS):
        raise ImageError("damaged picture (its tiles have no size); fetch it again")
    channels = 1 if found.planes else found.channels
    most = high * wide * channels * found.depth.itemsize
    if most > 2 * MAX_PIXELS:
        raise ImageError("its strips or tiles are too large; save it again with strips of fewer rows")
    count = -(-found.height // high) * found.across * (found.channels if found.planes else 1)
    if min(len(found.offsets), len(found.lengths)) < count:
        raise ImageError("damaged picture (parts of it are missing); fetch it again")
    for offset, length in zip(found.offsets[:count], found.lengths[:count], strict=True):
        # Nothing packs to twice its size; and strips that all lie in one place could fill any memory.
        if offset + length > size or length > 2 * most + 4096:
            raise ImageError("damaged picture (its end is missing); fetch it again")


def _tags(file: IO[bytes], size: int) -> Tags | None:
    """The wanted entries of the first directory; None for what is no TIFF. Nothing else of the file is read."""
    head = file.read(16)
    if head[:2] not in (b"II", b"MM"):
        return None
    order = "<" if head[:2] == b"II" else ">"
    big = head[2:4] == struct.pack(f"{order}H", 43)
    if len(head) < (16 if big else 8) or (not big and head[2:4] != struct.pack(f"{order}H", 42)):
        return None
    word, count, entry = ("Q", "Q", 20) if big else ("I", "H", 12)
    (start,) = struct.unpack_from(f"{order}{word}", head, 8 if big else 4)
    table = _part(file, start, struct.calcsize(f"{order}{count}"), size)
    entries = struct.unpack(f"{order}{count}", table)[0] if table else MAX_ENTRIES + 1
    directory = _part(file, start + len(table), entries * entry, size) if entries <= MAX_ENTRIES else b""
    tags: Tags = {}
    for at in range(0, len(directory), entry):
        tag, kind = struct.unpack_from(f"{order}HH", directory, at)
        if tag not in _WANTED or kind not in _TYPES:
            continue
        (number,) = struct.unpack_from(f"{order}{word}", directory, at + 4)
        kept = at + 4 + struct.calcsize(word)
        length, room = number * np.dtype(_TYPES[kind]).itemsize, struct.calcsize(word)
        (place,) = struct.unpack_from(f"{order}{word}", directory, kept)
        raw = directory[kept : kept + length] if length <= room else _part(file, place, length, size)
        tags[tag] = np.frombuffer(raw, f"{order}{_TYPES[kind]}").tolist()
    return tags


def _part(file: IO[bytes], start: int, length: int, size: int) -> bytes:
    """A part of the file; nothing where it isn't all there, or is longer than any table of strips."""
    if start + length > size or length > 8 * MAX_PIXELS // 100:
        return b""
    file.seek(start)
    return file.read(length)


def _order(file: IO[bytes]) -> str:
    file.seek(0)
    return "<" if file.read(2) == b"II" else ">"


def _one(tags: Tags, tag: int, default: int) -> int:
    return (tags.get(tag) or [default])[0]


def _gray(file: IO[bytes], found: Bands, numbers: range, rows: int, line: int) -> Array:
    """Segments decoded as the bytes of one gray picture. Shape: (rows, line) uint8."""
    high, wide = found.segment
    pieces = []
    for number in numbers:
        file.seek(found.offsets[number])
        pieces.append(file.read(found.lengths[number]))
    entries: dict[int, tuple[str, list[int]]] = {
        _WIDTH: ("I", [line]),
        _HEIGHT: ("I", [rows]),
        _BITS: ("H", [8]),
        _COMPRESSION: ("H", [found.compression]),
        _COLOURS: ("H", [1]),
        _CHANNELS: ("H", [1]),
    }
    lengths = [len(piece) for piece in pieces]
    if wide == found.width:
        entries |= {_STRIPS: ("I", []), _ROWS: ("I", [high]), _STRIP_LENGTHS: ("I", lengths)}
        data = _file("<", entries, _STRIPS, pieces)
    else:
        entries |= {_TILE_WIDTH: ("I", [line // found.across]), _TILE_HEIGHT: ("I", [high])}
        entries |= {_TILES: ("I", []), _TILE_LENGTHS: ("I", lengths)}
        data = _file("<", entries, _TILES, pieces)
    with Image.open(io.BytesIO(data), formats=("TIFF",)) as image:
        return np.array(image)


def _file(order: str, entries: dict[int, tuple[str, list[int]]], offsets: int, pieces: list[bytes]) -> bytes:
    """A TIFF of one directory; the entry `offsets` is filled with where the pieces lie."""
    entries[offsets] = ("I", [0] * len(pieces))
    start = 8 + 2 + 12 * len(entries) + 4
    start += sum(length for code, values in entries.values() if (length := struct.calcsize(code) * len(values)) > 4)
    places = np.cumsum([start, *(len(piece) for piece in pieces)]).tolist()
    entries[offsets] = ("I", places[:-1])
    directory, tables = struct.pack(f"{order}H", len(entries)), b""
    for tag, (code, values) in sorted(entries.items()):
        raw = struct.pack(f"{order}{len(values)}{code}", *values)
        if len(raw) > 4:
            tables += raw
            raw = struct.pack(f"{order}I", 8 + 2 + 12 * len(entries) + 4 + len(tables) - len(raw))
        directory += struct.pack(f"{order}HHI", tag, {"H": 3, "I": 4}[code], len(values)) + raw.ljust(4, b"\0")
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return b"".join([mark, struct.pack(f"{order}I", 8), directory, struct.pack(f"{order}I", 0), tables, *pieces])
