"""The heads of contrastive translation: places, projections, unit length."""

import pytest
import torch
from torch.nn import functional as F

from translate.networks.patch_heads import PatchHeads, draw_places


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def test_each_place_is_projected_by_the_head_of_its_layer():
    """Against the same product written out, place by place."""
    heads = PatchHeads([3, 5], projection=4)
    features = [torch.randn(2, 3, 4, 6), torch.randn(2, 5, 2, 3)]
    places = [torch.tensor([7, 0, 23]), torch.tensor([5, 2])]
    projected = heads(features, places)
    assert [tuple(p.shape) for p in projected] == [(2, 3, 4), (2, 2, 4)]
    for head, feature, place, ours in zip(heads.heads, features, places, projected, strict=True):
        width = feature.shape[3]
        for n in range(2):
            for i, index in enumerate(place.tolist()):
                vector = feature[n, :, index // width, index % width]
                hidden = F.relu(head[0].weight @ vector + head[0].bias)
                expected = head[2].weight @ hidden + head[2].bias
                torch.testing.assert_close(ours[n, i], expected / expected.square().sum().sqrt())


def test_projections_have_length_1():
    heads = PatchHeads([3])
    [projected] = heads([1e-3 * torch.randn(2, 3, 4, 4)], [torch.arange(16)])
    assert projected.shape == (2, 16, 256)
    torch.testing.assert_close(projected.norm(dim=-1), torch.ones(2, 16))


def test_the_memory_layout_does_not_change_the_answer():
    heads, feature, place = PatchHeads([3], projection=4), torch.randn(2, 3, 4, 6), torch.arange(24)
    torch.testing.assert_close(
        heads([feature.to(memory_format=torch.channels_last)], [place])[0], heads([feature], [place])[0]
    )


def test_a_feature_without_direction_is_zero_and_sends_no_gradient():
    """Biases start at zero, so behind a shut ReLU the head gives exactly zero, of which 1 / length is infinite."""
    heads = PatchHeads([2], projection=4)
    for name, parameter in heads.named_parameters():
        if name.endswith("bias"):
            parameter.data.zero_()
    feature = torch.zeros(1, 2, 1, 2)
    feature[..., 1] = 0.5
    feature.requires_grad_()
    [projected] = heads([feature], [torch.arange(2)])
    assert not projected[0, 0].any()
    (projected[0, 0] * torch.randn(4)).sum().backward()
    assert all(not parameter.grad.any() for parameter in heads.parameters())
    assert not feature.grad.any()


def test_projections_are_float32_under_lower_precision():
    heads = PatchHeads([3], projection=4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        [projected] = heads([torch.randn(1, 3, 4, 4)], [torch.arange(16)])
    assert projected.dtype == torch.float32
    torch.testing.assert_close(projected.norm(dim=-1), torch.ones(1, 16))


def test_every_parameter_gets_a_gradient():
    heads = PatchHeads([3, 8], projection=6)
    features = [torch.randn(1, 3, 4, 4), torch.randn(1, 8, 2, 2)]
    sum((p * torch.randn_like(p)).sum() for p in heads(features, draw_places(features, 4))).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in heads.parameters())


def test_a_missing_layer_is_refused():
    with pytest.raises(ValueError):
        PatchHeads([3, 8])([torch.randn(1, 3, 4, 4)], [torch.arange(2)])


def test_places_are_different_and_all_of_a_small_map():
    features = [torch.zeros(1, 1, 8, 9), torch.zeros(1, 1, 2, 3)]
    many, few = draw_places(features, 10)
    assert len(many) == len(set(many.tolist())) == 10
    assert 0 <= min(many.tolist()) <= max(many.tolist()) < 72
    assert sorted(few.tolist()) == [0, 1, 2, 3, 4, 5]


def test_places_come_from_torchs_random_state_that_a_run_saves():
    features = [torch.zeros(1, 1, 8, 8)]
    state = torch.get_rng_state()
    [first] = draw_places(features, 16)
    [second] = draw_places(features, 16)
    torch.set_rng_state(state)
    [again] = draw_places(features, 16)
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    own = [draw_places(features, 16, torch.Generator().manual_seed(3))[0] for _ in range(2)]
    assert torch.equal(*own)
