"""A few pictures of an evaluation side by side: inputs, what every model makes of them, and the truth."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from translate import images
from translate.config import IGNORE_INDEX, ClassSpec
from translate.trainers.validation import picture

SHOWN = 6
"""Inputs on a sheet, spread evenly over all."""
CELL = 256
"""Pixels of the square that every picture is fitted into, in its own shape."""
LONGEST = 26
"""Letters of a title that fit above a column."""
LETTERS = 16
VOID = ("void", (0, 0, 0))

Swatch = tuple[str, tuple[int, int, int]]


@dataclass(slots=True)
class _Row:
    given: Image.Image
    made: dict[int, Image.Image] = field(default_factory=dict)
    """By column."""
    truth: Image.Image | None = None


class Gallery:
    """Takes in pictures as they are scored and keeps those that will be shown."""

    def __init__(self, given: str = "input", truth: str = "truth") -> None:
        self.given, self.truth = given, truth
        self._columns = 0
        self._rows: dict[str, _Row] = {}
        self._wanted: frozenset[int] = frozenset()
        self._classes: Sequence[ClassSpec] = ()
        self._swatches: list[Swatch] = []

    def begin(self, total: int, classes: Sequence[ClassSpec] = ()) -> None:
        """A column for a model that is scored on `total` pictures."""
        self._wanted = frozenset(spread(total, total))
        self._columns += 1
        self._classes = classes
        for spec in classes:
            self._explain((spec.name, spec.color))

    def add(self, index: int, names: Sequence[str], given: Tensor, made: Tensor, truth: Tensor | None = None) -> None:
        """A batch of the column begun last, whose first picture is number `index`; `names` tell inputs apart.

        Shape: pictures (N, C, H, W) in [-1, 1], or class indices (N, H, W).
        """
        for place, name in enumerate(names):
            if index + place in self._wanted:
                self.put(name, given[place], made[place], None if truth is None else truth[place])

    def put(self, name: str, given: Tensor, made: Tensor | None, truth: Tensor | None) -> None:
        """One input that will be shown. Shape: (C, H, W) in [-1, 1], or class indices (H, W)."""
        row = self._rows.setdefault(name, _Row(self._shown(given)))
        if made is not None:
            row.made[self._columns - 1] = self._shown(made)
        if truth is not None and row.truth is None:
            row.truth = self._shown(truth)

    @property
    def names(self) -> list[str]:
        """The inputs on the sheet, from above."""
        return list(self._rows)

    def sheet(self, titles: Sequence[str]) -> Image.Image:
        """A row an input, a column a model with its title above, the classes' colours below.

        A place is empty where a model wasn't given that input.
        """
        with_truth = any(row.truth is not None for row in self._rows.values())
        empty = Image.new("RGB", (1, 1), "white")
        rows = []
        for row in self._rows.values():
            made = [row.made.get(column, empty) for column in range(self._columns)]
            rows.append([row.given, *made, *([row.truth or empty] if with_truth else [])])
        above = [self.given, *titles, *([self.truth] if with_truth else [])]
        sheet = images.grid(rows, titles=[_shortened(title) for title in above])
        return _explained(sheet, self._swatches) if self._swatches else sheet

    def _shown(self, side: Tensor) -> Image.Image:
        if side.is_floating_point():
            return _fitted(picture(side.cpu()), Image.Resampling.LANCZOS)
        if bool((side == IGNORE_INDEX).any()):
            self._explain(VOID)
        labels = images.labels_to_pil(side.cpu().numpy(), [spec.color for spec in self._classes])
        return _fitted(labels, Image.Resampling.NEAREST)

    def _explain(self, swatch: Swatch) -> None:
        if swatch not in self._swatches:
            self._swatches.append(swatch)


def spread(total: int, most: int) -> list[int]:
    """Which of `total` pictures are shown, evenly spread: at most SHOWN, nor more than `most`."""
    count = min(SHOWN, most)
    return [row * total // count for row in range(count)]


def _fitted(image: Image.Image, resample: Image.Resampling) -> Image.Image:
    scale = CELL / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height), resample)


def _shortened(title: str) -> str:
    return title if len(title) <= LONGEST else f"{title[: LONGEST // 2 - 1]}…{title[-LONGEST // 2 :]}"


def _explained(sheet: Image.Image, swatches: Sequence[Swatch]) -> Image.Image:
    """The sheet with a line of colours and names below, or several."""
    font, gap = ImageFont.load_default(size=LETTERS), LETTERS // 2
    lines: list[list[tuple[int, Swatch]]] = [[]]
    left = gap
    for swatch in swatches:
        width = LETTERS + gap + round(font.getlength(swatch[0])) + 2 * gap
        if lines[-1] and left + width > sheet.width:
            lines.append([])
            left = gap
        lines[-1].append((left, swatch))
        left += width
    step = LETTERS + gap
    whole = Image.new("RGB", (sheet.width, sheet.height + gap + step * len(lines)), "white")
    whole.paste(sheet)
    draw = ImageDraw.Draw(whole)
    for number, line in enumerate(lines):
        top = sheet.height + step * number
        for left, (name, colour) in line:
            draw.rectangle((left, top, left + LETTERS, top + LETTERS), fill=colour, outline="gray")
            draw.text((left + LETTERS + gap, top + LETTERS // 2), name, fill="black", font=font, anchor="lm")
    return whole
