import math

import pytest
import torch
from torch import Tensor

from translate.metrics.copied import Copied, copied


def _pictures(count: int = 6, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, 5, 7, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_an_output_that_equals_its_input_is_copied_whole():
    real_a = _pictures()
    assert copied(real_a, real_a.clone()) == 1


def test_the_next_picture_of_the_set_is_not_copied_at_all():
    real_a = _pictures()
    assert copied(real_a, real_a.roll(-1, dims=0)) == pytest.approx(0, abs=1e-6)


def test_outputs_further_away_than_other_pictures_are_not_less_than_nothing():
    real_a = _pictures() / 10
    assert copied(real_a, torch.ones_like(real_a)) == 0


def test_hand_computed_value_of_three_flat_pictures():
    """Levels 0, 0.2, 0.6: neighbours differ by 0.2, 0.4 and, last to first, 0.6, on average 0.4. Changed by 0.1."""
    real_a = torch.tensor([0.0, 0.2, 0.6]).view(3, 1, 1, 1).expand(3, 3, 4, 4)
    assert copied(real_a, real_a + 0.1) == pytest.approx(1 - 0.1 / 0.4, abs=1e-6)


@pytest.mark.parametrize("cuts", [[6], [1] * 6, [4, 2], [1, 5]])
def test_the_value_does_not_depend_on_the_batches(cuts: list[int]):
    real_a, fake_b = _pictures(), _pictures() * 0.7
    total = Copied()
    for a, b in zip(real_a.split(cuts), fake_b.split(cuts), strict=True):
        total.add(a, b)
    assert total.count == 6
    assert total.value() == pytest.approx(copied(real_a, fake_b), abs=1e-6)


def test_gray_outputs_are_compared_with_the_mean_over_the_channels():
    """The output is the input's mean: what is left of it is all there, though the colours are gone."""
    real_a = _pictures()
    assert copied(real_a, real_a.mean(dim=1, keepdim=True)) == pytest.approx(1, abs=1e-6)
    assert copied(real_a, _pictures(seed=1)[:, :1]) < 1


def test_one_picture_or_a_set_of_equal_ones_has_no_scale():
    assert math.isnan(copied(_pictures(1), _pictures(1)))
    same = _pictures(1).expand(3, -1, -1, -1)
    assert math.isnan(copied(same, same))
    assert math.isnan(Copied().value())


@pytest.mark.parametrize(
    ("a", "b"), [((2, 3, 4, 4), (3, 3, 4, 4)), ((2, 3, 4, 4), (2, 3, 4, 5)), ((3, 4, 4), (3, 4, 4))]
)
def test_sets_that_do_not_belong_together_are_refused(a: tuple[int, ...], b: tuple[int, ...]):
    with pytest.raises(ValueError, match="as many outputs as inputs"):
        copied(torch.zeros(a), torch.zeros(b))


def test_a_set_of_several_sizes_is_refused():
    total = Copied()
    total.add(torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4))
    with pytest.raises(ValueError, match="pictures of a set differ"):
        total.add(torch.zeros(2, 3, 5, 4), torch.zeros(2, 3, 5, 4))
