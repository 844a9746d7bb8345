"""Both domains are drawn evenly in an order of their own, and a sample depends on nothing but its keys."""

import copy
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from translate.config import DataConfig
from translate.data.domains import Domains, PictureFile, UnpairedLayout, recognise_domains
from translate.data.paired import Pair
from translate.data.unpaired import Keys, PictureDataset, UnpairedDataset, UnpairedSampler, pictures, weights
from translate.errors import ConfigError, DatasetError, ImageError

Write = Callable[..., Path]


def config(**changes: Any) -> DataConfig:
    return DataConfig(**{"size": 16, "load_size": 20, "crop": 16, "holdout": 1, **changes})


def named(*names: str) -> tuple[PictureFile, ...]:
    return tuple(PictureFile(Path(name), name) for name in names)


def counted(a: int, b: int) -> Domains:
    return Domains(named(*map(str, range(a))), named(*map(str, range(b))))


def domain(files: tuple[PictureFile, ...], c: DataConfig, **more: Any) -> PictureDataset:
    return PictureDataset(files, c, **{"train": True, "seed": 0, **more})


def first(count: int, sampler: UnpairedSampler) -> list[list[Keys]]:
    return list(islice(sampler, count))


@pytest.fixture
def busy(draw: Write, tmp_path: Path) -> tuple[UnpairedLayout, DataConfig]:
    """Three and seven pictures, and a config with every augmentation switched on."""
    for side, count in (("a", 3), ("b", 7)):
        for i in range(count):
            draw(f"{side}/{side}{i}.png", seed=i)
    c = config(zoom=(0.2, 1.0), turn=True, colour=0.4)
    return recognise_domains(tmp_path, config=c, draw=False), c


def both(busy: tuple[UnpairedLayout, DataConfig], seed: int = 0) -> UnpairedDataset:
    (a, b), c = busy[0].splits["train"], busy[1]
    return UnpairedDataset(domain(a, c, seed=seed), domain(b, c, seed=seed))


def batches(busy: tuple[UnpairedLayout, DataConfig], workers: int, count: int, start: int = 0) -> list[Pair]:
    sampler = UnpairedSampler(busy[0].splits["train"], 2, 0, start_step=start)
    loader: DataLoader[Pair] = DataLoader(both(busy), batch_sampler=sampler, num_workers=workers)
    return list(islice(loader, count))


def equal(first: Pair, second: Pair) -> bool:
    return all(torch.equal(x, y) for x, y in zip(first, second, strict=True))


def test_batches_are_identical_for_0_and_2_workers_and_after_a_restart(
    busy: tuple[UnpairedLayout, DataConfig],
) -> None:
    alone = batches(busy, 0, 6)
    assert isinstance(alone[0], Pair)
    assert [(side.shape, side.dtype) for side in alone[0]] == [((2, 3, 16, 16), torch.float32)] * 2
    torch.manual_seed(2)
    assert all(equal(x, y) for x, y in zip(alone, batches(busy, 2, 6), strict=True))
    torch.manual_seed(3)
    assert all(equal(x, y) for x, y in zip(alone[4:], batches(busy, 0, 2, start=4), strict=True))


def test_no_sample_is_repeated_between_epochs_indices_domains_or_seeds(
    busy: tuple[UnpairedLayout, DataConfig],
) -> None:
    seen = set()
    for seed in (0, 1):
        data = both(busy, seed)
        for epoch in range(4):
            for index in range(3):
                pair = data[(epoch, index), (epoch, index)]
                seen |= {pair.real_a.numpy().tobytes(), pair.real_b.numpy().tobytes()}
    assert len(seen) == 2 * 4 * 3 * 2


def test_the_same_picture_in_both_domains_is_augmented_differently(draw: Write) -> None:
    file = PictureFile(draw("x.png"), "x")
    data = UnpairedDataset(*(domain((file,), config(zoom=(0.2, 0.8))) for _ in "ab"))
    for epoch in range(4):
        pair = data[(epoch, 0), (epoch, 0)]
        assert not torch.equal(pair.real_a, pair.real_b)


