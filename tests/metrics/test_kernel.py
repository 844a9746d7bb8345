import pytest
import torch
from torch import Tensor

from translate.metrics import kernel
from translate.metrics.kernel import kernel_distance, kernel_estimate


def _random(count: int, dim: int, seed: int = 0) -> Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


def _reference(a: Tensor, b: Tensor) -> float:
    """Binkowski 2018, Eq. 4, pair by pair."""

    def kernel(x: list[float], y: list[float]) -> float:
        return (sum(p * q for p, q in zip(x, y, strict=True)) / len(x) + 1) ** 3

    def mean(values: list[float]) -> float:
        return sum(values) / len(values)

    xs, ys = a.tolist(), b.tolist()
    among_x = mean([kernel(x, other) for i, x in enumerate(xs) for j, other in enumerate(xs) if i != j])
    among_y = mean([kernel(y, other) for i, y in enumerate(ys) for j, other in enumerate(ys) if i != j])
    return among_x + among_y - 2 * mean([kernel(x, y) for x in xs for y in ys])


def test_it_is_a_double_loop_over_all_pairs_also_for_unequal_counts():
    a, b = _random(5, 4, 1), _random(8, 4, 2) + 0.5
    assert kernel_distance(a, b) == pytest.approx(_reference(a, b), rel=1e-9)


def test_hand_computed_value_of_two_points_each():
    """D 1; a = {0, 0}: kernels 1; b = {1, 1}: (1 + 1)^3 = 8; across (0 + 1)^3 = 1. So 1 + 8 - 2."""
    assert kernel_distance(torch.zeros(2, 1), torch.ones(2, 1)) == pytest.approx(7)


def test_sets_of_one_distribution_are_about_zero_apart_and_as_often_below_as_above():
    values = [kernel_distance(_random(60, 8, 2 * i), _random(40, 8, 2 * i + 1)) for i in range(60)]
    assert abs(sum(values) / len(values)) < 0.02
    assert 15 < sum(value < 0 for value in values) < 50


def test_the_expectation_does_not_depend_on_the_number_of_samples():
    """What the Frechet distance lacks: a tenth of the pictures gives the same figure, only less surely."""
    few = [kernel_distance(_random(8, 4, 2 * i), _random(8, 4, 2 * i + 1) + 1) for i in range(300)]
    many = [kernel_distance(_random(80, 4, 2 * i), _random(80, 4, 2 * i + 1) + 1) for i in range(30)]
    assert sum(few) / len(few) == pytest.approx(sum(many) / len(many), rel=0.06)


def test_it_is_symmetric_and_grows_with_a_shift():
    a, b = _random(30, 6, 3), _random(30, 6, 4)
    assert kernel_distance(a, b) == pytest.approx(kernel_distance(b, a), rel=1e-9, abs=1e-12)
    far = [kernel_distance(a, b + shift) for shift in (0.0, 0.5, 1.0, 2.0)]
    assert far == sorted(far)


def test_the_order_of_the_pictures_changes_nothing():
    a, b = _random(30, 6, 5), _random(30, 6, 6)
    assert kernel_distance(a.flip(0), b) == pytest.approx(kernel_distance(a, b), rel=1e-9, abs=1e-12)


def test_the_error_bar_is_the_jackknife_written_out():
    """(n - 1) / n times the squared deviations of the figures that leave one sample out, of both sets."""
    a, b = _random(7, 4, 1).double(), _random(9, 4, 2).double() + 0.5
    variance = 0.0
    for samples, figure in ((a, lambda some: kernel_distance(some, b)), (b, lambda some: kernel_distance(a, some))):
        left = torch.tensor([figure(torch.cat([samples[:i], samples[i + 1 :]])) for i in range(len(samples))])
        variance += float((left - left.mean()).square().sum() * (len(left) - 1) / len(left))
    found = kernel_estimate(a, b)
    assert found.value == kernel_distance(a, b)
    assert found.error == pytest.approx(variance**0.5, rel=1e-6)
    assert found.counts == (7, 9)


@pytest.mark.parametrize(("shift", "least", "most"), [(0.0, 1.0, 1.7), (1.0, 0.8, 1.25)])
def test_the_error_bar_is_as_wide_as_the_figures_of_new_samples_are_scattered(shift: float, least: float, most: float):
    found = [kernel_estimate(_random(40, 4, 2 * i), _random(50, 4, 2 * i + 1) + shift) for i in range(150)]
    scatter = torch.tensor([one.value for one in found]).std()
    assert least < torch.tensor([one.error for one in found]).mean() / scatter < most


def test_the_error_bar_is_symmetric():
    a, b = _random(12, 4, 1), _random(9, 4, 2)
    (value, error, _), (turned, other, counts) = kernel_estimate(a, b), kernel_estimate(b, a)
    assert (value, error) == pytest.approx((turned, other))
    assert counts == (9, 12)


def test_large_sets_are_summed_up_in_blocks(monkeypatch: pytest.MonkeyPatch):
    a, b = _random(11, 4, 1), _random(8, 4, 2)
    whole = kernel_estimate(a, b)
    monkeypatch.setattr(kernel, "ROWS", 3)
    assert kernel_estimate(a, b)[:2] == pytest.approx(whole[:2])


def test_two_samples_have_a_distance_but_no_error_bar():
    assert kernel_distance(torch.zeros(2, 1), torch.ones(2, 1)) == pytest.approx(7)
    with pytest.raises(ValueError, match="2 pictures have no error bar; it needs at least 3 of each set"):
        kernel_estimate(torch.zeros(2, 1), torch.ones(4, 1))


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (torch.zeros(1, 3), torch.zeros(4, 3), "at least 2"),
        (torch.zeros(4, 3), torch.zeros(4, 2), "different spaces: 3 and 2"),
        (torch.zeros(4), torch.zeros(4, 3), r"expected features \(N, D\)"),
        (torch.full((4, 3), float("inf")), torch.zeros(4, 3), "not finite"),
    ],
)
def test_features_that_have_no_distance_are_refused(a: Tensor, b: Tensor, said: str):
    with pytest.raises(ValueError, match=said):
        kernel_distance(a, b)
