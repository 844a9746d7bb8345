import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import Tensor

from translate.metrics.frechet import (
    Statistics,
    frechet_distance,
    frechet_infinity,
    frechet_parts,
    statistics,
    undersampled,
)


def _exact(mean: list[float], deviation: list[float]) -> Tensor:
    """Samples whose mean and unbiased covariance are exactly `mean` and diag(deviation^2): an axis at a time."""
    dim = len(mean)
    step = torch.diag(torch.tensor(deviation, dtype=torch.float64)) * ((2 * dim - 1) / 2) ** 0.5
    return torch.cat([step, -step]) + torch.tensor(mean, dtype=torch.float64)


def _random(count: int, dim: int, seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    mix = torch.randn(dim, dim, generator=random, dtype=torch.float64)
    return torch.randn(count, dim, generator=random, dtype=torch.float64) @ mix + torch.randn(dim, generator=random)


def _streamed(features: Tensor, size: int) -> Statistics:
    total = Statistics()
    for batch in features.split(size):
        total.add(batch)
    return total


def test_statistics_are_the_mean_and_the_unbiased_covariance():
    features = _random(20, 4)
    mean, covariance = statistics(features.float())
    assert mean.dtype == covariance.dtype == torch.float64
    assert np.allclose(mean, features.numpy().mean(0), atol=1e-6)
    assert np.allclose(covariance, np.cov(features.numpy(), rowvar=False), atol=1e-5)


def test_independent_gaussians_differ_by_their_means_and_their_deviations():
    """Diagonal covariances: |m - m'|^2 + sum (s - s')^2 = (9 + 1) + (1 + 0 + 4)."""
    a, b = _exact([0, 0, 0], [1, 2, 3]), _exact([3, 0, -1], [2, 2, 5])
    assert frechet_distance(a, b) == pytest.approx(15, abs=1e-9)


def test_a_shift_alone_costs_its_squared_length():
    a = _random(30, 5)
    assert frechet_distance(a, a + 0.5) == pytest.approx(5 * 0.25, abs=1e-8)


def test_equal_sets_are_zero_apart_whatever_their_order():
    a = _random(50, 6)
    assert frechet_distance(a, a.flip(0)) == pytest.approx(0, abs=1e-8)


def test_the_distance_is_symmetric_and_turning_both_sets_changes_nothing():
    a, b = _random(40, 6, 1), _random(30, 6, 2)
    turn = torch.linalg.qr(_random(6, 6, 3)).Q
    distance = frechet_distance(a, b)
    assert frechet_distance(b, a) == pytest.approx(distance, rel=1e-9)
    assert frechet_distance(a @ turn, b @ turn) == pytest.approx(distance, rel=1e-9)


def test_it_is_the_formula_of_the_paper_with_a_general_matrix_root():
    a, b = _random(60, 7, 4), _random(80, 7, 5)
    (mean_a, cov_a), (mean_b, cov_b) = ((f.numpy().mean(0), np.cov(f.numpy(), rowvar=False)) for f in (a, b))
    expected = np.sum((mean_a - mean_b) ** 2) + np.trace(cov_a + cov_b - 2 * np.real(sqrtm(cov_a @ cov_b)))
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)


def test_two_features_have_the_closed_form_of_a_two_by_two_root():
    """tr (AB)^.5 = (tr AB + 2 (det A det B)^.5)^.5: for A [[2, 1], [1, 2]] and B diag(4, 1) (10 + 2 12^.5)^.5."""
    points = _random(50, 2, 1)
    points = points - points.mean(0)
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(points.T.cov()), points.T, upper=False).T
    a = white @ torch.linalg.cholesky(torch.tensor([[2.0, 1], [1, 2]], dtype=torch.float64)).T
    b = white @ torch.diag(torch.tensor([2.0, 1], dtype=torch.float64)) + torch.tensor([3.0, 4])
    assert frechet_parts(a, b) == pytest.approx((25, 4 + 5 - 2 * (10 + 2 * 12**0.5) ** 0.5), abs=1e-9)
    assert frechet_distance(a, b) == pytest.approx(sum(frechet_parts(a, b)))


@pytest.mark.parametrize("size", [1, 7, 64, 200])
def test_the_distance_does_not_depend_on_the_batches(size: int):
    a, b = _random(200, 6, 1) + 1000, _random(130, 6, 2) + 1000
    streamed = frechet_distance(_streamed(a, size), _streamed(b, size))
    assert _streamed(a, size).count == 200
    assert streamed == pytest.approx(frechet_distance(a, b), abs=1e-9)


