"""Augmentation of whole batches: one geometry for both sides, drawn from (seed, rank, step) alone."""

from typing import Any

import pytest
import torch
from torch import Tensor

from translate.config import IGNORE_INDEX, DataConfig
from translate.data.batch_augment import SCALE, BatchAugment
from translate.data.paired import Pair


def augment(seed: int = 0, rank: int = 0, **changes: Any) -> BatchAugment:
    return BatchAugment(DataConfig(**changes), seed, rank)


def pictures(count: int = 4, height: int = 24, width: int = 32) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_a_copy_as_target_stays_a_copy_and_every_sample_is_moved_differently() -> None:
    same = pictures(1).repeat(4, 1, 1, 1)
    out = augment()(Pair(same, same.clone()), 3)
    assert torch.equal(out.real_a, out.real_b)
    assert len({sample.numpy().tobytes() for sample in out.real_a}) == 4
    assert out.real_a.min() >= -1.0001
    assert out.real_a.max() <= 1.0001


def test_labels_stay_on_what_they_label_and_are_void_outside() -> None:
    """Two flat halves: a pixel whose label is 0 or 2 and not near the edge between has that half's gray."""
    labels = torch.zeros(8, 64, 64, dtype=torch.int64)
    labels[:, :, 32:] = 2
    image = (labels.float() - 1).unsqueeze(1).repeat(1, 3, 1, 1)
    out = augment(turn=True)(Pair(image, labels), 1)
    assert out.real_b.dtype == torch.int64
    assert set(out.real_b.unique().tolist()) == {0, 2, IGNORE_INDEX}
    seen = out.real_b != IGNORE_INDEX
    agree = out.real_a[:, 0].round()[seen] == out.real_b[seen] - 1
    assert agree.float().mean() > 0.97


def test_the_same_step_gives_the_same_batch_and_another_step_seed_or_rank_another() -> None:
    batch = Pair(pictures(), pictures())
    first = augment()(batch, 5).real_a
    torch.manual_seed(123)
    assert torch.equal(augment()(batch, 5).real_a, first)
    for other in (augment()(batch, 6), augment(seed=1)(batch, 5), augment(rank=1)(batch, 5)):
        assert not torch.equal(other.real_a, first)


def test_it_leaves_the_global_random_state_alone() -> None:
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    augment()(Pair(pictures(), pictures()), 0)
    assert torch.equal(torch.rand(3), expected)


def test_half_of_the_samples_are_flipped_and_none_without_flip() -> None:
    """A matrix of negative determinant mirrors."""
    mirrored = [
        (torch.linalg.det(augment(flip=flip).matrices(400, 24, 32, 0)[:, :, :2]) < 0).float().mean().item()
        for flip in (True, False)
    ]
    assert mirrored[0] == pytest.approx(0.5, abs=0.1)
    assert mirrored[1] == 0


def test_scale_stays_in_its_range_and_the_centre_in_its_place() -> None:
    matrix = augment().matrices(400, 24, 32, 0)
    scale = torch.linalg.det(matrix[:, :, :2]).abs().sqrt()
    assert scale.min() >= 1 / SCALE - 1e-4
    assert scale.max() <= SCALE + 1e-4
    assert scale.max() / scale.min() > 1.4
    centre = torch.tensor([15.5, 11.5, 1.0])
    assert torch.allclose(matrix @ centre, centre[:2].expand(400, 2), atol=1e-3)


def test_memory_layout_and_odd_sizes_stay() -> None:
    image = pictures(2, 23, 31).contiguous(memory_format=torch.channels_last)
    out = augment()(Pair(image, image), 0)
    assert out.real_a.shape == (2, 3, 23, 31)
    assert out.real_a.is_contiguous(memory_format=torch.channels_last)
