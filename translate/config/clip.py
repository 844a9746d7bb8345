"""What a stored CLIP says of itself: the sizes of its two towers, the words it knows, how well it was seen to work."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from translate.config.base import Config, Count, Positive

CLIP_FORMAT = 1
Channels = tuple[float, float, float]
MEAN: Channels = (0.48145466, 0.4578275, 0.40821073)
STD: Channels = (0.26862954, 0.26130258, 0.27577711)
"""Of the pictures that OpenAI trained on, in [0, 1]; every CLIP of open_clip here takes the same."""


class VisionConfig(Config):
    """The image tower: a modified ResNet of four stages where `layers` are four, a ViT where it is one number."""

    size: Annotated[int, Field(ge=16, le=1024)]
    """The side in pixels of the square that pictures are brought to."""
    layers: Annotated[int, Field(ge=1, le=64)] | tuple[Count, Count, Count, Count]
    width: Annotated[int, Field(ge=4, le=4096)]
    patch: Annotated[int, Field(ge=2, le=64)] = 16
    """Of a ViT."""
    head: Annotated[int, Field(ge=8, le=256)] = 64
    """Channels of one attention head."""

    @model_validator(mode="after")
    def _fits(self) -> "VisionConfig":
        if isinstance(self.layers, tuple) and self.size % 32:
            raise ValueError(f"size is {self.size}; a ResNet halves it five times, use a multiple of 32")
        if isinstance(self.layers, int) and (self.size % self.patch or self.width % self.head):
            raise ValueError(
                f"patch {self.patch} has to divide size {self.size}, and head {self.head} width {self.width}"
            )
        return self


class TextConfig(Config):
    """The text tower, a transformer over at most `context` tokens."""

    context: Annotated[int, Field(ge=8, le=512)] = 77
    width: Annotated[int, Field(ge=8, le=4096)]
    heads: Count
    layers: Annotated[int, Field(ge=1, le=64)]


class ClipConfig(Config):
    """config.json of a CLIP's folder."""

    format: Annotated[int, Field(ge=1, le=CLIP_FORMAT)] = CLIP_FORMAT
    kind: Literal["clip"] = "clip"
    name: str
    dim: Annotated[int, Field(ge=2, le=8192)]
    """Numbers of an embedding."""
    vision: VisionConfig
    text: TextConfig
    quick_gelu: bool = False
    """OpenAI's own approximation of GELU, x sigmoid(1.702 x)."""
    scale: Positive = 1 / 0.07
    """What cosines are multiplied by at the start of a training; the trained value is in the weights."""
    words: tuple[str, ...] = ()
    """All the words it was taught, those that tell something first; empty for the whole table of tokens."""
    licence: str = ""
    source: str = ""
    figures: dict[str, float] = Field(default_factory=dict)
    """Zero-shot accuracy on held-out pictures."""
