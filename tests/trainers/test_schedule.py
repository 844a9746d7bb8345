"""Learning-rate factors and the moving average, by hand."""

import math

import pytest
import torch
from torch import nn

from translate.config import OptimConfig
from translate.trainers.ema import EMA
from translate.trainers.schedule import Plateau, factor


def test_linear_is_constant_for_one_half_and_falls_to_zero_in_the_other():
    config = OptimConfig(schedule="linear", decay_from=0.5)
    assert [factor(config, step, 8) for step in (0, 3, 4, 6, 8)] == [1, 1, 1, 0.5, 0]


def test_cosine_passes_one_half_in_the_middle():
    config = OptimConfig(schedule="cosine")
    assert factor(config, 0, 10) == 1
    assert factor(config, 5, 10) == pytest.approx(0.5)
    assert factor(config, 2, 8) == pytest.approx((1 + math.cos(math.pi / 4)) / 2)
    assert factor(config, 12, 10) == 0


def test_step_divides_by_ten_twice():
    config = OptimConfig(schedule="step", decay_from=0.5)
    assert [factor(config, step, 8) for step in (3, 4, 5, 6)] == [1, 0.1, 0.1, 0.01]


def test_warm_up_rises_in_equal_steps():
    config = OptimConfig(schedule="constant", warmup=4)
    assert [factor(config, step, 100) for step in range(5)] == [0.25, 0.5, 0.75, 1, 1]


def test_a_plateau_halves_the_rate_after_its_patience():
    plateau = Plateau(patience=2)
    for better in (True, False, False):
        plateau.note(better)
    assert plateau.factor == 1
    plateau.note(False)
    assert plateau.factor == 0.5
    assert plateau.waited == 0


def test_the_average_is_warmed_up():
    module = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(module.weight)
    ema = EMA(module, decay=0.99)
    nn.init.ones_(module.weight)
    ema.update(step=0)  # decay min(0.99, 1/10)
    assert ema.average.weight.item() == pytest.approx(0.9)
    ema.update(step=10)  # decay 11/20
    assert ema.average.weight.item() == pytest.approx(0.55 * 0.9 + 0.45)
    ema.update(step=10**6)
    assert ema.average.weight.item() == pytest.approx(0.99 * (0.55 * 0.9 + 0.45) + 0.01, abs=1e-6)


def test_batch_statistics_are_averaged_and_counters_copied():
    module = nn.BatchNorm1d(1)
    ema = EMA(module, decay=0.5)
    module.running_mean.fill_(1.0)
    module.num_batches_tracked.fill_(7)
    ema.update(step=10**6)
    assert ema.average.running_mean.item() == pytest.approx(0.5)
    assert ema.average.num_batches_tracked.item() == 7
    assert not any(p.requires_grad for p in ema.average.parameters())
    assert torch.equal(ema.average.weight, module.weight)
