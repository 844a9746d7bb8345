"""Zhu's objective against values worked out by hand; no gradient crosses from one player to the other."""

import pytest
import torch
from torch import Tensor, nn

from translate.config import CycleGANConfig
from translate.objectives.adversarial import lsgan
from translate.objectives.cyclegan import Cycle, CycleGANObjective, build_objective


class Judge(nn.Module):
    """Logits and features that are easy to work out: the picture times a weight, and twice that."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight

    def features(self, x: Tensor) -> Tensor:
        return 2 * x * self.weight


def flat(value: float) -> Tensor:
    return torch.full((2, 3, 4, 4), value)


def cycles(*, identity: bool = True) -> tuple[Cycle, Cycle]:
    """Flat pictures, so that every mean is a value: real_a 0.5, fake_b 0.2, rec_a 0.1, idt_a 0.4; the same for B."""
    from_a = Cycle(flat(0.5), flat(0.2), flat(0.1), flat(0.4) if identity else None)
    from_b = Cycle(flat(-0.5), flat(0.6), flat(0.0), flat(-0.3) if identity else None)
    return from_a, from_b


def test_each_term_has_the_value_worked_out_by_hand():
    objective = build_objective(CycleGANConfig(lambda_cycle_a=10, lambda_cycle_b=4, lambda_identity=0.5), lsgan())
    losses = objective.generators(Judge(0.5), Judge(2.0), *cycles())
    found = {name: value.item() for name, value in losses.items()}
    assert found == pytest.approx(
        {
            "gan_b": (0.2 * 2.0 - 1) ** 2,  # disc_b judges fake_b = 0.2
            "gan_a": (0.6 * 0.5 - 1) ** 2,  # disc_a judges fake_a = 0.6
            "cycle_a": 10 * 0.4,
            "cycle_b": 4 * 0.5,
            "identity_a": 0.5 * 10 * 0.1,
            "identity_b": 0.5 * 4 * 0.2,
        },
        abs=1e-6,
    )


def test_a_share_of_the_cycle_is_taken_between_features():
    objective = CycleGANObjective(adversarial=lsgan(), feature_cycle=0.25)
    losses = objective.generators(Judge(0.5), Judge(2.0), *cycles())
    # Pixels differ by 0.4; disc_a's features, twice half the picture, by as much. disc_b's are 4 times the picture.
    assert losses["cycle_a"].item() == pytest.approx(10 * (0.75 * 0.4 + 0.25 * 0.4), abs=1e-5)
    assert losses["cycle_b"].item() == pytest.approx(10 * (0.75 * 0.5 + 0.25 * 2.0), abs=1e-5)


def test_a_weight_of_zero_leaves_its_term_out():
    objective = build_objective(CycleGANConfig(lambda_cycle_a=0, lambda_identity=0), lsgan())
    assert set(objective.generators(Judge(1.0), Judge(1.0), *cycles())) == {"gan_a", "gan_b", "cycle_b"}
    no_way_to_itself = CycleGANObjective(adversarial=lsgan())
    assert "identity_a" not in no_way_to_itself.generators(Judge(1.0), Judge(1.0), *cycles(identity=False))


def test_perfect_cycles_cost_nothing():
    real = torch.rand(1, 3, 4, 4)
    perfect = Cycle(real, real, real, real)
    losses = build_objective(CycleGANConfig(feature_cycle=0.5), lsgan()).generators(
        Judge(1.0), Judge(1.0), perfect, perfect
    )
    assert [losses[name].item() for name in ("cycle_a", "cycle_b", "identity_a", "identity_b")] == [0, 0, 0, 0]


def test_a_discriminator_pays_half_the_adversarial_loss():
    disc = Judge(2.0)
    losses = CycleGANObjective(adversarial=lsgan()).discriminator(disc, flat(0.75), flat(0.25))
    assert losses["gan"].item() == pytest.approx(0.5 * ((1.5 - 1) ** 2 + 0.5**2))


def test_no_gradient_reaches_the_generators_from_a_discriminators_loss():
    fake = flat(0.25).requires_grad_()
    disc = Judge(2.0)
    CycleGANObjective(adversarial=lsgan()).discriminator(disc, flat(0.75), fake)["gan"].backward()
    assert fake.grad is None
    assert disc.weight.grad is not None


def test_the_features_of_the_real_picture_pull_at_nothing():
    real = flat(0.5).requires_grad_()
    rec = flat(0.1).requires_grad_()
    objective = CycleGANObjective(adversarial=lsgan(), feature_cycle=1.0, lambda_cycle_b=0, lambda_identity=0)
    cycle = Cycle(real, flat(0.2), rec)
    objective.generators(Judge(1.0), Judge(1.0), cycle, cycle)["cycle_a"].backward()
    assert real.grad is not None
    assert not real.grad.any()
    assert rec.grad is not None
    assert rec.grad.any()
