"""A procedural set: aerial photos and their maps in six classes, made from nothing but a seed.

What is where (and so the label map) is drawn from one random stream and the fine texture from another; the first knows
nothing of pixels, so a seed is the same place at every resolution. A picture that isn't square shows the middle of the
square place. All is drawn at twice the resolution and averaged, as a lens and a sensor would.
"""

import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.random import default_rng
from PIL import Image

from translate import images
from translate.config import IGNORE_INDEX, ClassSpec
from translate.data import settlement, terrain
from translate.data.terrain import HOUSE, TREE, WATER, Array, Scene, step
from translate.errors import DatasetError

CLASSES = tuple(
    ClassSpec(name=name, color=color)
    for name, color in (
        ("ground", (196, 214, 150)),
        ("road", (96, 96, 104)),
        ("house", (206, 84, 62)),
        ("water", (88, 148, 214)),
        ("tree", (52, 122, 64)),
        ("field", (232, 200, 116)),
    )
)
"""In the order of their indices."""

OVERSAMPLING = 2
VALIDATION_SHARE = 0.2


def scene(seed: int, height: int, width: int) -> tuple[Array, Array]:
    """An aerial photo and its label map; the same seed is the same place at any size.

    Shape: (height, width, 3) uint8 RGB and (height, width) uint8 indices of CLASSES.
    """
    layout, texture = (default_rng([seed, stream]) for stream in (0, 1))
    place = Scene(height * OVERSAMPLING, width * OVERSAMPLING, layout, texture)
    wood = terrain.land(place)
    shore = terrain.water(place)
    roads = terrain.roads(place, shore)
    settlement.houses(place, roads)
    settlement.cars(place, roads)
    settlement.trees(place, wood, shore)
    photo = _expose(place, _light(place), height, width)
    return photo, np.ascontiguousarray(place.label[::OVERSAMPLING, ::OVERSAMPLING])


def _light(place: Scene) -> list[Array]:
    """Sunlight by the slope of the relief and by what stands in its way, and skylight. Shape: three of (H, W)."""
    rng = place.layout
    azimuth, elevation = rng.random() * 2 * math.pi, math.radians(rng.uniform(34, 56))
    east, south, up = (
        math.cos(azimuth) * math.cos(elevation),
        math.sin(azimuth) * math.cos(elevation),
        math.sin(elevation),
    )
    leaves = place.label == TREE
    rough = place.relief + place.bumps + np.where(leaves, np.float32(0.35), 0) * place.grain
    roofs = place.label == HOUSE
    gx, gy = (
        np.where(roofs, place.slope[k], np.clip(cv2.Sobel(rough, cv2.CV_32F, 1 - k, k, scale=place.scale / 8), -1, 1))
        for k in (0, 1)
    )
    facing = np.float32(up) - gx * np.float32(east) - gy * np.float32(south)
    facing = np.maximum(facing / np.sqrt(1 + gx * gx + gy * gy), 0) * np.float32(1 / up)
    sun = facing * (1 - _shadow(place, azimuth, math.tan(elevation)))
    sun += np.where(place.label == WATER, np.maximum(sun - 1.1, 0) * np.float32(1.5), 0)  # glitter
    return [sun * np.float32(warm) + np.float32(sky) for warm, sky in ((0.70, 0.37), (0.665, 0.40), (0.60, 0.45))]


def _shadow(place: Scene, azimuth: float, slope: float) -> Array:
    """How deep each point lies in shadow, 0..1: the relief is moved away from the sun, sinking as it goes."""
    stride = max(1.0, place.scale * 0.55)
    roof = place.relief.copy()
    tallest = float(place.relief.max())
    for k in range(1, int(tallest / slope * place.scale / stride) + 1):
        dx, dy = (round(-k * stride * f(azimuth)) for f in (math.cos, math.sin))
        to, of = _shifted(place.height, dy), _shifted(place.width, dx)
        sunk = place.relief[to[1], of[1]] - np.float32(k * stride / place.scale * slope)
        np.maximum(roof[to[0], of[0]], sunk, out=roof[to[0], of[0]])
    return step(0.15, 0.9, roof - place.relief)


