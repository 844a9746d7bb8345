"""Small pictures and folders of pairs, drawn by the tests themselves."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Array = np.ndarray[Any, Any]
Draw = Callable[..., Path]


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """Write a picture below tmp_path: random colours by seed, or the given array; folders are made."""

    def write(name: str, array: Array | None = None, *, size: tuple[int, int] = (24, 32), seed: int = 0) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if array is None:
            array = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
        Image.fromarray(array).save(path)
        return path

    return write


@pytest.fixture
def pairs(draw: Draw, tmp_path: Path) -> Callable[..., Path]:
    """Write `count` pairs of pictures into two folders of tmp_path, and return tmp_path."""

    def write(a: str, b: str, count: int = 5, size: tuple[int, int] = (24, 32)) -> Path:
        for i in range(count):
            draw(f"{a}/{i}.png", size=size, seed=i)
            draw(f"{b}/{i}.png", size=size, seed=100 + i)
        return tmp_path

    return write


@pytest.fixture
def labelled(draw: Draw, tmp_path: Path) -> Callable[..., Path]:
    """Write pictures and index maps of `count` classes with a classes.json; void is index 9."""

    def write(count: int = 3, names: int = 6, size: tuple[int, int] = (24, 32), folder: str = "") -> Path:
        for i in range(names):
            index = np.random.default_rng(i).integers(0, count, size, np.uint8)
            index[0, 0] = 9
            draw(f"{folder}images/{i}.jpg", size=size, seed=i)
            draw(f"{folder}labels/{i}.png", index)
        classes = [{"index": i, "name": f"c{i}", "color": [40 * i, 0, 200]} for i in range(count)]
        (tmp_path / "classes.json").write_text(json.dumps({"ignore_index": 9, "classes": classes}))
        return tmp_path

    return write
