"""What keeps a critic Lipschitz, or its gradient small: clipping, penalties, and constrained weights.

Penalties are terms of the discriminator's loss; clipping follows its optimizer step; spectral_normalise and
orthonormalise change the layers once, before the optimizer is made. A critic's value is the mean of its logits, over
places and over scales, as it is in the loss. With lists or maps of logits the bounds hold for that mean.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

from translate.draws import own_rows

Critic = Callable[[Tensor], Tensor | Sequence[Tensor]]
Losses = dict[str, Tensor]


def clip_weights(critic: nn.Module, bound: float = 0.01) -> None:
    """Clamp every parameter to [-bound, bound], after each step of the critic (Arjovsky 2017, Algorithm 1, line 7).

    The critic is then Lipschitz, but with an unknown constant: the distance it shows is right up to that factor.

    Raises: ValueError for a bound that is not positive.
    """
    if bound <= 0:
        raise ValueError(f"bound is {bound}; it needs to be positive")
    with torch.no_grad():
        for parameter in critic.parameters():
            parameter.clamp_(-bound, bound)


def gradient_penalty(
    critic: Critic, real: Tensor, fake: Tensor, *, weight: float = 10.0, random: torch.Generator | None = None
) -> Tensor:
    """weight E (|grad D(x)| - 1)^2 at x = eps real + (1 - eps) fake (Gulrajani 2017, Eq. 3).

    eps is uniform, drawn on the CPU, one a sample: no batch norm in this critic, which would tie samples together. A
    conditional critic is passed with its condition bound. Samples a distance d apart are told apart by
    d (1 + d / (2 weight)) at the optimum, somewhat more than d.

    Shape: real, fake (N, ...) -> scalar. Range: at least 0.
    Raises: ValueError when the shapes differ.
    """
    if real.shape != fake.shape:
        raise ValueError(
            f"real is {tuple(real.shape)} and fake {tuple(fake.shape)}; interpolation needs the same shape"
        )
    eps = own_rows(lambda n: torch.rand(n, generator=random), len(real))
    eps = eps.to(real.device).view(-1, *[1] * (real.ndim - 1))
    between = torch.lerp(fake.detach().float(), real.detach().float(), eps)
    return weight * (_slopes(critic, between).norm(dim=1) - 1).square().mean()


def r1_penalty(critic: Critic, real: Tensor, *, gamma: float = 10.0) -> Tensor:
    """gamma / 2 E |grad D(x)|^2 on real samples (Mescheder 2018, Eq. 9).

    Taken lazily, every 16th step, it counts 16 times as much (Karras 2020, App. B).

    Shape: real (N, ...) -> scalar. Range: at least 0.
    """
    return gamma / 2 * _slopes(critic, real.detach().float()).square().sum(dim=1).mean()


@dataclass(frozen=True, kw_only=True, slots=True)
class Penalties:
    """The gradient penalties a critic pays beside its adversarial loss; a weight of 0 leaves a term out."""

    gradient_penalty: float = 0.0
    r1: float = 0.0

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor) -> Losses:
        """Weighted losses the critic learns from. Shape: real, fake (N, ...)."""
        losses: Losses = {}
        if self.gradient_penalty:
            losses["gradient_penalty"] = gradient_penalty(critic, real, fake, weight=self.gradient_penalty)
        if self.r1:
            losses["r1"] = r1_penalty(critic, real, gamma=self.r1)
        return losses


NO_PENALTIES = Penalties()


def _slopes(critic: Critic, x: Tensor) -> Tensor:
    """Each sample's gradient of the critic's value, to be differentiated once more. Shape: (N, ...) -> (N, D)."""
    x = x.detach().requires_grad_().clone()  # no leaf, which torch's counter of arithmetic would stumble over
    # torch.compile can't differentiate twice: a compiled critic is run here as written.
    with torch.compiler.set_stance("force_eager"):
        logits = critic(x)
    maps = [logits] if isinstance(logits, Tensor) else logits
    values = torch.stack([scale.float().flatten(1).mean(dim=1) for scale in maps]).mean(dim=0)  # (N,)
    with torch.autocast(x.device.type, enabled=False):
        (gradient,) = torch.autograd.grad(values.sum(), x, create_graph=True)
    return gradient.flatten(1)


CONSTRAINED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""Layers a constraint reshapes to a matrix, a row an output channel."""


