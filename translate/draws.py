"""What is drawn for each sample of a batch, when several processes share the batch.

All processes begin with the same state of torch's generator and stay in step: what is drawn once for a batch is the
same for all. What is drawn for each sample must not be, or a sample here would be the twin of one there.
"""

from collections.abc import Callable

import torch.distributed
from torch import Tensor


def own_rows(draw: Callable[[int], Tensor], count: int) -> Tensor:
    """The rows of this process's samples in a draw for those of all: what one process alone draws for the whole batch.

    Shape: draw(n) (n, ...) -> (count, ...).
    """
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return draw(count)
    first = torch.distributed.get_rank() * count
    return draw(torch.distributed.get_world_size() * count)[first : first + count]
