"""Learning-rate factors as a function of the step, so that resuming needs no scheduler state."""

import math
from dataclasses import dataclass

from translate.config import OptimConfig


def factor(config: OptimConfig, step: int, steps: int) -> float:
    """What the base rate is multiplied by before step number `step` (from 0) of `steps`.

    linear: 1, then straight to 0 from the share `decay_from` on (Isola 2017, 3.3; Zhu 2017, 7.1).
    cosine: (1 + cos(pi t)) / 2 over the whole run (Loshchilov 2017, Eq. 5, without restarts).
    step: a tenth from the share `decay_from` on, a hundredth half-way from there to the end.
    constant and plateau: 1; a plateau's own factor is `Plateau.factor`.
    """
    warm = min(1.0, (step + 1) / config.warmup) if config.warmup else 1.0
    start = config.decay_from * steps
    if config.schedule == "linear":
        return warm * (1.0 if step < start else max(0.0, 1 - (step - start) / (steps - start)))
    if config.schedule == "cosine":
        return warm * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
    if config.schedule == "step":
        return warm * (1.0 if step < start else 0.1 if step < (start + steps) / 2 else 0.01)
    return warm


@dataclass(slots=True)
class Plateau:
    """Halve the rate after `patience` validations without a better figure; its fields are part of the run's state."""

    patience: int = 3
    factor: float = 1.0
    waited: int = 0

    def note(self, better: bool) -> None:
        """Take in one validation."""
        self.waited = 0 if better else self.waited + 1
        if self.waited > self.patience:
            self.factor, self.waited = self.factor / 2, 0
