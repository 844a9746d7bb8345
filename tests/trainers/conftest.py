"""A tiny paired set and a tiny recipe that every trainer test shares."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from translate.config import (
    DataConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    ObjectiveConfig,
    OptimConfig,
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
        objective=ObjectiveConfig(lambda_l1=10.0),
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
