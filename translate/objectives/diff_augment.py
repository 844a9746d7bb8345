"""Differentiable augmentation of what a discriminator sees (Zhao 2020; Karras 2020 shows why small sets need it).

A discriminator that sees the same few real pictures again and again learns them by heart. Augmented alike, real and
generated pictures stay told apart by their content; gradients pass through to the generator. kornia's operations keep
colours within [0, 1], which stops gradients at the bounds; these do not clamp.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from translate.config import Augmentation
from translate.draws import own_rows

LARGEST_SHIFT = 1 / 8
"""Share of the side a picture is moved by at most."""
CUTOUT_SIDE = 1 / 2
"""Share of both sides that the blank takes."""


@dataclass(frozen=True, slots=True)
class DiffAugment:
    """Change each picture by its own draw, by the kinds in their order; none leaves pictures untouched.

    Randomness comes from torch's state on the CPU, which a run saves.

    Shape: (N, C, H, W) -> the same, float32.
    Range: [-1, 1] in; colours may go beyond it.
    """

    kinds: Sequence[Augmentation] = ()

    def __call__(self, x: Tensor, probability: Tensor | None = None) -> Tensor:
        """The pictures, augmented: each kind on each picture with `probability`, a scalar, or always."""
        for kind in self.kinds:
            changed = AUGMENTATIONS[kind](x.float())
            if probability is None:
                x = changed
                continue
            drawn = own_rows(torch.rand, len(x)).view(-1, 1, 1, 1).to(x.device) < probability
            x = torch.where(drawn, changed, x.float())
        return x


def colour(x: Tensor) -> Tensor:
    """Brightness shifted by up to 0.5, then saturation times 0 to 2, then contrast times 0.5 to 1.5."""
    drawn = own_rows(lambda n: torch.rand(3, n).T, len(x)).T  # (3, N)
    brightness, saturation, contrast = drawn[..., None, None, None].to(x.device)
    x = x + (brightness - 0.5)
    gray = x.mean(dim=1, keepdim=True)  # (N, 1, H, W)
    x = gray + (x - gray) * (2 * saturation)
    middle = x.mean(dim=(1, 2, 3), keepdim=True)  # (N, 1, 1, 1)
    return middle + (x - middle) * (contrast + 0.5)


def translation(x: Tensor) -> Tensor:
    """Moved by up to an eighth of each side, by whole pixels; zero, the middle gray, comes in."""
    height, width = x.shape[-2:]
    rows, columns = int(height * LARGEST_SHIFT + 0.5), int(width * LARGEST_SHIFT + 0.5)
    top = _integers(2 * rows + 1, len(x))
    left = _integers(2 * columns + 1, len(x))
    padded = F.pad(x, (columns, columns, rows, rows))  # (N, C, H + 2 rows, W + 2 columns)
    windows = [one[:, t : t + height, s : s + width] for one, t, s in zip(padded, top, left, strict=True)]
    return torch.stack(windows)


def cutout(x: Tensor) -> Tensor:
    """A box of half the height and half the width is blanked with zero; its centre lies anywhere in the picture."""
    height, width = x.shape[-2:]
    rows, columns = int(height * CUTOUT_SIDE + 0.5), int(width * CUTOUT_SIDE + 0.5)
    top = [place - rows // 2 for place in _integers(height + 1 - rows % 2, len(x))]
    left = [place - columns // 2 for place in _integers(width + 1 - columns % 2, len(x))]
    keep = torch.ones(len(x), 1, height, width)
    for mask, t, s in zip(keep, top, left, strict=True):
        mask[:, max(0, t) : t + rows, max(0, s) : s + columns] = 0
    return x * keep.to(x.device)


def _integers(below: int, count: int) -> list[int]:
    drawn: list[int] = own_rows(lambda n: torch.randint(below, (n,)), count).tolist()
    return drawn


AUGMENTATIONS: dict[Augmentation, Callable[[Tensor], Tensor]] = {
    "colour": colour,
    "translation": translation,
    "cutout": cutout,
}
