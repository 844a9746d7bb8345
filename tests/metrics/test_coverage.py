import math

import pytest
import torch
from torch import Tensor

from translate.metrics import neighbours
from translate.metrics.coverage import density_coverage, mode_coverage


def _ring(modes: int = 8, radius: float = 1.0) -> Tensor:
    angles = torch.arange(modes) * 2 * math.pi / modes
    return radius * torch.stack([angles.cos(), angles.sin()], dim=1)


def _draw(modes: Tensor, deviation: float, each: int, seed: int = 0) -> Tensor:
    centres = modes.repeat_interleave(each, dim=0)
    return centres + deviation * torch.randn(centres.shape, generator=torch.Generator().manual_seed(seed))


def _cloud(count: int, dim: int, seed: int = 0) -> Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


def test_samples_of_a_ring_hit_all_its_modes_and_nearly_all_are_good():
    """Within 3 deviations of a Gaussian in the plane lie 1 - exp(-9 / 2) = 98.9 % of its samples."""
    found = mode_coverage(_draw(_ring(), 0.02, 500), _ring(), 0.02)
    assert found.modes == 1
    assert found.quality == pytest.approx(1 - math.exp(-4.5), abs=0.005)
    assert sum(found.hits) == round(found.quality * 4000)
    assert found.counts == (4000, 8)


def test_a_collapsed_generator_hits_one_mode_with_good_samples():
    found = mode_coverage(_draw(_ring()[2:3], 0.02, 100), _ring(), 0.02)
    assert found.modes == 1 / 8
    assert found.quality > 0.9
    assert [index for index, hits in enumerate(found.hits) if hits] == [2]


def test_samples_between_the_modes_are_in_none():
    found = mode_coverage(torch.zeros(10, 2), _ring(), 0.02)
    assert (found.modes, found.quality, found.hits) == (0, 0, (0,) * 8)


def test_hand_computed_hits_on_a_line():
    """Modes 0 and 10, deviation 1: 3 deviations reach to 3 and from 7; of 0, 3, 3.1, 8, 14 the third and fifth miss."""
    samples, modes = torch.tensor([[0.0], [3], [3.1], [8], [14]]), torch.tensor([[0.0], [10]])
    found = mode_coverage(samples, modes, 1.0)
    assert (found.modes, found.quality, found.hits) == (1.0, 0.6, (2, 1))
    assert mode_coverage(samples, modes, 1.0, least=2).modes == 0.5
    assert mode_coverage(samples, modes, 1.0, within=4).quality == 1.0


def test_batches_of_samples_add_up():
    samples = _draw(_ring(), 0.1, 20)
    whole = mode_coverage(samples, _ring(), 0.02)
    parts = [mode_coverage(part, _ring(), 0.02) for part in samples.split(37)]
    assert tuple(map(sum, zip(*(part.hits for part in parts), strict=True))) == whole.hits
    assert sum(part.quality * part.counts[0] for part in parts) / 160 == pytest.approx(whole.quality)


@pytest.mark.parametrize(
    ("samples", "modes", "deviation", "said"),
    [
        (torch.rand(5, 2), torch.rand(3, 3), 0.1, r"expected samples \(N, D\) and modes \(K, D\)"),
        (torch.rand(5), torch.rand(3, 3), 0.1, r"expected samples \(N, D\)"),
        (torch.rand(0, 2), torch.rand(3, 2), 0.1, "0 samples of 3 modes"),
        (torch.rand(5, 2), torch.rand(0, 2), 0.1, "5 samples of 0 modes"),
        (torch.full((5, 2), float("nan")), torch.rand(3, 2), 0.1, "not finite"),
        (torch.rand(5, 2), torch.rand(3, 2), 0.0, "have to be positive"),
        (torch.rand(5, 2), torch.rand(3, 2), float("nan"), "have to be positive"),
    ],
)
def test_what_has_no_modes_to_cover_is_refused(samples: Tensor, modes: Tensor, deviation: float, said: str):
    with pytest.raises(ValueError, match=said):
        mode_coverage(samples, modes, deviation)


def test_density_and_coverage_are_their_definitions_sample_by_sample():
    """Naeem 2020, Eq. 4 and 6."""
    real, fake, k = _cloud(14, 3, 1).double(), _cloud(17, 3, 2).double() + 0.5, 3
    inside, covered = 0, 0
    for i, centre in enumerate(real):
        radius = sorted(float((centre - x).norm()) for j, x in enumerate(real) if j != i)[k - 1]
        within = [float((centre - x).norm()) < radius for x in fake]
        inside, covered = inside + sum(within), covered + any(within)
    found = density_coverage(real, fake, k)
    assert (found.density, found.coverage) == pytest.approx((inside / (k * 17), covered / 14))
    assert found.counts == (14, 17)


def test_a_set_has_density_one_in_itself_and_covers_itself():
    real = _cloud(40, 4)
    density, covered, _ = density_coverage(real, real.clone())
    assert (density, covered) == (pytest.approx(1, abs=0.02), 1)  # rounding decides about a neighbour on the border


def test_sets_of_one_distribution_have_density_one_and_the_coverage_of_the_paper():
    """Naeem 2020, Eq. 11: the expected coverage is 1 - (N - 1) ... (N - k) / ((2 N - 1) ... (2 N - k))."""
    n, k = 100, 5
    found = [density_coverage(_cloud(n, 3, 2 * i), _cloud(n, 3, 2 * i + 1), k) for i in range(60)]
    expected = 1 - math.prod((n - i) / (2 * n - i) for i in range(1, k + 1))
    assert sum(one.coverage for one in found) / 60 == pytest.approx(expected, abs=0.01)
    assert sum(one.density for one in found) / 60 == pytest.approx(1, abs=0.06)


def test_one_outlier_among_the_real_does_not_make_bad_samples_good():
    """Its ball is large: precision would be 1, density hardly moves."""
    real = torch.cat([_cloud(50, 2, 1), torch.tensor([[100.0, 0]])])
    found = density_coverage(real, _cloud(50, 2, 2) * 0.1 + torch.tensor([50.0, 0]))
    assert found.density <= 1 / 5
    assert found.coverage <= 1 / 51


def test_the_blocks_it_works_in_change_nothing(monkeypatch: pytest.MonkeyPatch):
    real, fake = _cloud(30, 4, 1), _cloud(25, 4, 2)
    whole = density_coverage(real, fake)
    monkeypatch.setattr(neighbours, "ROWS", 7)
    assert density_coverage(real, fake) == whole


def test_too_few_neighbours_are_refused():
    with pytest.raises(ValueError, match="5 pictures don't have 5 neighbours; each set needs at least 6"):
        density_coverage(torch.rand(5, 2), torch.rand(9, 2))
