"""What an editor has beside its generator, and where it is found."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

import torch
from PIL import Image
from torch import Tensor

from translate import checkpoints
from translate.checkpoints import ENCODER
from translate.config import ModelConfig
from translate.devices import pictures_at_once
from translate.editing import detection
from translate.editing.history import Photo
from translate.editing.identity import Identity, load_identity
from translate.editing.inverter import Inverter
from translate.editing.perceptual import NothingToCompareByError, load_perceptual
from translate.editing.photo import PhotoInverter
from translate.features.clip import FOLDER as CLIP
from translate.features.clip import load_clip
from translate.networks import StyleGAN2Generator
from translate.networks.clip import TextImageEncoder
from translate.networks.stylegan2.synthesis import Synthesis
from translate.trainers import discriminator

__all__ = ["Identity", "Parts", "TakesPhotos", "TextImageEncoder", "find_parts"]

FACES = 32
"""Of the model's own, whose mean an identity is measured from."""


class TakesPhotos(Protocol):
    """From a photo to w_plus, the way back into the photo, and what draws it where a generator was tuned to it."""

    def __call__(self, photo: Image.Image) -> tuple[Tensor, Photo, Synthesis | None]:
        """Shape: -> (1, num_ws, w_dim)."""


class Parts(NamedTuple):
    """Each None where the model has it not."""

    clip: TextImageEncoder | None
    identity: Identity | None
    inverter: TakesPhotos | None


class DeferredIdentity:
    """An identity that is loaded when it is first asked for: its mean takes a second of drawing faces."""

    def __init__(self, load: Callable[[], Identity]) -> None:
        self._load = load

    @cached_property
    def loaded(self) -> Identity:
        """The identity itself."""
        return self._load()

    @property
    def name(self) -> str:
        """Of the network, and whose it is."""
        return self.loaded.name

    def __call__(self, image: Tensor) -> Tensor:
        """Shape: (N, 3, H, W) in [-1, 1] -> (N, E) of length 1."""
        return self.loaded(image)


def find_parts(
    folder: Path, generator: StyleGAN2Generator, config: ModelConfig, weights: str, device: torch.device
) -> Parts:
    """The CLIP, the identity and the way from a photo that lie in a model's folder.

    Raises: CheckpointError for one that is damaged.
    """
    clip = load_clip(folder / CLIP).to(device) if checkpoints.holds_part(folder, CLIP) else None
    encoder = checkpoints.load_encoder(folder / ENCODER)[0] if checkpoints.holds_part(folder, ENCODER) else None
    identity = None
    if encoder is not None or discriminator.find(folder) is not None:
        identity = DeferredIdentity(lambda: load_identity(folder, _faces(generator, device), device))
    try:
        perceptual = load_perceptual(folder, device=device)
    except NothingToCompareByError:
        return Parts(clip, identity, None)
    inverter = Inverter(
        generator, config, weights, perceptual, encoder=encoder, detect=detection.detector(), device=device
    )
    return Parts(clip, identity, PhotoInverter(inverter=inverter))


@torch.no_grad()
def _faces(generator: StyleGAN2Generator, device: torch.device) -> Tensor:
    z = torch.randn(FACES, generator.mapping.z_dim, generator=torch.Generator().manual_seed(0))
    w_plus = generator.map(z.to(device), psi=0.7)
    at_once = pictures_at_once(generator.resolution, 8)
    return torch.cat([generator.synthesis(part, "const") for part in w_plus.split(at_once)])
