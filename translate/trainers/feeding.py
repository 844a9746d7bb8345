"""From a data set to batches on the accelerator: reader processes, what goes wrong in them, their end."""

import signal
from collections.abc import Iterator
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from translate.config import TrainConfig
from translate.data.batch_augment import BatchAugment
from translate.errors import TranslateError


def feed(data: Any, sampler: Any, config: TrainConfig, accelerator: Accelerator, start: int) -> Iterator[Any]:
    """Batches in the order of `sampler`, the first one with the number `start`.

    Raises: what the data raise for a file that can't be read any more, in the reader's own one line.
    """
    loader = DataLoader(
        _Telling(data),
        batch_sampler=sampler,
        num_workers=config.workers,
        persistent_workers=config.workers > 0,
        pin_memory=accelerator.device.type == "cuda",
        collate_fn=_collate,
        worker_init_fn=_outlive_signals,
        # Its own source of seeds: the loader would otherwise draw from the random state that a resumed run restores.
        generator=torch.Generator().manual_seed(config.seed),
    )
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    augment = BatchAugment(config.data, config.seed, accelerator.process_index) if config.data.batch_augment else None
    try:
        for number, batch in enumerate(loader, start):
            if isinstance(batch, TranslateError):
                raise batch
            moved = type(batch)(*(_move(side, accelerator.device, layout) for side in batch))
            yield augment(moved, number) if augment else moved
    finally:
        # Or an error's traceback would keep the loader, whose readers hear no signal and would be waited for for ever.
        del loader


class _Telling(Dataset[Any]):
    """A data set that hands over its errors: raised in a reader, they would come with that process's traceback."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def __getitem__(self, index: Any) -> Any:
        try:
            return self.data[index]
        except TranslateError as error:
            return error


def _collate(samples: list[Any]) -> Any:
    return next((sample for sample in samples if isinstance(sample, TranslateError)), None) or default_collate(samples)


def _outlive_signals(_: int) -> None:
    # Ctrl-C and a job scheduler's SIGTERM reach the whole process group. The loop finishes its step and saves, and
    # needs its readers until then; they end with it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _move(tensor: Tensor, device: torch.device, layout: torch.memory_format) -> Tensor:
    if tensor.ndim == 4:
        return tensor.to(device, non_blocking=True, memory_format=layout)
    return tensor.to(device, non_blocking=True)
