"""What a person asks for when training: a preset that fits the data, and the few settings that most change."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translate.config import Direction, TrainConfig
from translate.data.survey import Task
from translate.errors import ConfigError
from translate.presets import PRESETS, preset, scaled

RECOMMENDED: dict[Task, str] = {"labels": "segmentation", "pictures": "pix2pix-fast", "unpaired": "cyclegan-fast"}
"""What suits a small machine and most data."""
SMALLEST, LARGEST = 32, 1024
"""Pixels; a PatchGAN needs 24 of a crop."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A training to be: None leaves a setting to the preset."""

    preset: str
    data: Path
    size: int | None = None
    steps: int | None = None
    batch_size: int | None = None
    direction: Direction = "AtoB"

    def config(self, classes: int = 0) -> TrainConfig:
        """The settings, for so many classes of the target.

        Raises: ConfigError naming the setting that can't be.
        """
        config = preset(self.preset)
        if self.size is not None and not SMALLEST <= self.size <= LARGEST:
            raise ConfigError(f"size is {self.size}; give {SMALLEST} to {LARGEST} pixels")
        changes: dict[str, Any] = scaled(config, self.size) if self.size is not None else {}
        changes |= {"steps": self.steps} if self.steps is not None else {}
        changes |= {"batch_size": self.batch_size} if self.batch_size is not None else {}
        if classes and config.translator.head == "labels":
            changes["generator.out_channels"] = classes
        if config.method != "cyclegan":  # which learns both
            changes["data.direction"] = self.direction
        return config.replace(**changes)

    def words(self) -> list[str]:
        """The same for `translate train`.

        Raises: ConfigError naming the setting that can't be.
        """
        config = self.config()
        options = {"size": self.size, "steps": self.steps, "batch-size": self.batch_size}
        words = [self.preset, f"--data={self.data.absolute()}"]
        words += [f"--{name}={value}" for name, value in options.items() if value is not None]
        return words if config.method == "cyclegan" else [*words, f"--direction={self.direction}"]


def fitting(task: Task) -> list[str]:
    """The presets that learn this, the recommended one first."""
    fits = [name for name in PRESETS if _task(PRESETS[name]()) == task]
    return sorted(fits, key=lambda name: name != RECOMMENDED[task])


def about(name: str) -> str:
    """A preset in one sentence."""
    return (PRESETS[name].__doc__ or "").strip().splitlines()[0]


def _task(config: TrainConfig) -> Task | None:
    if config.method == "gan":
        return None
    if config.method != "pix2pix":
        return "unpaired"
    return "labels" if config.translator.head == "labels" else "pictures"
