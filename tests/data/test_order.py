"""The order of samples: complete epochs, exact restarts, and slices that make up the global batch."""

from itertools import islice

import pytest

from translate.data.order import EpochSampler, Key


def first(count: int, sampler: EpochSampler) -> list[list[Key]]:
    return list(islice(sampler, count))


def test_every_epoch_holds_every_sample_once_and_batches_run_on_across_epochs() -> None:
    keys = [key for batch in first(7 * 3, EpochSampler(7, 3, seed=1)) for key in batch]
    assert all(len(batch) == 3 for batch in first(7, EpochSampler(7, 3, seed=1)))
    for epoch in range(9):
        assert sorted(keys[7 * epoch : 7 * epoch + 7]) == [(epoch, index) for index in range(7)]


def test_epochs_and_seeds_are_shuffled_differently() -> None:
    orders = {
        tuple(index for _, index in batch) for seed in (0, 1) for batch in first(5, EpochSampler(40, 40, seed=seed))
    }
    assert len(orders) == 10


@pytest.mark.parametrize("step", [0, 1, 5, 23])
def test_a_restart_at_step_k_gives_what_the_whole_run_gives_from_there(step: int) -> None:
    whole = first(30, EpochSampler(11, 4, seed=3))
    assert first(30 - step, EpochSampler(11, 4, seed=3, start_step=step)) == whole[step:]


@pytest.mark.parametrize("world", [1, 2, 3, 4])
def test_the_slices_of_all_ranks_make_up_the_global_batch(world: int) -> None:
    batch = 12 // world
    whole = first(10, EpochSampler(7, 12, seed=5))
    ranks = [first(10, EpochSampler(7, batch, seed=5, rank=rank, world=world)) for rank in range(world)]
    assert [[key for rank in ranks for key in rank[step]] for step in range(10)] == whole


def test_ranks_restart_in_step() -> None:
    whole = first(12, EpochSampler(7, 2, seed=5, rank=1, world=2))
    assert first(8, EpochSampler(7, 2, seed=5, start_step=4, rank=1, world=2)) == whole[4:]


def test_a_batch_may_be_larger_than_the_data() -> None:
    (batch,) = first(1, EpochSampler(2, 5, seed=0))
    assert [epoch for epoch, _ in batch] == [0, 0, 1, 1, 2]


@pytest.mark.parametrize(
    "wrong", [{"length": 0}, {"batch_size": 0}, {"start_step": -1}, {"rank": 2, "world": 2}, {"rank": -1}]
)
def test_impossible_orders_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="samples"):
        EpochSampler(**{"length": 4, "batch_size": 1, "seed": 0, **wrong})
