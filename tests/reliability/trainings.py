"""Tiny trainings in this process, with what a test wants to go wrong in them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from tests.reliability.forked import OWN, TINY
from tests.trainers.resuming import different, state_of
from translate import presets
from translate.config import TrainConfig
from translate.data.paired import Pair
from translate.trainers import run
from translate.trainers.standing import Standing
from translate.trainers.update import Losses, Update

Step = Callable[[Pair, Update], Losses]


def plan(method: str, data: Path, out: Path, **changes: Any) -> run.Plan:
    """A tiny training of that method."""
    settings = TINY | OWN[method] | changes
    config: TrainConfig = presets.preset(method).replace(**settings)
    return run.plan(config, run.Source(root=data), out)


def train(plan: run.Plan, wrapped: Callable[[Step], Step] | None = None, **how: Any) -> Standing:
    """Train with every step behind what `wrapped` makes of it."""
    kind = type(plan.task)
    plain = kind.trainer

    def trainer(task: Any, data: Any, device: torch.device) -> Any:
        built = plain(task, data, device)
        if wrapped:
            built.step = wrapped(built.step)
        return built

    kind.trainer = trainer  # type: ignore[method-assign, assignment]
    try:
        return run.train(plan, device="cpu", **how)
    finally:
        kind.trainer = plain  # type: ignore[method-assign]


def equal(one: Path, two: Path) -> bool:
    """Whether two runs ended bit for bit alike."""
    return not different(state_of(one), state_of(two))
