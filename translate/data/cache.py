"""Decoded pictures kept in memory up to a limit, so that an epoch after the first reads no file."""

from collections.abc import Callable
from typing import Any

import numpy as np

Arrays = tuple[np.ndarray[Any, Any], ...]


class Cache:
    """The arrays of each sample by its index; what comes when `room` bytes are full is not kept."""

    def __init__(self, room: int) -> None:
        self.room, self._left = room, room
        self._kept: dict[int, Arrays] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def __getstate__(self) -> dict[str, Any]:
        # A worker started by spawning gets its own cache, not a copy of gigabytes.
        return {"room": self.room, "_left": self.room, "_kept": {}}

    def get(self, index: int, load: Callable[[], Arrays]) -> Arrays:
        """What is kept of a sample, or else what `load` gives, kept where there is room."""
        if index in self._kept:
            return self._kept[index]
        arrays = load()
        size = sum(array.nbytes for array in arrays)
        if size <= self._left:
            self._kept[index] = arrays
            self._left -= size
        return arrays
