"""Relativistic average losses by hand, and what the objectives hand to losses that compare with real logits."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from translate.objectives.adversarial import ADVERSARIAL, relativistic
from translate.objectives.contrastive import CUTObjective
from translate.objectives.cyclegan import Cycle, CycleGANObjective
from translate.objectives.pix2pix import Pix2PixObjective
from translate.objectives.relativistic import fool_relatively, tell_relatively


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_each_logit_is_compared_with_the_mean_of_the_others():
    """Real 1 and 3 (mean 2) against generated 0 and -2 (mean -1)."""
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([0.0, -2.0])
    told = (softplus(-(1 + 1)) + softplus(-(3 + 1))) / 2 + (softplus(0 - 2) + softplus(-2 - 2)) / 2
    fooled = (softplus(-(0 - 2)) + softplus(-(-2 - 2))) / 2 + (softplus(1 + 1) + softplus(3 + 1)) / 2
    assert tell_relatively(real, fake).item() == pytest.approx(told, abs=1e-6)
    assert fool_relatively(real, fake).item() == pytest.approx(fooled, abs=1e-6)


def test_it_is_binary_cross_entropy_against_the_mean():
    real, fake = torch.randn(5, 1, 3, 3), torch.randn(4, 1, 2, 2)
    bce = nn.functional.binary_cross_entropy_with_logits
    a, b = real - fake.mean(), fake - real.mean()
    ones, zeros = torch.ones_like, torch.zeros_like
    assert torch.allclose(tell_relatively(real, fake), bce(a, ones(a)) + bce(b, zeros(b)))
    assert torch.allclose(fool_relatively(real, fake), bce(b, ones(b)) + bce(a, zeros(a)))


def test_a_constant_added_to_all_logits_changes_nothing():
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([0.0, -2.0])
    assert torch.allclose(tell_relatively(real + 5, fake + 5), tell_relatively(real, fake))


def test_the_surer_the_discriminator_the_nearer_its_loss_to_nothing():
    assert tell_relatively(torch.full((3,), 20.0), torch.full((3,), -20.0)).item() < 1e-6


def test_real_samples_should_come_to_look_less_real():
    """Half the generator's gradient comes from the terms of the real ones, through the mean of its own."""
    real, fake = torch.tensor([1.0]), torch.tensor([-1.0], requires_grad=True)
    (slope,) = torch.autograd.grad(fool_relatively(real, fake), fake)
    assert slope.item() == pytest.approx(-2 * torch.sigmoid(torch.tensor(2.0)).item(), abs=1e-6)


class Mean(nn.Module):
    """A discriminator whose one logit is `weight` times the mean of all it sees, and that counts its passes."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))
        self.passes = 0

    def forward(self, x: Tensor) -> Tensor:
        self.passes += 1
        return self.weight * x.mean(dim=(1, 2, 3), keepdim=True)

    def features(self, x: Tensor) -> Tensor:
        return x


FAKE_B, REAL_B = torch.full((2, 3, 4, 4), -0.5), torch.full((2, 3, 4, 4), 0.25)


def pix2pix(name: str, disc: Mean, fake_b: Tensor) -> Tensor:
    objective = Pix2PixObjective(adversarial=ADVERSARIAL[name](), conditional=False)
    return objective.generator(disc, REAL_B, fake_b, REAL_B)["gan"]


def cyclegan(name: str, disc: Mean, fake_b: Tensor) -> Tensor:
    objective = CycleGANObjective(adversarial=ADVERSARIAL[name]())
    unseen = Cycle(REAL_B, torch.zeros_like(fake_b), REAL_B)
    return objective.generators(Mean(), disc, Cycle(torch.zeros_like(fake_b), fake_b, REAL_B), unseen)["gan_b"]


def cut(name: str, disc: Mean, fake_b: Tensor) -> Tensor:
    here = torch.eye(2).unsqueeze(0)
    objective = CUTObjective(adversarial=ADVERSARIAL[name](), identity=False)
    return objective.generator(disc, fake_b, [here], [here], real_b=REAL_B)["gan"]


trainers = pytest.mark.parametrize("objective", [pix2pix, cyclegan, cut])
Objective = Callable[[str, Mean, Tensor], Tensor]


@trainers
def test_an_objective_compares_with_what_the_discriminator_says_of_real_pictures(objective: Objective):
    loss = objective("relativistic", Mean(), FAKE_B)
    gap = 2 * (0.25 + 0.5)
    assert loss.item() == pytest.approx(2 * softplus(gap), abs=1e-6)


@trainers
@pytest.mark.parametrize(("name", "passes"), [("vanilla", 1), ("kl", 1), ("relativistic", 2), ("contrastive", 2)])
def test_only_a_loss_that_compares_costs_another_pass(objective: Objective, name: str, passes: int):
    disc = Mean()
    objective(name, disc, FAKE_B)
    assert disc.passes == passes


@trainers
def test_the_pass_over_real_pictures_leaves_no_gradient_even_in_a_discriminator_that_is_not_frozen(
    objective: Objective,
):
    disc, fake_b = Mean(), FAKE_B.clone().requires_grad_()
    objective("relativistic", disc, fake_b).backward()
    # d/dw of 2 softplus(w 0.25 - w (-0.5)) through the generated half alone: 2 sigmoid(gap) * 0.5.
    assert disc.weight.grad.item() == pytest.approx(2 * torch.sigmoid(torch.tensor(1.5)).item() * 0.5, abs=1e-6)
    assert bool((fake_b.grad < 0).all())


def test_label_maps_are_compared_as_one_hot_planes():
    seen: list[Tensor] = []

    class Spy(Mean):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(x)
            return super().forward(x)

    logits, target = torch.zeros(1, 2, 1, 2), torch.tensor([[[1, 0]]])
    objective = Pix2PixObjective(adversarial=relativistic(), conditional=False)
    objective.generator(Spy(), torch.zeros(1, 1, 1, 2), logits, target)
    fake, real = seen
    assert fake.tolist() == [[[[0.5, 0.5]], [[0.5, 0.5]]]]
    assert real.tolist() == [[[[0, 1]], [[1, 0]]]]


def test_contrastive_translation_says_when_it_misses_the_real_pictures():
    here = torch.eye(2).unsqueeze(0)
    objective = CUTObjective(adversarial=relativistic(), identity=False)
    with pytest.raises(ValueError, match="real logits"):
        objective.generator(Mean(), FAKE_B, [here], [here])


def test_the_discriminators_loss_reaches_it_by_both_and_the_generator_by_neither():
    disc, fake_b = Mean(), FAKE_B.clone().requires_grad_()
    objective = Pix2PixObjective(adversarial=relativistic(), conditional=False)
    objective.discriminator(disc, REAL_B, fake_b, REAL_B)["gan"].backward()
    # Half of d/dw 2 softplus(-0.75 w).
    assert disc.weight.grad.item() == pytest.approx(-0.75 * torch.sigmoid(torch.tensor(-1.5)).item(), abs=1e-6)
    assert fake_b.grad is None
