"""Exponential moving average of a generator's weights (Polyak 1992; Karras 2018 for GANs), warmed up."""

import copy

import torch
from torch import nn


class EMA:
    """`average` follows `module`: average <- d * average + (1 - d) * module, with d = min(decay, (1 + t) / (10 + t)).

    The warm-up makes an early average useful: at a fixed 0.999 it would show the initial noise for thousands of steps.
    Batch-norm statistics are averaged like weights; counters are copied.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module, self.decay = module, decay
        self.average = copy.deepcopy(module).requires_grad_(False).eval()

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after step number `step` (from 0)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        averages, values = [], []
        for mine, theirs in zip(self.average.state_dict().values(), self.module.state_dict().values(), strict=True):
            if mine.is_floating_point():
                averages.append(mine)
                values.append(theirs)
            else:
                mine.copy_(theirs)
        torch._foreach_lerp_(averages, values, 1 - decay)
