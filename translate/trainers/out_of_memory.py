"""A batch that does not fit: which errors say so, and the largest batch that does."""

import gc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor

from translate.config import TrainConfig
from translate.errors import TranslateError
from translate.networks.shared import alone
from translate.trainers.update import NotFinite, Update

SIGNS = ("DefaultCPUAllocator: can't allocate memory", "DefaultCPUAllocator: not enough memory")
"""What torch says on a CPU, where it has no error of its own for this."""


class OutOfMemory(TranslateError):
    """A batch is too large for this machine."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on an accelerator or here."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)
    )


def largest_batch(fits: Callable[[int], bool], batch_size: int) -> int:
    """The largest batch below `batch_size` that fits, 0 for none: by halves downwards, then between the last two."""
    fit, failed = batch_size, batch_size
    while fit > 0:
        fit //= 2
        if fit and fits(fit):
            break
        failed = max(fit, 1)
    while failed - fit > 1:
        middle = (fit + failed) // 2
        fit, failed = (middle, failed) if fits(middle) else (fit, middle)
    return fit


def first(batch: Any, count: int) -> Any:
    """The first samples of a batch: of a tensor, or of each in a named tuple. Shape: (N, ...) -> (count, ...)."""
    if isinstance(batch, Tensor):
        return batch[:count]
    return type(batch)(*(first(part, count) for part in batch))


def tell(batch_size: int, accumulate: int, largest: int) -> str:
    """What to do where `largest` samples fit instead of `batch_size`: the same training in smaller pieces."""
    if not largest:
        return "not even one picture fits: train with a smaller data.crop or generator.filters"
    # Only a divisor leaves every step what it was.
    part = max(size for size in range(1, largest + 1) if batch_size % size == 0)
    return (
        f"the largest batch that fits is {largest}: go on with --resume --batch-size {part} "
        f"--set accumulate={accumulate * batch_size // part}, which learns from as many pictures a step"
    )


def too_large(step: Callable[[Any, Update], object], update: Update, batch: Any, config: TrainConfig) -> OutOfMemory:
    """The error for a batch that did not fit; it tries smaller ones, which changes the networks.

    To be called when the first error is gone: it holds on to what the failed step had allocated.
    """
    update.processes = 1  # the others take no part in this

    def fits(count: int) -> bool:
        for player in update.players.values():
            player.optimizer.zero_grad(set_to_none=True)
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        try:
            with suppress(NotFinite), alone():
                step(first(batch, count), update)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return False
        return True

    advice = tell(config.batch_size, config.accumulate, largest_batch(fits, config.batch_size))
    return OutOfMemory(f"out of memory with batches of {config.batch_size}; {advice}")
