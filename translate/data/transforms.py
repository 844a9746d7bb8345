"""Bringing a pair to scale, cropping and augmenting it, the same way on both sides (albumentations on the CPU)."""

import math
import os
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

# Without it, the import asks a server for a newer version.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
import albumentations as A
from albumentations.core.type_definitions import Targets

from translate import images
from translate.config import DataConfig
from translate.errors import ConfigError, DatasetError

Array = np.ndarray[Any, Any]
Box = tuple[int, int, int, int]
"""top, left, height, width."""


def resample(array: Array, height: int, width: int) -> Array:
    """Resize a picture bilinearly with antialiasing, or a label map (H, W) to the nearest pixel.

    Shape: (H, W, C) uint8 | uint16 | float32 or (H, W) uint8 -> (height, width[, C]), same type.
    """
    if array.shape[:2] == (height, width):
        return array
    if array.ndim == 2:
        return images.nearest(array, height, width)
    source = array if array.dtype == np.uint8 else array.astype(np.float32)
    planes = torch.from_numpy(np.ascontiguousarray(source))[None].permute(0, 3, 1, 2)  # channels last
    resized = F.interpolate(planes, (height, width), mode="bilinear", antialias=True)[0].permute(1, 2, 0).numpy()
    if array.dtype == np.uint16:
        resized = resized.round().clip(0, 65535)
    return np.ascontiguousarray(resized, dtype=array.dtype)


def fitted_size(height: int, width: int, size: int, fit: str) -> tuple[int, int]:
    """Height and width of a picture brought to `size`: a square, the same shape at that area, or as it is."""
    if fit == "native":
        return height, width
    if fit == "square":
        return size, size
    scale = size / math.sqrt(height * width)
    return max(1, round(height * scale)), max(1, round(width * scale))


class ZoomCrop(A.DualTransform):
    """Crop a random share of the area and resize it to a square: the scale and shape jitter of GoogLeNet's training.

    The window's width / height is `shape` times a draw from `aspect` (log-uniform), `shape` being the picture's own
    where `relative`, else 1. A window that would stick out is shrunk, keeping its shape.
    """

    _targets = (Targets.IMAGE, Targets.MASK)

    def __init__(
        self, size: int, zoom: tuple[float, float], aspect: tuple[float, float], relative: bool, p: float = 1.0
    ) -> None:
        super().__init__(p=p)
        self.size, self.zoom, self.aspect, self.relative = size, zoom, aspect, relative

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        height, width = params["shape"][:2]
        area = height * width * self.py_random.uniform(*self.zoom)
        ratio = math.exp(self.py_random.uniform(*(math.log(limit) for limit in self.aspect)))
        ratio *= width / height if self.relative else 1
        wide, high = math.sqrt(area * ratio), math.sqrt(area / ratio)
        shrink = min(1.0, width / wide, height / high)
        w, h = max(1, round(wide * shrink)), max(1, round(high * shrink))
        top, left = self.py_random.randint(0, height - h), self.py_random.randint(0, width - w)
        return {"box": (top, left, h, w)}

    def apply(self, img: Array, box: Box, **params: Any) -> Array:
        top, left, h, w = box
        return resample(img[top : top + h, left : left + w], self.size, self.size)

    def apply_to_mask(self, mask: Array, box: Box, **params: Any) -> Array:
        return self.apply(mask, box)

    def get_transform_init_args_names(self) -> tuple[str, ...]:
        return ("size", "zoom", "aspect", "relative")


