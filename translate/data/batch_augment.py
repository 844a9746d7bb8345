"""Geometric augmentation of a whole batch on its device (kornia), the same for input and target."""

import math

import numpy as np
import torch
from torch import Tensor

from translate.config import IGNORE_INDEX, DataConfig
from translate.data.paired import Pair

SCALE = 1.25
"""Each sample is enlarged or shrunk by up to this factor."""
DEGREES = 10.0
"""Largest rotation either way; any angle is as likely where `turn` is set."""


class BatchAugment:
    """Flip, rotate and scale every sample of a batch; `augment(batch, step)` depends on (seed, rank, step) alone.

    Pictures are mirrored beyond their borders, label maps are void there.
    Shape: as Pair, (N, C, H, W) float and (N, C, H, W) or (N, H, W); sizes and memory layout stay.
    """

    def __init__(self, config: DataConfig, seed: int, rank: int = 0) -> None:
        self.config, self.seed, self.rank = config, seed, rank

    def __call__(self, batch: Pair, step: int) -> Pair:
        """The batch of this step, augmented."""
        count, height, width = len(batch.real_a), *batch.real_a.shape[-2:]
        matrix = self.matrices(count, height, width, step).to(batch.real_a)  # (N, 2, 3)
        return Pair(_warp(batch.real_a, matrix), _warp(batch.real_b, matrix))

    def matrices(self, count: int, height: int, width: int, step: int) -> Tensor:
        """Affine maps about the centre, from source to result pixels. Shape: (count, 2, 3)."""
        from kornia.geometry.transform import get_affine_matrix2d

        word = np.random.SeedSequence((self.seed, self.rank, step)).generate_state(1, np.uint64)[0]
        source = torch.Generator().manual_seed(int(word >> np.uint64(1)))
        draw = torch.rand(4, count, generator=source)
        scale = torch.exp((2 * draw[0] - 1) * math.log(SCALE))
        degrees = (2 * draw[1] - 1) * (180.0 if self.config.turn else DEGREES)
        mirror = torch.eye(3).repeat(count, 1, 1)
        if self.config.flip or self.config.turn:
            flipped = draw[2] < 0.5
            mirror[flipped, 0, 0], mirror[flipped, 0, 2] = -1.0, width - 1.0
        centre = torch.tensor([(width - 1) / 2, (height - 1) / 2]).repeat(count, 1)
        turned = get_affine_matrix2d(torch.zeros(count, 2), centre, scale[:, None].repeat(1, 2), degrees)
        return (turned @ mirror)[:, :2]


def _warp(side: Tensor, matrix: Tensor) -> Tensor:
    from kornia.geometry.transform import warp_affine

    size = (int(side.shape[-2]), int(side.shape[-1]))
    if side.is_floating_point():
        warped = warp_affine(side, matrix, size, mode="bilinear", padding_mode="reflection")
        dense = side.is_contiguous(memory_format=torch.channels_last)
        return warped.contiguous(memory_format=torch.channels_last if dense else torch.contiguous_format)
    # Outside is filled with zeros: shifted so that zero is void.
    planes = (side - IGNORE_INDEX).unsqueeze(1).to(matrix)  # (N, 1, H, W)
    warped = warp_affine(planes, matrix, size, mode="nearest", padding_mode="zeros")
    return warped.squeeze(1).round().to(side.dtype) + IGNORE_INDEX
