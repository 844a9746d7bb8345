"""The objective of samples from noise: two players (Goodfellow 2014, Eq. 1), and the class where there are classes."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from translate.config import GANConfig
from translate.networks.class_head import Verdict
from translate.objectives.adversarial import AdversarialLoss, Logits, beside
from translate.objectives.lipschitz import NO_PENALTIES, Penalties

Losses = dict[str, Tensor]


class ClassCritic(Protocol):
    """A discriminator of samples and their classes; called, it gives the logits alone."""

    def __call__(self, x: Tensor, label: Tensor | None = None, /) -> Logits: ...

    def judge(self, x: Tensor, label: Tensor | None = None, /) -> Verdict: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class GANObjective:
    """Owns weights, never networks. A generated batch has the labels of the real one, so that the classes are as
    frequent in either; each is judged as a batch of its own.

    `lambda_class` weighs the cross-entropy of the class that the discriminator predicts (Odena 2017, Eq. 3). It learns
    classes from real samples alone: from generated ones too, as the equation has it, it would learn to call a sample
    whatever was asked for, and on a ring of eight classes half of the samples stay in the mode of another.
    """

    adversarial: AdversarialLoss
    lambda_class: float = 0.0

    def generator(self, disc: ClassCritic, fake: Tensor, real: Tensor, label: Tensor) -> Losses:
        """Weighted losses the generator learns from. Shape: fake, real (N, ...), label (N,) int64."""
        verdict = disc.judge(fake, label)
        with torch.no_grad():
            compared = disc(beside(real), beside(label)) if self.adversarial.needs_real else None
        return {"gan": self.adversarial.generator(verdict.logits, compared)} | self._classes(label, verdict)

    def discriminator(
        self, disc: ClassCritic, fake: Tensor, real: Tensor, label: Tensor, penalties: Penalties = NO_PENALTIES
    ) -> Losses:
        """Weighted losses the discriminator learns from. Shape: as above."""
        fake = fake.detach()  # no caller can forget
        on_real, on_fake = disc.judge(real, label), disc.judge(fake, label)
        losses = {"gan": self.adversarial.discriminator(on_real.logits, on_fake.logits)}
        losses |= self._classes(label, on_real)
        return losses | penalties(lambda x: disc(x, label), real, fake)

    def _classes(self, label: Tensor, verdict: Verdict) -> Losses:
        if not self.lambda_class or verdict.classes is None:
            return {}
        return {"class": self.lambda_class * F.cross_entropy(verdict.classes.float(), label)}


def build_objective(config: GANConfig, adversarial: AdversarialLoss) -> GANObjective:
    """The objective a config describes, with the loss its word stands for."""
    weight = config.lambda_class if config.condition == "auxiliary" else 0.0
    return GANObjective(adversarial=adversarial, lambda_class=weight)
