"""Whether an unpaired translation did anything: the cycle loss alone is best served by copying the input.

A set in which horses were left as they are can lie nearer to zebras than one of bad zebras; this figure tells.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(slots=True)
class Copied:
    """Adds up batches of one set, in order; `value()` is how much of the input the outputs kept.

    max(0, 1 - d(fake_b, real_a) / d(real_a, real_a')), d the mean absolute difference over the set and real_a' the
    next picture of the set (after the last comes the first): 1 where every output equals its input, 0 where outputs are
    as far from their inputs as other pictures of the domain are. It doesn't depend on how the set is cut into batches.
    """

    changed: float = 0.0
    between: float = 0.0
    count: int = 0
    _first: Tensor | None = field(default=None, repr=False)
    _last: Tensor | None = field(default=None, repr=False)

    def add(self, real_a: Tensor, fake_b: Tensor) -> None:
        """Take in a batch. Where the channel counts differ, their means over the channels are compared.

        Shape: (N, C, H, W) and (N, C', H, W) in [-1, 1], all of a set of one size.
        Raises: ValueError for other shapes.
        """
        if real_a.ndim != 4 or fake_b.ndim != 4 or not len(real_a) or not _alike(real_a, fake_b):
            shapes = f"{tuple(real_a.shape)} and {tuple(fake_b.shape)}"
            raise ValueError(f"expected (N, C, H, W) of one size, as many outputs as inputs, got {shapes}")
        real, fake = real_a.detach().float(), fake_b.detach().float()
        if self._last is not None and self._last.shape != real[0].shape:
            raise ValueError(f"pictures of a set differ: {tuple(self._last.shape)} and {tuple(real[0].shape)}")
        same = real.shape == fake.shape
        self.changed += _apart(real, fake) if same else _apart(real.mean(1, True), fake.mean(1, True))
        chain = real if self._last is None else torch.cat([self._last[None], real])
        self.between += _apart(chain[:-1], chain[1:])
        self._first = real[0] if self._first is None else self._first
        self._last = real[-1]
        self.count += len(real)

    def value(self) -> float:
        """Range: [0, 1]; NaN for fewer than two pictures or where all are the same, as there is no scale then."""
        if self.count < 2 or self._first is None or self._last is None:
            return float("nan")
        between = self.between + _apart(self._last[None], self._first[None])
        return max(0.0, 1 - self.changed / between) if between else float("nan")


def copied(real_a: Tensor, fake_b: Tensor) -> float:
    """`Copied` of one set that fits into memory. Shape: (N, C, H, W) and (N, C', H, W). Range: [0, 1], or NaN.

    Raises: ValueError for other shapes.
    """
    total = Copied()
    total.add(real_a, fake_b)
    return total.value()


def _alike(real_a: Tensor, fake_b: Tensor) -> bool:
    return len(real_a) == len(fake_b) and real_a.shape[2:] == fake_b.shape[2:]


def _apart(a: Tensor, b: Tensor) -> float:
    """Sum over the pictures of their mean absolute differences. Shape: two (N, C, H, W), N from 0 on."""
    return float((a - b).abs().mean(dim=(1, 2, 3)).sum())
