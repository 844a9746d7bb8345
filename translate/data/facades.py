"""Drawn label maps of house fronts, made from nothing but a seed: something to start a drawing from."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

PARTS = (
    "background", "facade", "window", "door", "cornice", "sill",
    "balcony", "blind", "deco", "molding", "pillar", "shop",
)  # fmt: skip
"""In the order of their indices; the names are those of the CMP facades (Tyleček 2013)."""
NEEDED = frozenset({"background", "facade", "window", "door"})
"""Without these parts nothing would look like a house."""


def front(seed: int, height: int, width: int) -> Array:
    """The front of a house; the same seed is the same house at any size.

    Shape: (height, width) uint8 indices of PARTS.
    """
    rng = np.random.default_rng(seed)
    sheet = _Sheet(np.zeros((height, width), np.uint8))
    left, top = rng.uniform(0, 0.06), rng.uniform(0.06, 0.16)
    floors, columns = int(rng.integers(2, 5)), int(rng.integers(3, 7))
    ground = rng.uniform(0.72, 0.8)
    sheet.box("facade", left, top, 1 - left, 1)
    # In those pictures the bands across a house are moldings; a cornice crowns a window.
    sheet.box("molding", left, top, 1 - left, top + 0.045)
    sheet.box("molding", left, ground - 0.015, 1 - left, ground + 0.01)
    sills, cornices, blinds, pillars, shops = (rng.random(5) < (0.7, 0.5, 0.5, 0.4, 0.5)).tolist()
    style = _Style(sills, cornices, blinds, pillars, shops, width=rng.uniform(0.4, 0.58))
    balconies = set(rng.choice(columns, size=max(1, columns // 3), replace=False).tolist())
    across, down = (1 - 2 * left) / columns, (ground - top - 0.05) / floors
    for floor in range(floors):
        for column in range(columns):
            x, y = left + (column + 0.5) * across, top + 0.05 + floor * down
            _window(sheet, style, x, y, across, down, balcony=column in balconies and floor > 0)
    if style.pillars:
        for column in range(columns + 1):
            x = left + column * across
            sheet.box("pillar", max(left, x - 0.012), top + 0.045, min(1 - left, x + 0.012), ground - 0.015)
    _ground(sheet, style, left, ground, across, columns, door=int(rng.integers(columns)))
    return sheet.index


def renamed(index: Array, names: list[str]) -> Array:
    """The same front in the classes called `names`; a part without a namesake is wall.

    Shape: (H, W) indices of PARTS -> (H, W) uint8 indices of `names`.
    """
    table = [names.index(part if part in names else "facade") for part in PARTS]
    return np.array(table, np.uint8)[index]


@dataclass(frozen=True)
class _Style:
    sills: bool
    cornices: bool
    blinds: bool
    pillars: bool
    shops: bool
    width: float
    """Of a window in its column."""


class _Sheet:
    def __init__(self, index: Array) -> None:
        self.index = index

    def box(self, part: str, left: float, top: float, right: float, bottom: float) -> None:
        """Fill a rectangle; sides are shares of the whole."""
        height, width = self.index.shape
        rows = slice(round(top * height), round(bottom * height))
        self.index[rows, round(left * width) : round(right * width)] = PARTS.index(part)


def _window(sheet: _Sheet, style: _Style, x: float, y: float, across: float, down: float, *, balcony: bool) -> None:
    """One window with what is around it, in a cell that begins at the height `y` and is centred at `x`."""
    half, top, bottom = across * style.width / 2, y + 0.18 * down, y + 0.78 * down
    if style.cornices:
        sheet.box("cornice", x - half - 0.012, y + 0.06 * down, x + half + 0.012, y + 0.15 * down)
        sheet.box("deco", x - half, bottom + 0.08 * down, x + half, bottom + 0.13 * down)
    sheet.box("window", x - half, top, x + half, bottom)
    if style.blinds:
        sheet.box("blind", x - half, top, x + half, top + 0.25 * (bottom - top))
    if balcony:
        sheet.box("balcony", x - half - 0.03, y + 0.6 * down, x + half + 0.03, y + 0.84 * down)
    elif style.sills:
        sheet.box("sill", x - half - 0.012, bottom, x + half + 0.012, bottom + 0.07 * down)


def _ground(sheet: _Sheet, style: _Style, left: float, top: float, across: float, columns: int, *, door: int) -> None:
    """The ground floor: a door, and windows or shops beside it."""
    for column in range(columns):
        x, half = left + (column + 0.5) * across, 0.3 * across
        if column == door:
            sheet.box("door", x - half, top + 0.05, x + half, 1)
        elif style.shops:
            sheet.box("shop", x - 0.42 * across, top + 0.04, x + 0.42 * across, 0.99)
        else:
            sheet.box("window", x - half, top + 0.06, x + half, 0.94)
