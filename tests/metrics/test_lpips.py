import pytest
import torch
from torch import Tensor

from translate.metrics.lpips import lpips


def _layers(count: int = 3, seed: int = 0) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    random = torch.Generator().manual_seed(seed)
    shapes = [(4, 5, 6), (7, 3, 2)]
    a, b = ([torch.randn(count, *shape, generator=random) for shape in shapes] for _ in range(2))
    return a, b, [torch.rand(shape[0], generator=random) for shape in shapes]


def test_hand_computed_value_of_one_position():
    """(3, 4) and (1, 0) are (.6, .8) and (1, 0) at unit length: 2 * .16 + 5 * .64."""
    a, b = (torch.tensor(v).view(1, 2, 1, 1) for v in ([3.0, 4.0], [1.0, 0.0]))
    assert lpips([a], [b], [torch.tensor([2.0, 5.0])]).item() == pytest.approx(3.52, abs=1e-6)


def test_it_is_the_formula_of_the_paper_position_by_position():
    a, b, weights = _layers(1)
    expected = 0.0
    for of_a, of_b, weight in zip(a, b, weights, strict=True):
        height, width = of_a.shape[2:]
        for y in range(height):
            for x in range(width):
                p, q = of_a[0, :, y, x], of_b[0, :, y, x]
                apart = p / p.square().sum().sqrt() - q / q.square().sum().sqrt()
                expected += float((weight * apart.square()).sum()) / (height * width)
    assert lpips(a, b, weights).item() == pytest.approx(expected, rel=1e-5)


def test_equal_features_are_zero_apart_and_so_are_longer_ones():
    a, _, weights = _layers()
    assert lpips(a, [t.clone() for t in a], weights).tolist() == [0, 0, 0]
    assert lpips(a, [3 * t for t in a], weights).tolist() == pytest.approx([0, 0, 0], abs=1e-10)


def test_it_is_symmetric_and_a_pair_does_not_depend_on_its_batch():
    a, b, weights = _layers()
    together = lpips(a, b, weights)
    assert torch.allclose(lpips(b, a, weights), together)
    alone = [lpips([t[i : i + 1] for t in a], [t[i : i + 1] for t in b], weights) for i in range(3)]
    assert torch.allclose(torch.cat(alone), together)


def test_positions_where_nothing_fires_are_equal():
    zero = torch.zeros(1, 4, 2, 2)
    assert lpips([zero], [zero], [torch.ones(4)]).tolist() == [0]


def test_layers_that_do_not_belong_together_are_refused():
    a, b, weights = _layers()
    with pytest.raises(ValueError, match="as many layers of both pictures as of weights, got 2, 1 and 2"):
        lpips(a, b[:1], weights)
    with pytest.raises(ValueError, match="as many layers"):
        lpips([], [], [])
    with pytest.raises(ValueError, match=r"expected two \(N, C, H, W\) and weights \(C,\)"):
        lpips(a, b[::-1], weights)
    with pytest.raises(ValueError, match=r"weights \(C,\)"):
        lpips(a, b, weights[::-1])
