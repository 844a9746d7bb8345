"""f-divergences against quadrature between two Gaussians, and against f itself."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from translate.objectives.adversarial import f_gan, minimax, vanilla
from translate.objectives.divergences import DIVERGENCES, LARGEST_EXPONENT, Divergence

F_OF: dict[str, Callable[[Tensor], Tensor]] = {
    "kl": lambda u: u * u.log(),
    "reverse-kl": lambda u: -u.log(),
    "pearson": lambda u: (u - 1).square(),
    "hellinger": lambda u: (u.sqrt() - 1).square(),
    "jensen-shannon": lambda u: u * u.log() - (u + 1) * ((1 + u) / 2).log(),
    "gan": lambda u: u * u.log() - (u + 1) * (u + 1).log(),
}
RAW_OPTIMUM: dict[str, Callable[[Tensor], Tensor]] = {
    "kl": lambda u: 1 + u.log(),
    "reverse-kl": lambda u: u.log(),
    "pearson": lambda u: 2 * (u - 1),
    "hellinger": lambda u: u.log() / 2,
    "jensen-shannon": lambda u: u.log(),
    "gan": lambda u: u.log(),
}
"""The raw output whose activation is f'(u)."""
DOMAIN_END = {"reverse-kl": 0.0, "hellinger": 1.0, "jensen-shannon": math.log(2), "gan": 0.0}

APART = 0.8
"""Distance of the means, in standard deviations."""
X = torch.linspace(-12, 12, 20_001, dtype=torch.float64)
STEP = float(X[1] - X[0])
PI, P = (torch.exp(-((X - mean) ** 2) / 2) / math.sqrt(2 * math.pi) for mean in (APART, 0.0))
U = PI / P

each = pytest.mark.parametrize("name", DIVERGENCES)


def slope_of_f(name: str, u: Tensor) -> Tensor:
    u = u.clone().requires_grad_()
    (slope,) = torch.autograd.grad(F_OF[name](u).sum(), u)
    return slope


def bound(divergence: Divergence, t: Tensor) -> float:
    """E_pi T - E_p f*(T) by quadrature."""
    return float((PI * t - P * divergence.conjugate(t)).sum() * STEP)


def quantiles(mean: float, count: int) -> Tensor:
    """As many samples of N(mean, 1) as stand for equal shares of it."""
    share = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    return mean + math.sqrt(2) * torch.erfinv(2 * share - 1)


def test_the_table_of_divergences_is_tested_whole():
    assert F_OF.keys() == DIVERGENCES.keys() == RAW_OPTIMUM.keys()


@pytest.mark.parametrize(
    ("name", "closed_form"),
    [
        ("kl", APART**2 / 2),
        ("reverse-kl", APART**2 / 2),
        ("pearson", math.exp(APART**2) - 1),
        ("hellinger", 2 - 2 * math.exp(-(APART**2) / 8)),
    ],
)
def test_quadrature_agrees_with_the_closed_form_between_gaussians(name: str, closed_form: float):
    assert float((P * F_OF[name](U)).sum() * STEP) == pytest.approx(closed_form, rel=1e-9)


@each
def test_the_bound_at_the_analytic_optimum_is_the_divergence(name: str):
    divergence = float((P * F_OF[name](U)).sum() * STEP)
    assert bound(DIVERGENCES[name], slope_of_f(name, U)) == pytest.approx(divergence, rel=1e-6)


@each
def test_the_optimal_raw_output_has_the_slope_of_f_as_its_activation(name: str):
    near = U[X.abs() < 4]
    assert torch.allclose(DIVERGENCES[name].activation(RAW_OPTIMUM[name](near)), slope_of_f(name, near), atol=1e-9)


