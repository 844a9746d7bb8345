"""What a stored model says of itself."""

from typing import Any, Self

from pydantic import Field, model_validator

from translate.config.base import Config
from translate.config.data import IGNORE_INDEX, DataConfig
from translate.config.faces import Alignment
from translate.config.networks import Generator, GeneratorConfig, LatentConfig, as_latent, as_translator

FORMAT_VERSION = 1


class ClassSpec(Config):
    """One class of a label map: its name and the colour it is drawn in."""

    name: str
    color: tuple[int, int, int]

    @model_validator(mode="after")
    def _bytes(self) -> Self:
        if not all(0 <= c <= 255 for c in self.color):
            raise ValueError(f"colour {self.color} of class {self.name!r} is outside 0..255")
        return self


class HoldOut(Config):
    """Which pairs a training kept apart, so that a later evaluation can score on exactly those."""

    seed: int
    names: tuple[str, ...]


class ModelConfig(Config):
    """What a stored model says of itself (config.json): enough to rebuild, apply, show and score it."""

    format: int = FORMAT_VERSION
    name: str
    kind: str = "pix2pix"
    title: str = ""
    description: str = ""
    generator: Generator
    data: DataConfig = DataConfig()
    classes: tuple[ClassSpec, ...] = ()
    """Of a label map."""
    input_classes: tuple[ClassSpec, ...] = ()
    """Of the input where that is a label map: it is drawn in their colours."""
    labels: tuple[str, ...] = ()
    """What a generator from noise can be asked for, in the order of its classes."""
    alignment: Alignment | None = None
    """Of a model of faces: how a photo is cut for it."""
    held_out: HoldOut | None = None
    preset: str = ""
    step: int = 0
    metrics: dict[str, float] = Field(default_factory=dict)
    measured: str = ""
    """How `metrics` came about: scale, how many pictures, for distances the feature space."""
    licence: str = ""

    @model_validator(mode="before")
    @classmethod
    def _known(cls, values: Any) -> Any:
        # Before all else: what a later version writes may have parts that this one knows nothing of.
        found = values.get("format") if isinstance(values, dict) else None
        if isinstance(found, int) and found > FORMAT_VERSION:
            raise ValueError(f"format {found} is newer than this program reads; update translate")
        return values

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        network = self.generator
        if isinstance(network, LatentConfig):
            if len(self.labels) != network.classes:
                raise ValueError(f"{len(self.labels)} labels are named but the generator knows {network.classes}")
        elif network.head == "labels" and len(self.classes) != network.out_channels:
            raise ValueError(f"{len(self.classes)} classes are named but the head has {network.out_channels}")
        check_detail(network, self.data)
        if self.input_classes:
            check_input_classes(len(self.input_classes), network, self.data)
        return self

    @property
    def translator(self) -> GeneratorConfig:
        """The generator of a model that translates.

        Raises: ConfigError where it makes pictures of noise.
        """
        return as_translator(self.generator, self.name)

    @property
    def latent(self) -> LatentConfig:
        """The generator of a model that starts from noise.

        Raises: ConfigError where it translates.
        """
        return as_latent(self.generator, self.name)


def check_input_classes(count: int, network: Generator, data: DataConfig) -> None:
    if count > IGNORE_INDEX:
        raise ValueError(f"{count} input_classes are named; at most {IGNORE_INDEX} are possible")
    if isinstance(network, LatentConfig) or network.in_channels != 3:
        raise ValueError("input_classes are drawn in colours: they need a generator that takes 3 channels")
    if data.keep_detail:
        raise ValueError("data.keep_detail adds a photo's own detail, and the input is a map of input_classes")


def check_detail(network: Generator, data: DataConfig) -> None:
    if data.keep_detail and isinstance(network, LatentConfig):
        raise ValueError("data.keep_detail adds a photo's own detail, and this generator starts from noise")
    if isinstance(network, LatentConfig):
        return
    if data.keep_detail and (network.head != "image" or network.in_channels != network.out_channels):
        raise ValueError(
            "data.keep_detail adds the photo's own detail to the result: it needs an image head and as many channels "
            "out as in"
        )
