"""Pairs as tensors: read, cached, brought to scale and augmented."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from translate import images
from translate.config import ClassSpec, DataConfig
from translate.data.cache import Arrays, Cache
from translate.data.folders import PairFile
from translate.data.layouts import PairedLayout
from translate.data.reading import Side, read_side, usual_channels
from translate.data.transforms import PairTransform
from translate.errors import DatasetError

Array = np.ndarray[Any, Any]


class Pair(NamedTuple):
    """One sample, or a batch with N in front: input and target, already swapped by direction.

    Shape: real_a (C, H, W) float32 in [-1, 1]; real_b the same, or (H, W) int64 class indices with void = 255.
    """

    real_a: Tensor
    real_b: Tensor


class PairedDataset(Dataset[Pair]):
    """The pairs of one split; `dataset[(epoch, index)]` depends on (seed, epoch, index) and nothing else.

    `channels` are those of input and target: 1 or 3 are converted to, any other count has to be what is stored.
    `input_classes` are what the classes of the input's label maps are drawn as; None draws index maps as the layout
    says, and takes any other map for a picture.
    Raises: DatasetError, ImageError naming the file when a sample can't be used.
    """

    def __init__(
        self,
        pairs: Sequence[PairFile],
        layout: PairedLayout,
        config: DataConfig,
        *,
        train: bool,
        seed: int,
        channels: tuple[int, int] = (3, 3),
        input_classes: Sequence[ClassSpec] | None = None,
    ) -> None:
        self.pairs, self.layout, self.config = tuple(pairs), layout, config
        self.train, self.seed, self.channels = train, seed, channels
        self.input_classes = layout.input_classes(config) if input_classes is None else tuple(input_classes)
        self._refuse_other_channels()
        self.transform = PairTransform(config, train=train)
        self._cache = Cache(config.cache_mb << 20)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, key: tuple[int, int] | int) -> Pair:
        epoch, index = key if isinstance(key, tuple) else (0, key)
        a, b = self._cached(index)
        try:
            a, b = self.transform(a, b, seed=(self.seed, epoch, index))
        except DatasetError as error:
            raise DatasetError(f"{self.pairs[index].a}: {error}") from None
        if a.ndim == 2:  # painted only now, so that no resizing has mixed two classes' colours into a third's
            a = images.colourise(a, [spec.color for spec in self.input_classes])
        real_b = torch.from_numpy(b.astype(np.int64)) if self.layout.target == "labels" else images.to_tensor(b)
        return Pair(images.to_tensor(a), real_b)

    def _refuse_other_channels(self) -> None:
        """Stop before the first step where a side's pictures can't be brought to its channels."""
        if self.input_classes and self.channels[0] != 3:
            raise DatasetError(
                f"{self.layout.root}: a map of classes is drawn in 3 channels and {self.channels[0]} are expected; "
                "set generator.in_channels=3"
            )
        for side, wanted, option in zip(sides(self.config), self.channels, ("in", "out"), strict=True):
            found = usual_channels(self.pairs, side) if self.layout.legend_side != side else 3
            if found != 3 and found != wanted:
                raise DatasetError(
                    f"{self.layout.root}: side {side} has {found} channels and {wanted} are expected; "
                    f"set generator.{option}_channels={found}"
                )

    def _cached(self, index: int) -> Arrays:
        return self._cache.get(index, lambda: self._load(self.pairs[index]))

    def class_counts(self) -> Array:
        """Pixels of each class over all label targets, as stored; void is not counted.

        Shape: (K,) int64.
        Raises: DatasetError, ImageError naming the file, or when the targets are pictures.
        """
        counts = np.zeros(256, np.int64)
        for index in range(len(self)):
            target = self._cached(index)[1]
            if target.ndim != 2:
                raise DatasetError(f"{self.layout.root}: the targets are pictures, they have no classes")
            counts += np.bincount(target.ravel(), minlength=256)
        return counts[: len(self.layout.classes or ())]

    def _load(self, pair: PairFile) -> tuple[Array, Array]:
        """Input and target as stored. Shape: (H, W, C), and (H, W) for label maps."""
        first, second = sides(self.config)
        labels = self.layout.target == "labels"
        return (
            read_side(self.layout, pair, first, labels=bool(self.input_classes), channels=self.channels[0]),
            read_side(self.layout, pair, second, labels=labels, channels=self.channels[1]),
        )


def sides(config: DataConfig) -> tuple[Side, Side]:
    """Which side is the input and which the target."""
    return ("a", "b") if config.direction == "AtoB" else ("b", "a")


def batches(data: PairedDataset, batch_size: int) -> Iterator[Pair]:
    """All pairs in order, neighbours of one size together, so that a folder may hold pictures of any sizes.

    Shape: as Pair, with at most `batch_size` in front.
    """
    waiting: list[Pair] = []
    for index in range(len(data)):
        pair = data[index]
        if waiting and (len(waiting) == batch_size or waiting[0].real_a.shape != pair.real_a.shape):
            yield _stacked(waiting)
            waiting = []
        waiting.append(pair)
    if waiting:
        yield _stacked(waiting)


def _stacked(pairs: Sequence[Pair]) -> Pair:
    return Pair(*(torch.stack(side) for side in zip(*pairs, strict=True)))
