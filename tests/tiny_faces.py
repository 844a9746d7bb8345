"""A StyleGAN2 of 16 pixels with random weights, its discriminator, photos of smooth colours, faces by their points."""

from pathlib import Path

import numpy as np
import torch

from translate.checkpoints import DISCRIMINATOR, save_model
from translate.config import ALIGNMENTS, DataConfig, DiscriminatorConfig, JudgeConfig, LatentConfig, ModelConfig
from translate.editing.detection import Face
from translate.editing.mapper import FOLDER, MapperConfig, TrainedMapper, build_mapper, save_mapper
from translate.images import Array
from translate.networks import (
    StyleGAN2Discriminator,
    StyleGAN2Generator,
    build_latent_discriminator,
    build_latent_generator,
)

LATENT = LatentConfig(kind="stylegan2", latent=8, size=16, filters=8, max_filters=16, depth=2, norm="none")
JUDGE = DiscriminatorConfig(kind="stylegan2", filters=8, norm="none")
DATA = DataConfig(target="image", fit="square", size=16, load_size=16, crop=16, holdout=3)


def generator(seed: int = 0) -> StyleGAN2Generator:
    """Random weights, and the mean of its w where its training would have put it."""
    torch.manual_seed(seed)
    built = build_latent_generator(LATENT)
    assert isinstance(built, StyleGAN2Generator)
    with torch.no_grad():
        built.mapping.w_avg.copy_(built.mapping(torch.randn(1000, 8)).mean(dim=0))
        # As trained ones do: pictures within [-1, 1], and noise that shows.
        for block in built.synthesis.stages:
            assert block.to_rgb is not None
            block.to_rgb.weight *= 0.3
            for conv in block.convs.values():
                conv.noise_strength.fill_(0.05)
    return built.eval()


def discriminator(seed: int = 1) -> StyleGAN2Discriminator:
    """Random weights, frozen."""
    torch.manual_seed(seed)
    built = build_latent_discriminator(JUDGE, LATENT, "none")
    assert isinstance(built, StyleGAN2Discriminator)
    return built.eval().requires_grad_(False)


def model(folder: Path, *, judged: bool = True, aligned: bool = True) -> Path:
    """A model folder, with a discriminator beside the generator."""
    alignment = ALIGNMENTS["utkface"] if aligned else None
    config = ModelConfig(name="tiny", kind="gan", generator=LATENT, data=DATA, alignment=alignment)
    save_model(folder, generator(), config)
    if judged:
        save_model(
            folder / DISCRIMINATOR, discriminator(), JudgeConfig(name="tiny", discriminator=JUDGE, generator=LATENT)
        )
    return folder


def mapper(folder: Path, prompt: str, *, weights: str = "") -> Path:
    """A mapper with random weights among those of the model in `folder`."""
    shape = generator()
    config = MapperConfig(
        prompt=prompt, weights=weights, num_ws=shape.num_ws, w_dim=LATENT.latent, levels=("coarse", "medium")
    )
    torch.manual_seed(2)
    save_mapper(folder / FOLDER / prompt.replace(" ", "-"), TrainedMapper(build_mapper(config), config))
    return folder / FOLDER


def smooth(height: int, width: int, dtype: type = np.uint8) -> Array:
    """A photo of slow waves, different in each channel. Shape: (height, width, 3)."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / width * 4 + k) * np.cos(y / height * 3 - k) for k in range(3)]
    top = np.iinfo(dtype).max
    return np.round((np.stack(waves, axis=-1) * 0.45 + 0.5) * top).astype(dtype)


def face(x: float = 100, y: float = 120, eyes: float = 40, nose: float = 0.5, score: float = 0.95) -> Face:
    """A face from the front with its left eye at (x, y), eyes so far apart; its nose tip so far between."""
    points = (
        (x, y),
        (x + eyes, y),
        (x + nose * eyes, y + 0.55 * eyes),
        (x + 0.1 * eyes, y + eyes),
        (x + 0.9 * eyes, y + eyes),
    )
    return Face(points, (x - eyes / 2, y - eyes, 2 * eyes, 2.5 * eyes), score)
