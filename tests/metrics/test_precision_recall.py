import pytest
import torch
from torch import Tensor

from translate.metrics import neighbours
from translate.metrics.precision_recall import precision_recall


def _cloud(count: int, dim: int, seed: int = 0) -> Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


def _reference(real: Tensor, fake: Tensor, k: int) -> tuple[float, float]:
    """Kynkaanniemi 2019, Eq. 1 to 3, sample by sample."""

    def inside(sample: Tensor, manifold: Tensor) -> bool:
        for i, other in enumerate(manifold):
            radius = sorted(float((other - x).norm()) for j, x in enumerate(manifold) if j != i)[k - 1]
            if float((sample - other).norm()) <= radius:
                return True
        return False

    def share(samples: Tensor, manifold: Tensor) -> float:
        return sum(inside(sample, manifold) for sample in samples) / len(samples)

    return share(fake, real), share(real, fake)


@pytest.mark.parametrize("k", [1, 3])
def test_it_is_the_definition_sample_by_sample(k: int):
    real, fake = _cloud(20, 3, 1).double(), _cloud(16, 3, 2).double() * 1.3 + 0.4
    found = precision_recall(real, fake, k)
    assert found[:2] == pytest.approx(_reference(real, fake, k))
    assert 0 < found.precision < 1
    assert found.counts == (20, 16)


def test_hand_computed_value_on_a_line():
    """Real 0, 1, 2 with k = 1 reach over [-1, 3]; generated 3, 4, 8 reach over [2, 12]: one of three each."""
    real, fake = torch.tensor([[0.0], [1], [2]]), torch.tensor([[3.0], [4], [8]])
    assert precision_recall(real, fake, 1)[:2] == pytest.approx((1 / 3, 1 / 3))


def test_a_set_is_all_precise_and_all_recalled_in_itself():
    real = _cloud(30, 4)
    assert precision_recall(real, real.clone())[:2] == (1, 1)


def test_turning_the_sets_round_turns_precision_into_recall():
    real, fake = _cloud(30, 4, 1), _cloud(25, 4, 2) * 0.5
    there, back = precision_recall(real, fake), precision_recall(fake, real)
    assert (there.precision, there.recall) == (back.recall, back.precision)


def test_good_pictures_of_one_kind_are_precise_and_recall_half():
    kinds = torch.cat([_cloud(100, 4, 1), _cloud(100, 4, 2) + 30])
    one = precision_recall(kinds, _cloud(100, 4, 3))
    assert one.precision > 0.85
    assert 0.4 < one.recall <= 0.5


def test_one_picture_again_and_again_recalls_nothing():
    """All radii of the generated set are zero."""
    real = _cloud(50, 4)
    assert precision_recall(real, real[:1].repeat(50, 1))[:2] == (1, 1 / 50)


def test_sets_far_apart_share_nothing():
    assert precision_recall(_cloud(30, 4), _cloud(30, 4) + 100)[:2] == (0, 0)


def test_the_blocks_it_works_in_change_nothing(monkeypatch: pytest.MonkeyPatch):
    real, fake = _cloud(30, 4, 1), _cloud(25, 4, 2) * 0.5 + 0.5
    whole = precision_recall(real, fake)
    monkeypatch.setattr(neighbours, "ROWS", 7)
    assert precision_recall(real, fake) == whole


@pytest.mark.parametrize(
    ("real", "fake", "k", "said"),
    [
        (torch.rand(9, 3), torch.rand(3, 3), 3, "3 pictures don't have 3 neighbours; each set needs at least 4"),
        (torch.rand(9, 3), torch.rand(9, 2), 3, "different spaces: 3 and 2"),
        (torch.rand(9, 3), torch.rand(9), 3, r"expected features \(N, D\)"),
        (torch.rand(9, 3), torch.rand(9, 3), 0, "k is 0"),
        (torch.rand(9, 3), torch.full((9, 3), float("nan")), 3, "not finite"),
    ],
)
def test_sets_that_can_not_be_compared_are_refused(real: Tensor, fake: Tensor, k: int, said: str):
    with pytest.raises(ValueError, match=said):
        precision_recall(real, fake, k)
