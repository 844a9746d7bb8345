"""Tiny models with a known answer."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from translate.checkpoints import save_model
from translate.config import ClassSpec, DataConfig, GeneratorConfig, ModelConfig
from translate.inference.translator import Translator
from translate.networks import build_generator

CLASSES = (ClassSpec(name="road", color=(10, 20, 30)), ClassSpec(name="sky", color=(200, 100, 50)))


class Spy(nn.Module):
    """Computes `function` and remembers the shapes it was given."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.shapes.append(tuple(x.shape))
        return self.function(x)


def picture_config(*, channels: int = 3, out_channels: int | None = None, size: int = 16) -> ModelConfig:
    generator = GeneratorConfig(in_channels=channels, out_channels=out_channels or channels, filters=4, depth=2)
    return ModelConfig(name="tiny", generator=generator, data=DataConfig(size=size, load_size=size, crop=size))


def label_config(*, size: int = 16) -> ModelConfig:
    generator = GeneratorConfig(out_channels=len(CLASSES), filters=4, depth=2, head="labels")
    data = DataConfig(size=size, load_size=size, crop=size)
    return ModelConfig(name="tiny", generator=generator, data=data, classes=CLASSES)


@pytest.fixture
def identity() -> Translator:
    """Gives every photo back; trained at 16 x 16."""
    return Translator(Spy(lambda x: x), picture_config(), device="cpu", precision="fp32")


@pytest.fixture
def bright_is_sky() -> Translator:
    """A label model: class 1 (sky) where red is above the middle, else class 0 (road)."""
    logits = Spy(lambda x: torch.cat([-x[:, :1], x[:, :1]], dim=1))
    return Translator(logits, label_config(), device="cpu", precision="fp32")


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """The folder of a tiny U-Net with random weights."""
    config = picture_config()
    torch.manual_seed(0)
    save_model(tmp_path / "models" / "tiny", build_generator(config.generator), config)
    return tmp_path / "models" / "tiny"
