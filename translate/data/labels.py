"""Label maps: which stored value or colour is which class (classes.json), and masks turned into class indices."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from translate import images
from translate.config import IGNORE_INDEX, ClassSpec, parse
from translate.errors import ConfigError, DatasetError

Encoding = Literal["index", "colour", "binary"]
LOSSY = frozenset({".jpg", ".jpeg", ".webp"})
LOSSY_TOLERANCE = 48
"""How far each channel of a lossy picture may be from its class's colour."""
BINARY_THRESHOLD = 128
"""0/255 masks: values from here on are the second class."""
MIDDLE, MIDDLE_SHARE = (64, 191), 0.25
"""A picture with more than this share of its values in between is no 0/255 mask."""
MAX_CLASSES = IGNORE_INDEX


@dataclass(frozen=True, kw_only=True, slots=True)
class Legend:
    """How label pictures are read: stored values or colours to classes 0..n-1, the rest to IGNORE_INDEX."""

    classes: tuple[ClassSpec, ...]
    encoding: Encoding
    values: tuple[int, ...]
    """The stored value of each class, in the classes' order (index encoding)."""
    ignore: tuple[int, ...] = ()
    ignore_colours: tuple[tuple[int, int, int], ...] = ()
    source: Path | None = None
    _lut: dict[int, np.ndarray] = field(default_factory=dict, repr=False, compare=False)

    def encode(self, raw: np.ndarray, *, lossy: bool = False) -> tuple[np.ndarray, dict[str, int]]:
        """Class indices of a stored label picture, and the pixels per unknown value or colour (void in the result).

        Shape: raw (H, W) or (H, W, 3) -> (H, W) uint8.
        Raises: DatasetError when the picture is of another encoding.
        """
        if self.encoding == "binary":
            return self._encode_binary(raw)
        if self.encoding == "index":
            if raw.ndim != 2:
                raise DatasetError("is a colour picture where a map of class indices is expected")
            return self._encode_index(raw)
        if raw.ndim == 2:
            raw = np.repeat(raw[..., None], 3, axis=2)
        if raw.dtype == np.uint16:
            raw = (raw >> 8).astype(np.uint8)
        return self._encode_colour(raw, LOSSY_TOLERANCE if lossy else 0)

    def paint(self, index: np.ndarray) -> np.ndarray:
        """Draw class indices in their colours, void black. Shape: (H, W) -> (H, W, 3) uint8."""
        return images.colourise(index, [spec.color for spec in self.classes])

    def _encode_binary(self, raw: np.ndarray) -> tuple[np.ndarray, dict[str, int]]:
        gray = raw if raw.ndim == 2 else raw.mean(axis=2)
        if raw.dtype == np.uint16:
            gray = gray / 257
        middle = int(((gray > MIDDLE[0]) & (gray < MIDDLE[1])).sum())
        if middle > MIDDLE_SHARE * gray.size:
            raise DatasetError(f"is no 0/255 mask: {middle / gray.size:.0%} of its pixels are neither dark nor bright")
        return (gray >= BINARY_THRESHOLD).astype(np.uint8), {}

    def _encode_index(self, raw: np.ndarray) -> tuple[np.ndarray, dict[str, int]]:
        levels = 1 << (8 * raw.dtype.itemsize)
        if levels not in self._lut:
            self._lut[levels] = self._table(levels)
        coded = self._lut[levels][raw]  # (H, W) int16, -1 unknown
        unknown = coded < 0
        counts: dict[str, int] = {}
        if unknown.any():
            values, pixels = np.unique(raw[unknown], return_counts=True)
            counts = {str(v): int(n) for v, n in zip(values, pixels, strict=True)}
        return np.where(unknown, IGNORE_INDEX, coded).astype(np.uint8), counts

    def _table(self, levels: int) -> np.ndarray:
        table = np.full(levels, -1, np.int16)
        for void in (IGNORE_INDEX, *self.ignore):
            if void < levels:
                table[void] = IGNORE_INDEX
        for index, value in enumerate(self.values):
            if value < levels:
                table[value] = index
        return table

    def _encode_colour(self, raw: np.ndarray, tolerance: int) -> tuple[np.ndarray, dict[str, int]]:
        known = [(spec.color, index) for index, spec in enumerate(self.classes)]
        known += [(colour, IGNORE_INDEX) for colour in self.ignore_colours]
        colours, inverse = np.unique(_pack(raw), return_inverse=True)
        rgb = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1).astype(np.int16)  # (n, 3)
        palette = np.array([colour for colour, _ in known], np.int16)  # (K, 3)
        coded = np.full(len(rgb), IGNORE_INDEX, np.uint8)
        best = np.full(len(rgb), tolerance + 1, np.int16)
        for colour, (_, index) in zip(palette, known, strict=True):
            distance = np.abs(rgb - colour).max(axis=1)
            closer = distance < best
            coded[closer], best[closer] = index, distance[closer]
        missed = np.flatnonzero(best > tolerance)
        pixels = np.bincount(inverse.ravel(), minlength=len(rgb))
        counts = {f"colour ({rgb[i, 0]}, {rgb[i, 1]}, {rgb[i, 2]})": int(pixels[i]) for i in missed}
        return coded[inverse].reshape(raw.shape[:2]), counts


