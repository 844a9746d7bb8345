"""Named training recipes; change one with `replace`, on the command line with `--set data.crop=192`."""

from collections.abc import Callable
from typing import Any

from translate.config import (
    CUTConfig,
    CycleGANConfig,
    DataConfig,
    DiscriminatorConfig,
    GANConfig,
    GeneratorConfig,
    LatentConfig,
    OptimConfig,
    Pix2PixConfig,
    StabilityConfig,
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
        objective=Pix2PixConfig(adversarial="hinge"),
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
        objective=Pix2PixConfig(lambda_gan=0.0, lambda_l1=0.0, lambda_ce=1.0, lambda_dice=0.5, class_balance=0.3),
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


def facade_labels() -> TrainConfig:
    """The recipe of the shipped model `facade-labels`: a photo of a facade into its twelve parts."""
    return segmentation().replace(preset="facade-labels", **{"data.holdout": 60, "steps": 4_000})


def facade_photo() -> TrainConfig:
    """The recipe of the shipped model `facade-photo`: a drawn facade into its photo, the way back of facade-labels.

    Seven halvings, for eight would not fit in 16 MB.
    """
    return pix2pix_fast().replace(
        preset="facade-photo",
        **{"data.direction": "BtoA", "data.holdout": 60, "generator.depth": 7, "steps": 5_200, "patience": 0},
    )


def cyclegan() -> TrainConfig:
    """The paper's recipe (Zhu 2017, Sec. 4 and 7.1): ResNet-9, 70 x 70 PatchGANs, LSGAN, cycle x 10, batch 1.

    200 epochs of its horses and zebras, 1,334 pictures the larger side; the rate falls from the middle on.
    """
    return TrainConfig(
        preset="cyclegan",
        generator=GeneratorConfig(kind="resnet", norm="instance", dropout=0.0),
        discriminator=DiscriminatorConfig(norm="instance"),
        objective=CycleGANConfig(),
        data=DataConfig(target="image"),
        steps=266_800,
        validate_every=5_000,
        sample_every=2_000,
        save_every=1_000,
    )


def cyclegan_fast() -> TrainConfig:
    """Two folders on a small machine: 128 x 128, U-Nets that start from their input, no identity passes, EMA."""
    return TrainConfig(
        preset="cyclegan-fast",
        generator=GeneratorConfig(
            filters=32, max_filters=128, depth=4, residual=1, norm="instance", dropout=0.0, shortcut=True
        ),
        discriminator=DiscriminatorConfig(filters=32, norm="instance"),
        objective=CycleGANConfig(lambda_cycle_a=5.0, lambda_cycle_b=5.0, lambda_identity=0.0),
        data=DataConfig(target="image", size=128, load_size=143, crop=128),
        optim=OptimConfig(lr=3e-4, disc_lr=3e-4),
        steps=16_000,
        batch_size=2,
        ema=0.999,
        validate_every=500,
        sample_every=500,
        save_every=250,
    )


def horse_zebra() -> TrainConfig:
    """The recipe of the shipped model `horse-to-zebra`, its first stage; its card has the second."""
    return cyclegan_fast().replace(preset="horse-zebra", steps=12_000, **{"data.holdout": 80, "data.keep_detail": True})


def zebra_horse() -> TrainConfig:
    """The recipe of the shipped model `zebra-to-horse`, on the pairs of `translate data stripes`.

    No discriminator: what lies below a stripe is nearly given, and plain L1 takes a third of the time.
    """
    network = {"filters": 32, "max_filters": 192, "depth": 5, "residual": 1, "norm": "instance", "shortcut": True}
    return pix2pix_fast().replace(
        **{
            "preset": "zebra-horse",
            **{f"generator.{name}": value for name, value in network.items()},
            "generator.upsample": "transposed",
            "objective.lambda_gan": 0.0,
            "data.size": 192,
            "data.load_size": 192,
            "data.crop": 128,
            "data.zoom": (0.2, 1.0),
            "data.holdout": 100,
            "optim.lr": 7e-4,
            "steps": 6_000,
            "batch_size": 6,
            "patience": 0,
        }
    )


def cut() -> TrainConfig:
    """Contrastive unpaired translation (Park 2020, Sec. 4 and B.1): one direction, no way back, 400 epochs."""
    return cyclegan().replace(
        **{"preset": "cut", "objective": CUTConfig().model_dump(), "steps": 533_600, "optim.decay_from": 0.5}
    )


def fastcut() -> TrainConfig:
    """FastCUT (Park 2020, B.1): a heavier contrastive term, no identity passes, flips instead; 200 epochs."""
    terms = CUTConfig(lambda_nce=10.0, identity=False, flip_equivariance=True)
    return cut().replace(
        **{"preset": "fastcut", "objective": terms.model_dump(), "steps": 266_800, "optim.decay_from": 0.75}
    )


def dcgan() -> TrainConfig:
    """Pictures from noise at 64 x 64 (Radford 2016, Sec. 4): Adam 2e-4, momentum 0.5, batch norm in both players."""
    return TrainConfig(
        preset="dcgan",
        generator=LatentConfig(),
        discriminator=DiscriminatorConfig(kind="dcgan"),
        objective=GANConfig(),
        data=DataConfig(target="image", fit="square", size=64, load_size=64, crop=64, flip=True, holdout=500),
        optim=OptimConfig(schedule="constant"),
        steps=20_000,
        batch_size=64,
        ema=0.999,
        validate_every=1_000,
        sample_every=500,
        save_every=500,
        samples=8,
    )


def wgan_gp() -> TrainConfig:
    """The same by Gulrajani's recipe (2017, Algorithm 1): WGAN, gradient penalty 10, five critic steps for one."""
    return dcgan().replace(
        **{
            "preset": "wgan-gp",
            "discriminator.norm": "none",
            "objective.adversarial": "wgan",
            "stability.gradient_penalty": 10.0,
            "stability.n_critic": 5,
            "optim.lr": 1e-4,
            "optim.disc_lr": 1e-4,
            "optim.betas": (0.0, 0.9),
            "steps": 60_000,
        }
    )


def stylegan2() -> TrainConfig:
    """StyleGAN2 for small machines at 64 x 64 (Karras 2020): half of the paper's width, four layers of mapping.

    Penalties are lazy, every 16th and every 4th step; R1's gamma is the later code's, 0.0002 pixels / batch.
    """
    return TrainConfig(
        preset="stylegan2",
        generator=LatentConfig(kind="stylegan2", latent=256, filters=64, max_filters=256, depth=4, norm="none"),
        discriminator=DiscriminatorConfig(kind="stylegan2", filters=64, norm="none"),
        objective=GANConfig(path_length=2.0, mixing=0.9),
        data=DataConfig(target="image", fit="square", size=64, load_size=64, crop=64, flip=True, holdout=500),
        optim=OptimConfig(lr=2.5e-3, disc_lr=2.5e-3, betas=(0.0, 0.99), schedule="constant"),
        stability=StabilityConfig(r1=0.05, lazy=16),
        steps=50_000,
        batch_size=16,
        ema=0.998,
        validate_every=1_000,
        sample_every=500,
        save_every=250,
        samples=8,
    )


def faces() -> TrainConfig:
    """The recipe of the shipped model `faces`: half of `stylegan2`'s width, 2.6 times its pictures an hour; the rate
    falls in the last 3,900 steps."""
    return stylegan2().replace(
        **{
            "preset": "faces",
            "generator.filters": 32,
            "discriminator.filters": 32,
            "steps": 13_000,
            "optim.schedule": "linear",
            "optim.decay_from": 0.7,
        }
    )


def mixture() -> TrainConfig:
    """Points from noise: eight Gaussians on a ring in half a minute, to see what an objective does."""
    return TrainConfig(
        preset="mixture",
        generator=LatentConfig(kind="mlp", latent=2, out_channels=2, filters=64, depth=3, norm="none"),
        discriminator=DiscriminatorConfig(kind="mlp", filters=64, layers=3, norm="none"),
        objective=GANConfig(),
        data=DataConfig(target="image", mixture="ring-8"),
        optim=OptimConfig(lr=1e-3, disc_lr=1e-3, betas=(0.0, 0.9), schedule="linear"),
        stability=StabilityConfig(r1=0.1),
        steps=2_000,
        batch_size=256,
        precision="fp32",
        workers=0,
        ema=0.99,
        log_every=50,
        validate_every=500,
        sample_every=500,
        save_every=1_000,
    )


PRESETS: dict[str, Callable[[], TrainConfig]] = {
    "pix2pix": pix2pix,
    "pix2pix-fast": pix2pix_fast,
    "segmentation": segmentation,
    "street-segmentation": street_segmentation,
    "aerial-road-map": aerial_road_map,
    "facade-labels": facade_labels,
    "facade-photo": facade_photo,
    "cyclegan": cyclegan,
    "cyclegan-fast": cyclegan_fast,
    "horse-zebra": horse_zebra,
    "zebra-horse": zebra_horse,
    "cut": cut,
    "fastcut": fastcut,
    "dcgan": dcgan,
    "wgan-gp": wgan_gp,
    "stylegan2": stylegan2,
    "faces": faces,
    "mixture": mixture,
}


def preset(name: str) -> TrainConfig:
    """The recipe called `name`.

    Raises: ConfigError listing the known names.
    """
    if name not in PRESETS:
        raise ConfigError(f"{name}: no such preset; known: {', '.join(PRESETS)}")
    return PRESETS[name]()


def scaled(config: TrainConfig, size: int) -> dict[str, Any]:
    """Changes that bring a preset to another size: load_size and crop in proportion, and what noise becomes."""
    data, ratio = config.data, size / config.data.size
    changes = {
        "data.size": size,
        "data.load_size": round(data.load_size * ratio),
        "data.crop": round(data.crop * ratio),
    }
    return changes | ({"generator.size": size} if config.generator.kind == "dcgan" else {})
