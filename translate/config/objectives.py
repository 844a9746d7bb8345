"""Which method learns, and the weights of its terms."""

from typing import Annotated, Literal

from pydantic import Field

from translate.config.base import Config, Count, NonNegative, Positive, Share

Adversarial = Literal[
    "vanilla", "minimax", "margin", "lsgan", "hinge", "wgan", "relativistic", "contrastive", "contrastive-ns",
    "kl", "reverse-kl", "pearson", "hellinger", "jensen-shannon", "gan",
    "kl-ns", "reverse-kl-ns", "pearson-ns", "hellinger-ns", "jensen-shannon-ns", "gan-ns",
]  # fmt: skip


class Pix2PixConfig(Config):
    """Weights of Isola's objective and of the terms beside it; a weight of 0 leaves the term out."""

    method: Literal["pix2pix"] = "pix2pix"
    adversarial: Adversarial = "vanilla"
    conditional: bool = True
    """The discriminator sees input and output (cGAN); False: the output alone (GAN)."""
    lambda_gan: NonNegative = 1.0
    lambda_l1: NonNegative = 100.0
    lambda_ce: NonNegative = 0.0
    lambda_dice: NonNegative = 0.0
    class_balance: Share = 0.0
    """Cross-entropy weight of a class is frequency ** -class_balance, scaled to mean 1 over pixels."""


class CycleGANConfig(Config):
    """Weights of Zhu's objective (2017) and of the terms beside it; a weight of 0 leaves the term out."""

    method: Literal["cyclegan"] = "cyclegan"
    adversarial: Adversarial = "lsgan"
    lambda_gan: Positive = 1.0
    lambda_cycle_a: NonNegative = 10.0
    """Of A -> B -> A, and of the identity term on A."""
    lambda_cycle_b: NonNegative = 10.0
    lambda_identity: NonNegative = 0.5
    """A factor of the cycle weights: the identity term weighs lambda_identity * lambda_cycle."""
    feature_cycle: Share = 0.0
    """Share of the cycle term that compares the discriminator's features instead of pixels (Wang and Lin 2018): a
    generator that must not keep every pixel can change more than colours."""
    pool: Annotated[int, Field(ge=0, le=10_000)] = 50
    """Earlier translations the discriminators are shown; 0 shows only the newest."""


class CUTConfig(Config):
    """Weights of contrastive unpaired translation (Park 2020); a weight of 0 leaves the term out."""

    method: Literal["cut"] = "cut"
    adversarial: Adversarial = "lsgan"
    lambda_gan: Positive = 1.0
    lambda_nce: Positive = 1.0
    identity: bool = True
    """The same term on pictures of B, which the generator should leave alone; each half then counts half."""
    temperature: Positive = 0.07
    patches: Annotated[int, Field(ge=2, le=4096)] = 256
    """Places a picture and layer that are told apart."""
    projection: Count = 256
    """Width of the two-layer heads that the features are compared behind."""
    flip_equivariance: bool = False
    """FastCUT: mirror the input half of the time and mirror its features back."""


class GANConfig(Config):
    """Pictures or points from noise (Goodfellow 2014), of a class that is asked for where there is a condition."""

    method: Literal["gan"] = "gan"
    adversarial: Adversarial = "vanilla"
    condition: Literal["none", "projection", "auxiliary"] = "none"
    """projection: the discriminator sees the class (Miyato and Koyama 2018); auxiliary: it predicts it (Odena 2017)."""
    lambda_class: Positive = 1.0
    """Weight of the predicted class's cross-entropy where `condition` is auxiliary."""
    path_length: NonNegative = 0.0
    """StyleGAN2: weight of the path length regulariser (Karras 2020, Eq. 4, there 2)."""
    path_lazy: Count = 4
    """Taken every so many of the generator's steps, counting as many times as much (there 8; 4 in later code)."""
    mixing: Share = 0.0
    """StyleGAN2: share of the pictures whose later layers have another style (Karras 2019, Sec. 3.1, there 0.9)."""


Objective = Annotated[Pix2PixConfig | CycleGANConfig | CUTConfig | GANConfig, Field(discriminator="method")]