def _shifted(length: int, by: int) -> tuple[slice, slice]:
    """Where a row of pixels moved by `by` lands, and where it comes from."""
    return slice(max(by, 0), max(length + min(by, 0), 0)), slice(max(-by, 0), max(length - max(by, 0), 0))


def _expose(place: Scene, light: list[Array], height: int, width: int) -> Array:
    """What a camera makes of it: haze, a tint, a soft lens, sensor noise. Shape: (height, width, 3) uint8."""
    rng = place.layout
    gain, haze = rng.uniform(0.95, 1.12) * (1 + rng.normal(0, 0.02, 3)), rng.uniform(0, 16)
    planes = [
        cv2.resize(plane * lit, (width, height), interpolation=cv2.INTER_AREA)
        for plane, lit in zip(place.albedo, light, strict=True)
    ]
    photo = cv2.GaussianBlur(cv2.merge(planes), (3, 3), 0.45)
    photo = photo * (gain * (1 - haze / 255)).astype(np.float32) + np.float32(haze)
    photo += 2.2 * place.texture.standard_normal(photo.shape, np.float32)
    return np.clip(photo + 0.5, 0, 255).astype(np.uint8)


def write(
    folder: str | Path, count: int, size: int = 256, seed: int = 0, progress: Callable[[int], object] | None = None
) -> None:
    """Write `count` pairs into train/ and val/, each with images/ and labels/, and classes.json beside them.

    A fifth goes to val/ (at least one where there are two). A stopped call, made again, goes on where it stopped.
    `progress` is told after each pair how many are there.
    Raises: DatasetError for sizes out of range, or a folder with something else in it.
    """
    folder = Path(folder)
    if count < 1 or not 16 <= size <= 4096 or seed < 0:
        raise DatasetError(f"{count} pictures of {size} pixels, seed {seed}: give 1 or more, 16 to 4096, 0 or more")
    recipe = {"count": count, "size": size, "seed": seed}
    _claim(folder, recipe)
    held_out = max(int(count * VALIDATION_SHARE), 1) if count > 1 else 0
    palette = [spec.color for spec in CLASSES]
    for index in range(count):
        split = "val" if index >= count - held_out else "train"
        photo_file = folder / split / "images" / f"{index:05d}.png"
        label_file = folder / split / "labels" / photo_file.name
        if not label_file.exists():  # written last
            photo, labels = scene(seed * 1_000_003 + index, size, size)
            images.save(Image.fromarray(photo), photo_file)
            images.save(images.labels_to_pil(labels, palette), label_file)
        if progress is not None:
            progress(index + 1)


def _claim(folder: Path, recipe: dict[str, int]) -> None:
    """Make the folder, or make sure that it's the same set, begun earlier."""
    file = folder / "classes.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(not path.name.startswith(".") for path in folder.iterdir()):
            if not file.is_file():
                raise DatasetError(f"{folder}: holds something else; name an empty folder")
            found = json.loads(file.read_text(encoding="utf-8")).get("synthetic")
            if found != recipe:
                raise DatasetError(f"{folder}: holds another set ({found}); name an empty folder")
            return
        classes = [{"index": k, "name": spec.name, "color": list(spec.color)} for k, spec in enumerate(CLASSES)]
        text = json.dumps({"ignore_index": IGNORE_INDEX, "classes": classes, "synthetic": recipe}, indent=1)
        partial = folder / ".classes.part"
        partial.write_text(text + "\n", encoding="utf-8")
        os.replace(partial, file)
    except (OSError, ValueError, AttributeError) as error:
        raise DatasetError(f"{folder}: can't be used ({error}); name an empty folder") from None
