"""A training in one go beside the same one stopped half-way and resumed: their states, to be compared bit for bit."""

import threading
from pathlib import Path

import torch

from translate import checkpoints
from translate.config import TrainConfig
from translate.trainers import run

State = dict[str, torch.Tensor]


def state_of(folder: Path) -> State:
    """All tensors of a run's state, by group and name."""
    tensors, _ = checkpoints.load_state(folder / "state")
    return {f"{group}/{name}": value for group, members in tensors.items() for name, value in members.items()}


def whole_and_halves(config: TrainConfig, source: run.Source, out: Path, *, at: int = 3) -> tuple[State, State]:
    """The states of `out`/whole and of `out`/halves, stopped after `at` steps and resumed in a process in disorder."""
    run.train(run.plan(config, source, out / "whole"), device="cpu")
    halves, stop = run.plan(config, source, out / "halves"), threading.Event()
    run.train(halves, device="cpu", stop=stop, report=lambda p: stop.set() if p.step == at else None)
    torch.manual_seed(1234)  # whatever the process did since
    run.train(run.resumed(out / "halves", {}), device="cpu", resume=True)
    return state_of(out / "whole"), state_of(out / "halves")


def different(one: State, two: State) -> list[str]:
    """The names of all tensors that are not the same in both."""
    return [key for key in one.keys() | two.keys() if key not in one or key not in two or not one[key].equal(two[key])]
