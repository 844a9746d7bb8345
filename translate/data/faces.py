"""Tables of labelled faces: what is known of each picture, as signs, from an age and a sex or from CelebA's attributes.

A fact is 1 (so), -1 (not so) or 0 (not known). Captions assert facts, so whether a caption fits a picture is
arithmetic. Two tables are read: `labels.csv` with columns file, split, age, sex, and `attr.csv` with a column for each
of CelebA's 40 attributes (Liu 2015), 1 or -1. Columns beyond these are left alone.
"""

import csv
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from translate.data.folders import existing, first_folder, split_named
from translate.errors import DatasetError

TABLES = ("labels.csv", "attr.csv")
AGES = (0, 3, 7, 13, 20, 30, 40, 50, 60, 70, 80)
"""Where the bins of a number of years begin."""
OLDEST = 120
BINS = tuple(f"age_{low}" for low in AGES)
ATTRIBUTES = {
    "Smiling": "smiling",
    "Eyeglasses": "glasses",
    "Mustache": "mustache",
    "Black_Hair": "black_hair",
    "Blond_Hair": "blond_hair",
    "Brown_Hair": "brown_hair",
    "Gray_Hair": "gray_hair",
    "Bald": "bald",
    "Bangs": "bangs",
    "Heavy_Makeup": "makeup",
    "Wearing_Lipstick": "lipstick",
    "Wearing_Hat": "hat",
    "Mouth_Slightly_Open": "open_mouth",
    "Wavy_Hair": "wavy_hair",
    "Straight_Hair": "straight_hair",
    "Wearing_Earrings": "earrings",
}
"""CelebA's columns that are facts by themselves."""
FACTS = ("male", "adult", "baby", "teenage", "young", "middle_aged", "old", "beard", *ATTRIBUTES.values(), *BINS)
PLACE = {fact: number for number, fact in enumerate(FACTS)}

CELEBA_SIZE = (218, 178)
"""Height and width of CelebA's aligned pictures."""
CELEBA_CROP = (40, 82, 140, 182)
"""Left, top, right, bottom. Eyes and mouth then lie where they do in UTKFace's crops: the mean CelebA face has its eyes
at (69, 111) and (110, 111) and its mouth at y 152, the mean UTKFace crop at (.29, .295), (.705, .295) and .695."""


class Face(NamedTuple):
    """A picture, the half of the data it belongs to, and its facts in the order of FACTS."""

    path: Path
    split: str
    facts: tuple[int, ...]


def read_faces(folder: Path, hold_every: int = 5) -> list[Face]:
    """The faces that a folder's table names; where neither it nor their folders name a split, every fifth is held out.

    Raises: DatasetError naming file and line: no table, another header, a value that is none, a picture that is not
    there or lies outside of the folder.
    """
    folder = existing(folder, "a folder with labels.csv or attr.csv")
    for name in TABLES:
        if (folder / name).is_file():
            return _read(folder / name, hold_every)
    raise DatasetError(f"{folder}: holds neither {' nor '.join(TABLES)}; captions are made from one of them")


def _read(table: Path, hold_every: int) -> list[Face]:
    faces = []
    try:
        with table.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.DictReader(text, strict=True)
            header = set(reader.fieldnames or ())
            if "file" not in header or not ({"age", "sex"} <= header or {"Male", *ATTRIBUTES} <= header):
                raise DatasetError(f"{table}: line 1: needs the columns file, age and sex, or file and CelebA's 40")
            for number, row in enumerate(reader):
                where = f"{table}: line {reader.line_num}"
                if None in row or None in row.values():
                    raise DatasetError(f"{where}: has not as many cells as there are columns")
                split = _split(row, number, hold_every, where)
                facts = _of_age(row, where) if "age" in header else _of_attributes(row, where)
                faces.append(Face(_picture(table.parent, row["file"], where), split, facts))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{table}: not a readable CSV in UTF-8 ({error})") from None
    if not faces:
        raise DatasetError(f"{table}: names no picture")
    return faces


def _split(row: Mapping[str, str], number: int, hold_every: int, where: str) -> str:
    word = row.get("split")
    if word is None:
        if named := first_folder(row["file"])[0]:
            return named
        return "val" if number % hold_every == hold_every - 1 else "train"
    split = split_named(word)
    if split is None:
        raise DatasetError(f"{where}: split is {word!r}; it is train, val or test")
    return split


def _picture(folder: Path, name: str, where: str) -> Path:
    parts = PurePosixPath(name).parts
    if not parts or PurePosixPath(name).is_absolute() or ".." in parts:
        raise DatasetError(f"{where}: {name!r} is no path below {folder}")
    for path in (folder.joinpath(*parts), folder.joinpath("img", *parts)):
        if path.is_file():
            return path
    raise DatasetError(f"{where}: {name!r} does not exist in {folder} or its img")


def _of_age(row: Mapping[str, str], where: str) -> tuple[int, ...]:
    sex, age = row["sex"], row["age"]
    if sex not in ("male", "female"):
        raise DatasetError(f"{where}: sex is {sex!r}; it is male or female")
    if not age.isascii() or not age.isdecimal() or int(age) > OLDEST:
        raise DatasetError(f"{where}: age is {age!r}; it is a whole number up to {OLDEST}")
    return facts_of(int(age), male=sex == "male")


def facts_of(age: int, *, male: bool) -> tuple[int, ...]:
    """What an age and a sex say of a face; between two groups neither is asserted nor denied.

    Children and women have no beard here, and only men no make-up when they are grown up is left open.
    """
    known = {
        "male": 1 if male else -1,
        "adult": _between(age, 19, OLDEST, slack=4),
        "baby": _between(age, 0, 2, slack=1),
        "teenage": _between(age, 13, 19, slack=2),
        "young": -1 if age >= 42 else 1 if 15 <= age <= 30 else 0,
        "middle_aged": _between(age, 38, 55, slack=6),
        "old": _between(age, 60, OLDEST, slack=9),
    }
    for low, high, name in zip(AGES, (*AGES[1:], OLDEST + 1), BINS, strict=True):
        known[name] = _between(age, low, high - 1, slack=max(2, (high - low) // 2) if low < 80 else 5)
    if age <= 12 or not male:
        known |= {"beard": -1, "mustache": -1}
    if age <= 12:
        known |= {"bald": 0, "gray_hair": -1, "makeup": -1, "lipstick": -1, "earrings": 0}
    return _ordered(known)


def _between(age: int, low: int, high: int, slack: int) -> int:
    return 1 if low <= age <= high else 0 if low - slack <= age <= high + slack else -1


def _of_attributes(row: Mapping[str, str], where: str) -> tuple[int, ...]:
    def sign(column: str) -> int:
        if row[column] not in ("1", "-1", "0"):
            raise DatasetError(f"{where}: {column} is {row[column]!r}; it is 1, -1 or 0 for not known")
        return int(row[column])

    known = {fact: sign(column) for column, fact in ATTRIBUTES.items()}
    young = sign("Young") if "Young" in row else 0
    # Grown-ups all: CelebA shows the famous. Who isn't young there may be of middle age, unless the hair is gray.
    known |= {"male": sign("Male"), "adult": 1, "baby": -1, "beard": -sign("No_Beard") if "No_Beard" in row else 0}
    known |= {"young": young, "old": -1 if young == 1 else 1 if known["gray_hair"] == 1 else 0}
    known |= {name: -1 for low, name in zip(AGES, BINS, strict=True) if low < 13 or (low > 50 and young == 1)}
    return _ordered(known)


def _ordered(known: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(known.get(fact, 0) for fact in FACTS)
