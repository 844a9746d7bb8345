"""What networks are made of; `networks.build_*` turns these into modules."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from translate.config.base import Config, Count, Probability
from translate.errors import ConfigError

Norm = Literal["batch", "instance", "picture", "none"]


class GeneratorConfig(Config):
    """What a translator is made of, a generator from pictures; `networks.build_generator` turns it into a module."""

    kind: Literal["unet", "resnet"] = "unet"
    in_channels: Count = 3
    out_channels: Count = 3
    filters: Count = 64
    max_filters: Count = 512
    depth: Annotated[int, Field(ge=1, le=12)] = 8
    """U-Net: number of halvings."""
    residual: Annotated[int, Field(ge=0, le=8)] = 0
    """U-Net: residual 3x3 blocks behind each level's convolution; 0 is the paper's layout."""
    skips: bool = True
    """U-Net: each level of the encoder is handed to the decoder; without, a plain encoder-decoder."""
    blocks: Annotated[int, Field(ge=0, le=64)] = 9
    """ResNet: number of residual blocks."""
    norm: Norm = "batch"
    dropout: Probability = 0.5
    upsample: Literal["transposed", "resize"] = "transposed"
    head: Literal["image", "labels"] = "image"
    shortcut: bool = False
    """The output starts as the input and the network learns what to change, against inverted colours."""

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if not self.skips and self.kind != "unet":
            raise ValueError(f"skips are a U-Net's; kind {self.kind!r} has none to leave out")
        if self.shortcut and (self.head != "image" or self.in_channels != self.out_channels):
            raise ValueError("shortcut starts from the input: it needs an image head and as many channels out as in")
        return self


class LatentConfig(Config):
    """What a generator from noise is made of; `networks.build_latent_generator` turns it into a module."""

    kind: Literal["dcgan", "stylegan2", "mlp"] = "dcgan"
    latent: Annotated[int, Field(ge=1, le=4096)] = 128
    """How many independent normal numbers a sample is made of; StyleGAN2: and the width of w."""
    out_channels: Count = 3
    """Of the picture; MLP: the point's coordinates."""
    size: Annotated[int, Field(ge=8, le=1024)] = 64
    """The picture's side in pixels, 4 doubled a few times."""
    filters: Count = 64
    """Of the last hidden layer, each before it has twice as many; MLP: width."""
    max_filters: Count = 512
    depth: Annotated[int, Field(ge=1, le=12)] = 3
    """Number of hidden layers: of an MLP, or of StyleGAN2's mapping."""
    norm: Norm = "batch"
    """StyleGAN2 has a way of its own and looks at none."""
    classes: Annotated[int, Field(ge=0, le=1000)] = 0
    """How many classes can be asked for; 0: none. Where the method learns classes, the data settle it."""

    @model_validator(mode="after")
    def _doubles(self) -> Self:
        if self.kind != "mlp" and self.size & (self.size - 1):
            raise ValueError(f"size is {self.size}; 4 x 4 pixels are doubled: 8, 16, 32, 64, 128, 256, 512 or 1024")
        _check_points(self.kind, self.norm)
        return self


Generator = Annotated[GeneratorConfig | LatentConfig, Field(discriminator="kind")]


def as_translator(network: GeneratorConfig | LatentConfig, name: str) -> GeneratorConfig:
    """The same, where it is one that translates pictures; `name` is the model's or the preset's.

    Raises: ConfigError.
    """
    if isinstance(network, GeneratorConfig):
        return network
    raise ConfigError(f"{name}: its generator ({network.kind}) starts from noise and can't translate; use generate")


def as_latent(network: GeneratorConfig | LatentConfig, name: str) -> LatentConfig:
    """The same, where it is one that starts from noise; `name` is the model's or the preset's.

    Raises: ConfigError.
    """
    if isinstance(network, LatentConfig):
        return network
    raise ConfigError(f"{name}: its generator ({network.kind}) translates pictures, it makes none of noise; use apply")


class DiscriminatorConfig(Config):
    """What a discriminator is made of; `networks.build_discriminator` turns it into a module."""

    kind: Literal["patch", "pixel", "multiscale", "dcgan", "stylegan2", "mlp"] = "patch"
    """dcgan, stylegan2 and mlp judge what is made of noise, whole pictures of one size and points."""
    filters: Count = 64
    layers: Annotated[int, Field(ge=1, le=8)] = 3
    """Patch: halvings; MLP: hidden layers; the others halve down to 4 x 4 whatever this says."""
    norm: Norm = "batch"
    scales: Annotated[int, Field(ge=1, le=5)] = 2
    """Multi-scale: how many PatchGANs, each at half the resolution of the one before."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _check_points(self.kind, self.norm)
        return self


def _check_points(kind: str, norm: Norm) -> None:
    if kind == "mlp" and norm == "instance":
        raise ValueError("norm is instance; points have no places to normalise over: set it to none or batch")
