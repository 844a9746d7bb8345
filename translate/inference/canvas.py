"""The result of a large picture, painted from the top; in float32 there is only the band that tiles still reach."""

from collections.abc import Callable

import torch
from torch import Tensor

from translate.inference.tiling import Span
from translate.inference.windows import BLOCK, across, reach, taps


class Canvas:
    """Adds up weighted tiles and hands finished rows, brought to the photo's size, to `paint`.

    `seen` and `size` are (height, width) as the model sees the picture and as the photo has it; `planes` channels.
    `paint(top, rows)` gets the rows of the result from `top` on. Shape of them: (planes, n, width).
    """

    def __init__(
        self,
        seen: tuple[int, int],
        size: tuple[int, int],
        planes: int,
        tile: int,
        paint: Callable[[int, Tensor], None],
    ) -> None:
        self.seen, self.size, self.paint = seen, size, paint
        tail = 2 * max(1, seen[0] // size[0]) + 4  # rows that a row of the result still needs of the tiles before
        self.rows = torch.zeros(planes, min(tile + tail, seen[0]), seen[1])
        self.top, self.painted = 0, 0
        """The row of the picture that `rows` begin with, and how many rows of the result are painted."""

    def add(self, y: Span, x: Span, output: Tensor) -> None:
        """Blend in one tile. Shape: (1, planes, h, w)."""
        target = self.rows[:, y.start - self.top : y.end - self.top, x.start : x.end]
        target += output[0] * y.weights[:, None] * x.weights

    def finish(self, until: int) -> None:
        """Paint all that depends on nothing below the row `until`, and forget what is needed no more."""
        high = self.size[0]
        while self.painted < high:
            last = min(self.painted + BLOCK, high)
            while last > self.painted and sum(reach(self.seen[0], high, self.painted, last)) > until:
                last -= 1
            if last == self.painted:
                break
            self.paint(self.painted, self._resized(self.painted, last))
            self.painted = last
        needed = reach(self.seen[0], high, self.painted, self.painted + 1)[0] if self.painted < high else until
        self._move(min(needed, until))

    def _resized(self, first: int, last: int) -> Tensor:
        """Rows of the result. Shape: (planes, last - first, width)."""
        if self.seen == self.size:
            return self.rows[:, first - self.top : last - self.top]
        y, down = taps(self.seen[0], self.size[0], first, last)
        rows = torch.matmul(down, self.rows[:, y - self.top : y - self.top + down.shape[1]])  # (planes, n, seen width)
        return across(rows, self.seen[1], self.size[1], 0, self.size[1])

    def _move(self, top: int) -> None:
        """Let the rows begin with `top`."""
        kept = self.rows.shape[1] - (top - self.top)
        self.rows[:, :kept] = self.rows[:, top - self.top :].clone()
        self.rows[:, kept:] = 0
        self.top = top
