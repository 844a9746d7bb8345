"""Soft and noisy labels: a discriminator that is less sure of what is real (Salimans 2016, Sec. 3.4)."""

from dataclasses import replace

import torch
from torch import Tensor

from translate.draws import own_rows
from translate.errors import ConfigError
from translate.objectives.adversarial import AdversarialLoss, apart


def smoothed(loss: AdversarialLoss, share: float) -> AdversarialLoss:
    """The discriminator's target for real pictures is 1 - `share`, one-sided: that of generated ones stays.

    A real logit pays 1 - `share` of its own term and `share` of a generated one's. For vanilla this is cross-entropy
    with the target 1 - share; for LSGAN, but for a constant, (D(real) - (1 - share))^2.

    Raises: ConfigError for a loss that compares real with generated logits and knows no labels.
    """
    if loss.parts is None:
        raise ConfigError(
            "stability.label_smoothing: this adversarial loss compares real with generated logits and has no labels to "
            "smooth; set it to 0, or use vanilla, lsgan or hinge"
        )
    on_real, on_fake = loss.parts
    soft = apart(lambda x: (1 - share) * on_real(x) + share * on_fake(x), on_fake, on_real)
    return replace(soft, to_fool=loss.to_fool, needs_real=loss.needs_real)


def mislabelled(loss: AdversarialLoss, probability: float) -> AdversarialLoss:
    """For the discriminator, each real picture changes places with a generated one with `probability`.

    Drawn from torch's state on the CPU, anew for each scale of a discriminator.
    Shape: real and fake logits with as many pictures on either side.
    """

    def to_judge(real: Tensor, fake: Tensor) -> Tensor:
        swapped = own_rows(torch.rand, len(real)).view(-1, *[1] * (real.ndim - 1)).to(real.device) < probability
        return loss.to_judge(torch.where(swapped, fake, real), torch.where(swapped, real, fake))

    return replace(loss, to_judge=to_judge)
