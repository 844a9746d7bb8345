"""Telling label maps from pictures by looking at a few files: index PNGs, colour-coded maps, 0/255 masks."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from translate import images
from translate.config import IGNORE_INDEX, ClassSpec
from translate.data.folders import PairFile
from translate.data.labels import BINARY_THRESHOLD, LOSSY, LOSSY_TOLERANCE, Legend, find_legend, palette
from translate.errors import ImageError

SAMPLES = 8
MORE_SAMPLES = 200
"""How many maps are read where the first are blank, or where no classes.json tells the largest index."""
MOST_UNNAMED = 64
DARK, BRIGHT, BINARY_SHARE = 32, 223, 0.95
KNOWN_SHARE = 0.5
"""Share of a sample's pixels that classes.json has to know for it to be label maps; what it doesn't, check() names."""
LABEL_FOLDERS = frozenset({"label", "labels", "label_rgb", "mask", "masks"})
Colour = tuple[int, int, int]
NOUNS = frozenset(
    {"building", "car", "cell", "cloud", "crack", "field", "fire", "flood", "forest", "hair", "house", "lake", "lane"}
    | {"person", "pool", "rail", "river", "road", "roof", "shadow", "ship", "skin", "sky", "smoke", "snow", "text"}
    | {"tree", "tumor", "vegetation", "vessel", "water"}
)


def detect(pairs: Sequence[PairFile], side: str, root: Path) -> tuple[Legend | None, str]:
    """How the pictures of one side ("a", "b") are to be read as label maps, and a line saying why; None for pictures.

    Raises: DatasetError for a malformed classes.json.
    """
    sample = _read(_spread(pairs, SAMPLES), side)
    if not sample:
        return None, ""
    folder = _folder(pairs[0], side)
    legend = find_legend(folder)
    if legend is not None:
        named = not LABEL_FOLDERS.isdisjoint({folder.name.lower(), folder.parent.name.lower()})
        return _with_legend(sample, legend, named)
    if not any(raw.any() for _, raw in sample):  # what is rare may be in none of the first few
        sample = _read(_spread(pairs, MORE_SAMPLES), side)
    if all(_is_binary(raw, path) for path, raw in sample) and any(_bytes(raw).max() > DARK for _, raw in sample):
        name = _noun(folder, root)
        note = f"0/255 masks: values from {BINARY_THRESHOLD} on are class {name!r} (no classes.json names it)"
        return _binary(("background", name)), note
    if all(raw.ndim == 2 and path.suffix.lower() not in LOSSY for path, raw in sample):
        return _unnamed(pairs, side, root)
    return None, ""


def side_of(raw: np.ndarray, pair: PairFile, side: str) -> np.ndarray:
    """Cut a side-by-side picture in the middle; others pass. Shape: (H, 2W[, C]) -> (H, W[, C])."""
    if pair.b is not None:
        return raw
    half = raw.shape[1] // 2
    return raw[:, :half] if side == "a" else raw[:, half:]


def path_of(pair: PairFile, side: str) -> Path:
    """The file that holds a side of the pair."""
    return pair.a if side == "a" or pair.b is None else pair.b


def _with_legend(sample: list[tuple[Path, np.ndarray]], legend: Legend, named: bool) -> tuple[Legend | None, str]:
    """Which encoding fits the sample; `named` says that the folder's name promises label maps."""
    two = len(legend.classes) == 2 and 255 not in legend.values
    values = {int(v) for _, raw in sample if raw.ndim == 2 for v in np.unique(raw)}
    if two and 255 in values and 1 not in values and all(_is_binary(raw, path) for path, raw in sample):
        return replace(legend, encoding="binary"), f"0/255 masks, classes by {legend.source}"
    flat = 2 * sum(raw.ndim == 2 for _, raw in sample) > len(sample)
    coded = replace(legend, encoding="index" if flat else "colour")
    fitting = [(path, raw) for path, raw in sample if (raw.ndim == 2) == flat]
    if named or np.mean([_known(coded, path, raw) for path, raw in fitting]) >= KNOWN_SHARE:
        if flat:
            return coded, f"index maps, classes by {legend.source}"
        lossy = any(path.suffix.lower() in LOSSY for path, _ in sample)
        within = f", nearest colour within {LOSSY_TOLERANCE} a channel" if lossy else ""
        return coded, f"colour-coded maps{within}, classes by {legend.source}"
    return None, f"{legend.source} fits neither the pictures' values nor their colours: taken as pictures"