@each
def test_the_loss_on_samples_of_two_gaussians_is_the_divergence_to_one_percent(name: str):
    ratios = (torch.exp(APART * quantiles(mean, 20_000) - APART**2 / 2) for mean in (APART, 0))
    real, fake = (RAW_OPTIMUM[name](ratio) for ratio in ratios)
    divergence = float((P * F_OF[name](U)).sum() * STEP)
    assert -f_gan(DIVERGENCES[name]).discriminator(real, fake).item() == pytest.approx(divergence, rel=0.01)
    assert DIVERGENCES[name].bound(real, fake).item() == pytest.approx(divergence, rel=0.01)


@each
def test_no_other_discriminator_exceeds_the_divergence(name: str):
    """Neither at any single point, whatever its T, nor for wrong outputs of any shape and size."""
    optimum = slope_of_f(name, U)
    best = PI * optimum - P * DIVERGENCES[name].conjugate(optimum)
    for raw in torch.linspace(-60, 60, 241, dtype=torch.float64):
        t = DIVERGENCES[name].activation(raw)
        assert bool((PI * t - P * DIVERGENCES[name].cost(raw) <= best + 1e-9).all())
    divergence = float((P * F_OF[name](U)).sum() * STEP)
    for change in (0.1, X.sin(), 0.3 * X, -0.5 * X, 3 * (X > 0)):
        worse = bound(DIVERGENCES[name], DIVERGENCES[name].activation(RAW_OPTIMUM[name](U) + change))
        assert worse < divergence - 1e-4


@each
def test_the_conjugate_of_the_conjugate_is_f(name: str):
    """f(u) = sup_t (u t - f*(t)), over t = f'(w) for ratios w on a fine grid."""
    t = slope_of_f(name, torch.logspace(-4, 4, 40_001, dtype=torch.float64))
    for u in (0.01, 0.3, 1.0, 1.7, 20.0):
        found = (u * t - DIVERGENCES[name].conjugate(t)).max()
        assert float(found) == pytest.approx(float(F_OF[name](torch.tensor(u, dtype=torch.float64))), abs=1e-5)


@each
def test_the_conjugate_is_the_largest_gap_between_a_line_and_f(name: str):
    """f*(t) = sup_u (u t - f(u)), over u on a fine grid."""
    u = torch.logspace(-6, 6, 40_001, dtype=torch.float64)
    for t in slope_of_f(name, torch.tensor([0.02, 0.5, 1.0, 3.0, 30.0], dtype=torch.float64)):
        conjugate = float(DIVERGENCES[name].conjugate(t))
        assert float((u * t - F_OF[name](u)).max()) == pytest.approx(conjugate, rel=1e-5, abs=1e-5)


@each
def test_the_activation_rises_and_stays_within_the_domain(name: str):
    v = torch.linspace(-300, 300, 6001, dtype=torch.float64)
    t = DIVERGENCES[name].activation(v)
    assert bool((t.diff() >= 0).all())
    assert bool((t[3000:].diff()[:100] > 0).all())
    assert float(t.max()) <= DOMAIN_END.get(name, math.inf)


@each
def test_the_cost_in_one_piece_is_conjugate_after_activation(name: str):
    """Far beyond where exp goes on as its tangent, too; the two in turn lose digits near the domain's end."""
    divergence = DIVERGENCES[name]
    v = torch.linspace(-10 * LARGEST_EXPONENT, 12, 500, dtype=torch.float64)
    assert torch.allclose(divergence.cost(v), divergence.conjugate(divergence.activation(v)), rtol=1e-4, atol=1e-9)


@each
def test_beyond_any_ratio_a_batch_can_show_costs_and_gradients_stay_finite(name: str):
    v = torch.tensor([-1e4, -89.0, -20.0, 0.0, 20.0, 89.0, 1e4], requires_grad=True)
    value = DIVERGENCES[name].cost(v) - DIVERGENCES[name].activation(v)
    value.sum().backward()
    assert bool(value.isfinite().all())
    assert bool(v.grad.isfinite().all())