def read_legend(path: Path) -> Legend:
    """Read a classes.json: {"ignore_index": 11, "classes": [{"index": 0, "name": "sky", "color": [70, 130, 180]}, ...]}

    Indices need not be contiguous: classes become 0..n-1 in listed order. A class whose index is the ignore_index (one
    number or a list) is void, and so is black where no class is black.
    Raises: DatasetError naming the file and the entry.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(f"{path}: not a readable JSON file ({error})") from None
    entries = stored.get("classes") if isinstance(stored, dict) else None
    if not isinstance(entries, list) or not entries:
        raise DatasetError(f'{path}: needs a list "classes" of {{"index", "name", "color"}}')
    ignore = _indices(stored.get("ignore_index"), path)
    specs = [_entry(entry, place, path) for place, entry in enumerate(entries)]
    values = [value for value, _ in specs]
    if len(set(values)) < len(values):
        raise DatasetError(f"{path}: two classes share an index ({values})")
    kept = [(value, spec) for value, spec in specs if value not in ignore]
    if not 1 <= len(kept) <= MAX_CLASSES:
        raise DatasetError(f"{path}: {len(kept)} classes; from 1 to {MAX_CLASSES} are possible")
    colours = {spec.color for _, spec in kept}
    voids = {spec.color for value, spec in specs if value in ignore} | {(0, 0, 0)}
    return Legend(
        classes=tuple(spec for _, spec in kept),
        encoding="index",
        values=tuple(value for value, _ in kept),
        ignore=ignore,
        ignore_colours=tuple(sorted(voids - colours)),
        source=path,
    )


def find_legend(folder: Path) -> Legend | None:
    """The classes.json in the folder or one or two folders up.

    Raises: DatasetError when it is there and malformed.
    """
    for place in (folder, *folder.absolute().parents[:2]):
        if (place / "classes.json").is_file():
            return read_legend(place / "classes.json")
    return None


def palette(count: int) -> list[tuple[int, int, int]]:
    """Distinct colours for classes that come without any (the bit-reversed palette of Pascal VOC)."""
    colours = []
    for index in range(count):
        channels, rest = [0, 0, 0], index
        for bit in range(7, -1, -1):
            for channel in range(3):
                channels[channel] |= (rest >> channel & 1) << bit
            rest >>= 3
        colours.append((channels[0], channels[1], channels[2]))
    return colours


def _pack(raw: np.ndarray) -> np.ndarray:
    wide = raw.astype(np.uint32)
    return wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]


def _indices(value: Any, path: Path) -> tuple[int, ...]:
    found: Sequence[Any] = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(v, int) and not isinstance(v, bool) for v in found):
        raise DatasetError(f"{path}: ignore_index is {value!r}; expected a number or a list of numbers")
    return tuple(found)


def _entry(entry: Any, place: int, path: Path) -> tuple[int, ClassSpec]:
    if not isinstance(entry, dict) or "name" not in entry:
        raise DatasetError(f'{path}: class {place} is {entry!r}; expected {{"index", "name", "color"}}')
    index = entry.get("index", place)
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index <= 65535:
        raise DatasetError(f"{path}: class {place} has index {index!r}; expected a whole number from 0 to 65535")
    colour = entry.get("color", entry.get("colour", palette(place + 1)[place]))
    try:
        return index, parse(ClassSpec, {"name": str(entry["name"]), "color": colour})
    except ConfigError as error:
        raise DatasetError(f"{path}: class {place}: {error}") from None
