import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from translate import checkpoints
from translate.config import ClassSpec, DataConfig, GeneratorConfig, ModelConfig
from translate.networks import build_generator

CLASSES = (
    ClassSpec(name="road", color=(128, 64, 128)),
    ClassSpec(name="tree", color=(107, 142, 35)),
    ClassSpec(name="sky", color=(70, 130, 180)),
)
VOID = 3
SIZE = 32


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[..., Path]:
    """Stores a small random model that sees SIZE x SIZE; returns its folder."""

    def make(head: str = "labels", name: str = "small", **changes) -> Path:
        torch.manual_seed(len(name))
        classes = CLASSES if head == "labels" else ()
        generator = GeneratorConfig(filters=4, max_filters=8, depth=3, head=head, out_channels=3)
        data = DataConfig(size=SIZE, crop=SIZE, load_size=SIZE)
        config = ModelConfig(name=name, generator=generator, data=data, classes=classes)
        network = build_generator(generator)
        # The usual small weights would give one class everywhere.
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, 0.0, 0.4)
        checkpoints.save_model(tmp_path / name, network, config.replace(**changes))
        return tmp_path / name

    return make


@pytest.fixture
def make_pairs(tmp_path: Path) -> Callable[..., Path]:
    """Writes photos with label maps (or pictures) into splits of a folder; returns the folder."""

    def make(
        splits: dict[str, int],
        truth: Callable[[np.ndarray], np.ndarray] | None = None,
        size: tuple[int, int] = (SIZE, SIZE),
        name: str = "data",
        classes: tuple[ClassSpec, ...] = CLASSES,
    ) -> Path:
        random = np.random.default_rng(0)
        root, number = tmp_path / name, 0
        for split, count in splits.items():
            images, labels = root / split / "images", root / split / "labels"
            images.mkdir(parents=True)
            labels.mkdir()
            for _ in range(count):
                small = Image.fromarray(random.integers(0, 256, (6, 5, 3), dtype=np.uint8))
                photo = np.asarray(small.resize((size[1], size[0]), Image.Resampling.BICUBIC))
                target = truth(photo) if truth else random.integers(0, len(classes), size, dtype=np.uint8)
                Image.fromarray(photo).save(images / f"{number:03}.png")
                Image.fromarray(target).save(labels / f"{number:03}.png")
                number += 1
        if target.ndim == 2:
            named = [{"index": i, "name": c.name, "color": list(c.color)} for i, c in enumerate(classes)]
            (root / "classes.json").write_text(json.dumps({"ignore_index": VOID, "classes": named}))
        return root

    return make
