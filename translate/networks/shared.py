"""What a layer or a loss takes over the whole batch, where several processes share the batch.

Each process backpropagates the mean over its own samples, and gradients are averaged afterwards. A sum over the whole
batch, whose gradient goes to the samples of every process, then gives what one process alone would learn.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

import torch
import torch.distributed
from torch import Tensor, nn

from translate.draws import own_rows

_is_alone = ContextVar("_is_alone", default=False)


@contextmanager
def alone() -> Iterator[None]:
    """What this process computes now, the others don't: nothing is shared with them, or it would wait for ever."""
    token = _is_alone.set(True)
    try:
        yield
    finally:
        _is_alone.reset(token)


def processes() -> int:
    """How many processes share a batch now."""
    # In this order: a compiled network of one process must not ask for what can't be compiled.
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()) or _is_alone.get():
        return 1
    return torch.distributed.get_world_size()


def total(share: Tensor) -> Tensor:
    """The sum over all processes, through which gradients reach all of them. Shape: any, the same in each process."""
    return share if processes() == 1 else cast(Tensor, _Total.apply(share))


class _Total(torch.autograd.Function):
    """d(L_1 + L_2 + ...)/d(share) is the sum of what each process's own loss asks of the total."""

    @staticmethod
    def forward(ctx: Any, share: Tensor) -> Tensor:
        whole = share.clone(memory_format=torch.contiguous_format)
        torch.distributed.all_reduce(whole)
        return whole

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return cast(Tensor, _Total.apply(gradients[0]))  # not summed in place: a gradient penalty differentiates it


class BatchNorm(nn.BatchNorm2d):
    """Batch norm (Ioffe 2015) over the whole batch: torch's own, and its sums over all processes where there are some.

    torch's SyncBatchNorm is for accelerators alone.

    Shape: (N, C, H, W) -> (N, C, H, W).
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or processes() == 1:
            return super().forward(x)
        count = processes() * x.numel() // x.shape[1]
        values = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
        mean = total(values.sum(dim=(0, 2, 3))) / count  # (C,)
        centred = values - mean[:, None, None]
        variance = total(centred.square().sum(dim=(0, 2, 3))) / count  # (C,)
        self._follow(mean.detach(), variance.detach() * count / (count - 1))
        scale = (variance + self.eps).rsqrt() * self.weight
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        """Move the statistics that stand in for the batch's when the network is used."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
        self.running_var.lerp_(variance.to(self.running_var), self.momentum)


class Dropout(nn.Dropout):
    """Dropout (Srivastava 2014) that draws for the whole batch and keeps this process's share. Shape: any."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.p or processes() == 1:
            return super().forward(x)
        # Laid out as the values, for they are drawn in the order of memory.
        last = x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last)
        layout = torch.channels_last if last else torch.contiguous_format

        def draw(count: int) -> Tensor:
            return x.new_empty(count, *x.shape[1:]).contiguous(memory_format=layout).bernoulli_(1 - self.p)

        return x * own_rows(draw, len(x)).div(1 - self.p)
