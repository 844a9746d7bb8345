"""Style space as one long vector, and how it is spread over a generator's pictures, kept beside the models."""

import os
from typing import NamedTuple

import torch
from torch import Tensor

from translate import catalog
from translate.checkpoints import read_tensors, write_tensors, writing
from translate.errors import CheckpointError
from translate.networks.stylegan2 import StyleGAN2Generator
from translate.networks.stylegan2.synthesis import Synthesis

SAMPLES = 10_000
"""The papers take 100,000; of 10,000 the deviation is known to 0.7 %."""
PSI = 0.7
BATCH = 500
FOLDER = "statistics"


class StyleStatistics(NamedTuple):
    """Mean and standard deviation of every channel of S. Shape: (channels of S,)."""

    mean: Tensor
    std: Tensor


def pack(synthesis: Synthesis, w_plus: Tensor) -> Tensor:
    """S of w_plus, its vectors side by side. Shape: (N, num_ws, w_dim) -> (N, channels of S)."""
    return torch.cat(synthesis.styles(w_plus), dim=1)


def conv_channels(synthesis: Synthesis) -> Tensor:
    """Which channels of S are edited: those of convolutions; of the layers to RGB none is (Patashnik 2021, Sec. 6.2).

    Shape: (number of them,), int64.
    """
    kinds = [torch.full((layer.channels,), layer.kind == "conv") for layer in synthesis.layout]
    return torch.cat(kinds).nonzero()[:, 0]


@torch.no_grad()
def style_statistics(
    network: StyleGAN2Generator, *, samples: int = SAMPLES, psi: float = PSI, seed: int = 0
) -> StyleStatistics:
    """The spread of S over random w, truncated as the samples that edits start from."""
    draw = torch.Generator().manual_seed(seed)
    device = network.mapping.w_avg.device
    total: Tensor | None = None
    squares: Tensor | None = None
    # In float64 on the CPU: Apple's GPUs have none.
    middle = pack(network.synthesis, network.mapping.w_avg.expand(1, network.num_ws, -1)).cpu().double()
    done = 0
    while done < samples:
        number = min(BATCH, samples - done)
        z = torch.randn(number, network.mapping.z_dim, generator=draw).to(device)
        # Away from the mean of w: the square of a small spread around a large value would lose its digits.
        s = pack(network.synthesis, network.map(z, psi=psi)).cpu().double() - middle
        total = s.sum(0) if total is None else total + s.sum(0)
        squares = s.square().sum(0) if squares is None else squares + s.square().sum(0)
        done += number
    assert total is not None
    assert squares is not None
    mean = total / samples
    std = (squares / samples - mean.square()).clamp_min(0).sqrt()
    return StyleStatistics((mean + middle[0]).float().to(device), std.float().to(device))


def known_statistics(
    network: StyleGAN2Generator, fingerprint: str, *, samples: int = SAMPLES, psi: float = PSI
) -> StyleStatistics:
    """`style_statistics`, kept under the home folder by the SHA-256 of the model's weights.

    A file that is damaged, or a disk that won't take one, costs only the second it takes to count again.
    """
    path = catalog.home() / FOLDER / f"{fingerprint}-{psi:g}-{samples}.safetensors"
    channels = sum(layer.channels for layer in network.synthesis.layout)
    try:
        found = read_tensors(path)
        stored = StyleStatistics(found["mean"], found["std"])
        if all(t.shape == (channels,) and bool(t.isfinite().all()) for t in stored):
            return StyleStatistics(*(t.to(network.mapping.w_avg) for t in stored))
    except (CheckpointError, KeyError):
        pass
    counted = style_statistics(network, samples=samples, psi=psi)
    try:
        with writing(path):
            os.makedirs(path.parent, exist_ok=True)
        write_tensors(path, counted._asdict())
    except CheckpointError:
        pass
    return counted
