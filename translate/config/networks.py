"""What networks are made of; `networks.build_*` turns these into modules."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from translate.config.base import Config, Count, Probability

Norm = Literal["batch", "instance", "none"]


class GeneratorConfig(Config):
    """What a generator is made of; `networks.build_generator` turns it into a module."""

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


class DiscriminatorConfig(Config):
    """What a discriminator is made of; `networks.build_discriminator` turns it into a module."""

    kind: Literal["patch", "pixel", "multiscale"] = "patch"
    filters: Count = 64
    layers: Annotated[int, Field(ge=1, le=8)] = 3
    norm: Norm = "batch"
    scales: Annotated[int, Field(ge=1, le=5)] = 2
    """Multi-scale: how many PatchGANs, each at half the resolution of the one before."""
