"""Where a run stands: what it must remember beside tensors, and what becomes of that when NaN sends it back."""

from dataclasses import dataclass, field

import numpy as np

ROLLBACKS = 3
"""How often a run goes back to its last state after NaN before it gives up."""


@dataclass(slots=True)
class Standing:
    """What a run must remember beside tensors to go on as if it had never stopped."""

    step: int = 0
    best: dict[str, float] = field(default_factory=dict)
    best_step: dict[str, int] = field(default_factory=dict)
    waited: int = 0
    seconds: float = 0.0
    rollbacks: int = 0
    """How often NaN has sent the run back."""
    skipped: int = 0
    """Steps' worth of data passed over since: step t learns from what stands at t + skipped in the order."""
    owed: bool = False
    """Whether this step is still to be validated, because something ended the run before."""

    @property
    def position(self) -> int:
        """Where in the order of the data the next step begins, in steps."""
        return self.step + self.skipped

    @property
    def slower(self) -> float:
        """Factor of the rate: the first time after NaN other data and draws may do, from then on it was too high."""
        return 0.5 ** max(0, self.rollbacks - 1)

    def take_over(self, failed: "Standing", taken: int) -> None:
        """Having been read from the last state, go on in place of `failed`, which had used `taken` steps of data."""
        self.rollbacks, self.skipped = failed.rollbacks + 1, taken - self.step
        # What has been found best since is on the disk, and sound.
        self.best, self.best_step = failed.best, failed.best_step

    def draws(self, seed: int) -> int:
        """A seed for what is drawn after this rollback; it follows from the standing, so that a run is repeatable."""
        return int(np.random.SeedSequence((seed, self.rollbacks)).generate_state(1)[0])
