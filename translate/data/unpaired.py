"""Pictures of two domains as tensors, each drawn in its own order, and the two kept even however unequal they are."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from translate import images
from translate.config import DataConfig
from translate.data.cache import Cache
from translate.data.domains import Domains, PictureFile
from translate.data.order import EpochSampler, Key
from translate.data.paired import Pair
from translate.data.transforms import PictureTransform
from translate.errors import ConfigError, DatasetError

Array = np.ndarray[Any, Any]
Keys = tuple[Key, Key]
"""What an UnpairedDataset is asked for: the keys of both domains."""


class PictureDataset(Dataset[Tensor]):
    """The pictures of one domain; `dataset[(epoch, index)]` depends on (seed, epoch, index) and nothing else.

    `channels` 1 or 3 are converted to, any other count has to be what is stored.
    Shape: (C, H, W) float32 in [-1, 1].
    Raises: DatasetError, ImageError naming the file when a picture can't be used.
    """

    def __init__(
        self, files: Sequence[PictureFile], config: DataConfig, *, train: bool, seed: int, channels: int = 3
    ) -> None:
        self.files, self.config = tuple(files), config
        self.train, self.seed, self.channels = train, seed, channels
        self.transform = PictureTransform(config, train=train)
        self._cache = Cache(config.cache_mb << 19)  # bytes: half, as there are two domains

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, key: Key | int) -> Tensor:
        epoch, index = key if isinstance(key, tuple) else (0, key)
        return self.sample(epoch, index)

    def sample(self, epoch: int, index: int, stream: int = 0) -> Tensor:
        """The picture as augmented in one of several random streams. Shape: (C, H, W) in [-1, 1]."""
        (array,) = self._cache.get(index, lambda: (read_file(self.files[index], self.channels),))
        try:
            array = self.transform(array, seed=(self.seed, stream, epoch, index))
        except (DatasetError, ConfigError) as error:
            raise type(error)(f"{self.files[index].path}: {error}") from None
        return images.to_tensor(array)


class UnpairedDataset(Dataset[Pair]):
    """A picture of each domain, drawn and augmented independently; `dataset[(key_a, key_b)]` depends on the keys alone.

    Shape: Pair of (C, H, W) float32 in [-1, 1].
    """

    def __init__(self, a: PictureDataset, b: PictureDataset) -> None:
        self.a, self.b = a, b

    def __getitem__(self, key: Keys) -> Pair:
        return Pair(self.a.sample(*key[0], stream=0), self.b.sample(*key[1], stream=1))


class UnpairedSampler(Sampler[list[Keys]]):
    """Endless batches of keys of both domains, for `DataLoader(batch_sampler=...)`.

    Each domain goes through its own epochs in its own order, so that of unequal domains the smaller is seen more often
    and no picture of the larger is left out. `start_step`, `rank` and `world` are those of EpochSampler. With
    `balance` above 0 the pictures of a domain are drawn with replacement, each with the weight
    (pictures in its folder) ** -balance: at 1 every folder is drawn as often as any other.
    Raises: ValueError for an empty domain, or a batch or rank that can't be.
    """

    def __init__(
        self,
        domains: Domains,
        batch_size: int,
        seed: int,
        start_step: int = 0,
        rank: int = 0,
        world: int = 1,
        balance: float = 0.0,
    ) -> None:
        self.orders = []
        for stream, files in enumerate(domains):
            own = int(np.random.SeedSequence((seed, stream)).generate_state(1)[0])
            epochs = EpochSampler(len(files), batch_size, own, start_step, rank, world)
            self.orders.append(Drawn(epochs, weights(files, balance)) if balance else epochs)

    def __iter__(self) -> Iterator[list[Keys]]:
        for batch_a, batch_b in zip(*self.orders, strict=True):
            yield list(zip(batch_a, batch_b, strict=True))


class Drawn:
    """The batches of an EpochSampler with its samples replaced by weighted draws, one for each place of an epoch.

    The first part of a key counts draws, so that a picture drawn twice in an epoch is augmented twice.
    """

    def __init__(self, epochs: EpochSampler, weights: Array) -> None:
        self.epochs, self.weights = epochs, weights / weights.sum()

    def __iter__(self) -> Iterator[list[Key]]:
        current, length = -1, self.epochs.length
        draws = np.empty(0, np.int64)
        for batch in self.epochs:
            keys = []
            for epoch, place in batch:
                if epoch != current:
                    current = epoch
                    # A third word keeps these numbers apart from those that shuffle the places.
                    draws = np.random.default_rng([self.epochs.seed, epoch, 1]).choice(length, length, p=self.weights)
                keys.append((epoch * length + place, int(draws[place])))
            yield keys


def weights(files: Sequence[PictureFile], balance: float) -> Array:
    """How much more often each picture is drawn than others: (pictures in its folder) ** -balance. Shape: (N,)."""
    folders = [file.name.rpartition("/")[0] for file in files]
    counts = Counter(folders)
    return np.array([counts[folder] ** -balance for folder in folders])


def pictures(data: PictureDataset, batch_size: int) -> Iterator[Tensor]:
    """All pictures in order, neighbours of one size together. Shape: (N, C, H, W), N at most `batch_size`."""
    waiting: list[Tensor] = []
    for index in range(len(data)):
        picture = data[index]
        if waiting and (len(waiting) == batch_size or waiting[0].shape != picture.shape):
            yield torch.stack(waiting)
            waiting = []
        waiting.append(picture)
    if waiting:
        yield torch.stack(waiting)


def read_file(file: PictureFile, channels: int) -> Array:
    """A picture as stored: 1 or 3 channels are converted to, any other count has to be what is stored.

    Shape: (H, W, channels) uint8 or uint16, writable.
    Raises: ImageError, DatasetError naming the file.
    """
    array = images.read_array(file.path, channels if channels in (1, 3) else None)
    if array.shape[2] != channels:
        raise DatasetError(f"{file.path}: has {array.shape[2]} channels, {channels} are expected")
    # torch warns of arrays it may not write to, and a decoder's buffer is one.
    return np.ascontiguousarray(array) if array.flags.writeable else array.copy()
