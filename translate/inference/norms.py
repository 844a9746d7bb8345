"""Instance norm over a picture that is never seen whole: one mean and variance for all its tiles.

Instance norm (Ulyanov 2016) takes its statistics from what it is given. Given a tile it paints a dark corner as bright
as a bright one, and the borders of tiles show.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class HeldNorm(nn.Module):
    """Instance norm that takes its statistics from the first batch it sees, all samples together, and keeps them.

    Shape: (N, C, H, W) -> (N, C, H, W).
    """

    def __init__(self, norm: nn.InstanceNorm2d) -> None:
        super().__init__()
        self.eps, self.weight, self.bias = norm.eps, norm.weight, norm.bias
        self.held: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.held is None:
            variance, mean = torch.var_mean(x.float(), dim=(0, 2, 3), correction=0)
            self.held = mean.to(x.dtype), variance.to(x.dtype)
        return F.batch_norm(x, *self.held, self.weight, self.bias, training=False, eps=self.eps)


def has_instance_norms(network: nn.Module) -> bool:
    """Whether what a network makes of a part depends on what else is in sight."""
    return any(_follows_the_picture(part) for part in network.modules())


def holding_norms(network: nn.Module) -> nn.Module:
    """A copy of `network` (its weights shared) whose instance norms keep the statistics of the first batch it sees."""
    shared: dict[int, object] = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    for part in network.modules():
        # Plain attributes too, such as weights laid out for the CPU, which can't be copied.
        shared |= {id(value): value for value in vars(part).values() if isinstance(value, Tensor | tuple)}
    held = copy.deepcopy(network, shared)
    for block in list(held.modules()):
        for name, part in list(block.named_children()):
            if isinstance(part, nn.InstanceNorm2d) and _follows_the_picture(part):
                setattr(block, name, HeldNorm(part))
    return held


def _follows_the_picture(part: nn.Module) -> bool:
    return isinstance(part, nn.InstanceNorm2d) and not part.track_running_stats
