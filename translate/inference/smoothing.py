"""Steady a clip's translation over time where nothing moves, and leave alone what does.

Frame by frame a model flickers: two frames that look alike don't give quite the same picture.
"""

from typing import Any

import cv2
import numpy as np

Array = np.ndarray[Any, Any]

WIDTH = 8.0
"""Input change, of 255, at which the average counts 1/e of its strength: above noise."""
NEIGHBOURS = 5
"""Side of the square that a pixel's change is averaged over too: a moving edge takes what is around it along."""


class Smoother:
    """A running average of the output, gated by the input: o = y + a (o' - y), r = x + a (r' - x).

    Here x is the input frame, y what the model made of it, o' and r' are the averages up to the frame before, and
    a = strength exp(-(d / WIDTH)^2), where d is the larger of |x - r'| (mean of the channels) and its mean over
    NEIGHBOURS x NEIGHBOURS pixels. As r is averaged by the same a as o, d measures how far the frames in the average
    are from this one: the gate closes at motion and at cuts, and slow drift can't leave a trail. At strength 0 o is y,
    at 1 what stands still stays as it was first seen.

    For class indices y and o are the classes' indicator planes, and the result is the class of the largest.

    Shape: x (H, W, C) bytes, y (H, W, K) bytes or class indices (H, W) -> as y.
    """

    def __init__(self, strength: float, classes: int = 0) -> None:
        self.strength, self.classes = strength, classes
        self.seen: Array | None = None
        self.made: Array | None = None

    def __call__(self, frame: Array, output: Array) -> Array:
        x, y = frame.astype(np.float32), self._planes(output)
        if self.seen is None or self.made is None:
            self.seen, self.made = x, y
            return output
        gate = self._gate(x)  # (H, W, 1)
        self.seen = x + gate * (self.seen - x)
        self.made = y + gate * (self.made - y)
        if self.classes:
            return np.asarray(self.made.argmax(axis=2), dtype=output.dtype)
        return np.asarray(self.made.round(), dtype=output.dtype)

    def _gate(self, x: Array) -> Array:
        change = np.abs(x - self.seen).mean(axis=2)  # (H, W)
        around = cv2.blur(change, (NEIGHBOURS, NEIGHBOURS))
        gate: Array = self.strength * np.exp(-((np.maximum(change, around) / WIDTH) ** 2))
        return gate[..., None].astype(np.float32)

    def _planes(self, output: Array) -> Array:
        if not self.classes:
            return output.astype(np.float32)
        planes: Array = (output[..., None] == np.arange(self.classes, dtype=output.dtype)).astype(np.float32)
        return planes
