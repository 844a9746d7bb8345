"""Points from mixtures of Gaussians in the plane, whose modes are known: what a generator misses can be counted."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from translate.config import Mixture
from translate.data.labelled import Labelled
from translate.data.order import Key

POINTS = 100_000
"""How many a training set has."""


@dataclass(frozen=True, slots=True)
class Modes:
    """Gaussians of equal weight and, on either axis, of one standard deviation."""

    centres: Tensor
    """Shape: (K, 2), within [-1, 1]."""
    deviation: float

    def draw(self, count: int, seed: int) -> tuple[Tensor, Tensor]:
        """Points and their modes, every mode as often as any other to within one. Shape: (N, 2), (N,) int64."""
        rng = np.random.default_rng([seed, count])
        label = torch.from_numpy(rng.permutation(np.arange(count) % len(self.centres)))
        noise = torch.from_numpy(rng.standard_normal((count, 2), dtype=np.float32))
        return self.centres[label] + self.deviation * noise, label


def ring(count: int) -> Modes:
    """`count` modes on the unit circle, each a hundredth of its diameter wide (Metz 2017, App. A; Srivastava 2017)."""
    angles = [2 * math.pi * number / count for number in range(count)]
    return Modes(torch.tensor([(math.cos(angle), math.sin(angle)) for angle in angles]), 0.02)


def square_grid(side: int) -> Modes:
    """side x side modes on [-1, 1]^2, a fortieth of their spacing wide (Srivastava 2017, Sec. 4.1)."""
    places = torch.linspace(-1, 1, side)
    return Modes(torch.cartesian_prod(places, places), 2 / (side - 1) / 40)


MIXTURES: dict[Mixture, Modes] = {"ring-8": ring(8), "grid-25": square_grid(5)}


class MixtureDataset(Dataset[Labelled]):
    """A fixed sample of a mixture; `dataset[(epoch, index)]` depends on (seed, index) alone.

    Shape: Labelled of a point (2,) and its mode ().
    """

    def __init__(self, modes: Modes, seed: int, count: int = POINTS) -> None:
        self.points, self.labels = modes.draw(count, seed)

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, key: Key) -> Labelled:
        return Labelled(self.points[key[1]], self.labels[key[1]])

    def __getitems__(self, keys: Sequence[Key]) -> list[Labelled]:
        """The same for a batch; one look-up instead of hundreds."""
        chosen = torch.tensor([index for _, index in keys])
        return [Labelled(*sample) for sample in zip(self.points[chosen], self.labels[chosen], strict=True)]


def scatter(points: Tensor, *, side: int = 320, reach: float = 1.5) -> Image.Image:
    """Points as dots on white, each a little transparent, so that crowds are dark.

    Shape: (N, 2); the picture shows [-reach, reach]^2, what lies beyond is left out.
    """
    fine = 2 * side
    places = ((points.detach().cpu() / reach + 1) / 2 * fine).round().long()
    places = places[((places >= 2) & (places < fine - 2)).all(dim=1)]
    ink = torch.zeros(fine, fine)
    for across in (-1, 0, 1):
        for down in (-1, 0, 1):
            where = (fine - 1 - places[:, 1] + down, places[:, 0] + across)
            ink.index_put_(where, torch.tensor(0.35), accumulate=True)
    gray = (255 * (1 - ink.clamp(0, 1))).to(torch.uint8).numpy()
    return Image.fromarray(gray).resize((side, side), Image.Resampling.BOX)
