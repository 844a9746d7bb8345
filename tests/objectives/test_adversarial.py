"""Adversarial losses against values worked out by hand."""

import math

import pytest
import torch

from translate.objectives.adversarial import ADVERSARIAL, hinge, lsgan, vanilla

REAL = torch.tensor([[0.0, 2.0]])
FAKE = torch.tensor([[0.0, -1.0]])


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_vanilla_is_binary_cross_entropy_with_logits():
    loss = vanilla()
    expected = (softplus(0) + softplus(-2)) / 2 + (softplus(0) + softplus(-1)) / 2
    assert float(loss.discriminator(REAL, FAKE)) == pytest.approx(expected, abs=1e-6)
    assert float(loss.generator(FAKE)) == pytest.approx((softplus(0) + softplus(1)) / 2, abs=1e-6)


def test_lsgan_pulls_real_to_one_and_fake_to_zero():
    loss = lsgan()
    assert float(loss.discriminator(REAL, FAKE)) == pytest.approx((1 + 1) / 2 + (0 + 1) / 2)
    assert float(loss.generator(FAKE)) == pytest.approx((1 + 4) / 2)


def test_hinge_is_flat_beyond_the_margin():
    loss = hinge()
    assert float(loss.discriminator(REAL, FAKE)) == pytest.approx((1 + 0) / 2 + (1 + 0) / 2)
    assert float(loss.generator(FAKE)) == pytest.approx(0.5)
    sure = loss.discriminator(torch.tensor([5.0]), torch.tensor([-5.0]))
    assert float(sure) == 0.0


def test_perfect_lsgan_logits_cost_nothing():
    assert float(lsgan().discriminator(torch.ones(2, 1, 3, 3), torch.zeros(2, 1, 3, 3))) == 0.0
    assert float(lsgan().generator(torch.ones(2, 1, 3, 3))) == 0.0


@pytest.mark.parametrize("name", sorted(ADVERSARIAL))
def test_several_scales_count_as_their_mean(name: str):
    loss = ADVERSARIAL[name]()
    other = torch.tensor([[3.0]])
    both = loss.generator([FAKE, other])
    assert float(both) == pytest.approx((float(loss.generator(FAKE)) + float(loss.generator(other))) / 2)


@pytest.mark.parametrize("name", sorted(ADVERSARIAL))
def test_logits_of_any_size_give_finite_losses(name: str):
    loss = ADVERSARIAL[name]()
    huge = torch.tensor([1e4, -1e4])
    assert loss.discriminator(huge, huge).isfinite()
    assert loss.generator(huge).isfinite()
