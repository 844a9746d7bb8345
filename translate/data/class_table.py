"""Classes of pictures from a column of a CSV file: words as they are, or numbers sorted by bounds."""

import csv
import math
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from translate.data.folders import nfc
from translate.errors import DatasetError

NAMED = ("file", "path", "filename", "image", "image_id")
"""Columns that may hold a picture's path."""
MOST = 100
"""Classes that a column of words may have."""


def read_classes(root: Path, column: str, bounds: Sequence[float] = ()) -> tuple[Path, dict[str, str]]:
    """The CSV file in `root` or the folder above that has the column, and each picture's class by its real path.

    Paths of the file start in its own folder. Numbers go by `bounds`: "below-13", "13-to-30", ..., "from-60".
    Raises: DatasetError for none or several such files, a line that can't be used, or too many classes.
    """
    file = _table(root, column)
    rows = _rows(file)
    header = rows[0][1]
    place, value = header.index(_path_column(file, header)), header.index(column)
    found: dict[str, str] = {}
    for line, cells in rows[1:]:
        if len(cells) != len(header):
            raise DatasetError(f"{file}: line {line}: has {len(cells)} cells, {len(header)} are expected")
        word = cells[value]
        if bounds:
            word = _between(file, line, column, word, bounds)
        if not word:
            raise DatasetError(f"{file}: line {line}: {column} is empty; name a class, or leave the line out")
        found[real(file.parent / cells[place])] = word
    if (count := len(set(found.values()))) > MOST:
        raise DatasetError(
            f"{file}: {column} has {count} values, more than {MOST} classes; numbers need data.class_bounds, as in "
            "--set data.class_bounds=[13,30,60]"
        )
    return file, found


def in_order(names: set[str], bounds: Sequence[float] = ()) -> tuple[str, ...]:
    """Class names in the order of their bounds, else of the numbers they are, else of the alphabet."""
    if bounds:
        return tuple(name for name in _names(bounds) if name in names)
    return tuple(sorted(names, key=lambda name: (_number(name), name)))


def real(path: Path) -> str:
    """What a picture is looked up by."""
    return nfc(os.path.realpath(path))


def _table(root: Path, column: str) -> Path:
    for folder in (root, root.absolute().parent):
        files = sorted(path for path in folder.glob("*.csv") if path.is_file())
        having = [path for path in files if column in _rows(path)[0][1]]
        if len(having) > 1:
            raise DatasetError(f"{folder}: {having[0].name} and {having[1].name} both have a column {column}; keep one")
        if having:
            return having[0]
    raise DatasetError(f"{root}: no .csv file here or in the folder above has a column {column} (data.class_column)")


def _rows(file: Path) -> list[tuple[int, list[str]]]:
    """The filled lines with their numbers; the first is the header, and there is always one."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text, strict=True)
            rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except UnicodeDecodeError:
        raise DatasetError(f"{file}: is no UTF-8 text; save it as CSV in UTF-8") from None
    except (csv.Error, OSError) as error:
        raise DatasetError(f"{file}: can't be read as CSV ({error})") from None
    return [row for row in rows if any(row[1])] or [(1, [])]


def _path_column(file: Path, header: list[str]) -> str:
    for name in NAMED:
        if name in header:
            return name
    raise DatasetError(f"{file}: no column says which picture a line is of; call it {' or '.join(NAMED)}")


def _between(file: Path, line: int, column: str, word: str, bounds: Sequence[float]) -> str:
    number = _number(word)
    if not math.isfinite(number):
        raise DatasetError(f"{file}: line {line}: {column} is {word!r}; data.class_bounds sort numbers")
    return _names(bounds)[sum(number >= bound for bound in bounds)]


def _names(bounds: Sequence[float]) -> list[str]:
    words = [f"{bound:g}" for bound in bounds]
    between = [f"{low}-to-{high}" for low, high in pairwise(words)]
    return [f"below-{words[0]}", *between, f"from-{words[-1]}"]


def _number(word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        return math.inf
    return value if math.isfinite(value) else math.inf
