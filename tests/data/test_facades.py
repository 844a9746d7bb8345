"""Drawn house fronts."""

import numpy as np
import pytest

from translate.data.facades import PARTS, front, renamed


def test_a_seed_is_the_same_house_every_time_and_another_seed_another() -> None:
    np.testing.assert_array_equal(front(3, 64, 64), front(3, 64, 64))
    assert (front(3, 64, 64) != front(4, 64, 64)).any()


def test_a_seed_is_the_same_house_at_any_size() -> None:
    small, large, other = front(7, 512, 512), front(7, 1024, 1024)[::2, ::2], front(8, 512, 512)
    assert (small != large).mean() < 0.02  # edges fall on other pixels
    assert (small != other).mean() > 0.2


@pytest.mark.parametrize("seed", range(20))
def test_every_house_has_sky_above_it_windows_and_one_door_on_the_ground(seed: int) -> None:
    house = front(seed, 256, 256)
    parts = {PARTS[value] for value in np.unique(house)}
    assert parts >= {"background", "facade", "window", "door", "molding"}
    assert (house[:10] == PARTS.index("background")).all()
    doors = np.flatnonzero((house == PARTS.index("door")).any(axis=0))
    assert (np.diff(doors) == 1).all()
    assert (house[-1, doors] == PARTS.index("door")).all()


def test_over_some_seeds_every_part_is_drawn() -> None:
    assert set(np.unique([front(seed, 128, 128) for seed in range(20)])) == set(range(len(PARTS)))


def test_parts_go_to_their_namesakes_and_the_rest_is_wall() -> None:
    index = np.array([[PARTS.index(part) for part in ("background", "door", "shop", "facade")]], np.uint8)
    assert renamed(index, ["door", "facade", "background", "window"]).tolist() == [[2, 0, 1, 1]]
