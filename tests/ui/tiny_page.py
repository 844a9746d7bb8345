"""What the page's tests are made of: two tiny models, drawn photos, and the running page's address."""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from PIL import Image

from tests import tiny_faces
from tests.clip_models import tiny_config
from translate.checkpoints import save_model
from translate.config import ClassSpec, DataConfig, GeneratorConfig, ModelConfig
from translate.networks import build_generator
from translate.networks.clip import build_clip
from translate.stopping import Cancelled
from translate.ui.editors import Editors
from translate.ui.models import Models
from translate.ui.settings import Settings

CLASSES = tuple(
    ClassSpec(name=name, color=color)
    for name, color in (("ground", (90, 160, 70)), ("road & path", (200, 60, 60)), ("water", (40, 90, 220)))
)


@dataclass(frozen=True)
class Served:
    """The running page, its address, its folder of models, and a photo to upload."""

    page: Any
    url: str
    home: Path
    photo: Path


class TinyEditors(Editors):
    """Only the tiny model of faces is offered, whatever else this machine has."""

    def choices(self) -> list[tuple[str, str]]:
        return [(title, name) for title, name in super().choices() if name.startswith("tiny-")]


class TinyModels(Models):
    """Only the tiny models are offered, whatever else this machine has."""

    def __init__(self) -> None:
        super().__init__()
        self.editors = TinyEditors("cpu")

    def choices(self) -> list[tuple[str, str]]:
        return [(title, name) for title, name in super().choices() if name.startswith("tiny-")]


def until_cancelled(cancelled: Callable[[], bool]) -> NoReturn:
    """Work that lasts a minute unless it is cancelled."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        time.sleep(0.05)
        if cancelled():
            raise Cancelled("stopped")
    raise AssertionError("nobody cancelled")


def draw(height: int, width: int, seed: int = 0) -> Image.Image:
    """A photo of soft blobs, the same for the same seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def save_faces(folder: Path) -> None:
    """Write an untrained StyleGAN2 with a discriminator and a CLIP, which knows every word and understands none."""
    tiny_faces.model(folder)
    small = tiny_config("tiny-clip", words=())
    config = small.model_copy(update={"text": small.text.model_copy(update={"context": 32})})
    save_model(folder / "clip", build_clip(config, 3), config, half=True)


def save_tiny(folder: Path, head: str, **facts: object) -> None:
    """Write an untrained U-Net that gives varied output."""
    labels = head == "labels"
    config = ModelConfig.model_validate(
        {
            "name": folder.name,
            "generator": GeneratorConfig(
                filters=4, depth=2, out_channels=len(CLASSES) if labels else 3, dropout=0.0, head=head
            ),
            "data": DataConfig(size=64, crop=64, load_size=64),
            "classes": CLASSES if labels else (),
        }
        | facts
    )
    torch.manual_seed(1)
    generator = build_generator(config.generator)
    for parameter in generator.parameters():
        if parameter.ndim > 1:  # larger than at the start of a training, so that every class appears
            torch.nn.init.normal_(parameter, std=0.3)
    save_model(folder, generator, config)


def free() -> int:
    """A port that nobody listens on; two test processes must not want the same one."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def start(home: Path, settings: Settings | None = None) -> Any:
    """One more page of the models in `home`, served from this process; close it."""
    from translate.ui.app import launch

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRANSLATE_HOME", str(home))
        return launch(TinyModels(), settings, port=free(), wait=False)
