"""Intervals of a few seeds, against scipy and by hand."""

import math

import pytest
from scipy import stats

from translate.evaluation.intervals import STUDENT, interval, median_interval


def test_the_table_is_students_t():
    for freedom, value in enumerate(STUDENT, 1):
        assert value == pytest.approx(stats.t.ppf(0.975, freedom), abs=5e-5)


def test_three_values_by_hand():
    """1, 2 and 3: s = 1, so that half of the interval is 4.3027 / sqrt(3)."""
    assert interval([3.0, 1.0, 2.0]) == pytest.approx((2.0, 4.3027 / math.sqrt(3), 3))


@pytest.mark.parametrize("values", [[0.4, 0.5], [0.41, 0.44, 0.39, 0.47], [float(n % 7) for n in range(30)]])
def test_the_interval_is_scipys(values: list[float]):
    found = interval(values)
    low, high = stats.t.interval(0.95, len(values) - 1, loc=found.mean, scale=stats.sem(values))
    assert (found.mean - found.half, found.mean + found.half) == pytest.approx((low, high), rel=1e-4)


def test_one_value_has_no_interval():
    found = interval([0.5])
    assert (found.mean, found.runs) == (0.5, 1)
    assert math.isnan(found.half)


@pytest.mark.parametrize("count", [0, 31])
def test_no_values_and_too_many_are_refused(count: int):
    with pytest.raises(ValueError, match=f"{count} values"):
        interval([0.5] * count)


def test_the_median_of_a_hundred_lies_between_the_41st_and_the_61st():
    """50 -+ 9.8 ranks: with 40 values or fewer below the border on the left, and the same on the right."""
    values = [float(n) for n in range(1, 101)]
    assert median_interval(values[::-1]) == (50.5, 41.0, 61.0)
    # The true median lies outside with the probability of 40 or fewer heads, or 61 or more, in 100 tosses.
    assert stats.binom.cdf(40, 100, 0.5) + stats.binom.sf(60, 100, 0.5) < 0.05


def test_few_values_say_no_more_than_their_range():
    assert median_interval([3.0, 1.0, 2.0]) == (2.0, 1.0, 3.0)
    with pytest.raises(ValueError, match="no values"):
        median_interval([])
