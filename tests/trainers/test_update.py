"""How a player learns: accumulation, clipping, frozen opponents, refusal of NaN."""

import pytest
import torch
from accelerate import Accelerator
from torch import nn

from translate.config import OptimConfig
from translate.trainers.update import NotFinite, Player, Update, build_generator_player, frozen, prefixed


def player(lr: float = 1.0) -> Player:
    module = nn.Linear(1, 1, bias=False)
    nn.init.constant_(module.weight, 2.0)
    return Player(module, torch.optim.SGD(module.parameters(), lr=lr), lr)


def update_of(one: Player, **settings) -> Update:
    return Update({"p": one}, Accelerator(cpu=True), **settings)


def test_a_player_moves_against_the_sum_of_its_losses():
    one = player()
    weight = one.module.weight.sum()
    update_of(one)("p", {"a": 0.5 * weight, "b": 0.25 * weight})
    assert one.module.weight.item() == pytest.approx(2.0 - 0.75)
    assert one.module.weight.grad is None


def test_accumulated_micro_batches_equal_one_large_batch():
    one = player()
    update = update_of(one, accumulate=2)
    for last, value in ((False, 1.0), (True, 3.0)):
        update.last_micro_batch = last
        update("p", {"a": one.module(torch.tensor([[value]])).mean()})
    assert one.module.weight.item() == pytest.approx(2.0 - (1.0 + 3.0) / 2)


def test_clipping_keeps_the_direction_and_cuts_the_length():
    one = player()
    update_of(one, clip=0.1)("p", {"a": 5 * one.module.weight.sum()})
    assert one.module.weight.item() == pytest.approx(2.0 - 0.1, abs=1e-5)


def test_a_gradient_that_is_not_finite_never_reaches_the_weights():
    one = player()
    with pytest.raises(NotFinite, match="p's gradients"):
        update_of(one)("p", {"a": one.module.weight.sum() * float("nan")})
    assert one.module.weight.item() == 2.0


def test_a_frozen_opponent_passes_gradients_on_and_keeps_none():
    module, x = nn.Linear(2, 1), torch.ones(1, 2, requires_grad=True)
    with frozen(module):
        module(x).sum().backward()
    assert x.grad is not None
    assert module.weight.grad is None
    assert all(p.requires_grad for p in module.parameters())


def test_decay_spares_norms_and_biases():
    module = nn.Sequential(nn.Conv2d(1, 1, 3), nn.BatchNorm2d(1))
    built = build_generator_player(module, OptimConfig(lr=0.1, optimizer="adamw", weight_decay=0.5))
    decayed = {id(p) for g in built.optimizer.param_groups if g["weight_decay"] for p in g["params"]}
    assert decayed == {id(module[0].weight)}


def test_the_schedule_scales_each_players_own_rate():
    one = player(lr=0.4)
    one.set_factor(0.25)
    assert one.optimizer.param_groups[0]["lr"] == pytest.approx(0.1)


def test_losses_are_named_after_their_player():
    named = prefixed("disc", {"gan": torch.tensor(1.0, requires_grad=True)})
    assert list(named) == ["disc/gan"]
    assert not named["disc/gan"].requires_grad
