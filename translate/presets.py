"""Named training recipes; change one with `replace`, on the command line with `--set data.crop=192`."""

from collections.abc import Callable

from translate.config import (
    DataConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    ObjectiveConfig,
    OptimConfig,
    TrainConfig,
)
from translate.errors import ConfigError


def pix2pix() -> TrainConfig:
    """The paper's recipe (Isola 2017, Sec. 6): U-Net-256, 70 x 70 PatchGAN, L1 x 100, batch 1."""
    return TrainConfig(
        preset="pix2pix",
        data=DataConfig(target="image"),
        steps=80_000,
        validate_every=2_000,
        sample_every=2_000,
        save_every=1_000,
    )


def pix2pix_fast() -> TrainConfig:
    """Picture to picture on a small machine: half the width, resize-convolution, batches of 4, moving average."""
    return TrainConfig(
        preset="pix2pix-fast",
        generator=GeneratorConfig(filters=32, max_filters=256, upsample="resize", dropout=0.0),
        discriminator=DiscriminatorConfig(filters=32),
        objective=ObjectiveConfig(adversarial="hinge"),
        data=DataConfig(target="image"),
        optim=OptimConfig(schedule="linear"),
        steps=10_000,
        batch_size=4,
        ema=0.999,
        validate_every=500,
        sample_every=500,
        save_every=500,
        patience=8,
    )


def segmentation() -> TrainConfig:
    """Photo to label map: class logits, cross-entropy and Dice; no discriminator.

    The adversarial term costs three passes of a second network and lowers the scores of label maps (Isola 2017,
    Table 6: photo -> labels, L1 alone 0.35 IoU, L1 + cGAN 0.29); `--set objective.lambda_gan=1` adds it.
    """
    return TrainConfig(
        preset="segmentation",
        generator=GeneratorConfig(
            filters=16, max_filters=192, depth=5, residual=1, dropout=0.0, upsample="transposed", head="labels"
        ),
        objective=ObjectiveConfig(lambda_gan=0.0, lambda_l1=0.0, lambda_ce=1.0, lambda_dice=0.5, class_balance=0.3),
        data=DataConfig(target="labels", crop=192, zoom=(0.25, 1.0), aspect=(0.75, 1.3333), colour=0.3),
        optim=OptimConfig(
            lr=2e-3, optimizer="adamw", betas=(0.9, 0.999), weight_decay=0.01, schedule="cosine", warmup=100
        ),
        steps=6_000,
        batch_size=8,
        ema=0.998,
        validate_every=500,
        sample_every=500,
        save_every=250,
        patience=3,
    )


def street_segmentation() -> TrainConfig:
    """The recipe of the shipped model `street-segmentation` (CamVid)."""
    return segmentation().replace(preset="street-segmentation")


def aerial_road_map() -> TrainConfig:
    """The recipe of the shipped model `aerial-road-map`: seen from above, so any turn is as likely as another."""
    return segmentation().replace(
        preset="aerial-road-map",
        **{
            "data.fit": "native",
            "data.size": 400,
            "data.crop": 192,
            "data.zoom": (0.15, 0.4),
            "data.turn": True,
            "data.holdout": 20,
            "steps": 3_500,
        },
    )


PRESETS: dict[str, Callable[[], TrainConfig]] = {
    "pix2pix": pix2pix,
    "pix2pix-fast": pix2pix_fast,
    "segmentation": segmentation,
    "street-segmentation": street_segmentation,
    "aerial-road-map": aerial_road_map,
}


def preset(name: str) -> TrainConfig:
    """The recipe called `name`.

    Raises: ConfigError listing the known names.
    """
    if name not in PRESETS:
        raise ConfigError(f"{name}: no such preset; known: {', '.join(PRESETS)}")
    return PRESETS[name]()