@pytest.mark.parametrize(
    ("name", "real", "fake", "value"),
    [
        ("kl", 0.5, 1.0, 0.5 - 1),
        ("reverse-kl", 0.0, 2.0, -1 - (2 - 1)),
        ("pearson", 1.0, 2.0, 1 - (1 + 2)),
        ("hellinger", 0.0, math.log(3), 0 - 2),
        ("jensen-shannon", 0.0, 0.0, 0 - 0),
        ("gan", 0.0, 0.0, -math.log(4)),
    ],
)
def test_each_bound_has_the_value_worked_out_by_hand(name: str, real: float, fake: float, value: float):
    logits = torch.tensor([real]), torch.tensor([fake])
    assert DIVERGENCES[name].bound(*logits).item() == pytest.approx(value, abs=1e-6)
    loss = f_gan(DIVERGENCES[name])
    assert loss.discriminator(*logits).item() == pytest.approx(-value, abs=1e-6)
    # Minimising, the generator is left with its own part of the same value.
    own = -DIVERGENCES[name].activation(logits[0]).item() + value
    assert loss.generator(logits[1]).item() == pytest.approx(own, abs=1e-6)


@each
def test_where_generated_and_real_agree_the_best_discriminator_is_flat_and_shows_f_of_one(name: str):
    one = RAW_OPTIMUM[name](torch.ones(4)).requires_grad_()
    value = DIVERGENCES[name].bound(one, one)
    value.backward()
    assert value.item() == pytest.approx(-math.log(4) if name == "gan" else 0, abs=1e-6)
    assert one.grad.abs().max() < 1e-6


def test_the_gan_divergence_is_goodfellows_game():
    real, fake = torch.tensor([0.3, -2.0]), torch.tensor([1.5, 0.1, -0.7])
    for saturating, other in ((True, minimax()), (False, vanilla())):
        ours = f_gan(DIVERGENCES["gan"], saturating=saturating)
        assert torch.allclose(ours.discriminator(real, fake), other.discriminator(real, fake))
        assert torch.allclose(ours.generator(fake), other.generator(fake))


def test_jensen_shannon_differs_from_it_by_log_4():
    real, fake = torch.tensor([0.3, -2.0]), torch.tensor([1.5, 0.1, -0.7])
    both = DIVERGENCES["jensen-shannon"].bound(real, fake) - DIVERGENCES["gan"].bound(real, fake)
    assert both.item() == pytest.approx(math.log(4), abs=1e-6)


@each
def test_the_saturating_generator_descends_the_divergence_itself(name: str):
    """d/dm D_f(pi || N(m, 1)) by quadrature, against the gradient of its loss through shifted samples."""

    def divergence(mean: float) -> float:
        p = torch.exp(-((X - mean) ** 2) / 2) / math.sqrt(2 * math.pi)
        return float((p * F_OF[name](PI / p)).sum() * STEP)

    shift = torch.zeros((), dtype=torch.float64, requires_grad=True)
    samples = quantiles(0, 20_000) + shift
    raw = RAW_OPTIMUM[name](torch.exp(APART * samples - APART**2 / 2))
    (slope,) = torch.autograd.grad(f_gan(DIVERGENCES[name]).generator(raw), shift)
    assert slope.item() == pytest.approx((divergence(1e-4) - divergence(-1e-4)) / 2e-4, rel=0.01)


def test_a_divergence_of_ones_own_is_a_conjugate_and_an_activation():
    """Neyman's chi squared, f(u) = (1 - u)^2 / u: f*(t) = 2 - 2 sqrt(1 - t) for t < 1, T* = 1 - 1 / u^2."""
    neyman = Divergence(conjugate=lambda t: 2 - 2 * (1 - t).sqrt(), activation=lambda v: 1 - torch.exp(-2 * v))
    real, fake = (APART * quantiles(mean, 20_000) - APART**2 / 2 for mean in (APART, 0))
    assert -f_gan(neyman).discriminator(real, fake).item() == pytest.approx(math.exp(APART**2) - 1, rel=0.01)
