import pytest
import torch

from translate.metrics import neighbours
from translate.metrics.neighbours import checked_sets, squared_distances, squared_radii


def test_hand_computed_radii_on_a_line():
    """0, 1, 3, 7: the nearest others are 1, 1, 2, 4 away, the second nearest 3, 2, 3, 6."""
    x = torch.tensor([[0.0], [1], [3], [7]], dtype=torch.float64)
    assert squared_radii(x, 1).tolist() == [1, 1, 4, 16]
    assert squared_radii(x, 2).tolist() == [9, 4, 9, 36]


def test_blocks_make_up_all_distances(monkeypatch: pytest.MonkeyPatch):
    random = torch.Generator().manual_seed(0)
    x, y = (torch.randn(count, 5, generator=random, dtype=torch.float64) for count in (11, 6))
    monkeypatch.setattr(neighbours, "ROWS", 4)
    blocks = list(squared_distances(x, y))
    assert [len(block) for block in blocks] == [4, 4, 3]
    assert torch.allclose(torch.cat(blocks), (x[:, None] - y).square().sum(dim=2))


def test_equal_samples_are_exactly_together_and_near_ones_are_not():
    x = torch.randn(5, 300, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 100
    assert torch.cat(list(squared_distances(x, x))).diagonal().tolist() == [0] * 5
    near = x + 1e-3
    assert torch.cat(list(squared_distances(x, near))).diagonal().tolist() == pytest.approx([3e-4] * 5, rel=1e-4)


def test_checked_sets_keep_their_distances():
    real, fake = torch.rand(4, 3) + 50, torch.rand(5, 3) + 50
    moved = checked_sets(real, fake, 1)
    assert torch.allclose(torch.cdist(*moved), torch.cdist(real.double(), fake.double()))
    assert moved[0].abs().max() < 1
