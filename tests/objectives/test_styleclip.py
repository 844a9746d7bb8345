"""StyleCLIP's losses, by hand."""

import pytest
import torch
from torch.nn import functional as F

from translate.objectives.styleclip import MapperObjective, OptimisationObjective


def test_the_optimisations_l2_is_a_sum_and_the_mappers_a_mean():
    start, moved = torch.zeros(1, 3, 2), torch.full((1, 3, 2), 0.5)
    e = torch.tensor([[0.6, 0.8]])
    one = OptimisationObjective(lambda_l2=0.008)(e, e, moved, start)
    assert one["l2"].item() == pytest.approx(0.008 * 6 * 0.25)
    assert one["clip"].item() == pytest.approx(0, abs=1e-6)
    many = MapperObjective()(e.repeat(2, 1), e, moved.repeat(2, 1, 1), start.repeat(2, 1, 1))
    assert many["l2"].item() == pytest.approx(0.8 * 0.25)


def test_the_weights_are_the_papers():
    assert (OptimisationObjective().lambda_l2, OptimisationObjective().lambda_id) == (0.008, 0.0)
    paper = MapperObjective()
    assert (paper.lambda_clip, paper.lambda_l2, paper.lambda_id) == (1.0, 0.8, 0.1)


def test_identity_costs_nothing_for_the_same_face_and_twice_its_weight_for_the_opposite():
    e = torch.tensor([[1.0, 0.0]])
    terms = OptimisationObjective(lambda_id=0.005)
    assert terms.identity(e, e)["id"].item() == 0
    assert terms.identity(e, -e)["id"].item() == pytest.approx(0.01)
    assert MapperObjective().identity(e, -e)["id"].item() == pytest.approx(0.2)


def test_only_what_changed_outside_the_mask_costs():
    """Left half masked: a change of .5 on the right in three channels is a mean square of .25 there."""
    mask = torch.tensor([[[[1.0, 0.0], [1.0, 0.0]]]])
    before = torch.zeros(1, 3, 2, 2)
    inside, outside = before.clone(), before.clone()
    inside[..., 0], outside[..., 1] = 0.5, 0.5
    terms = OptimisationObjective(lambda_outside=2.0)
    assert terms.outside(before, inside, mask)["outside"].item() == 0
    assert terms.outside(before, outside, mask)["outside"].item() == pytest.approx(0.5)
    assert terms.outside(before, outside, torch.ones(1, 1, 2, 2))["outside"].item() == 0


def test_gradients_of_the_losses_are_exact():
    terms = OptimisationObjective(lambda_id=0.5)
    draw = torch.Generator().manual_seed(0)
    values = [torch.randn(1, 4, generator=draw, dtype=torch.float64).requires_grad_() for _ in range(4)]

    def total(seen, told, moved, start):
        seen, told = F.normalize(seen, dim=1), F.normalize(told, dim=1)
        return torch.stack(list((terms(seen, told, moved, start) | terms.identity(told, seen)).values())).sum()

    assert torch.autograd.gradcheck(total, values)
