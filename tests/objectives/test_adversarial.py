"""Adversarial losses against values worked out by hand."""

import math
from typing import get_args

import pytest
import torch
from torch import Tensor

from translate.config import Adversarial
from translate.objectives.adversarial import (
    ADVERSARIAL,
    beside,
    beside_patches,
    contrastive,
    hinge,
    lsgan,
    margin,
    minimax,
    vanilla,
    wgan,
)

REAL = torch.tensor([[0.0, 2.0]])
FAKE = torch.tensor([[0.0, -1.0]])

each = pytest.mark.parametrize("name", sorted(ADVERSARIAL))


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_every_word_a_config_allows_names_a_loss():
    assert list(ADVERSARIAL) == list(get_args(Adversarial))


def test_vanilla_is_binary_cross_entropy_with_logits():
    loss = vanilla()
    expected = (softplus(0) + softplus(-2)) / 2 + (softplus(0) + softplus(-1)) / 2
    assert float(loss.discriminator(REAL, FAKE)) == pytest.approx(expected, abs=1e-6)
    assert float(loss.generator(FAKE)) == pytest.approx((softplus(0) + softplus(1)) / 2, abs=1e-6)


def test_minimax_turns_the_discriminators_own_term():
    loss = minimax()
    assert torch.equal(loss.discriminator(REAL, FAKE), vanilla().discriminator(REAL, FAKE))
    assert float(loss.generator(FAKE)) == pytest.approx(-(softplus(0) + softplus(-1)) / 2, abs=1e-6)


def test_margin_is_minimax_without_the_factor_that_vanishes():
    """By the margin m = -logit: e^-m / (1 + e^-m) grad m against grad m."""
    assert torch.equal(margin().discriminator(REAL, FAKE), vanilla().discriminator(REAL, FAKE))
    assert float(margin().generator(FAKE)) == pytest.approx(0.5)
    margins = torch.tensor([-3.0, 0.0, 5.0, 40.0])
    logits = (-margins).requires_grad_()
    (saturating,) = torch.autograd.grad(4 * minimax().generator(logits), logits)
    (constant,) = torch.autograd.grad(4 * margin().generator(logits), logits)
    assert torch.allclose(saturating, -torch.exp(-margins) / (1 + torch.exp(-margins)))
    assert constant.tolist() == [-1, -1, -1, -1]


def test_lsgan_pulls_real_to_one_and_fake_to_zero():
    loss = lsgan()
    assert float(loss.discriminator(REAL, FAKE)) == pytest.approx((1 + 1) / 2 + (0 + 1) / 2)
    assert float(loss.generator(FAKE)) == pytest.approx((1 + 4) / 2)


def test_lsgan_takes_labels_of_its_own():
    loss = lsgan(on_fake=-1, on_real=1, to_fool=0)
    assert float(loss.discriminator(REAL, FAKE)) == pytest.approx((1 + 1) / 2 + (1 + 0) / 2)
    assert float(loss.generator(FAKE)) == pytest.approx((0 + 1) / 2)


def test_hinge_is_flat_beyond_the_margin():
    loss = hinge()
    assert float(loss.discriminator(REAL, FAKE)) == pytest.approx((1 + 0) / 2 + (1 + 0) / 2)
    assert float(loss.generator(FAKE)) == pytest.approx(0.5)
    sure = loss.discriminator(torch.tensor([5.0]), torch.tensor([-5.0]))
    assert float(sure) == 0.0


def test_wgan_is_the_difference_of_the_means():
    assert float(wgan().discriminator(REAL, FAKE)) == pytest.approx(-0.5 - 1)
    assert float(wgan().generator(FAKE)) == pytest.approx(0.5)