class PairTransform:
    """Fit, crop and augment one pair of arrays; with `train=False` only the fit.

    Shape: a and b each (H, W, C), or labels (H, W); uint8 or uint16.
    Raises: DatasetError for a native picture smaller than the crop, ConfigError for colour jitter it can't do.
    """

    def __init__(self, config: DataConfig, *, train: bool) -> None:
        self.config, self.train = config, train
        self._steps = _Steps(config)

    def __call__(self, a: Array, b: Array, *, seed: tuple[int, ...]) -> tuple[Array, Array]:
        """The pair, changed by nothing but `seed`."""
        b = resample(b, *a.shape[:2])
        if not self.train:
            return fitted(a, self.config), fitted(b, self.config)
        a, b = self._steps.loaded(a), self._steps.loaded(b)
        words = np.random.SeedSequence(seed).generate_state(2)
        both = self._steps.geometry("mask" if b.ndim == 2 else "image")
        both.set_random_seed(int(words[0]))
        out = both(image=a, target=b)
        return self._steps.jittered(out["image"], int(words[1])), out["target"]


class PictureTransform:
    """Fit, crop and augment one picture as PairTransform does the input of a pair.

    Shape: (H, W, C) uint8 or uint16.
    Raises: as PairTransform.
    """

    def __init__(self, config: DataConfig, *, train: bool) -> None:
        self.config, self.train = config, train
        self._steps = _Steps(config)

    def __call__(self, array: Array, *, seed: tuple[int, ...]) -> Array:
        """The picture, changed by nothing but `seed`."""
        if not self.train:
            return fitted(array, self.config)
        words = np.random.SeedSequence(seed).generate_state(2)
        geometry = self._steps.geometry(None)
        geometry.set_random_seed(int(words[0]))
        return self._steps.jittered(geometry(image=self._steps.loaded(array))["image"], int(words[1]))


def fitted(array: Array, config: DataConfig) -> Array:
    """A picture or label map at the scale a model sees. Shape: (H, W[, C]) -> (H', W'[, C])."""
    height, width = fitted_size(array.shape[0], array.shape[1], config.size, config.fit)
    return resample(array, height, width)


class _Steps:
    """What a config asks for in training; the pipelines are built once, when first needed."""

    def __init__(self, config: DataConfig) -> None:
        self.config = config
        self._built: dict[str | None, A.Compose] = {}

    def loaded(self, array: Array) -> Array:
        """The array at the size it is cropped from."""
        c = self.config
        if c.zoom is not None:
            return array
        height, width = fitted_size(array.shape[0], array.shape[1], c.load_size, c.fit)
        if c.fit == "keep" and min(height, width) < c.crop:
            enlarge = c.crop / min(height, width)
            height, width = max(c.crop, round(height * enlarge)), max(c.crop, round(width * enlarge))
        if min(height, width) < c.crop:
            raise DatasetError(f"{width}x{height} pixels are fewer than the crop of {c.crop}")
        return resample(array, height, width)

    def geometry(self, kind: str | None) -> A.Compose:
        """What happens to every side; `kind` is how albumentations treats a target ("image", "mask")."""
        if kind not in self._built:
            c = self.config
            steps: list[Any] = [A.RandomCrop(c.crop, c.crop)]
            if c.zoom is not None:
                steps = [ZoomCrop(c.crop, c.zoom, c.aspect, c.fit == "square")]
            if c.turn:
                steps.append(A.D4(p=1.0))
            elif c.flip:
                steps.append(A.HorizontalFlip(p=0.5))
            self._built[kind] = A.Compose(steps, additional_targets={"target": kind} if kind else None)
        return self._built[kind]

    def jittered(self, array: Array, seed: int) -> Array:
        """The picture in changed colours, where the config says so."""
        strength = self.config.colour
        if not strength:
            return array
        if array.dtype != np.uint8 or array.shape[2:] not in ((1,), (3,)):
            found = "class indices" if array.ndim == 2 else f"{array.shape[2]} channels of {array.dtype}"
            raise ConfigError(f"colour is {strength}, but the input has {found}; it needs 8-bit RGB, set it to 0")
        if "colour" not in self._built:
            span = (1 - strength, 1 + strength)
            hue = (-strength / 4, strength / 4)
            jitter = A.ColorJitter(brightness=span, contrast=span, saturation=span, hue=hue, p=1.0)
            self._built["colour"] = A.Compose([jitter])
        self._built["colour"].set_random_seed(seed)
        coloured: Array = self._built["colour"](image=array)["image"]
        return coloured
