"""Pictures and their classes."""

from typing import NamedTuple

from torch import Tensor


class Labelled(NamedTuple):
    """One sample and its class, or a batch with N in front.

    Shape: real (C, H, W) float32 in [-1, 1], or a point (D,); label () int64, 0 where there are no classes.
    """

    real: Tensor
    label: Tensor