def test_contrastive_by_hand():
    """Real 0 and 2 among generated 0 and -1, which have a log-sum-exp of log(1 + 1/e)."""
    others = math.log(1 + math.exp(-1))
    expected = (softplus(others - 0) + softplus(others - 2)) / 2
    assert float(contrastive().discriminator(REAL, FAKE)) == pytest.approx(expected, abs=1e-6)
    assert float(contrastive().generator(FAKE, REAL)) == pytest.approx(-expected, abs=1e-6)
    others = math.log(1 + math.exp(2))
    expected = (softplus(others - 0) + softplus(others + 1)) / 2
    assert float(contrastive(saturating=False).generator(FAKE, REAL)) == pytest.approx(expected, abs=1e-6)


def test_perfect_lsgan_logits_cost_nothing():
    assert float(lsgan().discriminator(torch.ones(2, 1, 3, 3), torch.zeros(2, 1, 3, 3))) == 0.0
    assert float(lsgan().generator(torch.ones(2, 1, 3, 3))) == 0.0


@pytest.mark.parametrize(
    ("name", "logit", "value"),
    [
        ("vanilla", 0.0, math.log(4)),
        ("minimax", 0.0, math.log(4)),
        ("margin", 0.0, math.log(4)),
        ("lsgan", 0.5, 0.5),
        ("hinge", 0.3, 2.0),
        ("wgan", 7.0, 0.0),
        ("relativistic", 7.0, 2 * math.log(2)),
        ("contrastive", 7.0, math.log(5)),
        ("contrastive-ns", 7.0, math.log(5)),
        ("kl", 1.0, 0.0),
        ("reverse-kl", 0.0, 0.0),
        ("pearson", 0.0, 0.0),
        ("hellinger", 0.0, 0.0),
        ("jensen-shannon", 0.0, 0.0),
        ("gan", 0.0, math.log(4)),
    ],
)
def test_where_nothing_can_be_told_apart_the_best_discriminator_rests_at_a_known_value(
    name: str, logit: float, value: float
):
    flat = torch.full((4, 1), logit, requires_grad=True)
    loss = ADVERSARIAL[name]().discriminator(flat, flat)
    loss.backward()
    assert loss.item() == pytest.approx(value, abs=1e-6)
    assert flat.grad.abs().max() < 1e-6


def densities(apart: float) -> tuple[Tensor, Tensor, Tensor, float]:
    x = torch.linspace(-10, 10 + apart, 10_001, dtype=torch.float64)
    pi, p = (torch.exp(-((x - mean) ** 2) / 2) / math.sqrt(2 * math.pi) for mean in (apart, 0.0))
    return x, pi, p, float(x[1] - x[0])


@pytest.mark.parametrize("apart", [0.0, 1.0, 3.0])
def test_goodfellows_value_at_the_best_discriminator_is_twice_jensen_shannon_less_log_4(apart: float):
    """Theorem 1; -log 4 at equality. Other discriminators reach less."""
    x, pi, p, step = densities(apart)
    middle = (pi + p) / 2
    divergence = ((pi * (pi / middle).log() + p * (p / middle).log()) / 2).sum() * step

    def value(logits: Tensor) -> float:
        """-loss, each place weighted by its density."""
        real, fake = (torch.nn.functional.softplus(sign * logits) for sign in (-1, 1))
        return float(-(pi * real + p * fake).sum() * step)

    best = (pi / p).log()
    assert value(best) == pytest.approx(2 * float(divergence) - math.log(4), abs=1e-9)
    assert all(value(best + change) < value(best) - 1e-4 for change in (0.1, x.sin(), -0.3 * x))


def test_lsgan_with_labels_of_minus_one_one_and_zero_measures_a_pearson_divergence():
    """Mao 2017, Eq. 8: at the best discriminator the generator's loss, on all samples, is that of 2p from pi + p."""
    pi, p = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.2, 0.2, 0.6])
    real, fake = (torch.arange(3).repeat_interleave((10 * share).round().long()) for share in (pi, p))
    best = ((pi - p) / (pi + p)).requires_grad_()
    loss = lsgan(on_fake=-1, on_real=1, to_fool=0)
    (slope,) = torch.autograd.grad(loss.discriminator(best[real], best[fake]), best)
    assert slope.abs().max() < 1e-6
    pays = loss.generator(best[real]) + loss.generator(best[fake])
    assert pays.item() == pytest.approx(((2 * p - (pi + p)).square() / (pi + p)).sum().item(), abs=1e-6)


