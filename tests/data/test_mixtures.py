"""Mixtures whose modes are known: where they are, that every mode is as likely, that a seed means something."""

import pytest
import torch

from translate.data.mixtures import MIXTURES, MixtureDataset, scatter
from translate.metrics.coverage import mode_coverage


def test_a_ring_has_eight_modes_on_the_unit_circle():
    centres = MIXTURES["ring-8"].centres
    assert centres.shape == (8, 2)
    torch.testing.assert_close(centres.norm(dim=1), torch.ones(8))
    # Neighbours are as far apart as the side of an octagon, 2 sin(22.5 degrees).
    torch.testing.assert_close((centres - centres.roll(1, 0)).norm(dim=1), torch.full((8,), 0.7653669))


def test_a_grid_has_25_modes_half_a_unit_apart():
    centres = MIXTURES["grid-25"].centres
    assert centres.shape == (25, 2)
    assert set(centres.flatten().tolist()) == {-1.0, -0.5, 0.0, 0.5, 1.0}


@pytest.mark.parametrize("name", MIXTURES)
def test_modes_are_far_apart_for_their_width(name: str):
    modes = MIXTURES[name]
    apart = torch.pdist(modes.centres).min()
    assert apart > 30 * modes.deviation


@pytest.mark.parametrize("name", MIXTURES)
def test_a_draw_fills_all_modes_alike_and_nearly_all_of_it_lies_in_them(name: str):
    """Of a Gaussian in the plane, 1 - exp(-4.5) = 98.9 % lies within 3 deviations."""
    modes = MIXTURES[name]
    points, label = modes.draw(10_000, 0)
    found = mode_coverage(points, modes.centres, modes.deviation)
    assert found.modes == 1
    assert found.quality == pytest.approx(0.9889, abs=0.004)
    assert label.bincount().tolist() == [10_000 // len(modes.centres)] * len(modes.centres)
    assert (points - modes.centres[label]).std() == pytest.approx(modes.deviation, rel=0.03)


def test_a_seed_gives_the_same_points_and_another_gives_others():
    modes = MIXTURES["ring-8"]
    assert torch.equal(modes.draw(100, 3)[0], modes.draw(100, 3)[0])
    assert not torch.equal(modes.draw(100, 3)[0], modes.draw(100, 4)[0])


def test_a_batch_is_the_same_samples_as_one_by_one():
    data = MixtureDataset(MIXTURES["ring-8"], seed=1, count=50)
    keys = [(0, 7), (3, 49), (1, 0)]
    for together, alone in zip(data.__getitems__(keys), [data[key] for key in keys], strict=True):
        assert torch.equal(together.real, alone.real)
        assert torch.equal(together.label, alone.label)


def test_a_point_is_drawn_where_it_lies_and_one_outside_is_not():
    """Of [-1.5, 1.5]^2 at 100 pixels: (0.75, 0.75) lies three quarters right and one quarter down."""
    picture = scatter(torch.tensor([[0.75, 0.75], [9.0, 0.0]]), side=100)
    dark = [(x, y) for x in range(100) for y in range(100) if picture.getpixel((x, y)) < 250]
    assert dark
    assert all(abs(x - 75) <= 2 and abs(y - 25) <= 2 for x, y in dark)
