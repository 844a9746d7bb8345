"""The unpaired objective: two adversarial games tied by cycle consistency (Zhu 2017, Eq. 3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from translate.config import CycleGANConfig
from translate.objectives.adversarial import AdversarialLoss, Judge, Logits, beside_patches
from translate.objectives.lipschitz import NO_PENALTIES, Penalties

Losses = dict[str, Tensor]


class Critic(Protocol):
    """A discriminator whose features can be looked at."""

    def __call__(self, x: Tensor, /) -> Logits: ...

    def features(self, x: Tensor, /) -> Logits: ...


class Cycle(NamedTuple):
    """Everything one domain's picture becomes: real_a, fake_b = gen_ab(real_a), rec_a = gen_ba(fake_b), and
    idt_a = gen_ba(real_a) where the identity term is used.

    Shape: real, rec, idt (N, C, H, W), fake (N, C_other, H, W).
    """

    real: Tensor
    fake: Tensor
    rec: Tensor
    idt: Tensor | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CycleGANObjective:
    """Owns weights, never networks; a weight of 0 leaves its term out. `disc_b` judges domain B."""

    adversarial: AdversarialLoss
    lambda_gan: float = 1.0
    lambda_cycle_a: float = 10.0
    lambda_cycle_b: float = 10.0
    lambda_identity: float = 0.5
    feature_cycle: float = 0.0

    def generators(self, disc_a: Critic, disc_b: Critic, from_a: Cycle, from_b: Cycle) -> Losses:
        """Weighted losses both generators learn from; `from_a` starts at real_a, `from_b` at real_b."""
        losses: Losses = {
            "gan_b": self.lambda_gan * self._fool(disc_b, from_a.fake, from_b.real),
            "gan_a": self.lambda_gan * self._fool(disc_a, from_b.fake, from_a.real),
        }
        for name, cycle, disc, weight in (
            ("a", from_a, disc_a, self.lambda_cycle_a),
            ("b", from_b, disc_b, self.lambda_cycle_b),
        ):
            if weight:
                losses[f"cycle_{name}"] = weight * self._cycle(disc, cycle)
            if weight and self.lambda_identity and cycle.idt is not None:
                losses[f"identity_{name}"] = self.lambda_identity * weight * F.l1_loss(cycle.idt.float(), cycle.real)
        return losses

    def discriminator(self, disc: Judge, real: Tensor, fake: Tensor, penalties: Penalties = NO_PENALTIES) -> Losses:
        """Half the adversarial loss of one discriminator (Zhu 2017, 7.1), and the penalties in full.

        Shape: real, fake (N, C, H, W).
        """
        fake = fake.detach()
        return {"gan": 0.5 * self.adversarial.discriminator(disc(real), disc(fake))} | penalties(disc, real, fake)

    def _fool(self, disc: Judge, fake: Tensor, real: Tensor) -> Tensor:
        logits = disc(fake)
        with torch.no_grad():
            compared = disc(beside_patches(real)) if self.adversarial.needs_real else None
        return self.adversarial.generator(logits, compared)

    def _cycle(self, disc: Critic, cycle: Cycle) -> Tensor:
        """|rec - real|, a share of it between the discriminator's features (Wang and Lin 2018, Sec. 3.1)."""
        share, pixels = self.feature_cycle, F.l1_loss(cycle.rec.float(), cycle.real)
        if not share:
            return pixels
        pairs = zip(_maps(disc.features(cycle.rec)), _maps(disc.features(cycle.real)), strict=True)
        features = torch.stack([F.l1_loss(rec.float(), real.float().detach()) for rec, real in pairs]).mean()
        return (1 - share) * pixels + share * features


def _maps(features: Logits) -> Sequence[Tensor]:
    return [features] if isinstance(features, Tensor) else features


def build_objective(config: CycleGANConfig, adversarial: AdversarialLoss) -> CycleGANObjective:
    """The objective a config describes, with the loss its word stands for."""
    return CycleGANObjective(
        adversarial=adversarial,
        lambda_gan=config.lambda_gan,
        lambda_cycle_a=config.lambda_cycle_a,
        lambda_cycle_b=config.lambda_cycle_b,
        lambda_identity=config.lambda_identity,
        feature_cycle=config.feature_cycle,
    )
