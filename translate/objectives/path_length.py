"""Path length regularisation (Karras 2020, Sec. 3.2): a step in w of one length changes the picture by one length."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from translate.draws import own_rows

DECAY = 0.01


class PathLength(nn.Module):
    """weight E (|J^T y| - a)^2, J = d picture / d w, y normal noise, a the running mean of the lengths (Eq. 4).

    `mean` is a, part of a run's state. |J^T y| is the root of the mean square over layers, summed over w.

    Shape: picture (N, C, H, W) made of w_plus (N, L, D) -> scalar. Range: at least 0.
    """

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))

    def forward(
        self, picture: Tensor, w_plus: Tensor, average: Callable[[Tensor], Tensor] = lambda value: value
    ) -> Tensor:
        """`average` is taken over processes that share a batch."""
        lengths = path_lengths(picture, w_plus)
        with torch.no_grad():
            self.mean.lerp_(average(lengths.mean()), DECAY)
        return (lengths - self.mean).square().mean()


def path_lengths(picture: Tensor, w_plus: Tensor) -> Tensor:
    """|J^T y| of each picture, y drawn anew from torch's state; may be differentiated once more.

    Shape: picture (N, C, H, W), w_plus (N, L, D) -> (N,).
    """
    count, *shape = picture.shape
    y = own_rows(lambda n: torch.randn(n, *shape, device=picture.device), count)
    y = y / math.sqrt(picture.shape[2] * picture.shape[3])
    with torch.autocast(picture.device.type, enabled=False):
        (slope,) = torch.autograd.grad((picture.float() * y).sum(), w_plus, create_graph=True)
    return slope.square().sum(dim=2).mean(dim=1).sqrt()
