"""Losses of label maps against values worked out by hand."""

import math

import pytest
import torch

from translate.config import IGNORE_INDEX
from translate.objectives.overlap import balanced_weights, cross_entropy, one_hot, soft_dice


def logits_of(probabilities: list[list[float]]) -> torch.Tensor:
    """One image of one row; a list of class probabilities a pixel -> (1, K, 1, W)."""
    return torch.tensor(probabilities).log().T[None, :, None, :]


def test_cross_entropy_is_the_mean_over_labelled_pixels():
    logits = logits_of([[0.5, 0.5], [0.25, 0.75], [0.9, 0.1]])
    target = torch.tensor([[[0, 1, IGNORE_INDEX]]])
    expected = (-math.log(0.5) - math.log(0.75)) / 2
    assert float(cross_entropy(logits, target)) == pytest.approx(expected, abs=1e-6)


def test_class_weights_weigh_pixels():
    logits = logits_of([[0.5, 0.5], [0.25, 0.75]])
    target = torch.tensor([[[0, 1]]])
    expected = (3 * -math.log(0.5) + 1 * -math.log(0.75)) / 4
    assert float(cross_entropy(logits, target, torch.tensor([3.0, 1.0]))) == pytest.approx(expected, abs=1e-6)


def test_an_all_void_map_costs_nothing_and_is_not_nan():
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    target = torch.full((1, 2, 2), IGNORE_INDEX)
    loss = cross_entropy(logits, target) + soft_dice(logits, target)
    loss.backward()
    assert float(cross_entropy(logits.detach(), target)) == 0.0
    assert logits.grad is not None
    assert bool(logits.grad.isfinite().all())


def test_dice_of_a_worked_example():
    # Class 0: overlap 0.8, sizes 0.8 + 0.4 and 1; class 1: overlap 0.6, sizes 0.2 + 0.6 and 1. Class 2 is absent.
    logits = logits_of([[0.8, 0.2, 1e-9], [0.4, 0.6, 1e-9]])
    target = torch.tensor([[[0, 1]]])
    expected = 1 - (2 * 0.8 / (1.2 + 1) + 2 * 0.6 / (0.8 + 1)) / 2
    assert float(soft_dice(logits, target)) == pytest.approx(expected, abs=1e-5)


def test_dice_is_zero_at_the_optimum():
    target = torch.tensor([[[0, 1], [2, IGNORE_INDEX]]])
    assert float(soft_dice(100 * one_hot(target, 3), target)) == pytest.approx(0, abs=1e-6)


def test_void_is_zero_in_every_plane():
    planes = one_hot(torch.tensor([[[1, IGNORE_INDEX]]]), 2)
    assert planes.tolist() == [[[[0, 0]], [[1, 0]]]]


def test_balanced_weights_have_mean_one_over_pixels():
    weights = balanced_weights(torch.tensor([90, 10, 0]), power=0.5)
    # 0.9^-0.5 and 0.1^-0.5, scaled so that 0.9 w0 + 0.1 w1 = 1; a class never seen is left out.
    assert weights[1] / weights[0] == pytest.approx(3.0, rel=1e-5)
    assert float(0.9 * weights[0] + 0.1 * weights[1]) == pytest.approx(1.0, rel=1e-5)
    assert float(weights[2]) == 0.0


def test_power_zero_weighs_all_classes_alike():
    assert balanced_weights(torch.tensor([90, 10]), power=0.0).tolist() == pytest.approx([1.0, 1.0])
