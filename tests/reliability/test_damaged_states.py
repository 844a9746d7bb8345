"""Bit flips and truncations of a training state: each is found, and the state before it is used (row 21)."""

import random
from pathlib import Path

import pytest
import torch

from tests.reliability.figures import Record, count
from translate import checkpoints
from translate.errors import CheckpointError


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state of step 2 beside that of step 1."""
    for step in (1, 2):
        tensors = {"net": {"w": torch.full((300,), float(step))}, "optimizer": {"m": torch.full((9,), 0.5 * step)}}
        checkpoints.save_state(tmp_path / "state", tensors, {"step": step, "best": {"AtoB": 0.25}})
    return tmp_path / "state"


def injured(data: bytes, draw: random.Random) -> bytes:
    """One bit turned, or the end missing."""
    if draw.random() < 0.5:
        return data[: draw.randrange(len(data))]
    place = draw.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << draw.randrange(8)]) + data[place + 1 :]


def test_every_injury_is_found_and_the_state_before_is_used(state: Path, record_figure: Record) -> None:
    files = sorted(state.iterdir())
    assert len(files) == 3
    found = 0
    for seed in range(total := count(full=1000, sample=100)):
        draw = random.Random(seed)
        file = draw.choice(files)
        whole = file.read_bytes()
        file.write_bytes(injured(whole, draw))
        tensors, facts = checkpoints.load_state(state)
        file.write_bytes(whole)
        found += (facts["step"], float(tensors["net"]["w"].mean()), float(tensors["optimizer"]["m"].sum())) == (
            1,
            1,
            4.5,
        )
    record_figure(21, "injuries", total)
    record_figure(21, "found", found)
    assert found == total
    assert checkpoints.load_state(state)[1]["step"] == 2


def test_where_both_are_injured_nothing_is_made_up(state: Path) -> None:
    for folder in (state, state.with_name("state.previous")):
        file = folder / "net.safetensors"
        file.write_bytes(injured(file.read_bytes(), random.Random(1)))
    with pytest.raises(CheckpointError, match=r"state/net.*state\.previous/net"):
        checkpoints.load_state(state)
