"""A tiny paired set and a tiny recipe that every trainer test shares."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from translate.config import (
    CycleGANConfig,
    DataConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    OptimConfig,
    Pix2PixConfig,
    TrainConfig,
)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Six 16 x 16 pictures in a/ and their negatives in b/."""
    rng = np.random.default_rng(0)
    for side in "ab":
        (tmp_path / "data" / side).mkdir(parents=True)
    for number in range(6):
        coarse = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        picture = np.kron(coarse, np.ones((4, 4, 1), np.uint8))
        Image.fromarray(picture).save(tmp_path / "data" / "a" / f"{number}.png")
        Image.fromarray(255 - picture).save(tmp_path / "data" / "b" / f"{number}.png")
    return tmp_path / "data"


@pytest.fixture
def tiny() -> TrainConfig:
    """Everything switched on that has state: discriminator, dropout, moving average, decaying rate, augmentation."""
    return TrainConfig(
        preset="tiny",
        generator=GeneratorConfig(filters=4, depth=2, max_filters=8, dropout=0.5, norm="instance"),
        discriminator=DiscriminatorConfig(filters=4, layers=1, norm="instance"),
        objective=Pix2PixConfig(lambda_l1=10.0),
        data=DataConfig(size=16, load_size=18, crop=16, holdout=2),
        optim=OptimConfig(schedule="linear"),
        steps=6,
        batch_size=2,
        precision="fp32",
        workers=0,
        ema=0.9,
        log_every=1,
        validate_every=2,
        sample_every=6,
        save_every=2,
        samples=2,
    )


@pytest.fixture
def domains(tmp_path: Path) -> Path:
    """Eight 16 x 16 pictures in a/, dark, and seven in b/, bright."""
    rng = np.random.default_rng(1)
    for side, count, low in (("a", 8, 0), ("b", 7, 128)):
        (tmp_path / "domains" / side).mkdir(parents=True)
        for number in range(count):
            coarse = rng.integers(low, low + 128, (4, 4, 3), dtype=np.uint8)
            picture = np.kron(coarse, np.ones((4, 4, 1), np.uint8))
            Image.fromarray(picture).save(tmp_path / "domains" / side / f"{number}.png")
    return tmp_path / "domains"


@pytest.fixture
def tiny_cycle(tiny: TrainConfig) -> TrainConfig:
    """The tiny recipe for two domains, with a pool that is full after two steps."""
    return tiny.replace(
        preset="tiny-cycle",
        objective=CycleGANConfig(pool=4, feature_cycle=0.25).model_dump(),
        **{"data.holdout": 2, "stability.augment": ("colour", "cutout")},
    )
