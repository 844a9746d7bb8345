"""A mean over a few seeds and how far to trust it."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

STUDENT = (
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788, 2.1604, 2.1448,
    2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484,
    2.0452,
)  # fmt: skip
"""The 97.5 % point of Student's t distribution with 1, 2, ... degrees of freedom."""


class Interval(NamedTuple):
    """Mean of several runs and half the width of its 95 % interval; nan where there is one run."""

    mean: float
    half: float
    runs: int


def interval(values: Sequence[float]) -> Interval:
    """mean +- t(n - 1) s / sqrt(n), s the standard deviation with n - 1 in the denominator.

    It assumes that the runs are independent and near normal.
    Raises: ValueError for no value, or more than the table of t knows.
    """
    count = len(values)
    if not 1 <= count <= len(STUDENT) + 1:
        raise ValueError(f"{count} values; an interval is of 1 to {len(STUDENT) + 1}")
    if count == 1:
        return Interval(values[0], math.nan, 1)
    spread = STUDENT[count - 2] * statistics.stdev(values) / math.sqrt(count)
    return Interval(statistics.fmean(values), spread, count)


def median_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The median and its 95 % interval by ranks, whatever the distribution: n/2 -+ 0.98 sqrt(n) values lie below it.

    Raises: ValueError for no value.
    """
    ranked, count = sorted(values), len(values)
    if not ranked:
        raise ValueError("no values; a median is of one or more")
    reach = 1.96 * math.sqrt(count) / 2
    low, high = math.floor(count / 2 - reach), math.ceil(count / 2 + reach)
    return statistics.median(ranked), ranked[max(0, low)], ranked[min(count - 1, high)]
