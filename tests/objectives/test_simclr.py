import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from translate.objectives.simclr import nt_xent


def _views(count: int = 5, dim: int = 4, seed: int = 0) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(count, dim, generator=random), torch.randn(count, dim, generator=random)


def _reference(a: Tensor, b: Tensor, temperature: float) -> float:
    """Chen 2020, Eq. 1, view by view."""
    views, count, total = torch.cat([a, b]).double(), len(a), 0.0
    for i in range(2 * count):
        similar = [float(F.cosine_similarity(views[i], view, dim=0)) for view in views]
        others = sum(math.exp(similar[k] / temperature) for k in range(2 * count) if k != i)
        total -= math.log(math.exp(similar[(i + count) % (2 * count)] / temperature) / others)
    return total / (2 * count)


@pytest.mark.parametrize("temperature", [0.1, 0.5, 2.0])
def test_it_is_a_double_loop_over_all_views(temperature: float):
    a, b = _views()
    assert float(nt_xent(a, b, temperature)) == pytest.approx(_reference(a, b, temperature), abs=1e-6)


def test_views_that_are_all_alike_cost_the_logarithm_of_their_number():
    same = torch.ones(4, 3)
    assert float(nt_xent(same, same)) == pytest.approx(math.log(7), abs=1e-6)


def test_the_loss_is_zero_where_pictures_are_opposite_and_views_equal():
    a = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    assert float(nt_xent(a, a, temperature=0.05)) == pytest.approx(0, abs=1e-6)


def test_lengths_and_the_order_of_the_two_views_do_not_count():
    a, b = _views()
    scale = torch.rand(5, 1, generator=torch.Generator().manual_seed(1)) + 0.5
    assert torch.allclose(nt_xent(a, b), nt_xent(b * scale, a / scale), atol=1e-6)


def test_both_views_learn():
    a, b = (view.requires_grad_() for view in _views())
    nt_xent(a, b).backward()
    assert all(view.grad is not None and bool(view.grad.abs().sum(dim=1).gt(0).all()) for view in (a, b))


def test_half_precision_is_computed_in_full():
    a, b = _views()
    loss = nt_xent(a.bfloat16(), b.bfloat16(), 0.1)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, nt_xent(a.bfloat16().float(), b.bfloat16().float(), 0.1))


@pytest.mark.parametrize(
    ("a", "b", "temperature", "said"),
    [
        (torch.ones(4, 3), torch.ones(4, 2), 0.5, "of the same shape"),
        (torch.ones(1, 3), torch.ones(1, 3), 0.5, "N >= 2"),
        (torch.ones(4), torch.ones(4), 0.5, r"\(N, D\)"),
        (torch.ones(4, 3), torch.ones(4, 3), 0.0, "temperature is 0"),
    ],
)
def test_what_can_not_be_contrasted_is_refused(a: Tensor, b: Tensor, temperature: float, said: str):
    with pytest.raises(ValueError, match=said):
        nt_xent(a, b, temperature)