def _known(legend: Legend, path: Path, raw: np.ndarray) -> float:
    """Share of the pixels that are of a class; void is no evidence, or every dark picture would pass."""
    index, unknown = legend.encode(raw, lossy=path.suffix.lower() in LOSSY)
    classes = int((index != IGNORE_INDEX).sum())
    return classes / max(1, classes + sum(unknown.values()))


def _is_binary(raw: np.ndarray, path: Path) -> bool:
    """Whether at least 95 % of the pixels are near black or near white, and no index map could look like this."""
    raw = _bytes(raw)
    if raw.ndim == 3:
        if int((raw.max(axis=2).astype(np.int16) - raw.min(axis=2)).max()) > 2 * DARK:
            return False
        raw = raw.mean(axis=2)
    elif path.suffix.lower() not in LOSSY:
        below = raw[raw < 255]
        if below.size and 0 < below.max() < MOST_UNNAMED:
            return False
    return float(((raw <= DARK) | (raw >= BRIGHT)).mean()) >= BINARY_SHARE


def _bytes(raw: np.ndarray) -> np.ndarray:
    """A 16-bit mask at 8 bits; indices are stored in 16 bits too, and stay as they are."""
    return (raw >> 8).astype(np.uint8) if raw.dtype == np.uint16 and raw.max() > 4095 else raw


def _unnamed(pairs: Sequence[PairFile], side: str, root: Path) -> tuple[Legend | None, str]:
    seen: set[int] = set()
    for _, raw in _read(_spread(pairs, MORE_SAMPLES), side):
        seen |= {int(v) for v in np.unique(raw)}
        if raw.ndim != 2 or any(MOST_UNNAMED <= v < 255 for v in seen):
            return None, ""
    count = max(seen - {255}, default=-1) + 1
    if count < 2:
        return None, ""
    colours = _stored_palette(pairs, side, palette(count))
    names = [f"class {i}" for i in range(count)]
    if count == 2:
        names = ["background", _noun(_folder(pairs[0], side), root)]
    classes = tuple(ClassSpec(name=n, color=c) for n, c in zip(names, colours, strict=True))
    note = f"index maps with values 0..{count - 1}, 255 void; no classes.json names them"
    return Legend(classes=classes, encoding="index", values=tuple(range(count))), note


def _stored_palette(pairs: Sequence[PairFile], side: str, colours: list[Colour]) -> list[Colour]:
    """`colours`, replaced by those the pictures' own palettes show."""
    colours = list(colours)
    for pair in _spread(pairs, SAMPLES):
        path = path_of(pair, side)
        try:
            if images.header(path).mode != "P":
                continue
            raw, painted = images.read_labels(path), images.read_array(path)
        except ImageError:
            continue  # check() names it
        values, first = np.unique(raw, return_index=True)
        for value, place in zip(values, first, strict=True):
            if value < len(colours):
                red, green, blue = painted.reshape(-1, 3)[place]
                colours[value] = (int(red), int(green), int(blue))
    return colours


def _binary(names: tuple[str, str]) -> Legend:
    colours = ((0, 0, 0), (255, 255, 255))
    classes = tuple(ClassSpec(name=name, color=color) for name, color in zip(names, colours, strict=True))
    return Legend(classes=classes, encoding="binary", values=(0, 255))


def _noun(folder: Path, root: Path) -> str:
    """What a mask shows, when its folder or the data set's is named for it ("roads/", "aerial_roads/train/map")."""
    top = root.absolute().parent.parent
    for place in (folder.absolute(), *folder.absolute().parents):
        if place == top:
            break
        for word in re.split(r"[\W_\d]+", place.name.lower()):
            if word.removesuffix("s") in NOUNS:
                return word.removesuffix("s")
    return "foreground"


def _folder(pair: PairFile, side: str) -> Path:
    """The side's folder, above any subfolders that belong to the pair's name."""
    return path_of(pair, side).parents[pair.name.count("/")]


def _spread(pairs: Sequence[PairFile], count: int) -> list[PairFile]:
    """Up to `count` pairs, evenly over the whole list."""
    return [pairs[i * len(pairs) // count] for i in range(count)] if len(pairs) > count else list(pairs)


def _read(pairs: Sequence[PairFile], side: str) -> list[tuple[Path, np.ndarray]]:
    sample = []
    for pair in pairs:
        path = path_of(pair, side)
        try:
            sample.append((path, side_of(images.read_labels(path), pair, side)))
        except ImageError:
            continue  # check() names it
    return sample
