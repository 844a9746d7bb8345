"""Adversarial losses on discriminator logits: what each word of `objective.adversarial` means to either player.

A discriminator gives one map of logits, or a list of maps (one a scale); a list counts as the mean of its maps. All is
computed in float32. Those that compare real with generated logits, and the f-divergences, are in files of their own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from translate.objectives.divergences import DIVERGENCES, Divergence
from translate.objectives.noise_contrastive import pass_for_real, stand_out, tell_apart
from translate.objectives.relativistic import fool_relatively, tell_relatively

Logits = Tensor | Sequence[Tensor]
Judge = Callable[[Tensor], Logits]
"""A discriminator: pictures -> logits."""
Term = Callable[[Tensor], Tensor]
"""Logits -> as many values, whose mean counts."""
PATCHES_FIT = 256
"""Pixels across of which one half still holds many of PatchGAN's patches of 70."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AdversarialLoss:
    """The loss of each player as a function of the logits it is judged by."""

    to_judge: Callable[[Tensor, Tensor], Tensor]
    """Discriminator: real and generated logits -> mean loss."""
    to_fool: Callable[[Tensor, Tensor], Tensor]
    """Generator: real logits and those of what it generated -> mean loss; without `needs_real` it ignores the real."""
    needs_real: bool = False
    """Whether the generator's loss compares with real logits, which cost a pass of the discriminator."""
    parts: tuple[Term, Term] | None = None
    """The discriminator's terms on real and on generated logits, where it looks at one logit at a time."""

    def discriminator(self, real: Logits, fake: Logits) -> Tensor:
        """Both halves. Shape: real and fake (N, 1, H', W') or lists of them -> scalar."""
        return _mean_over_scales(self.to_judge, real, fake)

    def generator(self, fake: Logits, real: Logits | None = None) -> Tensor:
        """What the generator pays; `real` is what it can't change, and no gradient goes there.

        Shape: (N, 1, H', W') or lists of them -> scalar.
        Raises: ValueError where the loss needs real logits and there are none.
        """
        if real is None:
            if self.needs_real:
                raise ValueError("this adversarial loss compares with real logits: pass them as `real`")
            return _mean_over_scales(self.to_fool, fake, fake)  # the first is ignored
        constant = real.detach() if isinstance(real, Tensor) else [scale.detach() for scale in real]
        return _mean_over_scales(self.to_fool, constant, fake)


