"""Adversarial losses on discriminator logits: vanilla (Goodfellow 2014), LSGAN (Mao 2017), hinge (Lim 2017).

A discriminator gives one map of logits, or a list of maps (one a scale); a list counts as the mean of its maps.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

Logits = Tensor | Sequence[Tensor]


@dataclass(frozen=True, kw_only=True, slots=True)
class AdversarialLoss:
    """The loss of each player as a function of the logits it is judged by."""

    on_real: Callable[[Tensor], Tensor]
    """Discriminator, real logits -> mean loss."""
    on_fake: Callable[[Tensor], Tensor]
    """Discriminator, generated logits -> mean loss."""
    to_fool: Callable[[Tensor], Tensor]
    """Generator, logits of what it generated -> mean loss."""

    def discriminator(self, real: Logits, fake: Logits) -> Tensor:
        """Sum of both halves. Shape: real and fake (N, 1, H', W') or lists of them -> scalar."""
        return _mean_over_scales(self.on_real, real) + _mean_over_scales(self.on_fake, fake)

    def generator(self, fake: Logits) -> Tensor:
        """Shape: (N, 1, H', W') or a list of them -> scalar."""
        return _mean_over_scales(self.to_fool, fake)


def vanilla() -> AdversarialLoss:
    """-log D(real) - log(1 - D(fake)), D = sigmoid(logits); the generator's non-saturating -log D(fake)."""
    return AdversarialLoss(
        on_real=lambda x: F.softplus(-x).mean(),
        on_fake=lambda x: F.softplus(x).mean(),
        to_fool=lambda x: F.softplus(-x).mean(),
    )


def lsgan() -> AdversarialLoss:
    """(D(real) - 1)^2 + D(fake)^2; the generator's (D(fake) - 1)^2 (Mao 2017, Eq. 9)."""
    return AdversarialLoss(
        on_real=lambda x: (x - 1).square().mean(),
        on_fake=lambda x: x.square().mean(),
        to_fool=lambda x: (x - 1).square().mean(),
    )


def hinge() -> AdversarialLoss:
    """max(0, 1 - D(real)) + max(0, 1 + D(fake)); the generator's -D(fake) (Lim 2017, Eq. 4)."""
    return AdversarialLoss(
        on_real=lambda x: F.relu(1 - x).mean(),
        on_fake=lambda x: F.relu(1 + x).mean(),
        to_fool=lambda x: -x.mean(),
    )


ADVERSARIAL: dict[str, Callable[[], AdversarialLoss]] = {"vanilla": vanilla, "lsgan": lsgan, "hinge": hinge}


def _mean_over_scales(loss: Callable[[Tensor], Tensor], logits: Logits) -> Tensor:
    if isinstance(logits, Tensor):
        return loss(logits.float())
    return torch.stack([loss(scale.float()) for scale in logits]).mean()
