"""Reading a CSV file that lists the pictures of two domains by path."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from translate.data.folders import Problem, is_picture, nfc, split_named
from translate.errors import DatasetError

COLUMNS = ("path", "domain")
HEADERS = f"expected {','.join(COLUMNS)}, or {','.join(COLUMNS)},split"


class Entry(NamedTuple):
    """One picture of a list; `name` is its path from the list's folder on, without suffix."""

    path: Path
    name: str
    domain: str
    split: str


def read_list(file: Path) -> tuple[list[Entry], list[Problem]]:
    """The pictures that a CSV file lists under path, domain and perhaps split, and a problem for each unusable line.

    Paths are absolute or start in the folder of the list; without the column split, all is for training.
    Raises: DatasetError for a file that is no UTF-8 text, or has other columns.
    """
    entries: list[Entry] = []
    problems: list[Problem] = []
    lines: dict[tuple[str, str], int] = {}
    for line, cells in _rows(file):
        entry = _entry(file.parent, cells)
        if isinstance(entry, Entry):
            earlier = lines.setdefault((entry.domain, entry.name), line)
            if earlier == line:
                entries.append(entry)
                continue
            entry = f"{cells['path']} has the name of line {earlier} without its suffix; keep one of them"
        problems.append(Problem(file, f"line {line}: {entry}"))
    return entries, problems


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Each filled line's number and its cells by column; a line of another length has none."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text, strict=True)
            header = [cell.strip().lower() for cell in next(reader, [])]
            if sorted(header) not in (sorted(COLUMNS), sorted((*COLUMNS, "split"))):
                raise DatasetError(f"{file}: line 1: the columns are {','.join(header)!r}; {HEADERS}")
            for row in reader:
                cells = [cell.strip() for cell in row]
                if any(cells):
                    fits = len(cells) == len(header)
                    yield reader.line_num, dict(zip(header, cells, strict=True)) if fits else {}
    except UnicodeDecodeError:
        raise DatasetError(f"{file}: is no UTF-8 text; save it as CSV in UTF-8") from None
    except csv.Error as error:
        raise DatasetError(f"{file}: line {reader.line_num}: no CSV ({error})") from None
    except OSError as error:
        raise DatasetError(f"{file}: can't be read ({error.strerror or error})") from None


def _entry(folder: Path, cells: dict[str, str]) -> Entry | str:
    """The picture of one line, or what is wrong with it."""
    if not cells:
        return "has not as many cells as there are columns; quote a path that holds a comma"
    domain, split = cells["domain"].lower(), split_named(cells.get("split", "train"))
    path = folder / cells["path"]
    if domain not in ("a", "b"):
        return f"domain is {cells['domain']!r}; it is a or b"
    if split is None:
        return f"split is {cells['split']!r}; it is train, val or test"
    if not is_picture(path.name):
        return f"{cells['path']!r} is no picture by its name"
    if not path.is_file():
        return f"{cells['path']!r} does not exist; paths start in {folder}"
    return Entry(path, _name(path, folder), domain, split)


def _name(path: Path, folder: Path) -> str:
    try:
        below = os.path.relpath(path, folder)
    except ValueError:  # another drive
        below = str(path)
    return nfc(Path(os.path.splitext(below)[0]).as_posix())
