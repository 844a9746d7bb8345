"""Validated, frozen settings of models and trainings; presets are functions that return them (presets.py)."""

from translate.config.base import Config, Count, NonNegative, Positive, Probability, Share, parse, read
from translate.config.data import IGNORE_INDEX, DataConfig, Direction, Mixture
from translate.config.faces import ALIGNMENTS, POINTS, Alignment, EncoderConfig, JudgeConfig
from translate.config.models import FORMAT_VERSION, ClassSpec, HoldOut, ModelConfig
from translate.config.networks import DiscriminatorConfig, GeneratorConfig, LatentConfig, Norm
from translate.config.objectives import (
    Adversarial,
    CUTConfig,
    CycleGANConfig,
    GANConfig,
    Objective,
    Pix2PixConfig,
)
from translate.config.stability import Augmentation, Constraint, StabilityConfig
from translate.config.training import OptimConfig, Optimizer, Precision, TrainConfig

__all__ = [
    "ALIGNMENTS",
    "FORMAT_VERSION",
    "IGNORE_INDEX",
    "POINTS",
    "Adversarial",
    "Alignment",
    "Augmentation",
    "CUTConfig",
    "ClassSpec",
    "Config",
    "Constraint",
    "Count",
    "CycleGANConfig",
    "DataConfig",
    "Direction",
    "DiscriminatorConfig",
    "EncoderConfig",
    "GANConfig",
    "GeneratorConfig",
    "HoldOut",
    "JudgeConfig",
    "LatentConfig",
    "Mixture",
    "ModelConfig",
    "NonNegative",
    "Norm",
    "Objective",
    "OptimConfig",
    "Optimizer",
    "Pix2PixConfig",
    "Positive",
    "Precision",
    "Probability",
    "Share",
    "StabilityConfig",
    "TrainConfig",
    "parse",
    "read",
]
