"""Everything a training depends on beside its data: optimizers, what keeps the game stable, how long, how often."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from translate.config.base import Config, Count, NonNegative, Positive, Probability, Share
from translate.config.data import DataConfig
from translate.config.models import check_detail
from translate.config.networks import (
    DiscriminatorConfig,
    Generator,
    GeneratorConfig,
    LatentConfig,
    as_latent,
    as_translator,
)
from translate.config.objectives import GANConfig, Objective, Pix2PixConfig
from translate.config.stability import StabilityConfig

Precision = Literal["auto", "fp32", "bf16"]
Optimizer = Literal["adam", "adamw", "rmsprop", "sgd"]


class OptimConfig(Config):
    """One optimizer's settings and the schedule all players share."""

    lr: Positive = 2e-4
    disc_lr: Positive = 2e-4
    optimizer: Optimizer = "adam"
    disc_optimizer: Optimizer | None = None
    """The discriminator's, where it is another."""
    betas: tuple[Probability, Probability] = (0.5, 0.999)
    """Of Adam; the first is also the momentum of SGD, and the second the decay of RMSprop, which has no momentum."""
    weight_decay: NonNegative = 0.0
    schedule: Literal["constant", "linear", "cosine", "step", "plateau"] = "linear"
    warmup: Annotated[int, Field(ge=0)] = 0
    decay_from: Share = 0.5
    """linear: share of the steps after which the rate falls to zero; step: divided by 10 there and half-way on."""
    clip: NonNegative = 0.0
    """Largest gradient norm; 0 leaves gradients alone."""


class TrainConfig(Config):
    """Everything a training run depends on beside its data folder."""

    preset: str
    generator: Generator = GeneratorConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    objective: Objective = Pix2PixConfig()
    data: DataConfig = DataConfig()
    optim: OptimConfig = OptimConfig()
    stability: StabilityConfig = StabilityConfig()
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
        check_detail(self.generator, self.data)
        terms, stability = self.objective, self.stability
        if stability.gradient_penalty and self.discriminator.norm == "batch":
            raise ValueError(
                "stability.gradient_penalty asks for each picture's own gradient, and batch norm ties the pictures of "
                "a batch together: set discriminator.norm to instance or none"
            )
        if isinstance(terms, Pix2PixConfig) and terms.conditional and "colour" in stability.augment:
            raise ValueError(
                "stability.augment: colour would change input and output as one picture; use translation and cutout, "
                "or set objective.conditional=false"
            )
        if stability.adaptive and not stability.augment:
            raise ValueError("stability.adaptive says how often to augment; name what to do in stability.augment")
        self._check_players()
        return self

    def _check_players(self) -> None:
        """Generator, discriminator and data that are for each other."""
        network, judge, is_gan = self.generator, self.discriminator.kind, isinstance(self.objective, GANConfig)
        if is_gan != isinstance(network, LatentConfig):
            starts = "noise" if is_gan else "pictures"
            raise ValueError(
                f"objective.method {self.method} starts from {starts}, generator.kind {network.kind} does not"
            )
        if (judge == "mlp") != (network.kind == "mlp") or (judge in ("dcgan", "stylegan2") and not is_gan):
            raise ValueError(f"discriminator.kind {judge} does not judge what generator.kind {network.kind} makes")
        if (self.data.mixture is not None) != (network.kind == "mlp"):
            raise ValueError("data.mixture and generator.kind mlp go together: both are points")
        if network.kind == "mlp" and self.stability.augment:
            raise ValueError("stability.augment is for pictures; points have none of what it changes")
        terms = self.objective
        if isinstance(terms, GANConfig) and terms.condition != "none" and judge not in ("dcgan", "mlp"):
            raise ValueError(f"discriminator.kind {judge} knows no classes; use dcgan, or objective.condition none")
        if isinstance(terms, GANConfig) and (terms.path_length or terms.mixing) and network.kind != "stylegan2":
            raise ValueError(
                f"objective.path_length and .mixing are of styles, and {network.kind} has none: set both to 0"
            )

    @property
    def translator(self) -> GeneratorConfig:
        """The generator of a method that translates.

        Raises: ConfigError where it makes pictures of noise.
        """
        return as_translator(self.generator, self.preset)

    @property
    def latent(self) -> LatentConfig:
        """The generator of a method that starts from noise.

        Raises: ConfigError where it translates.
        """
        return as_latent(self.generator, self.preset)

    @property
    def method(self) -> str:
        """The method that learns: whose objective this is."""
        return self.objective.method
