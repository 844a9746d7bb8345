"""The paired objective: conditional GAN plus L1 (Isola 2017, Eq. 4), with cross-entropy and Dice for label maps."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from translate.config import IGNORE_INDEX, Pix2PixConfig
from translate.objectives.adversarial import AdversarialLoss, Judge, beside_patches
from translate.objectives.lipschitz import NO_PENALTIES, Penalties
from translate.objectives.overlap import cross_entropy, one_hot, soft_dice

Losses = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pix2PixObjective:
    """Owns weights, never networks; a weight of 0 leaves its term out.

    `real_b` is a picture (N, C, H, W) in [-1, 1], or a label map (N, H, W) for which `fake_b` holds class logits; the
    discriminator then sees one-hot planes against softmax (Isola 2017, Sec. 3.4 paints them in colours instead).
    """

    adversarial: AdversarialLoss
    conditional: bool = True
    lambda_gan: float = 1.0
    lambda_l1: float = 100.0
    lambda_ce: float = 0.0
    lambda_dice: float = 0.0
    class_weights: Tensor | None = None

    @property
    def is_adversarial(self) -> bool:
        """Whether any term needs a discriminator."""
        return self.lambda_gan > 0

    def generator(self, disc: Judge | None, real_a: Tensor, fake_b: Tensor, real_b: Tensor) -> Losses:
        """Weighted losses the generator learns from. Shape: real_a (N, C_a, H, W), fake_b (N, C_b, H, W)."""
        losses: Losses = {}
        if disc is not None and self.is_adversarial:
            logits = disc(self._judged(real_a, self._soft(fake_b, real_b)))  # (N, 1, H', W')
            with torch.no_grad():
                real = None
                if self.adversarial.needs_real:
                    real = disc(self._judged(beside_patches(real_a), _truth(fake_b, beside_patches(real_b))))
            losses["gan"] = self.lambda_gan * self.adversarial.generator(logits, real)
        if _is_labels(real_b):
            if self.lambda_ce:
                losses["ce"] = self.lambda_ce * cross_entropy(fake_b, real_b, self.class_weights)
            if self.lambda_dice:
                losses["dice"] = self.lambda_dice * soft_dice(fake_b, real_b)
        elif self.lambda_l1:
            losses["l1"] = self.lambda_l1 * F.l1_loss(fake_b.float(), real_b)
        return losses

    def discriminator(
        self, disc: Judge, real_a: Tensor, fake_b: Tensor, real_b: Tensor, penalties: Penalties = NO_PENALTIES
    ) -> Losses:
        """Half the adversarial loss, which slows the discriminator relative to the generator (Isola 2017, 3.3), and
        the penalties in full."""
        truth = _truth(fake_b, real_b)
        fake = self._soft(fake_b, real_b).detach()  # no caller can forget
        logits = disc(self._judged(real_a, truth)), disc(self._judged(real_a, fake))
        gan = 0.5 * self.adversarial.discriminator(*logits)
        return {"gan": gan} | penalties(lambda b: disc(self._judged(real_a, b)), truth, fake)

    def _judged(self, real_a: Tensor, b: Tensor) -> Tensor:
        return torch.cat([real_a, b], dim=1) if self.conditional else b

    @staticmethod
    def _soft(fake_b: Tensor, real_b: Tensor) -> Tensor:
        if not _is_labels(real_b):
            return fake_b
        # Void is blanked on both sides, or the discriminator would tell the truth by its holes.
        return fake_b.softmax(dim=1) * (real_b != IGNORE_INDEX).unsqueeze(1)


def _truth(fake_b: Tensor, real_b: Tensor) -> Tensor:
    return one_hot(real_b, fake_b.shape[1]) if _is_labels(real_b) else real_b


def _is_labels(real_b: Tensor) -> bool:
    return not real_b.is_floating_point()


def build_objective(
    config: Pix2PixConfig, adversarial: AdversarialLoss, class_weights: Tensor | None = None
) -> Pix2PixObjective:
    """The objective a config describes, with the loss its word stands for."""
    return Pix2PixObjective(
        adversarial=adversarial,
        conditional=config.conditional,
        lambda_gan=config.lambda_gan,
        lambda_l1=config.lambda_l1,
        lambda_ce=config.lambda_ce,
        lambda_dice=config.lambda_dice,
        class_weights=class_weights,
    )
