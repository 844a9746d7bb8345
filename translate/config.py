"""Validated, frozen settings of models and trainings; presets are functions that return them (presets.py)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from translate.errors import ConfigError

IGNORE_INDEX = 255
"""The label value that no loss and no metric looks at (void, unlabelled)."""

FORMAT_VERSION = 1

Norm = Literal["batch", "instance", "picture", "none"]
Direction = Literal["AtoB", "BtoA"]
Precision = Literal["auto", "fp32", "bf16"]
Adversarial = Literal[
    "vanilla", "minimax", "margin", "lsgan", "hinge", "wgan", "relativistic", "contrastive", "contrastive-ns",
    "kl", "reverse-kl", "pearson", "hellinger", "jensen-shannon", "gan",
    "kl-ns", "reverse-kl-ns", "pearson-ns", "hellinger-ns", "jensen-shannon-ns", "gan-ns",
]  # fmt: skip
Augmentation = Literal["colour", "translation", "cutout"]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class Config(BaseModel):
    """Base of all settings: unknown names are refused, values never change after validation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def replace(self, **changes: Any) -> Self:
        """A validated copy with `changes`; a dotted key ("data.crop") reaches into a nested config.

        Raises: ConfigError naming field, value and allowed range.
        """
        merged = self.model_dump()
        for dotted, value in changes.items():
            *parents, leaf = dotted.split(".")
            node: Any = merged
            for parent in parents:
                node = node.get(parent) if isinstance(node, dict) else None
            if not isinstance(node, dict) or leaf not in node:
                raise ConfigError(f"{dotted}: no such setting; known here: {', '.join(sorted(_dotted(merged)))}")
            node[leaf] = value
        return parse(type(self), merged)


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
    blocks: Annotated[int, Field(ge=0, le=64)] = 9
    """ResNet: number of residual blocks."""
    norm: Norm = "batch"
    dropout: Probability = 0.5
    upsample: Literal["transposed", "resize"] = "transposed"
    head: Literal["image", "labels"] = "image"
    shortcut: bool = False
    """The output starts as the input and the network learns what to change, against inverted colours."""

    @model_validator(mode="after")
    def _shortcut_fits(self) -> Self:
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
    class_balance: Annotated[float, Field(ge=0, le=1)] = 0.0
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
    feature_cycle: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the cycle term that compares the discriminator's features instead of pixels (Wang and Lin 2018): a
    generator that must not keep every pixel can change more than colours."""
    pool: Annotated[int, Field(ge=0, le=10_000)] = 50
    """Earlier translations the discriminators are shown; 0 shows only the newest."""
    augment: tuple[Augmentation, ...] = ()
    """Differentiable augmentation of all that the discriminators see (Zhao 2020), for small sets."""


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
    augment: tuple[Augmentation, ...] = ()


Objective = Annotated[Pix2PixConfig | CycleGANConfig | CUTConfig, Field(discriminator="method")]


class DataConfig(Config):
    """How pairs are brought to scale, cropped and augmented.

    `size` is the scale a model sees: the side in pixels of the square that has the area of a whole photo.
    """

    direction: Direction = "AtoB"
    target: Literal["auto", "image", "labels"] = "auto"
    fit: Literal["square", "keep", "native"] = "square"
    """Bring a pair to `size`: squashed to a square, keeping its shape at that area, or left as it is."""
    size: Count = 256
    load_size: Count = 286
    """Training only: the size a pair is brought to by `fit` before the random crop. Where `fit` is keep and the shorter
    side would be below `crop`, the pair is enlarged until it is `crop`."""
    crop: Count = 256
    """Training only: the side in pixels of the square a sample is cut to. Where `fit` is native and `zoom` is None it
    is cut from the stored pixels, and a smaller picture is refused."""
    zoom: tuple[float, float] | None = None
    """Training only: instead of `load_size`, cut a window with a random share of the stored picture's area in this
    range and resize it to `crop` x `crop`. Where `fit` is square the window has the picture's own shape (and is
    squashed as the whole picture is), else it is square; a window that would stick out is shrunk."""
    aspect: tuple[float, float] = (0.75, 1.3333)
    """Range of the factor by which the width / height of a `zoom` window differs from that shape; (1, 1) keeps it."""
    flip: bool = True
    turn: bool = False
    """Right-angle turns and both flips, all eight as likely; for pictures taken from above."""
    colour: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Jitter of the input picture alone: brightness, contrast and saturation by a factor of 1 +- `colour`, hue by a
    quarter of `colour` of the circle. 8-bit gray or RGB inputs only."""
    batch_augment: bool = False
    """Further flips, rotations and scalings of the whole batch on the accelerator (kornia)."""
    balance: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Unpaired training only: 0 draws each picture of a domain equally often, 1 each of its subfolders."""
    holdout: Annotated[float, Field(gt=0)] = 0.1
    """Pairs, or pictures of each domain, held out for validation where there is no val split: a share below 1, a
    number from 1 on."""
    keep_detail: bool = False
    """Applying only: add to the result what scaling took from the photo, its detail finer than the model sees. For
    translations that keep the scene, as horse to zebra does; input and output need the same channels."""
    cache_mb: Annotated[int, Field(ge=0)] = 1024
    """Decoded pictures kept in memory, in MiB."""

    @model_validator(mode="after")
    def _crop_fits(self) -> Self:
        if self.zoom is None and self.fit != "native" and self.crop > self.load_size:
            raise ValueError(
                f"crop {self.crop} is larger than load_size {self.load_size}; raise load_size or lower crop"
            )
        for name in ("zoom", "aspect"):
            pair = getattr(self, name)
            if pair is not None and not 0 < pair[0] <= pair[1]:
                raise ValueError(f"{name} is {pair}; it needs 0 < low <= high")
        if self.zoom is not None and self.zoom[1] > 1:
            raise ValueError(f"zoom is {self.zoom}; a crop can't be larger than the picture, keep it within (0, 1]")
        return self


class OptimConfig(Config):
    """One optimizer's settings and the schedule all players share."""

    lr: Positive = 2e-4
    disc_lr: Positive = 2e-4
    optimizer: Literal["adam", "adamw"] = "adam"
    betas: tuple[Probability, Probability] = (0.5, 0.999)
    weight_decay: NonNegative = 0.0
    schedule: Literal["constant", "linear", "cosine", "step", "plateau"] = "linear"
    warmup: Annotated[int, Field(ge=0)] = 0
    decay_from: Annotated[float, Field(ge=0, le=1)] = 0.5
    """linear: share of the steps after which the rate falls to zero; step: divided by 10 there and half-way on."""
    clip: NonNegative = 0.0
    """Largest gradient norm; 0 leaves gradients alone."""


