"""What pictures are compared by: LPIPS where it is installed, else a network of the model's own; the name says which.

Figures of two distances don't compare, so every result that holds one holds the name beside it.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from translate import catalog, checkpoints
from translate.checkpoints import DISCRIMINATOR, ENCODER
from translate.errors import CheckpointError, ConfigError
from translate.features import FOLDER
from translate.interop import lpips
from translate.objectives.perceptual import FeatureDistance
from translate.trainers import discriminator

_log = logging.getLogger(__name__)


class NothingToCompareByError(CheckpointError):
    """Neither LPIPS nor a network of the model's own is there."""


class Perceptual(Protocol):
    """A distance of pictures: 0 for equal ones, differentiable; `name` says by which network."""

    @property
    def name(self) -> str:
        """Of the network, and whose it is."""

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """Shape: two (N, 3, H, W) in [-1, 1] -> (N,)."""


def load_perceptual(folder: Path, name: str = "auto", device: torch.device | None = None) -> Perceptual:
    """The distance called `name` for the model in `folder`: lpips-vgg, lpips-alex, discriminator, encoder, or auto.

    auto is the first of these that is there and can be read: LPIPS is installed by `translate models pull lpips-vgg`,
    the others lie in the model's folder; of a run, the discriminator it goes on with. One that can't is in the log.
    Raises: NothingToCompareByError when it is missing; CheckpointError for one that is damaged, or, for auto, when all
    that are there are; ConfigError for an unknown name.
    """
    if name not in ("auto", *LOADERS):
        raise ConfigError(f"perceptual distance {name!r}; known: auto, {', '.join(LOADERS)}")
    place = device or torch.device("cpu")
    damaged: CheckpointError | None = None
    for load in LOADERS.values() if name == "auto" else (LOADERS[name],):
        try:
            if found := load(folder, place):
                return found
        except CheckpointError as error:
            damaged = error
            if name == "auto":
                _log.warning("%s; faces are compared by another network", error)
    if damaged is not None:
        raise damaged
    raise NothingToCompareByError(
        f"{folder}: {'nothing' if name == 'auto' else f'no {name}'} to compare pictures by; "
        "`translate models pull lpips-alex` installs a network for it"
    )


def _lpips(net: str) -> "Callable[[Path, torch.device], Perceptual | None]":
    def load(folder: Path, device: torch.device) -> Perceptual | None:
        home = catalog.home() / FOLDER
        return lpips.load(home, net).to(device) if (home / lpips.TRUNKS[net].file).is_file() else None

    return load


def _discriminator(folder: Path, device: torch.device) -> Perceptual | None:
    found = discriminator.find(folder)
    if found is None:
        return None
    judge, config = found
    return FeatureDistance(f"discriminator of {config.name}", judge.to(device).features, judge.resolution)


def _encoder(folder: Path, device: torch.device) -> Perceptual | None:
    if not checkpoints.holds_part(folder, ENCODER):
        return None
    encoder, config = checkpoints.load_encoder(folder / ENCODER)
    return FeatureDistance(f"encoder of {config.name}", encoder.to(device).features, config.size)


LOADERS: "dict[str, Callable[[Path, torch.device], Perceptual | None]]" = {
    "lpips-vgg": _lpips("vgg"),
    "lpips-alex": _lpips("alex"),
    DISCRIMINATOR: _discriminator,
    ENCODER: _encoder,
}
"""In the order in which auto takes them."""
