"""Samples are the files' pictures as tensors, and the same whoever loads them in whatever order."""

import copy
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from translate.config import DataConfig
from translate.data.layouts import recognise
from translate.data.order import EpochSampler
from translate.data.paired import Pair, PairedDataset
from translate.errors import ConfigError, DatasetError, ImageError

Write = Callable[..., Path]


def config(**changes: Any) -> DataConfig:
    return DataConfig(**{"size": 16, "load_size": 20, "crop": 16, "holdout": 1, **changes})


def dataset(root: Path, c: DataConfig, *, train: bool = True, seed: int = 0, **more: Any) -> PairedDataset:
    layout = recognise(root, config=c)
    return PairedDataset(layout.pairs, layout, c, train=train, seed=seed, **more)


def equal(first: Pair, second: Pair) -> bool:
    return torch.equal(first.real_a, second.real_a) and torch.equal(first.real_b, second.real_b)


@pytest.fixture
def busy(labelled: Write) -> tuple[Path, DataConfig]:
    """A labelled set and a config with every augmentation switched on."""
    return labelled(names=7), config(zoom=(0.2, 1.0), turn=True, colour=0.4)


def batches(data: PairedDataset, workers: int, count: int, start: int = 0) -> list[Pair]:
    sampler = EpochSampler(len(data), 3, 0, start_step=start)
    loader: DataLoader[Pair] = DataLoader(data, batch_sampler=sampler, num_workers=workers)
    return list(islice(loader, count))


@pytest.mark.filterwarnings("ignore:This DataLoader will create 3 worker processes")
def test_batches_are_identical_for_0_1_and_3_workers_and_after_a_restart(busy: tuple[Path, DataConfig]) -> None:
    data = dataset(*busy)
    alone = batches(data, 0, 8)
    assert isinstance(alone[0], Pair)
    assert (alone[0].real_a.shape, alone[0].real_b.shape) == ((3, 3, 16, 16), (3, 16, 16))
    for workers in (1, 3):
        torch.manual_seed(workers)
        assert all(equal(x, y) for x, y in zip(alone, batches(dataset(*busy), workers, 8), strict=True))
    torch.manual_seed(99)
    assert all(equal(x, y) for x, y in zip(alone[5:], batches(dataset(*busy), 1, 3, start=5), strict=True))


def test_no_sample_is_repeated_between_epochs_indices_or_seeds(busy: tuple[Path, DataConfig]) -> None:
    seen = set()
    for seed in (0, 1):
        data = dataset(*busy, seed=seed)
        seen |= {data[(epoch, index)].real_a.numpy().tobytes() for epoch in range(6) for index in range(7)}
    assert len(seen) == 2 * 6 * 7


def test_one_picture_under_every_index_is_augmented_differently(draw: Write, tmp_path: Path) -> None:
    """Copies of one file: what differs between indices can only be the random draws."""
    for i in range(20):
        draw(f"a/{i}.png", seed=0)
        draw(f"b/{i}.png", seed=0)
    data = dataset(tmp_path, config(zoom=(0.2, 0.8)))
    samples = [data[(0, index)] for index in range(20)]
    assert len({sample.real_a.numpy().tobytes() for sample in samples}) == 20
    assert all(torch.equal(sample.real_a, sample.real_b) for sample in samples)


def test_a_sample_does_not_depend_on_what_was_asked_for_before(busy: tuple[Path, DataConfig]) -> None:
    data, other = dataset(*busy), dataset(*busy)
    for key in ((3, 2), (0, 0), (1, 5)):
        other[key]
    assert equal(data[(4, 1)], other[(4, 1)])


def test_the_cache_changes_nothing_and_keeps_to_its_size(labelled: Write) -> None:
    root = labelled(size=(512, 512), names=5)  # 1 MiB a pair
    without, small = (dataset(root, config(cache_mb=room)) for room in (0, 3))
    for key in [(epoch, index) for epoch in range(2) for index in range(5)]:
        assert equal(without[key], small[key])
    assert (len(without._cache), len(small._cache)) == (0, 3)


def test_a_copy_for_another_process_leaves_the_cache_behind(busy: tuple[Path, DataConfig]) -> None:
    data = dataset(*busy)
    expected = data[(0, 0)]
    clone = copy.deepcopy(data)
    assert not clone._cache
    assert equal(clone[(0, 0)], expected)


def test_direction_swaps_input_and_target(pairs: Write) -> None:
    root = pairs("a", "b")
    there, back = (dataset(root, config(direction=d), train=False) for d in ("AtoB", "BtoA"))
    for index in range(5):
        assert torch.equal(there[(0, index)].real_a, back[(0, index)].real_b)
        assert torch.equal(there[(0, index)].real_b, back[(0, index)].real_a)
        assert not torch.equal(there[(0, index)].real_a, there[(0, index)].real_b)


def test_halves_side_by_side_are_cut_in_the_middle(draw: Write, tmp_path: Path) -> None:
    halves = np.zeros((16, 32, 3), np.uint8)
    halves[:, 16:] = 255
    for i in range(3):
        draw(f"{i}.png", halves)
    for direction, a in (("AtoB", -1.0), ("BtoA", 1.0)):
        pair = dataset(tmp_path, config(direction=direction), train=False)[(0, 0)]
        assert pair.real_a.unique().tolist() == [a]
        assert pair.real_b.unique().tolist() == [-a]


