"""An optimizer's state as tensors: what is put back lies where the optimizer looks for it."""

import pytest
import torch
from torch import nn

from translate.errors import CheckpointError
from translate.trainers.state import optimizer_state, restore_optimizer


def test_a_step_counter_stays_on_the_cpu_and_the_average_of_a_single_number_follows_it():
    """StyleGAN2's noise strengths and CLIP's scale are parameters without dimensions, as counters are."""
    scale = nn.Parameter(torch.zeros((), device="meta"))
    optimizer = torch.optim.Adam([scale])
    stored = {"0.step": torch.tensor(3.0), "0.exp_avg": torch.tensor(0.5), "0.exp_avg_sq": torch.tensor(0.25)}
    restore_optimizer(optimizer, stored)
    found = optimizer.state[scale]
    assert {name: value.device.type for name, value in found.items()} == {
        "step": "cpu",
        "exp_avg": "meta",
        "exp_avg_sq": "meta",
    }
    assert found["step"].item() == 3


def test_the_average_of_a_single_number_is_put_back_as_it_was():
    scale = nn.Parameter(torch.tensor(2.0))
    optimizer = torch.optim.Adam([scale], lr=0.1, betas=(0.5, 0.75))
    (4 * scale).backward()
    optimizer.step()
    other = torch.optim.Adam([scale], lr=0.1, betas=(0.5, 0.75))
    restore_optimizer(other, optimizer_state(optimizer))
    # One step of gradient 4: (1 - 0.5) * 4 and (1 - 0.75) * 16.
    assert {name: value.item() for name, value in other.state[scale].items()} == {
        "step": 1,
        "exp_avg": 2,
        "exp_avg_sq": 4,
    }


def test_a_single_number_is_no_average_of_a_vector():
    optimizer = torch.optim.Adam([nn.Parameter(torch.zeros(3))])
    with pytest.raises(CheckpointError, match=r"0.exp_avg is \[\], expected \[3\]"):
        restore_optimizer(optimizer, {"0.exp_avg": torch.tensor(0.5)})
