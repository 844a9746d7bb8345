"""Choosing what is kept for validation where a data set has no val split."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from translate.errors import DatasetError


def drawn(names: Sequence[str], holdout: float, seed: int, root: Path, what: str = "pairs") -> tuple[str, ...]:
    """The names with the smallest hashes, so that a new file moves few others: a share below 1, or a number.

    Raises: DatasetError where none would be left to train on.
    """
    count = max(1, round(holdout * len(names))) if holdout < 1 else int(holdout)
    if count >= len(names):
        raise DatasetError(f"{root}: {count} of {len(names)} {what} would be held out, leaving none to train on")
    ranked = sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    return tuple(sorted(ranked[:count]))
