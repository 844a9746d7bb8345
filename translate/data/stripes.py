"""Zebra stripes drawn on photos of horses: pairs (striped, as it was) from which a network learns to take stripes off.

Unpaired training turns horses into zebras and hardly back: stripes are the photo's strongest edges, which skip
connections keep. Drawn pairs say what lies below them. The animal is found by what a horse-to-zebra model changes.
"""

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image
from scipy import ndimage

from translate.data.terrain import Array

SMALLEST, LARGEST = 0.05, 0.62
"""Shares of the picture within which a found body is believed."""
_GRAY = 20.0
"""Red above blue, on average over a body: a brown horse. What colour lies below stripes can't be seen, so that all
targets should be of one kind."""


def find_body(photo: Array, change: Array) -> Array | None:
    """Where the horse is, by what a model of zebras changes (GrabCut, Rother 2004); None where none is clear and brown.

    Shape: photo (H, W, 3) uint8 RGB, change (H, W) float, any unit -> (H, W) bool.
    """
    score, is_other = _score(photo, change)
    top = np.percentile(score, 99)
    marks = np.where(score > 0.35 * top, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    sure = (score > 0.7 * top) & (_centre(*score.shape) > 0.4)
    marks[sure] = cv2.GC_FGD
    marks[(is_other & (score < 0.5 * top)) | (score < 0.08 * top)] = cv2.GC_BGD
    marks[: round(0.06 * len(marks))] = cv2.GC_BGD
    if sure.sum() < 0.002 * sure.size or not (marks == cv2.GC_BGD).any():
        return None
    cv2.setRNGSeed(0)
    back, front = np.zeros((2, 1, 65))
    bgr = np.ascontiguousarray(photo[..., ::-1])
    cv2.grabCut(bgr, marks, (0, 0, 0, 0), back, front, 4, cv2.GC_INIT_WITH_MASK)
    body = _largest((marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD))
    return body if _is_horse(photo, body) else None


def draw_stripes(photo: Array, body: Array, rng: Generator) -> Array:
    """The photo with the body in stripes of a random width, course, contrast and light.

    Shape: photo (H, W, 3) uint8 RGB, body (H, W) bool -> (H, W, 3) uint8.
    """
    gray = photo.mean(axis=2)
    band = _bands(body, rng)[..., None]
    white = np.array([232.0, 228.0, 222.0]) * rng.uniform(0.62, 1.08) + rng.normal(0, 6, 3)
    if rng.random() < 0.3:  # dust and evening light
        white *= (1.0, 0.92, 0.8)
    black = np.array([28.0, 25.0, 24.0]) * rng.uniform(0.2, 2.4) + rng.normal(0, 4, 3)
    depth = rng.uniform(0.1, 0.6)
    light = 1 - depth + depth * 1.1 * _shading(gray, body, rng)[..., None]
    # Hair and dirt, without the colour by which a network would know what lay here.
    hair = (gray - ndimage.gaussian_filter(gray, rng.uniform(1, 2)))[..., None] * rng.uniform(0.1, 0.7)
    coat = (black + (white - black) * band) * light + hair * (0.4 + 0.6 * band)
    coat += rng.normal(0, rng.uniform(0, 4), (*body.shape, 1))
    # Drawn a little beyond its edge, or a rim of the old colour would tell.
    grown = ndimage.grey_dilation(body, size=2 * int(rng.integers(0, 4)) + 1)
    cover = ndimage.gaussian_filter(grown.astype(np.float64), rng.uniform(0.5, 1.5))[..., None]
    drawn: Array = (photo * (1 - cover) + coat.clip(0, 255) * cover).clip(0, 255).astype(np.uint8)
    return drawn


def _bands(body: Array, rng: Generator) -> Array:
    """White 1 and black 0 along one bent course, of a width that suits the body or any. Shape: (H, W)."""
    height, width = body.shape
    unit = height / 256
    suited = np.sqrt(body.sum()) / rng.uniform(4, 18)
    period = float(np.clip(suited if rng.random() < 0.75 else rng.uniform(6, 48) * unit, 4, 80 * unit))
    y, x = np.mgrid[:height, :width]
    turn = rng.uniform(-0.7, 0.7) if rng.random() < 0.7 else rng.uniform(-np.pi / 2, np.pi / 2)
    course = x * np.cos(turn) + y * np.sin(turn)
    course += _smooth(body.shape, rng.uniform(25, 90) * unit, rng) * period * rng.uniform(0.3, 1.8)
    course += _smooth(body.shape, 1.2 * period, rng) * period * rng.uniform(0, 0.3)
    course += ndimage.distance_transform_edt(body) * rng.uniform(-0.6, 0.6)  # round a barrel stripes bend
    wave = np.sin(2 * np.pi * course / period) + rng.uniform(-0.35, 0.35)
    wave += 0.3 * _smooth(body.shape, 2.5 * period, rng)  # they fork, and end
    band = 1 / (1 + np.exp(-rng.uniform(3, 10) * wave * np.clip(period / 10, 0.6, 2.5)))
    if rng.random() < 0.3:  # shadow stripes
        between = np.exp(-((np.sin(np.pi * course / period + 0.8) / 0.25) ** 2))
        band *= 1 - rng.uniform(0.15, 0.4) * between
    pale = float(rng.random() < 0.75)
    fade = (0.9 + rng.uniform(0, 0.5) + 0.6 * _smooth(body.shape, np.sqrt(body.sum()) / 2.5, rng)).clip(0, 1)
    faded: Array = ndimage.gaussian_filter(band, rng.uniform(0, 0.7)) * fade + (1 - fade) * pale
    return faded


def _shading(gray: Array, body: Array, rng: Generator) -> Array:
    """The light on the body, about 0 to 1, with the horse's own patches blurred away. Shape: (H, W)."""
    low, high = np.percentile(gray[body], [3, 97])
    shading: Array = (ndimage.gaussian_filter(gray, rng.uniform(2, 7)) - low) / max(high - low, 20)
    return shading.clip(0, 1.1)


def _smooth(shape: tuple[int, ...], scale: float, rng: Generator) -> Array:
    """Normal noise without detail finer than `scale` pixels. Shape: (H, W)."""
    height, width = shape
    coarse = rng.standard_normal((max(2, int(height / scale) + 3), max(2, int(width / scale) + 3))).astype(np.float32)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC), dtype=np.float64)


