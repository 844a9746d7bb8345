"""A figure with its error bar and with how many pictures it is of: without these it can't be compared."""

from typing import NamedTuple


class Estimate(NamedTuple):
    """`str` writes it as it is printed: 0.0123 ± 0.0008 of 500 and 1,000."""

    value: float
    error: float
    """One standard deviation; of what, says the metric."""
    counts: tuple[int, ...]
    """Samples of each set, in the order of the metric's arguments."""

    def __str__(self) -> str:
        counts = " and ".join(f"{count:,}" for count in self.counts)
        return f"{self.value:.4g} ± {self.error:.2g} of {counts}"
