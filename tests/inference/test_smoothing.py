"""The running average over a clip: worked out by hand where nothing moves, and gone where something does."""

import numpy as np
import pytest

from translate.inference.smoothing import WIDTH, Smoother


def still(value: int = 100, channels: int = 3) -> np.ndarray:
    return np.full((8, 8, channels), value, np.uint8)


def test_a_still_clip_is_averaged_exponentially():
    """Strength 0.5 halves the distance to each new output: 100, 150, 175, 137.5 (rounded half to even)."""
    smoother = Smoother(0.5)
    results = [int(smoother(still(), still(value))[0, 0, 0]) for value in (100, 200, 200, 100)]
    assert results == [100, 150, 175, 138]


def test_strength_0_changes_nothing_and_1_keeps_the_first():
    none, all_of_it = Smoother(0.0), Smoother(1.0)
    for value in (10, 200, 90):
        assert none(still(), still(value)).tolist() == still(value).tolist()
        assert all_of_it(still(), still(value)).tolist() == still(10).tolist()


def test_flicker_of_a_still_scene_shrinks_as_theory_says():
    """The average of independent noise has (1 - s) / (1 + s) of its variance: at 0.8 a ninth."""
    random = np.random.default_rng(0)
    smoother, frame = Smoother(0.8), np.full((64, 64, 3), 100, np.uint8)
    for _ in range(40):
        result = smoother(frame, np.clip(random.normal(128, 20, frame.shape), 0, 255).astype(np.uint8))
    assert float(result.astype(float).var()) == pytest.approx(400 / 9, rel=0.15)


def test_the_gate_closes_by_the_stated_curve():
    """An even change of WIDTH levels leaves 1/e of the strength: 200 + 0.5 / e * (100 - 200)."""
    smoother = Smoother(0.5)
    smoother(still(100), still(100))
    result = smoother(still(100 + int(WIDTH)), still(200))
    assert int(result[0, 0, 0]) == round(200 - 100 * 0.5 / np.e)


def test_a_cut_shows_the_new_scene_at_once():
    smoother = Smoother(0.9)
    smoother(still(20), still(20))
    assert smoother(still(220), still(220)).tolist() == still(220).tolist()


def test_what_moves_leaves_no_ghost():
    """A bright square, and a line of one pixel, over a dark field; the model gives back what it sees."""
    smoother = Smoother(0.95)
    for step in range(12):
        frame = np.full((40, 60, 3), 40, np.uint8)
        frame[10:20, 3 * step : 3 * step + 10] = 220
        frame[30, 3 * step] = 120
        result = smoother(frame, frame)
    assert np.abs(result.astype(int) - frame).max() <= 1


def test_a_slow_fade_is_not_left_behind():
    """One level a frame: each step alone is below the noise, so the average must know how far its frames are."""
    smoother = Smoother(0.95)
    for value in range(20, 220):
        result = smoother(still(value), still(value))
    assert 219 - int(result[0, 0, 0]) <= WIDTH


def test_classes_are_decided_by_the_averaged_vote():
    """At strength 0.6 class 1 has 0, 0.4, 0.64, 0.384 of the votes: one odd frame turns nothing, two do."""
    smoother = Smoother(0.6, classes=3)
    results = [int(smoother(still(), np.full((8, 8), k, np.uint8))[0, 0]) for k in (0, 1, 1, 0)]
    assert results == [0, 0, 1, 0]
    assert smoother(still(), np.full((8, 8), 2, np.uint8)).dtype == np.uint8


def test_classes_that_move_are_shown_at_once():
    smoother = Smoother(0.9, classes=2)
    smoother(still(0), np.zeros((8, 8), np.uint8))
    assert smoother(still(200), np.ones((8, 8), np.uint8)).min() == 1
