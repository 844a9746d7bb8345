"""The mapping network z -> w of StyleGAN (Karras 2019, Sec. 2), with classes, the mean of w, and truncation."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from translate.networks.stylegan2.layers import EqualLinear, normalise

AVERAGE_BETA = 0.995


class Mapping(nn.Module):
    """A perceptron from the unit sphere to w; classes come in as one-hot rows and are embedded beside z.

    With `z_dim` 0 it maps classes alone, as in a conditional discriminator, which needs no mean (`average`) either.

    Shape: z (N, z_dim), labels (N, classes) -> (N, w_dim).
    Raises: ValueError when z or labels have another shape, or labels are missing.
    """

    w_avg: Tensor

    def __init__(
        self,
        z_dim: int,
        w_dim: int,
        *,
        layers: int = 8,
        classes: int = 0,
        hidden: int | None = None,
        embedding: int | None = None,
        lr: float = 0.01,
        average: bool = True,
    ) -> None:
        super().__init__()
        self.z_dim, self.w_dim, self.classes = z_dim, w_dim, classes
        hidden = w_dim if hidden is None else hidden
        embedding = (w_dim if embedding is None else embedding) if classes else 0
        self.embed = EqualLinear(classes, embedding) if classes else None
        widths = [z_dim + embedding, *[hidden] * (layers - 1), w_dim] if layers else [z_dim + embedding]
        self.layers = nn.ModuleList([EqualLinear(a, b, lr=lr, active=True) for a, b in pairwise(widths)])
        if average:
            self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(self, z: Tensor | None, labels: Tensor | None = None) -> Tensor:
        parts = [normalise(_checked(z, "z", self.z_dim))] if self.z_dim else []
        labels = None if self.embed is None else _checked(labels, "labels", self.classes)
        device = parts[0].device if labels is None else labels.device
        # Rounded to bfloat16, every style of a picture would be off by the same half percent.
        with torch.autocast(device.type, enabled=False):
            if self.embed is not None:
                parts.append(normalise(self.embed(labels)))
            w = torch.cat(parts, dim=1)  # (N, z_dim + embedding)
            for layer in self.layers:
                w = layer(w)
        return w

    @torch.no_grad()
    def track(self, w: Tensor, beta: float = AVERAGE_BETA) -> None:
        """Move the running mean of w towards a batch's; called once a training step.

        Shape: (N, w_dim).
        """
        self.w_avg.lerp_(w.detach().mean(dim=0).to(self.w_avg), 1 - beta)

    @torch.no_grad()
    def estimate_average(self, generator: torch.Generator, count: int = 10_000) -> Tensor:
        """The mean of w over `count` random z, and random classes where there are any.

        Shape: (w_dim,).
        """
        total = torch.zeros_like(self.w_avg)
        done = 0
        while done < count:
            number = min(1000, count - done)
            z = torch.randn(number, self.z_dim, generator=generator, device=generator.device).to(total)
            labels = None
            if self.classes:
                chosen = torch.randint(self.classes, (number,), generator=generator, device=generator.device)
                labels = nn.functional.one_hot(chosen, self.classes).to(total)
            total += self(z, labels).sum(dim=0)
            done += number
        return total / count


def truncate(w_plus: Tensor, w_avg: Tensor, psi: float, cutoff: int | None = None) -> Tensor:
    """Pull w towards its mean, w' = w_avg + psi (w - w_avg), in the first `cutoff` layers or all (Karras 2019, App. B).

    Shape: w_plus (N, L, w_dim), w_avg (w_dim,) -> (N, L, w_dim).
    """
    if psi == 1:
        return w_plus
    if cutoff is None:
        return w_avg.lerp(w_plus, psi)
    return torch.cat([w_avg.lerp(w_plus[:, :cutoff], psi), w_plus[:, cutoff:]], dim=1)


def mix(first: Tensor, second: Tensor, crossover: int) -> Tensor:
    """Style mixing: the layers below `crossover` from `first`, the others from `second` (Karras 2019, Sec. 3.1).

    Shape: (N, L, w_dim), (N, L, w_dim) -> (N, L, w_dim).
    """
    return torch.cat([first[:, :crossover], second[:, crossover:]], dim=1)


def _checked(x: Tensor | None, name: str, width: int) -> Tensor:
    if x is None or x.ndim != 2 or x.shape[1] != width:
        raise ValueError(f"expected {name} (N, {width}), got {None if x is None else tuple(x.shape)}")
    return x.float() if not x.is_floating_point() or x.dtype in (torch.bfloat16, torch.float16) else x
