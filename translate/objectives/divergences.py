"""f-divergences between data and generated, estimated by a discriminator (f-GAN, Nowozin 2016, Tables 1 and 2).

pi is the data, p what is generated, u = pi / p, and D_f = E_p f(u). For every T into the domain of the conjugate
f*(t) = sup_u (u t - f(u)),

    D_f >= E_pi T - E_p f*(T),    tight at T = f'(u)    (Eq. 4 and 5)

and T = g(v), an output activation g of the discriminator's raw output v, never leaves that domain (Eq. 7).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

Function = Callable[[Tensor], Tensor]

LARGEST_EXPONENT = 20.0
"""Up to here exp is exact. No batch can show a ratio of densities of e^20, but float32 would overflow at e^89."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Divergence:
    """An f-divergence, given by its conjugate and an increasing map of the real line into the conjugate's domain.

    Of several such maps, all give the same bound at the optimum. `composed` is conjugate(activation(v)) in one piece,
    for where the two overflow or cancel one after the other; left out, they are applied in turn.
    """

    conjugate: Function
    activation: Function
    composed: Function | None = None

    def cost(self, raw: Tensor) -> Tensor:
        """f*(g(v)), what the bound loses where something is generated. Shape: any -> the same."""
        return self.conjugate(self.activation(raw)) if self.composed is None else self.composed(raw)

    def bound(self, real: Tensor, fake: Tensor) -> Tensor:
        """E_pi g(v) - E_p f*(g(v)): D_f from below, the higher the better the discriminator (Nowozin 2016, Eq. 7).

        Shape: raw outputs on real and generated samples, any shapes -> scalar.
        """
        return self.activation(real).mean() - self.cost(fake).mean()


def _tame(v: Tensor) -> Tensor:
    """v itself up to LARGEST_EXPONENT on either side; beyond it grows like a logarithm, and its exp in proportion."""
    beyond = F.softshrink(v, LARGEST_EXPONENT)
    return v - beyond + beyond.asinh()


# Any increasing map into the domain will do for an activation: with v tamed first the bound still holds for every v.
forward_kl = Divergence(
    conjugate=lambda t: (t - 1).exp(),
    activation=_tame,
)
"""f(u) = u log u, KL(pi || p): f*(t) = exp(t - 1), g(v) = v, T* = 1 + log u."""

reverse_kl = Divergence(
    conjugate=lambda t: -1 - (-t).log(),
    activation=lambda v: -(-_tame(v)).exp(),
    composed=lambda v: _tame(v) - 1,
)
"""f(u) = -log u, KL(p || pi): f*(t) = -1 - log(-t) for t < 0, g(v) = -exp(-v), T* = -1 / u."""

pearson = Divergence(
    conjugate=lambda t: t.square() / 4 + t,
    activation=lambda v: v,
)
"""f(u) = (u - 1)^2, chi squared: f*(t) = t^2 / 4 + t, g(v) = v, T* = 2 (u - 1)."""

hellinger = Divergence(
    conjugate=lambda t: t / (1 - t),
    activation=lambda v: 1 - (-_tame(v)).exp(),
    composed=lambda v: _tame(v).exp() - 1,
)
"""f(u) = (sqrt u - 1)^2: f*(t) = t / (1 - t) for t < 1, g(v) = 1 - exp(-v), T* = 1 - 1 / sqrt u."""

jensen_shannon = Divergence(
    conjugate=lambda t: -(2 - t.exp()).log(),
    activation=lambda v: math.log(2) - F.softplus(-v),
    composed=lambda v: F.softplus(v) - math.log(2),
)
"""f(u) = u log u - (u + 1) log((u + 1) / 2), 2 JSD: f*(t) = -log(2 - exp t) for t < log 2,
g(v) = log 2 - log(1 + exp(-v)), T* = log(2u / (1 + u))."""

gan = Divergence(
    conjugate=lambda t: -(-t.expm1()).log(),
    activation=lambda v: -F.softplus(-v),
    composed=F.softplus,
)
"""f(u) = u log u - (u + 1) log(u + 1), 2 JSD - log 4, Goodfellow's value: f*(t) = -log(1 - exp t) for t < 0,
g(v) = -log(1 + exp(-v)), T* = log(u / (1 + u))."""

DIVERGENCES: dict[str, Divergence] = {
    "kl": forward_kl,
    "reverse-kl": reverse_kl,
    "pearson": pearson,
    "hellinger": hellinger,
    "jensen-shannon": jensen_shannon,
    "gan": gan,
}
