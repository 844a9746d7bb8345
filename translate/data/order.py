"""Which samples make up which step: an endless order that any restart and any number of processes agree on."""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

Key = tuple[int, int]
"""(epoch, index): what a PairedDataset is asked for; its randomness depends on nothing else but the seed."""


class EpochSampler(Sampler[list[Key]]):
    """Endless batches of (epoch, index), for `DataLoader(batch_sampler=...)`.

    Every epoch visits each sample once, in an order drawn from (seed, epoch); batches run on across epochs, so that no
    sample is dropped. `batch_size` counts the samples of one process: a step's global batch has `world * batch_size`
    of them, and `rank` gets its slice. Iteration begins with the batch of `start_step`.
    Raises: ValueError for a length, batch or rank that can't be.
    """

    def __init__(
        self, length: int, batch_size: int, seed: int, start_step: int = 0, rank: int = 0, world: int = 1
    ) -> None:
        if length < 1 or batch_size < 1 or start_step < 0 or not 0 <= rank < world:
            raise ValueError(f"{length} samples, batch {batch_size}, step {start_step}, rank {rank} of {world}")
        self.length, self.batch_size, self.seed = length, batch_size, seed
        self.start_step, self.rank, self.world = start_step, rank, world

    def __iter__(self) -> Iterator[list[Key]]:
        epoch, order = -1, np.empty(0, np.int64)
        position = (self.start_step * self.world + self.rank) * self.batch_size
        while True:
            batch = []
            for place in range(position, position + self.batch_size):
                if place // self.length != epoch:
                    epoch = place // self.length
                    order = np.random.default_rng([self.seed, epoch]).permutation(self.length)
                batch.append((epoch, int(order[place % self.length])))
            yield batch
            position += self.world * self.batch_size