def test_a_sample_does_not_depend_on_what_was_asked_for_before(busy: tuple[UnpairedLayout, DataConfig]) -> None:
    data, other = both(busy), both(busy)
    for key in ((3, 2), (0, 0), (1, 1)):
        other[key, key]
    assert equal(data[(4, 1), (2, 2)], other[(4, 1), (2, 2)])


def test_validation_pictures_are_the_files_pixels_in_minus_1_to_1(draw: Write) -> None:
    array = np.random.default_rng(5).integers(0, 256, (6, 9, 3), np.uint8)
    data = domain((PictureFile(draw("x.png", array), "x"),), config(fit="native"), train=False)
    expected = torch.from_numpy(array).permute(2, 0, 1) / 127.5 - 1
    assert torch.allclose(data[0], expected, atol=1e-6)
    assert torch.equal(data[0], data[(7, 0)])


def test_16_bits_keep_their_steps_and_gray_is_read_or_made_by_the_channels_asked_for(draw: Write) -> None:
    deep = draw("deep.png", np.arange(24 * 32, dtype=np.uint16).reshape(24, 32) + 30_000)
    c = config(fit="native")
    assert len(domain((PictureFile(deep, "x"),), c, train=False, channels=1)[0].unique()) == 24 * 32
    assert domain((PictureFile(deep, "x"),), c, train=False, channels=3)[0].shape == (3, 24, 32)
    assert domain((PictureFile(draw("rgb.png"), "x"),), c, train=False, channels=1)[0].shape == (1, 24, 32)


def test_what_can_not_be_used_is_named(draw: Write) -> None:
    file = PictureFile(draw("x.png"), "x")
    with pytest.raises(DatasetError, match=r"x\.png: has 3 channels, 7 are expected"):
        domain((file,), config(), channels=7)[0]
    with pytest.raises(DatasetError, match=r"x\.png: 32x24 pixels are fewer than the crop of 30"):
        domain((file,), config(fit="native", crop=30))[0]
    deep = PictureFile(draw("deep.png", np.zeros((24, 32), np.uint16)), "deep")
    with pytest.raises(ConfigError, match=r"deep\.png: colour is 0\.2, but the input has 3 channels of uint16"):
        domain((deep,), config(colour=0.2))[0]
    file.path.write_bytes(file.path.read_bytes()[:100])
    with pytest.raises(ImageError, match=r"x\.png"):
        domain((file,), config())[0]


def test_the_cache_changes_nothing_and_keeps_to_half_its_size(draw: Write) -> None:
    files = tuple(PictureFile(draw(f"{i}.png", size=(512, 512), seed=i), str(i)) for i in range(5))  # 0.75 MiB each
    without, small = (domain(files, config(cache_mb=room)) for room in (0, 5))
    for key in [(epoch, index) for epoch in range(2) for index in range(5)]:
        assert torch.equal(without[key], small[key])
    assert (len(without._cache), len(small._cache)) == (0, 3)
    clone = copy.deepcopy(small)
    assert not clone._cache
    assert torch.equal(clone[(1, 2)], small[(1, 2)])


def test_pictures_come_in_order_with_neighbours_of_one_size_together(draw: Write) -> None:
    widths = (8, 8, 8, 6, 8, 8)
    files = tuple(PictureFile(draw(f"{i}.png", size=(8, w), seed=i), str(i)) for i, w in enumerate(widths))
    data = domain(files, config(fit="native"), train=False)
    groups = list(pictures(data, 2))
    assert [tuple(group.shape) for group in groups] == [(2, 3, 8, 8), (1, 3, 8, 8), (1, 3, 8, 6), (2, 3, 8, 8)]
    assert all(torch.equal(x, data[i]) for i, x in enumerate(x for group in groups for x in group))


