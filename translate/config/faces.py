"""What a model of faces has beside its generator: where a face lies in its pictures, its encoder, its discriminator."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from translate.config.base import Config, Count
from translate.config.networks import DiscriminatorConfig, LatentConfig

POINTS = ("left eye", "right eye", "nose tip", "left corner of the mouth", "right corner of the mouth")
"""The five points of a face, left and right as they lie in the picture."""


class Alignment(Config):
    """Where a face lies in the pictures that a model learnt from: what a photo is cut by, and pasted back by."""

    kind: Literal["ffhq", "points"] = "points"
    """ffhq: the square of FFHQ's authors, from eyes and mouth; points: the one in which the five come to `points`."""
    points: tuple[tuple[float, float], ...] = ()
    """x and y of the five as shares of the square's side, in the order of `POINTS`."""

    @model_validator(mode="after")
    def _five(self) -> Self:
        expected = len(POINTS) if self.kind == "points" else 0
        if len(self.points) != expected:
            raise ValueError(f"{len(self.points)} points; kind {self.kind} takes {expected}: {', '.join(POINTS)}")
        if self.kind == "points" and self.points[0] == self.points[1]:
            raise ValueError("both eyes lie in one place")
        return self


ALIGNMENTS = {
    "ffhq": Alignment(kind="ffhq"),
    # Read off the mean of the 6,976 training crops; single faces lie within about 0.03 of it.
    "utkface": Alignment(points=((0.292, 0.29), (0.693, 0.29), (0.492, 0.515), (0.332, 0.68), (0.653, 0.68))),
}
"""By the name of the data set whose crops they are."""


class JudgeConfig(Config):
    """What a stored StyleGAN2 discriminator says of itself: enough to rebuild it."""

    format: Count = 1
    name: str
    discriminator: DiscriminatorConfig
    generator: LatentConfig
    """What makes the pictures that it judges."""


class EncoderConfig(Config):
    """What an encoder from pictures to styles is made of; `networks.build_encoder` turns it into a module."""

    format: Count = 1
    name: str = "encoder"
    size: Annotated[int, Field(ge=8, le=1024)]
    """The picture's side in pixels, 4 doubled a few times."""
    filters: Count = 32
    """At the picture's own size, each halving has twice as many."""
    max_filters: Count = 256
    num_ws: Count
    w_dim: Count
    step: int = 0
    metrics: dict[str, float] = Field(default_factory=dict)
    measured: str = ""

    @model_validator(mode="after")
    def _doubles(self) -> Self:
        if self.size & (self.size - 1):
            raise ValueError(f"size is {self.size}; 4 x 4 pixels are doubled: 8, 16, 32, 64, 128, 256, 512 or 1024")
        return self
