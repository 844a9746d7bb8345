"""One among N: by hand, against exact sums over small alphabets, and a density learnt from noise."""

import math
from itertools import product

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from translate.objectives.noise_contrastive import (
    NoiseContrastiveObjective,
    binary_nce,
    pass_for_real,
    stand_out,
    tell_apart,
)

PI, P = torch.tensor([0.5, 0.3, 0.15, 0.05]), torch.tensor([0.2, 0.2, 0.2, 0.4])


def exact_loss(pi: Tensor, p: Tensor, score: Tensor, ways: int) -> Tensor:
    """The expected loss for one real symbol and ways - 1 generated ones: the sum over all draws."""
    draws = torch.tensor(list(product(range(len(pi)), repeat=ways)))
    probability = pi[draws[:, 0]] * p[draws[:, 1:]].prod(dim=1)
    return (probability * torch.vmap(tell_apart)(score[draws[:, :1]], score[draws[:, 1:]])).sum()


def kl(a: Tensor, b: Tensor) -> float:
    return float((a * (a / b).log()).sum())


def test_the_loss_is_cross_entropy_over_the_scores():
    real, fake = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 0.0, 3.0])
    by_hand = [-math.log(math.exp(s) / (math.exp(s) + math.exp(0.5) + 1 + math.exp(3))) for s in (1.0, -2.0)]
    assert tell_apart(real, fake).item() == pytest.approx(sum(by_hand) / 2, abs=1e-6)
    assert pass_for_real(real, fake).item() == pytest.approx(-sum(by_hand) / 2, abs=1e-6)


def test_a_generated_sample_stands_out_among_the_real_ones():
    real, fake = torch.tensor([0.0, 0.0, 0.0]), torch.tensor([math.log(3)])
    assert stand_out(real, fake).item() == pytest.approx(math.log(2), abs=1e-6)


@pytest.mark.parametrize("ways", [2, 5, 900])
def test_nothing_told_apart_costs_ln_n(ways: int):
    loss = tell_apart(torch.full((7,), 3.0), torch.full((ways - 1,), 3.0))
    assert loss.item() == pytest.approx(math.log(ways), rel=1e-6)


@pytest.mark.parametrize("ways", [2, 3, 4])
def test_the_best_loss_is_ln_n_exactly_where_generated_and_real_agree(ways: int):
    score = torch.zeros(4, requires_grad=True)
    loss = exact_loss(PI, PI, score, ways)
    (slope,) = torch.autograd.grad(loss, score)
    assert loss.item() == pytest.approx(math.log(ways), abs=1e-6)
    assert slope.abs().max() < 1e-6  # convex in the scores: no others are better


@pytest.mark.parametrize("ways", [2, 3, 4])
@pytest.mark.parametrize("share", [0.05, 0.3, 1.0])
def test_the_best_loss_lies_between_both_bounds(ways: int, share: float):
    p = (1 - share) * PI + share * P
    score = (PI / p).log().requires_grad_()
    loss = exact_loss(PI, p, score, ways)
    (slope,) = torch.autograd.grad(loss, score)
    assert slope.abs().max() < 1e-6
    assert loss.item() < math.log(ways)
    assert loss.item() > math.log(ways) - (ways - 1) / ways * (kl(PI, p) + kl(p, PI))


def test_no_other_score_does_better_than_the_ratio_of_densities():
    best = exact_loss(PI, P, (PI / P).log(), 3)
    random = torch.Generator().manual_seed(0)
    for _ in range(5):
        assert exact_loss(PI, P, (PI / P).log() + torch.randn(4, generator=random), 3) > best
    assert exact_loss(PI, P, (PI / P).log() + 7, 3).item() == pytest.approx(best.item(), abs=1e-6)


def test_maximising_the_best_loss_brings_the_generator_to_the_data():
    logits = torch.zeros(4, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.1)
    for _ in range(60):
        p = logits.softmax(dim=0)
        optimizer.zero_grad()
        (-exact_loss(PI, p, (PI / p.detach()).log(), 2)).backward()
        optimizer.step()
    assert torch.allclose(logits.softmax(dim=0), PI, atol=0.01)