class TrainConfig(Config):
    """Everything a training run depends on beside its data folder."""

    preset: str
    generator: GeneratorConfig = GeneratorConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    objective: Objective = Pix2PixConfig()
    data: DataConfig = DataConfig()
    optim: OptimConfig = OptimConfig()
    steps: Count = 20_000
    batch_size: Count = 1
    accumulate: Count = 1
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    precision: Precision = "auto"
    channels_last: bool = True
    compile: bool = False
    workers: Annotated[int, Field(ge=0, le=64)] = 1
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay of the generator's moving average; 0 is off. It is warmed up: min(ema, (1 + step) / (10 + step))."""
    log_every: Count = 20
    validate_every: Count = 1000
    sample_every: Count = 1000
    save_every: Count = 1000
    samples: Annotated[int, Field(ge=1, le=64)] = 4
    features: str = "auto"
    """Without pairs: the feature space that validation measures in, by name or as the folder of one's own extractor."""
    patience: Annotated[int, Field(ge=0)] = 0
    """Stop after this many validations without a better figure; 0 never stops early."""

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        _check_detail(self.generator, self.data)
        return self

    @property
    def method(self) -> str:
        """The method that learns: whose objective this is."""
        return self.objective.method


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
    generator: GeneratorConfig
    data: DataConfig = DataConfig()
    classes: tuple[ClassSpec, ...] = ()
    held_out: HoldOut | None = None
    preset: str = ""
    step: int = 0
    metrics: dict[str, float] = {}
    measured: str = ""
    """How `metrics` came about: scale, how many pictures, for distances the feature space."""
    licence: str = ""

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        labels = self.generator.head == "labels"
        if labels and len(self.classes) != self.generator.out_channels:
            raise ValueError(f"{len(self.classes)} classes are named but the head has {self.generator.out_channels}")
        _check_detail(self.generator, self.data)
        return self


def _check_detail(network: GeneratorConfig, data: DataConfig) -> None:
    if data.keep_detail and (network.head != "image" or network.in_channels != network.out_channels):
        raise ValueError(
            "data.keep_detail adds the photo's own detail to the result: it needs an image head and as many channels "
            "out as in"
        )


T = TypeVar("T", bound="Config")


def parse(kind: type[T], values: Mapping[str, Any]) -> T:
    """Validate `values` as a `kind`.

    Raises: ConfigError with one line: every field, what was found, what is allowed.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        lines = []
        for e in error.errors():
            where = ".".join(str(part) for part in e["loc"])
            message = e["msg"].removeprefix("Value error, ")
            # The input of a missing field is the whole object around it.
            found = "" if isinstance(e["input"], dict) else f" is {e['input']!r}"
            lines.append(f"{where}{found}: {message}" if where else message)
        raise ConfigError("; ".join(lines)) from None


def read(kind: type[T], path: Path) -> T:
    """Read a JSON file as a `kind`.

    Raises: ConfigError naming the file.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not a readable JSON file ({error})") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: holds a {type(values).__name__}, expected an object with settings")
    try:
        return parse(kind, values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _dotted(values: Mapping[str, Any], prefix: str = "") -> list[str]:
    names: list[str] = []
    for key, value in values.items():
        names += _dotted(value, f"{prefix}{key}.") if isinstance(value, dict) else [f"{prefix}{key}"]
    return names