def _score(photo: Array, change: Array) -> tuple[Array, Array]:
    """How likely each pixel is the horse's, and which are of a colour no horse has (sky, grass). Shape: (H, W) each."""
    soft = ndimage.gaussian_filter(photo.astype(np.float64), (1.5, 1.5, 0))
    red, green, blue = np.moveaxis(soft, 2, 0)
    is_other = ((blue > red + 6) | (green > red + 10)) & (photo.mean(axis=2) >= 60)
    near = 0.4 + 0.9 * _centre(*change.shape)
    return ndimage.gaussian_filter(change.astype(np.float64), 4) * near * np.where(is_other, 0.2, 1.0), is_other


def _centre(height: int, width: int) -> Array:
    """Photographers put the animal in the middle, a little low. Shape: (H, W)."""
    y, x = np.mgrid[:height, :width]
    middle: Array = np.exp(-(((x / width - 0.5) / 0.38) ** 2 + ((y / height - 0.55) / 0.36) ** 2))
    return middle


def _largest(mask: Array) -> Array:
    """The mask without crumbs and holes: its largest part and those of at least a quarter of it."""
    clean = ndimage.binary_fill_holes(ndimage.binary_closing(ndimage.binary_opening(mask, iterations=2), iterations=3))
    parts, count = ndimage.label(clean)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    sizes[0] = 0
    kept: Array = (sizes >= max(1, 0.25 * sizes.max()))[parts]
    return kept


def _is_horse(photo: Array, body: Array) -> bool:
    """A believable size, brown, neither black nor white nor flat, and not cut off by the upper edge."""
    if not SMALLEST < body.mean() < LARGEST or body[:4].mean() > 0.25:
        return False
    inside = photo[body].astype(np.float64)
    brightness = inside.mean(axis=1)
    return bool((inside[:, 0] - inside[:, 2]).mean() > _GRAY and 45 < brightness.mean() < 190 and brightness.std() > 12)