def test_each_domain_goes_through_epochs_of_its_own_and_none_of_its_pictures_is_left_out() -> None:
    """Three and seven pictures, two a step: in 21 steps A is seen fourteen times, B six times."""
    keys = [key for batch in first(21, UnpairedSampler(counted(3, 7), 2, 1)) for key in batch]
    assert len(keys) == 42
    for side, length in ((0, 3), (1, 7)):
        for epoch in range(42 // length):
            part = [key[side] for key in keys[length * epoch : length * epoch + length]]
            assert sorted(part) == [(epoch, index) for index in range(length)]


def test_equal_domains_are_not_shuffled_alike_and_partners_change() -> None:
    keys = [key for batch in first(10, UnpairedSampler(counted(20, 20), 20, 0)) for key in batch]
    orders = {tuple(key[side][1] for key in keys[20 * e : 20 * e + 20]) for side in (0, 1) for e in range(10)}
    assert len(orders) == 20
    assert len({(a[1], b[1]) for a, b in keys}) > 100


@pytest.mark.parametrize("balance", [0.0, 0.7])
@pytest.mark.parametrize("step", [0, 1, 5, 23])
def test_a_restart_at_step_k_gives_what_the_whole_run_gives_from_there(step: int, balance: float) -> None:
    whole = first(30, UnpairedSampler(counted(3, 11), 4, 3, balance=balance))
    assert first(30 - step, UnpairedSampler(counted(3, 11), 4, 3, start_step=step, balance=balance)) == whole[step:]


@pytest.mark.parametrize("balance", [0.0, 0.7])
@pytest.mark.parametrize("world", [2, 3])
def test_the_slices_of_all_ranks_make_up_the_global_batch(world: int, balance: float) -> None:
    whole = first(12, UnpairedSampler(counted(5, 7), 6, 5, balance=balance))
    ranks = [
        first(12, UnpairedSampler(counted(5, 7), 6 // world, 5, rank=rank, world=world, balance=balance))
        for rank in range(world)
    ]
    assert [[key for rank in ranks for key in rank[step]] for step in range(12)] == whole


@pytest.mark.parametrize(
    "wrong", [{"domains": counted(0, 3)}, {"batch_size": 0}, {"start_step": -1}, {"rank": 2, "world": 2}]
)
def test_impossible_orders_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="samples"):
        UnpairedSampler(**{"domains": counted(2, 2), "batch_size": 1, "seed": 0, **wrong})


def unequal_folders() -> tuple[PictureFile, ...]:
    """Two pictures in one folder, twenty in another."""
    return named(*(f"rare/{i}" for i in range(2)), *(f"often/{i}" for i in range(20)))


def indices(sampler: UnpairedSampler, count: int) -> Iterator[int]:
    return (key[0][1] for batch in first(count, sampler) for key in batch)


@pytest.mark.parametrize(("balance", "share"), [(0.5, 2**0.5 / (2**0.5 + 20**0.5)), (1.0, 0.5)])
def test_balance_draws_folders_by_their_size_to_the_power_of_1_minus_balance(balance: float, share: float) -> None:
    """n pictures of weight n ** -balance weigh n ** (1 - balance); 22,000 draws, tolerance five standard errors."""
    files = unequal_folders()
    counts = Counter(indices(UnpairedSampler(Domains(files, files), 22, 0, balance=balance), 1000))
    rare = sum(counts[i] for i in range(2))
    assert sum(counts.values()) == 22_000
    assert rare == pytest.approx(22_000 * share, abs=5 * (22_000 * share * (1 - share)) ** 0.5)
    # Inside a folder no picture is preferred.
    assert counts[0] == pytest.approx(rare / 2, rel=0.1)
    assert min(counts[i] for i in range(2, 22)) > 0.7 * (22_000 - rare) / 20


def test_weights_are_those_of_the_folder_a_picture_lies_in() -> None:
    files = named("x", "y", "deep/er/1", "deep/1", "deep/2", "deep/3", "deep/4")
    assert weights(files, 1.0).tolist() == [0.5, 0.5, 1, 0.25, 0.25, 0.25, 0.25]
    assert weights(files, 0.5).tolist() == pytest.approx([0.5**0.5, 0.5**0.5, 1, 0.5, 0.5, 0.5, 0.5])
    assert weights(files, 0.0).tolist() == [1] * 7


def test_a_picture_drawn_twice_in_an_epoch_is_augmented_twice() -> None:
    files = unequal_folders()
    keys = [key for batch in first(100, UnpairedSampler(Domains(files, files), 5, 0, balance=1.0)) for key in batch]
    for side in (0, 1):
        assert len({key[side] for key in keys}) == 500
        assert Counter(key[side][1] for key in keys)[0] > 50
