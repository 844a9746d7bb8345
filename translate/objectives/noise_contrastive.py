"""One real sample among N: the contrastive discriminator, and noise-contrastive estimation of a density.

A discriminator gives each of N samples a score, and the softmax of the scores says which is the real one (the loss of
van den Oord 2018, Eq. 4). With pi the data and p the other N - 1, the best score is s* = log(pi / p) + constant
(Sec. 2.3 there), and its loss lies between

    ln N - (N - 1) / N (KL(pi || p) + KL(p || pi))  <=  loss  <=  ln N

with equality on the right exactly where p = pi: a generator that maximises it is a GAN (`tell_apart` against
`pass_for_real`). Where the N - 1 come from a fixed noise q whose density is known, the score is the density:
pi(y) = softmax_y(s*(y) + log q(y)) (noise-contrastive estimation, Gutmann and Hyvarinen 2012; ranked as in Ma and
Collins 2018).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

Losses = dict[str, Tensor]


def tell_apart(real: Tensor, fake: Tensor) -> Tensor:
    """-log softmax of a real score among itself and all M generated ones, the discriminator's loss for N = M + 1.

    Shape: any two -> scalar, the mean over real scores. Range: at least 0; log N where nothing is told apart.
    """
    # -s + log(e^s + sum e^f), in the form that neither overflows nor cancels.
    return F.softplus(fake.flatten().logsumexp(0) - real).mean()


def pass_for_real(real: Tensor, fake: Tensor) -> Tensor:
    """The discriminator's loss with its sign turned: the generator's half of the minimax game.

    Shape: any two -> scalar. Range: at most 0, and vanishing where the discriminator is sure.
    """
    return -tell_apart(real, fake)


def stand_out(real: Tensor, fake: Tensor) -> Tensor:
    """-log softmax of a generated score among itself and all real ones: the generator's form that does not vanish.

    Shape: any two -> scalar, the mean over generated scores. Range: at least 0.
    """
    return tell_apart(fake, real)


def binary_nce(data: Tensor, noise: Tensor) -> Tensor:
    """-E log h(data) - k E log(1 - h(noise)), h = sigmoid(G - log k), k noise samples for each of the data.

    G is the model's log density less that of the noise, at either's samples; the loss is least where G is log(pi / q)
    itself, so that a model learns its normalising constant as well (Gutmann and Hyvarinen 2012, Sec. 2.2 and 2.3).

    Shape: G at the samples, any two -> scalar. Range: at least 0.
    """
    ratio = noise.numel() / data.numel()
    return F.softplus(math.log(ratio) - data).mean() + ratio * F.softplus(noise - math.log(ratio)).mean()


@dataclass(frozen=True, kw_only=True, slots=True)
class NoiseContrastiveObjective:
    """Teach a score to tell data from `draws` samples of a noise that can be sampled and computed."""

    sample: Callable[[int, torch.Generator], Tensor]
    """How many, and where from -> that many samples of the noise."""
    log_prob: Callable[[Tensor], Tensor]
    """Samples -> the logarithm of the noise's density there, one each."""
    draws: int = 1

    def loss(self, score: Callable[[Tensor], Tensor], real: Tensor, random: torch.Generator) -> Losses:
        """Weighted losses the score learns from. Shape: real (B, ...), score (N, ...) -> (N,)."""
        noise = self.sample(self.draws, random).to(real.device)
        return {"nce": tell_apart(score(real).float(), score(noise).float())}

    def log_density(self, score: Callable[[Tensor], Tensor], y: Tensor) -> Tensor:
        """s(y) + log q(y): the data's log density, but for a constant. Shape: (N, ...) -> (N,)."""
        return score(y).float() + self.log_prob(y)
