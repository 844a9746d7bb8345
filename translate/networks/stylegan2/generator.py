"""StyleGAN2's generator (Karras 2020): mapping and synthesis, any widths, 8 to 1024 pixels, with or without classes."""

from collections.abc import Sequence
from typing import TypedDict, cast

import torch
from torch import Tensor, nn

from translate.networks.stylegan2.mapping import Mapping, truncate
from translate.networks.stylegan2.synthesis import FIRST, Architecture, Noise, Synthesis


class GeneratorShape(TypedDict, total=False):
    """What `StyleGAN2Generator` is built from, as JSON can hold it."""

    widths: Sequence[int]
    z_dim: int
    w_dim: int
    mapping_layers: int
    mapping_hidden: int | None
    mapping_lr: float
    classes: int
    embedding: int | None
    image_channels: int
    architecture: Architecture
    noise: bool
    clamp: float | None


def channel_widths(resolution: int, base: int = 32768, maximum: int = 512) -> tuple[int, ...]:
    """The channels at 4, 8, ..., `resolution` pixels: min(base / resolution, maximum).

    Raises: ValueError when the resolution is no power of two from 4 on.
    """
    if resolution < FIRST or resolution & (resolution - 1):
        raise ValueError(f"resolution is {resolution}; it must be a power of two from {FIRST} on")
    sizes = range(FIRST.bit_length() - 1, resolution.bit_length())
    return tuple(max(1, min(base >> size, maximum)) for size in sizes)


class StyleGAN2Generator(nn.Module):
    """From a point of the latent space to a picture of 4 * 2^(len(widths) - 1) pixels.

    Shape: z (N, z_dim), labels (N, classes) one-hot -> (N, image_channels, R, R).
    Range: unbounded, [-1, 1] for pictures like the training set's.
    Raises: ValueError when an input has another shape.
    """

    def __init__(
        self,
        widths: Sequence[int],
        *,
        z_dim: int = 512,
        w_dim: int = 512,
        mapping_layers: int = 8,
        mapping_hidden: int | None = None,
        mapping_lr: float = 0.01,
        classes: int = 0,
        embedding: int | None = None,
        image_channels: int = 3,
        architecture: Architecture = "skip",
        noise: bool = True,
        clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.mapping = Mapping(
            z_dim,
            w_dim,
            layers=mapping_layers,
            classes=classes,
            hidden=mapping_hidden,
            embedding=embedding,
            lr=mapping_lr,
        )
        self.synthesis = Synthesis(
            widths, w_dim, image_channels=image_channels, architecture=architecture, noise=noise, clamp=clamp
        )
        self.resolution, self.num_ws = self.synthesis.resolution, self.synthesis.num_ws

    def map(self, z: Tensor, labels: Tensor | None = None, *, psi: float = 1.0, cutoff: int | None = None) -> Tensor:
        """w for every layer, pulled towards the mean by `psi` below 1.

        Shape: (N, z_dim) -> (N, num_ws, w_dim).
        """
        w_plus = self.mapping(z, labels)[:, None].expand(-1, self.num_ws, -1)
        return truncate(w_plus, self.mapping.w_avg, psi, cutoff)

    def forward(
        self,
        z: Tensor,
        labels: Tensor | None = None,
        *,
        psi: float = 1.0,
        cutoff: int | None = None,
        noise: Noise = "const",
        generator: torch.Generator | None = None,
    ) -> Tensor:
        w_plus = self.map(z, labels, psi=psi, cutoff=cutoff)  # (N, num_ws, w_dim)
        return cast(Tensor, self.synthesis(w_plus, noise, generator))