def beside(real: Tensor) -> Tensor:
    """The real pictures that a generator's loss compares with: half of the batch, whose pass costs half.

    Shape: (N, ...) -> (ceil(N / 2), ...).
    """
    return real[: (len(real) + 1) // 2]


def beside_patches(real: Tensor) -> Tensor:
    """The same for a judge of patches: of a single picture its left half, where that still holds many patches.

    Shape: (N, C, H, W) -> (ceil(N / 2), C, H, W), or (1, C, H, W // 2) for N = 1 and W >= 256.
    """
    width = real.shape[-1]
    return real[..., : width // 2] if len(real) == 1 and width >= PATCHES_FIT else beside(real)


def apart(on_real: Term, on_fake: Term, to_fool: Term) -> AdversarialLoss:
    """A loss whose terms look at one logit at a time: the discriminator's on real and on generated ones, and the
    generator's."""
    return AdversarialLoss(
        to_judge=lambda real, fake: on_real(real).mean() + on_fake(fake).mean(),
        to_fool=lambda _, fake: to_fool(fake).mean(),
        parts=(on_real, on_fake),
    )


def vanilla() -> AdversarialLoss:
    """-log D(real) - log(1 - D(fake)), D = sigmoid(logits); the generator's non-saturating -log D(fake).

    Goodfellow 2014, Eq. 1 and Sec. 3. The best discriminator, D = pi / (pi + p), pays log 4 - 2 JSD (Theorem 1).
    """
    return apart(lambda x: F.softplus(-x), F.softplus, lambda x: F.softplus(-x))


def minimax() -> AdversarialLoss:
    """The discriminator's loss is vanilla; the generator minimises log(1 - D(fake)) (Goodfellow 2014, Eq. 1).

    Where the discriminator tells a sample apart by the margin m = -logit, the gradient is e^-m / (1 + e^-m) grad m.
    """
    return apart(lambda x: F.softplus(-x), F.softplus, lambda x: -F.softplus(x))


def margin() -> AdversarialLoss:
    """The discriminator's loss is vanilla; the generator minimises the margin m = -logit itself.

    The minimax gradient without the factor e^-m / (1 + e^-m), by which it vanishes where the discriminator is sure.
    """
    return apart(lambda x: F.softplus(-x), F.softplus, torch.neg)


def lsgan(*, on_fake: float = 0.0, on_real: float = 1.0, to_fool: float = 1.0) -> AdversarialLoss:
    """(D(real) - b)^2 + (D(fake) - a)^2; the generator's (D(fake) - c)^2 (Mao 2017, Eq. 2).

    `on_fake`, `on_real` and `to_fool` are a, b and c. By default 0, 1, 1 (Eq. 9); with -1, 1, 0 the generator
    minimises the Pearson chi squared between pi + p and 2p (Eq. 8).
    """
    return apart(lambda x: (x - on_real).square(), lambda x: (x - on_fake).square(), lambda x: (x - to_fool).square())


def hinge() -> AdversarialLoss:
    """max(0, 1 - D(real)) + max(0, 1 + D(fake)); the generator's -D(fake) (Lim 2017, Eq. 4)."""
    return apart(lambda x: F.relu(1 - x), lambda x: F.relu(1 + x), torch.neg)


def wgan() -> AdversarialLoss:
    """D(fake) - D(real); the generator's -D(fake) (Arjovsky 2017, Eq. 2 and Algorithm 1).

    It has no least value unless something keeps the critic Lipschitz (lipschitz.py); with constant 1, the critic's
    loss is minus the Wasserstein distance.
    """
    return apart(torch.neg, lambda x: x, torch.neg)


def contrastive(*, saturating: bool = True) -> AdversarialLoss:
    """Which of N is the real one (noise_contrastive.py); N is 1 + the generated logits in the batch.

    The generator maximises the discriminator's loss, or, not `saturating`, minimises its own with the roles swapped.
    """
    return AdversarialLoss(to_judge=tell_apart, to_fool=pass_for_real if saturating else stand_out, needs_real=True)


def relativistic() -> AdversarialLoss:
    """More real than the others are on average (relativistic.py)."""
    return AdversarialLoss(to_judge=tell_relatively, to_fool=fool_relatively, needs_real=True)


def f_gan(divergence: Divergence, *, saturating: bool = True) -> AdversarialLoss:
    """The discriminator raises the bound E T(real) - E f*(T(fake)) on a divergence (Nowozin 2016, Eq. 7).

    The generator lowers it by its own term, -E f*(T(fake)) (Algorithm 1), or, not `saturating`, minimises -E T(fake)
    (Sec. 3.2): the same fixed point, and a gradient where the discriminator is sure, but no longer that divergence.
    """
    fool = divergence.cost if saturating else divergence.activation
    return apart(lambda x: -divergence.activation(x), divergence.cost, lambda x: -fool(x))


ADVERSARIAL: dict[str, Callable[[], AdversarialLoss]] = {
    "vanilla": vanilla,
    "minimax": minimax,
    "margin": margin,
    "lsgan": lsgan,
    "hinge": hinge,
    "wgan": wgan,
    "relativistic": relativistic,
    "contrastive": contrastive,
    "contrastive-ns": partial(contrastive, saturating=False),
}
"""By the word in a config; each divergence is a word too, and with -ns its non-saturating form."""
ADVERSARIAL |= {name: partial(f_gan, each) for name, each in DIVERGENCES.items()}
ADVERSARIAL |= {f"{name}-ns": partial(f_gan, each, saturating=False) for name, each in DIVERGENCES.items()}


def _mean_over_scales(loss: Callable[[Tensor, Tensor], Tensor], real: Logits, fake: Logits) -> Tensor:
    if isinstance(real, Tensor) and isinstance(fake, Tensor):
        return loss(real.float(), fake.float())
    return torch.stack([loss(r.float(), f.float()) for r, f in zip(real, fake, strict=True)]).mean()