def spectral_normalise(critic: nn.Module) -> nn.Module:
    """Divide each layer's weight by its spectral norm, W / sigma(W), sigma = u^T W v (Miyato 2018, Eq. 8).

    torch's own parametrization: one power iteration a training pass (Algorithm 1) after 15 at the start, from torch's
    state. As in the paper a kernel counts as the matrix of its output channels, so that a convolution may still stretch
    by the square root of how many windows see a pixel.

    Raises: ValueError when a layer is constrained already, or there is none.
    """
    for layer in _layers(critic):
        spectral_norm(layer)
    return critic


def orthonormalise(critic: nn.Module, *, iterations: int = 10) -> nn.Module:
    """Make each layer's matrix orthonormal at every pass by Bjorck's iteration (Anil 2019, Sec. 4.2).

    A kernel is also divided by the square root of how many windows see a pixel: with zero padding and 1-Lipschitz
    activations the critic is 1-Lipschitz. GroupSort between linear layers keeps the gradient's length, where ReLU
    loses half of it. Weights start orthonormal, so that ten iterations find them again after an optimizer step.

    Raises: ValueError when a layer is constrained already, or there is none.
    """
    for layer in _layers(critic):
        gain = 1.0 if isinstance(layer, nn.Linear) else 1 / math.sqrt(_overlap(layer))
        with torch.no_grad():
            layer.weight.copy_(bjorck(layer.weight, iterations=40))
        parametrize.register_parametrization(layer, "weight", Orthonormal(gain, iterations))
    return critic


def _layers(critic: nn.Module) -> list[nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d]:
    layers = [layer for layer in critic.modules() if isinstance(layer, CONSTRAINED)]
    if not layers:
        raise ValueError("the critic has no linear or convolutional layer to constrain")
    if any(parametrize.is_parametrized(layer, "weight") for layer in layers):
        raise ValueError("a layer of this critic is constrained already; constrain it once")
    return layers


def _overlap(layer: nn.Conv1d | nn.Conv2d | nn.Conv3d) -> int:
    """How many windows see a pixel at most."""
    return math.prod(math.ceil(k / s) for k, s in zip(layer.kernel_size, layer.stride, strict=True))


class Orthonormal(nn.Module):
    """`gain` times the nearest orthonormal matrix; a parametrization of one weight. Shape: any -> the same."""

    def __init__(self, gain: float, iterations: int) -> None:
        super().__init__()
        self.gain, self.iterations = gain, iterations

    def forward(self, weight: Tensor) -> Tensor:
        return self.gain * bjorck(weight, iterations=self.iterations)


def bjorck(weight: Tensor, *, iterations: int = 20) -> Tensor:
    """The orthonormal matrix nearest to `weight`: W <- W (I + (I - W^T W) / 2), repeated (Bjorck and Bowie 1971).

    Scaled first so that no singular value s exceeds 1; each then goes to s (3 - s^2) / 2, up to 1. A small one grows by
    1.5 an iteration: 20 take 0.01 to within 1e-3 of 1, and one of 0 stays there. In float32 at least.

    Shape: (rows, ...), the rest flattened -> the same; W^T W = I, or W W^T = I where there are more columns than rows.
    """
    with torch.autocast(weight.device.type, enabled=False):
        flat = weight.flatten(1)
        flat = flat.float() if flat.dtype in (torch.bfloat16, torch.float16) else flat
        w = flat if flat.shape[0] >= flat.shape[1] else flat.T  # the smaller product of the two
        gram = w.T @ w
        # The spectral norm's square is at most either of these; the first is tight for what is nearly orthonormal.
        bound = torch.minimum(gram.abs().sum(dim=1).max(), gram.trace()).sqrt()
        w = w / bound.clamp(min=torch.finfo(w.dtype).tiny)
        for _ in range(iterations):
            w = 1.5 * w - 0.5 * w @ (w.T @ w)
    return (w if flat.shape[0] >= flat.shape[1] else w.T).view_as(weight)


class GroupSort(nn.Module):
    """Sort each `size` neighbouring channels (Anil 2019, Sec. 4.1); 2 is MaxMin. It keeps the gradient's norm.

    Shape: (N, C, ...) -> the same.
    Raises: ValueError when C is no multiple of `size`.
    """

    def __init__(self, size: int = 2) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] % self.size:
            raise ValueError(f"{x.shape[1]} channels do not divide into groups of {self.size}")
        return x.unflatten(1, (-1, self.size)).sort(dim=2).values.flatten(1, 2)  # (N, C / size, size, ...) between