def test_statistics_far_from_zero_lose_nothing():
    """The textbook's sum of squares less the square of the sum would leave no digit of a spread of 1 around 1e8."""
    features = torch.randn(300, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    streamed = _streamed(features + 1e8, 11)
    assert torch.allclose(streamed.covariance, statistics(features)[1], rtol=1e-6)


@pytest.mark.parametrize("count", [3, 8, 9, 10])
def test_statistics_of_few_samples_give_what_their_features_give(count: int):
    """Around as many samples as features each side takes a way of its own; all are the same distance."""
    a, b = _random(count, 9, 1), _random(40, 9, 2)
    for other in (b, b[:count]):
        (mean_a, cov_a), (mean_b, cov_b) = ((f.numpy().mean(0), np.cov(f.numpy(), rowvar=False)) for f in (a, other))
        mixed = np.sqrt(np.linalg.eigvals(cov_a @ cov_b).astype(complex)).real.sum()
        expected = np.sum((mean_a - mean_b) ** 2) + np.trace(cov_a + cov_b) - 2 * mixed
        for given in ((a, other), (_streamed(a, 4), other), (a, _streamed(other, 4))):
            assert frechet_distance(*given) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(_streamed(a, 2), a) == pytest.approx(0, abs=1e-6)


def test_features_that_never_change_or_repeat_another_add_nothing():
    a, b = _random(50, 4, 1), _random(60, 4, 2)
    dead = frechet_distance(*(torch.cat([x, torch.full((len(x), 3), 2.0)], dim=1) for x in (a, b)))
    assert dead == pytest.approx(frechet_distance(a, b), abs=1e-6)
    twice = frechet_distance(*(torch.cat([x, x], dim=1) for x in (a, b)))
    assert twice == pytest.approx(2 * frechet_distance(a, b), rel=1e-6)


def test_statistics_refuse_what_has_none():
    total = Statistics()
    with pytest.raises(ValueError, match="0 pictures have no mean"):
        total.mean  # noqa: B018
    with pytest.raises(ValueError, match="0 pictures have no spread"):
        total.covariance  # noqa: B018
    total.add(torch.zeros(1, 3))
    with pytest.raises(ValueError, match="1 pictures have no spread"):
        frechet_distance(total, torch.zeros(4, 3))
    with pytest.raises(ValueError, match="different spaces: 3 and 2"):
        total.add(torch.zeros(4, 2))
    with pytest.raises(ValueError, match=r"expected features \(N, D\)"):
        total.add(torch.zeros(0, 3))
    with pytest.raises(ValueError, match="not finite"):
        total.add(torch.full((1, 3), float("nan")))
    assert (total.count, total.mean.tolist()) == (1, [0, 0, 0])


def test_small_sets_of_one_distribution_are_apart_but_not_when_extrapolated():
    """Chong and Forsyth 2020: what a plain distance tells of 200 pictures is that they are 200."""
    random = torch.Generator().manual_seed(0)
    found = []
    for _ in range(20):
        a, b = (torch.randn(200, 8, generator=random) * torch.arange(1, 9) for _ in range(2))
        found.append(frechet_infinity(a, b, random))
    values = torch.tensor([one.value for one in found])
    measured = torch.tensor([one.measured for one in found])
    assert measured.min() > 0
    assert values.mean().abs() < 0.1 * measured.mean()


def test_extrapolation_goes_towards_the_figure_of_many_pictures():
    """Independent unit Gaussians of 8 features, means 1 apart on each: exactly 8."""
    random = torch.Generator().manual_seed(1)
    pairs = [(torch.randn(100, 8, generator=random), torch.randn(80, 8, generator=random) + 1) for _ in range(20)]
    found = [frechet_infinity(a, b, random) for a, b in pairs]
    assert [one.measured for one in found] == pytest.approx([frechet_distance(a, b) for a, b in pairs])
    assert found[0].counts == (100, 80)
    away = [abs(sum(values) / 20 - 8) for values in zip(*((one.measured, one.value) for one in found), strict=True)]
    assert away[0] > 0.3
    assert away[1] < 0.5 * away[0]


def test_extrapolation_draws_from_its_generator_alone():
    a, b = _random(60, 5, 1), _random(50, 5, 2)
    first, second, other = (frechet_infinity(a, b, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert first == second
    assert first.value != other.value


def test_too_few_samples_to_extrapolate_are_refused():
    random = torch.Generator()
    with pytest.raises(ValueError, match="9 pictures are too few to extrapolate: 5 features need at least 10"):
        frechet_infinity(_random(9, 5), _random(50, 5), random)
    with pytest.raises(ValueError, match="points is 1"):
        frechet_infinity(_random(50, 5), _random(50, 5), random, points=1)
    with pytest.raises(ValueError, match="different spaces"):
        frechet_infinity(_random(50, 5), _random(50, 4), random)


def test_sets_no_larger_than_their_features_are_flagged():
    small, large = _random(8, 8), _random(9, 8)
    assert undersampled(small, large)
    assert undersampled(large, _streamed(small, 3))
    assert not undersampled(large, large)


def test_fewer_samples_than_features_are_enough():
    """Two points of distance 2 on one axis against two on another: means equal, variances 2 each, no overlap."""
    a, b = torch.zeros(2, 9), torch.zeros(2, 9)
    a[:, 0] = b[:, 1] = torch.tensor([1.0, -1.0])
    assert frechet_distance(a, b) == pytest.approx(4, abs=1e-9)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (torch.zeros(1, 3), torch.zeros(4, 3), "at least 2"),
        (torch.zeros(4, 3), torch.zeros(4, 2), "different spaces: 3 and 2"),
        (torch.zeros(4, 3, 1), torch.zeros(4, 3), r"expected features \(N, D\)"),
        (torch.zeros(4, 0), torch.zeros(4, 0), r"expected features \(N, D\)"),
        (torch.full((4, 3), float("nan")), torch.zeros(4, 3), "not finite"),
        (torch.zeros(4, 3), torch.full((4, 3), float("inf")), "not finite"),
    ],
)
def test_features_that_have_no_distance_are_refused(a: Tensor, b: Tensor, said: str):
    with pytest.raises(ValueError, match=said):
        frechet_distance(a, b)
