"""The objective of samples from noise: values by hand, the class's share, and no gradient that strays."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from translate.config import GANConfig
from translate.networks import MLPDiscriminator
from translate.networks.class_head import Verdict
from translate.objectives.adversarial import ADVERSARIAL
from translate.objectives.gan import GANObjective, build_objective
from translate.objectives.lipschitz import Penalties


class Line:
    """A discriminator that says of x: logit x + label, and of the classes (x, 0)."""

    def __init__(self, classes: bool = False) -> None:
        self.classes = classes

    def __call__(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        logits = self.judge(x, label).logits
        assert isinstance(logits, Tensor)
        return logits

    def judge(self, x: Tensor, label: Tensor | None = None) -> Verdict:
        assert label is not None
        classes = torch.cat([x, torch.zeros_like(x)], dim=1) if self.classes else None
        return Verdict(x + label.float().unsqueeze(1), classes)


REAL, FAKE, LABEL = torch.tensor([[1.0], [2.0]]), torch.tensor([[0.5], [-1.0]]), torch.tensor([0, 1])


def test_both_players_see_the_class_that_was_asked_for():
    """WGAN by hand: logits real (1, 3), generated (0.5, 0); the critic pays 0.25 - 2, the generator -0.25."""
    objective = GANObjective(adversarial=ADVERSARIAL["wgan"]())
    disc = objective.discriminator(Line(), FAKE, REAL, LABEL)
    gen = objective.generator(Line(), FAKE, REAL, LABEL)
    assert {name: float(value) for name, value in disc.items()} == {"gan": -1.75}
    assert {name: float(value) for name, value in gen.items()} == {"gan": -0.25}


def test_the_discriminator_learns_classes_of_real_samples_and_the_generator_of_its_own():
    """-log softmax of (x, 0): class 0 log(1 + e^-x), class 1 log(1 + e^x)."""
    objective = build_objective(GANConfig(condition="auxiliary", lambda_class=2.0), ADVERSARIAL["wgan"]())
    real = (math.log1p(math.exp(-1)) + math.log1p(math.exp(2))) / 2
    fake = (math.log1p(math.exp(-0.5)) + math.log1p(math.exp(-1))) / 2
    disc = objective.discriminator(Line(classes=True), FAKE, REAL, LABEL)
    gen = objective.generator(Line(classes=True), FAKE, REAL, LABEL)
    assert float(disc["class"]) == pytest.approx(2 * real)
    assert float(gen["class"]) == pytest.approx(2 * fake)


@pytest.mark.parametrize("condition", ["none", "projection"])
def test_without_an_auxiliary_head_no_class_is_predicted(condition: str):
    objective = build_objective(GANConfig.model_validate({"condition": condition}), ADVERSARIAL["hinge"]())
    assert set(objective.generator(Line(classes=True), FAKE, REAL, LABEL)) == {"gan"}


def test_a_penalty_is_of_the_critic_of_that_class():
    """The slope of x + label is 1: no gradient penalty, and R1 of gamma / 2."""
    objective = GANObjective(adversarial=ADVERSARIAL["wgan"]())
    paid = objective.discriminator(Line(), FAKE, REAL, LABEL, Penalties(gradient_penalty=10.0, r1=3.0))
    assert float(paid["gradient_penalty"]) == pytest.approx(0.0, abs=1e-6)
    assert float(paid["r1"]) == pytest.approx(1.5)


def test_the_discriminator_s_losses_reach_no_generator():
    fake = FAKE.clone().requires_grad_()
    losses = GANObjective(adversarial=ADVERSARIAL["vanilla"](), lambda_class=1.0).discriminator(
        Line(classes=True), fake, REAL.clone().requires_grad_(), LABEL
    )
    torch.stack(list(losses.values())).sum().backward()
    assert fake.grad is None


def test_a_relativistic_generator_compares_with_real_samples_and_moves_none():
    real, fake = REAL.clone().requires_grad_(), FAKE.clone().requires_grad_()
    GANObjective(adversarial=ADVERSARIAL["relativistic"]()).generator(Line(), fake, real, LABEL)["gan"].backward()
    assert real.grad is None
    assert fake.grad is not None
    assert fake.grad.abs().min() > 0


def test_projection_logits_enter_the_loss_as_worked_out_by_hand():
    torch.manual_seed(0)
    disc = MLPDiscriminator(2, filters=4, layers=1, condition="projection", classes=2)
    x, label = torch.randn(3, 2), torch.tensor([1, 0, 1])
    phi = disc.features(x)
    by_hand = disc.head.realness(phi).squeeze(1) + (phi * disc.head.projection.weight[label]).sum(dim=1)

    class Judge(Line):
        def judge(self, x: Tensor, label: Tensor | None = None) -> Verdict:
            return disc(x, label)

    loss = GANObjective(adversarial=ADVERSARIAL["vanilla"]()).generator(Judge(), x, x, label)["gan"]
    torch.testing.assert_close(loss, F.softplus(-by_hand).mean())