@each
def test_several_scales_count_as_their_mean(name: str):
    loss = ADVERSARIAL[name]()
    other_real, other_fake = torch.tensor([[3.0]]), torch.tensor([[1.0, 0.5, -2.0]])
    both = loss.generator([FAKE, other_fake], [REAL, other_real])
    alone = (loss.generator(FAKE, REAL) + loss.generator(other_fake, other_real)) / 2
    assert float(both) == pytest.approx(float(alone))
    both = loss.discriminator([REAL, other_real], [FAKE, other_fake])
    alone = (loss.discriminator(REAL, FAKE) + loss.discriminator(other_real, other_fake)) / 2
    assert float(both) == pytest.approx(float(alone))


@each
def test_logits_of_any_size_give_finite_losses(name: str):
    loss = ADVERSARIAL[name]()
    huge = torch.tensor([1e4, -1e4], requires_grad=True)
    total = loss.discriminator(huge, huge) + loss.generator(huge, huge)
    total.backward()
    assert total.isfinite()
    assert bool(huge.grad.isfinite().all())


@each
def test_the_generator_wants_its_logits_higher_and_the_discriminator_lower(name: str):
    loss = ADVERSARIAL[name]()
    real, fake = torch.tensor([0.6, -0.2]), torch.tensor([0.5, 0.3, 0.1], requires_grad=True)
    (up,) = torch.autograd.grad(loss.generator(fake, real), fake)
    (down,) = torch.autograd.grad(loss.discriminator(real, fake), fake)
    assert bool((up < 0).all())
    assert bool((down > 0).all())


@each
def test_no_gradient_of_the_generators_loss_goes_to_real_logits(name: str):
    real, fake = REAL.clone().requires_grad_(), FAKE.clone().requires_grad_()
    ADVERSARIAL[name]().generator([fake, fake], [real, real]).backward()
    assert real.grad is None
    assert bool((fake.grad != 0).any())


@each
def test_only_what_says_so_needs_real_logits(name: str):
    loss = ADVERSARIAL[name]()
    assert loss.needs_real == (name in {"relativistic", "contrastive", "contrastive-ns"})
    if loss.needs_real:
        with pytest.raises(ValueError, match="pass them as `real`"):
            loss.generator(FAKE)
    else:
        assert torch.equal(loss.generator(FAKE), loss.generator(FAKE, 3 * REAL))


@each
def test_half_precision_logits_are_computed_in_full(name: str):
    loss = ADVERSARIAL[name]()
    real, fake = (torch.tensor([0.317, -2.113, 5.01]) * sign for sign in (1, -1))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = loss.discriminator(real.bfloat16(), fake.bfloat16()), loss.generator(fake.bfloat16(), real.bfloat16())
    full = real.bfloat16().float(), fake.bfloat16().float()
    assert [value.dtype for value in low] == [torch.float32, torch.float32]
    assert torch.equal(torch.stack(low), torch.stack([loss.discriminator(*full), loss.generator(full[1], full[0])]))


def test_a_generator_is_compared_with_half_of_the_real_pictures_or_of_a_single_one():
    batch = torch.arange(3.0)[:, None, None, None].expand(3, 1, 2, 300)
    assert beside(batch)[:, 0, 0, 0].tolist() == [0, 1]
    assert torch.equal(beside_patches(batch), beside(batch))
    single = torch.arange(300.0).expand(1, 1, 2, 300)
    assert beside_patches(single)[0, 0, 0].tolist() == list(range(150))
    assert torch.equal(beside_patches(single[..., :255]), single[..., :255])
    assert beside(single).shape == single.shape
