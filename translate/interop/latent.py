"""A published StyleGAN2 as a model of ours that makes pictures: only where our config describes every part of it."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from translate.config import LatentConfig, parse
from translate.errors import CheckpointError, ConfigError
from translate.interop.stylegan2 import ConvertedGenerator, load
from translate.networks import build_latent_generator
from translate.networks.stylegan2 import channel_widths

PLAIN = {
    "mapping_hidden": None, "mapping_lr": 0.01, "classes": 0, "embedding": None, "architecture": "skip", "noise": True,
}  # fmt: skip
"""What a generator built from a config has; files with anything else are read, but are no models."""
CLOSE = 1e-3


class LatentModel(NamedTuple):
    """The network with its weights, what it is made of, and what was filled in on the way."""

    network: nn.Module
    config: LatentConfig
    notes: tuple[str, ...]


def read(path: Path) -> LatentModel:
    """The averaged generator of a file of NVIDIA, rosinality or mmgeneration.

    Raises: CheckpointError when it can't be read safely, or has a part that a model's config can't say.
    """
    found = load(path)
    try:
        config = _config(found)
    except (CheckpointError, ConfigError) as error:
        raise CheckpointError(f"{path}: {error}") from None
    network = build_latent_generator(config)
    network.load_state_dict(found.state)
    network.eval()
    clamp = found.shape.get("clamp")
    notes = found.notes
    if clamp is not None:
        _compare(path, found, network)
        notes = (*notes, f"its clamp of activations at {clamp:g} is left out: it matters in half precision alone")
    return LatentModel(network, config, notes)


def _config(found: ConvertedGenerator) -> LatentConfig:
    shape = dict(found.shape)
    for name, plain in PLAIN.items():
        if shape.get(name, plain) != plain:
            raise CheckpointError(f"its {name} is {shape[name]}, and only a StyleGAN2 with {plain} can be stored")
    if shape["z_dim"] != shape["w_dim"]:
        raise CheckpointError(f"its z has {shape['z_dim']} numbers and w {shape['w_dim']}; both must have as many")
    widths = list(found.shape["widths"])
    config = parse(
        LatentConfig,
        {
            "kind": "stylegan2", "latent": shape["w_dim"], "out_channels": shape["image_channels"], "norm": "none",
            "size": 4 * 2 ** (len(widths) - 1), "filters": widths[-1], "max_filters": max(widths),
            "depth": shape["mapping_layers"],
        },
    )  # fmt: skip
    own = list(channel_widths(config.size, config.filters * config.size, config.max_filters))
    if own != widths:
        raise CheckpointError(f"its widths are {widths}, and from {widths[-1]} up to {max(widths)} they would be {own}")
    return config


def _compare(path: Path, found: ConvertedGenerator, network: nn.Module) -> None:
    """See on one picture that the clamp changes nothing.

    Raises: CheckpointError.
    """
    z = torch.randn(1, found.shape["z_dim"], generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        off = float((found.build()(z) - network(z)).abs().max())
    if not off <= CLOSE:
        raise CheckpointError(f"{path}: without its clamp of activations its pictures differ by {off:.2g}")