def test_pictures_are_rgb_in_minus_1_to_1_and_labels_int64_with_void_255(labelled: Write) -> None:
    pair = dataset(labelled(), config(fit="native"), train=False)[0]
    assert (pair.real_a.dtype, pair.real_b.dtype) == (torch.float32, torch.int64)
    assert pair.real_a.min() >= -1
    assert pair.real_a.max() <= 1
    assert pair.real_b.shape == (24, 32)
    assert pair.real_b[0, 0] == 255
    assert set(pair.real_b.unique().tolist()) == {0, 1, 2, 255}


def test_labels_as_input_are_their_classes_colours(labelled: Write) -> None:
    pair = dataset(labelled(), config(fit="native", direction="BtoA"), train=False)[0]
    assert pair.real_a.shape == pair.real_b.shape == (3, 24, 32)
    assert pair.real_a[:, 0, 0].tolist() == [-1, -1, -1]
    assert pair.real_a[2, 1:].unique().tolist() == pytest.approx([200 / 127.5 - 1])


def test_labels_as_input_keep_pure_colours_at_any_scale(labelled: Write) -> None:
    data = dataset(labelled(names=3), config(size=64, load_size=80, crop=64, direction="BtoA"))
    colours = {spec.color for spec in data.layout.legend.classes} | {(0, 0, 0)}
    assert [spec.color for spec in data.input_classes] == [spec.color for spec in data.layout.legend.classes]
    for sample in data[(0, 0)], data[(1, 2)]:
        assert sample.real_a.shape == (3, 64, 64)
        seen = ((sample.real_a + 1) * 127.5).round().byte().flatten(1).T.unique(dim=0).tolist()
        assert {tuple(colour) for colour in seen} <= colours


def test_labels_as_input_need_three_channels_and_no_jitter(labelled: Write) -> None:
    root = labelled()
    with pytest.raises(DatasetError, match=r"drawn in 3 channels and 1 are expected; set generator\.in_channels=3"):
        dataset(root, config(direction="BtoA"), channels=(1, 3))
    with pytest.raises(ConfigError, match="the input has class indices"):
        dataset(root, config(direction="BtoA", colour=0.4))[0]


def test_class_counts_are_the_pixels_of_each_class_without_void(labelled: Write) -> None:
    data = dataset(labelled(count=3, names=4), config())
    counts = data.class_counts()
    stored = np.stack([np.random.default_rng(i).integers(0, 3, (24, 32), np.uint8) for i in range(4)])
    stored[:, 0, 0] = 9
    assert counts.tolist() == [(stored == c).sum() for c in range(3)]
    assert counts.sum() == 4 * (24 * 32 - 1)


def test_pictures_have_no_class_counts(pairs: Write) -> None:
    with pytest.raises(DatasetError, match="have no classes"):
        dataset(pairs("a", "b"), config()).class_counts()


def test_gray_is_made_or_read_by_the_channels_asked_for(draw: Write, tmp_path: Path) -> None:
    for i in range(2):
        draw(f"a/{i}.png", seed=i)
        draw(f"b/{i}.png", np.random.default_rng(i).integers(0, 256, (24, 32), np.uint8))
    pair = dataset(tmp_path, config(), channels=(1, 3))[(0, 0)]
    assert (pair.real_a.shape[0], pair.real_b.shape[0]) == (1, 3)


def test_16_bit_inputs_keep_their_steps(draw: Write, tmp_path: Path) -> None:
    for i in range(2):
        draw(f"a/{i}.png", np.arange(24 * 32, dtype=np.uint16).reshape(24, 32) + 30_000)
        draw(f"b/{i}.png", seed=i)
    pair = dataset(tmp_path, config(fit="native"), train=False, channels=(1, 3))[(0, 0)]
    assert len(pair.real_a.unique()) == 24 * 32


def test_another_number_of_channels_than_asked_for_is_refused(pairs: Write) -> None:
    with pytest.raises(DatasetError, match=r"0\.png: has 3 channels, 7 are expected"):
        dataset(pairs("a", "b"), config(), channels=(7, 3))[(0, 0)]


def test_a_label_beyond_the_classes_is_refused_before_any_loss_sees_it(draw: Write, labelled: Write) -> None:
    root = labelled(names=4)
    draw("labels/2.png", np.full((24, 32), 7, np.uint8))
    data = dataset(root, config())
    index = next(i for i, pair in enumerate(data.pairs) if pair.name == "2")
    with pytest.raises(DatasetError, match=r"2\.png: label value 7 \(768 pixels\): 100\.0% of the picture is none"):
        data[(0, index)]


def test_an_unreadable_or_too_small_file_is_named(pairs: Write) -> None:
    root = pairs("a", "b")
    with pytest.raises(DatasetError, match=r"a/\d\.png: 32x24 pixels are fewer than the crop of 30"):
        dataset(root, config(fit="native", crop=30))[(0, 0)]
    for path in (root / "a").iterdir():
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ImageError, match=r"a/\d\.png"):
        dataset(root, config())[(0, 0)]
