"""What keeps the game between generator and discriminator in balance; everything is off by default."""

from typing import Annotated, Literal

from pydantic import Field

from translate.config.base import Config, Count, NonNegative, Positive, Share

Augmentation = Literal["colour", "translation", "cutout"]
Constraint = Literal["none", "clip", "spectral", "orthonormal"]


class StabilityConfig(Config):
    """How the discriminator is held in check, what it is shown, and how often each player learns."""

    constraint: Constraint = "none"
    """clip: weights are clamped (Arjovsky 2017); spectral: divided by their spectral norm (Miyato 2018); orthonormal:
    made so by Bjorck's iteration (Anil 2019)."""
    clip: Positive = 0.01
    """Bound of each weight where `constraint` is clip."""
    gradient_penalty: NonNegative = 0.0
    """Weight of (|grad D| - 1)^2 between real and generated pictures (Gulrajani 2017, there 10)."""
    r1: NonNegative = 0.0
    """gamma of gamma / 2 |grad D|^2 on real pictures (Mescheder 2018, there 10)."""
    lazy: Count = 1
    """Penalties are taken every so many steps and count as many times as much (Karras 2020, there 16)."""
    n_critic: Count = 1
    """Steps of the discriminator for one of the generator (Arjovsky 2017, there 5). `steps` counts the former."""
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """Share by which real pictures count as generated for the discriminator, one-sided (Salimans 2016, there 0.1)."""
    label_noise: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """Probability that a real and a generated picture change places for the discriminator."""
    instance_noise: NonNegative = 0.0
    """Standard deviation, on the scale of [-1, 1], of the noise on all that the discriminator sees at the first step;
    it falls straight to zero at the share `noise_until` of the steps (Sonderby 2017)."""
    noise_until: Annotated[float, Field(gt=0, le=1)] = 1.0
    augment: tuple[Augmentation, ...] = ()
    """Differentiable augmentation of all that the discriminator sees (Zhao 2020), for small sets."""
    adaptive: Share = 0.0
    """Augment each picture with a probability that rises while more than this share of real pictures, less the others,
    is told from generated ones, and falls else (Karras 2020, there 0.6); 0 augments always."""
    adaptive_pictures: Count = 500_000
    """Pictures in which that probability can go from 0 to 1."""