def test_a_score_against_noise_is_the_density_but_for_the_noise():
    """softmax_y(s*(y) + log q(y)) = pi(y), by exact sums for three ways."""
    score = torch.zeros(4, requires_grad=True)
    optimizer = torch.optim.LBFGS([score], max_iter=50, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = exact_loss(PI, P, score, 3)
        loss.backward()
        return loss

    optimizer.step(closure)
    assert torch.allclose((score.detach() + P.log()).softmax(dim=0), PI, atol=1e-3)


def test_noise_contrastive_estimation_learns_a_gaussian():
    """A quadratic score against N(0, 2^2) learns log N(1, 1) but for a constant: -x^2 / 2 + x."""
    noise = Normal(0.0, 2.0)
    objective = NoiseContrastiveObjective(
        sample=lambda count, random: 2 * torch.randn(count, generator=random), log_prob=noise.log_prob, draws=512
    )
    random = torch.Generator().manual_seed(0)
    weights = torch.zeros(2, requires_grad=True)

    def score(y: Tensor) -> Tensor:
        return weights[0] * y + weights[1] * y.square()

    optimizer = torch.optim.Adam([weights], lr=0.05)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, 800)
    for _ in range(800):
        optimizer.zero_grad()
        objective.loss(score, 1 + torch.randn(512, generator=random), random)["nce"].backward()
        optimizer.step()
        schedule.step()
    y = torch.linspace(-2, 4, 61)
    learnt, known = objective.log_density(score, y).detach(), Normal(1.0, 1.0).log_prob(y)
    assert torch.allclose(learnt - learnt.max(), known - known.max(), atol=0.1)


def test_the_objective_draws_its_noise_from_the_given_generator():
    objective = NoiseContrastiveObjective(
        sample=lambda count, random: torch.randn(count, generator=random), log_prob=torch.zeros_like, draws=3
    )
    real = torch.tensor([0.5, -1.0])
    found = objective.loss(lambda y: 2 * y, real, torch.Generator().manual_seed(5))["nce"]
    noise = torch.randn(3, generator=torch.Generator().manual_seed(5))
    assert torch.equal(found, tell_apart(2 * real, 2 * noise))


def test_binary_estimation_by_hand():
    """Two noise samples for each of the data: h = sigmoid(G - log 2)."""
    data, noise = torch.tensor([math.log(2)]), torch.tensor([math.log(2), math.log(6)])
    by_hand = -math.log(1 / 2) - 2 * (math.log(1 / 2) + math.log(1 / 4)) / 2
    assert binary_nce(data, noise).item() == pytest.approx(by_hand, abs=1e-6)


@pytest.mark.parametrize("ratio", [1, 5])
def test_binary_estimation_learns_the_constant_too(ratio: int):
    """Least at G = log(pi / q) itself: an alphabet drawn in exact proportion, real once and noise `ratio` times."""
    counts = (100 * PI).round().long(), (100 * ratio * P).round().long()
    data, noise = (torch.arange(4).repeat_interleave(count) for count in counts)
    gap = (PI / P).log().requires_grad_()
    (slope,) = torch.autograd.grad(binary_nce(gap[data], gap[noise]), gap)
    assert slope.abs().max() < 1e-6
    shifted = (PI / P).log() + 0.1
    assert binary_nce(shifted[data], shifted[noise]) > binary_nce(gap[data], gap[noise]) + 1e-4


def test_scores_of_any_size_neither_overflow_nor_cancel():
    huge = torch.tensor([1e4, -1e4], requires_grad=True)
    (tell_apart(huge, -huge) + stand_out(huge, -huge)).backward()
    assert bool(huge.grad.isfinite().all())
    # As many digits are left where the discriminator is nearly right as where it is wrong.
    assert tell_apart(torch.tensor([30.0]), torch.tensor([0.0])).item() == pytest.approx(math.exp(-30), rel=1e-5)
