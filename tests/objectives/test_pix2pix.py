"""Isola's objective: each term by hand, and no gradient leaks between the players."""

import math

import pytest
import torch
from torch import nn

from translate.config import IGNORE_INDEX, Pix2PixConfig
from translate.objectives.adversarial import hinge, lsgan
from translate.objectives.pix2pix import Pix2PixObjective, build_objective


class Mean(nn.Module):
    """A discriminator whose one logit is `weight` times the mean of all it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(1.0))
        self.channels = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.channels = x.shape[1]
        return self.weight * x.mean(dim=(1, 2, 3), keepdim=True)


def objective(**changes) -> Pix2PixObjective:
    return Pix2PixObjective(adversarial=lsgan(), **changes)


REAL_A = torch.full((1, 3, 4, 4), 0.5)
FAKE_B = torch.full((1, 3, 4, 4), -0.5)
REAL_B = torch.full((1, 3, 4, 4), 0.25)


def test_generator_pays_for_being_found_out_and_for_distance():
    losses = objective(lambda_gan=2.0, lambda_l1=10.0).generator(Mean(), REAL_A, FAKE_B, REAL_B)
    assert losses["gan"].item() == pytest.approx(2.0 * (0.0 - 1) ** 2)
    assert float(losses["l1"]) == pytest.approx(10.0 * 0.75)


def test_discriminator_loss_is_halved():
    losses = objective().discriminator(Mean(), REAL_A, FAKE_B, REAL_B)
    real, fake = (0.5 + 0.25) / 2, 0.0
    assert losses["gan"].item() == pytest.approx(0.5 * ((real - 1) ** 2 + fake**2))


@pytest.mark.parametrize(("conditional", "channels"), [(True, 6), (False, 3)])
def test_only_a_conditional_discriminator_sees_the_input(conditional: bool, channels: int):
    disc = Mean()
    objective(conditional=conditional).discriminator(disc, REAL_A, FAKE_B, REAL_B)
    assert disc.channels == channels


def test_discriminator_step_sends_no_gradient_to_the_generator():
    fake_b = FAKE_B.clone().requires_grad_()
    sum(objective().discriminator(Mean(), REAL_A, fake_b, REAL_B).values()).backward()
    assert fake_b.grad is None


def test_generator_step_reaches_the_generator_through_a_frozen_discriminator():
    fake_b, disc = FAKE_B.clone().requires_grad_(), Mean().requires_grad_(False)
    sum(objective().generator(disc, REAL_A, fake_b, REAL_B).values()).backward()
    assert fake_b.grad is not None
    assert disc.weight.grad is None


def test_a_weight_of_zero_leaves_the_term_out():
    assert set(objective(lambda_gan=0.0).generator(None, REAL_A, FAKE_B, REAL_B)) == {"l1"}
    assert set(objective(lambda_l1=0.0).generator(Mean(), REAL_A, FAKE_B, REAL_B)) == {"gan"}


def test_label_targets_are_learnt_by_cross_entropy_and_dice():
    logits = torch.zeros(1, 2, 1, 2)
    target = torch.tensor([[[0, IGNORE_INDEX]]])
    losses = objective(lambda_gan=0.0, lambda_ce=3.0, lambda_dice=1.0).generator(None, REAL_A, logits, target)
    assert float(losses["ce"]) == pytest.approx(3 * math.log(2), abs=1e-6)
    assert float(losses["dice"]) == pytest.approx(1 - 2 * 0.5 / (0.5 + 1), abs=1e-6)


def test_discriminator_sees_softmax_against_one_hot_with_void_blank_on_both():
    class Spy(Mean):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(x)
            return super().forward(x)

    seen: list[torch.Tensor] = []
    logits, target = torch.zeros(1, 2, 1, 2), torch.tensor([[[1, IGNORE_INDEX]]])
    real_a = torch.zeros(1, 1, 1, 2)
    objective().discriminator(Spy(), real_a, logits, target)
    real, fake = seen
    assert real[0, 1:].tolist() == [[[0, 0]], [[1, 0]]]
    assert fake[0, 1:].tolist() == [[[0.5, 0]], [[0.5, 0]]]


def test_config_chooses_the_terms():
    built = build_objective(Pix2PixConfig(lambda_gan=0.0, lambda_l1=5.0), hinge())
    assert not built.is_adversarial
    assert float(built.generator(None, REAL_A, FAKE_B, REAL_B)["l1"]) == pytest.approx(5 * 0.75)
