"""What a translator does to the look of pictures whatever they show: shifted colours, lost or invented sharpness."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from translate.metrics.frechet import Statistics, frechet_parts

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in brightness (ITU-R BT.601)."""


class ColourShift(NamedTuple):
    """How the colours of set b lie to those of a, in CIE Lab: black to white is 100, 2.3 just seen (Mahy 1994)."""

    mean: float
    """Distance of the mean colours."""
    spread: float
    """Distance of the colours' spreads: what the covariances add to the Fréchet distance, its root."""
    lab: tuple[float, float, float]
    """Mean of b less that of a: brighter, redder (not greener), yellower (not bluer)."""
    counts: tuple[int, int]
    """Pixels of each set."""


def lab(pictures: Tensor) -> Tensor:
    """CIE Lab (D65) of sRGB, L in [0, 100]. Gray is repeated to three channels.

    Shape: (N, 1 or 3, H, W) in [-1, 1] -> (N, 3, H, W) float32.
    Raises: ValueError for another shape or values outside of [-1, 1].
    """
    from kornia.color import rgb_to_lab

    pictures = _checked(pictures).expand(-1, 3, -1, -1)
    # Under bfloat16 it is off by 0.17.
    with torch.autocast(pictures.device.type, enabled=False):
        return torch.as_tensor(rgb_to_lab((pictures + 1) / 2))  # (N, 3, H, W)


def add_colours(total: Statistics, pictures: Tensor) -> None:
    """Take the colours of a batch into those of its set; its pictures may be of any size.

    Shape: (N, 1 or 3, H, W) in [-1, 1].
    Raises: ValueError as `lab` does.
    """
    total.add(lab(pictures).movedim(1, -1).flatten(0, 2))  # (N H W, 3)


def colour_shift(colours_a: Statistics, colours_b: Statistics) -> ColourShift:
    """How far the colours of a set, or of one picture, are from those of another, as Gaussians in CIE Lab.

    The statistics are what `add_colours` adds up.
    Raises: ValueError for fewer than two pixels.
    """
    of_mean, of_spread = frechet_parts(colours_a, colours_b)
    light, red, yellow = (colours_b.mean - colours_a.mean).tolist()
    return ColourShift(of_mean**0.5, of_spread**0.5, (light, red, yellow), (colours_a.count, colours_b.count))


def colour_difference(pred: Tensor, target: Tensor) -> Tensor:
    """Distance in CIE Lab of each picture's mean colour to that of its pair (CIE 1976).

    Shape: two (N, 1 or 3, H, W) in [-1, 1], heights and widths may differ -> (N,). Range: at least 0.
    Raises: ValueError as `lab` does, or for unequal counts.
    """
    if len(pred) != len(target):
        raise ValueError(f"expected as many pictures on both sides, got {len(pred)} and {len(target)}")
    return (lab(pred).mean(dim=(2, 3)) - lab(target).mean(dim=(2, 3))).norm(dim=1)


def sharpness(pictures: Tensor) -> Tensor:
    """Variance of the Laplacian of the brightness in [0, 1] (Pech-Pacheco 2000): edges and noise, not which of them.

    Only pictures of one size and kind compare, best as `sharpness_ratio`.

    Shape: (N, 1 or 3, H, W) in [-1, 1], H and W at least 3 -> (N,). Range: at least 0, 0 for flat and ramp.
    Raises: ValueError for another shape or values outside of [-1, 1].
    """
    pictures = _checked(pictures)
    if min(pictures.shape[-2:]) < 3:
        raise ValueError(f"sharpness needs at least 3 pixels a side, got {tuple(pictures.shape[-2:])}")
    weights = pictures.new_tensor(LUMA if pictures.shape[1] == 3 else (1.0,))
    luma = torch.einsum("nchw,c->nhw", (pictures + 1) / 2, weights)[:, None]  # (N, 1, H, W)
    kernel = luma.new_tensor([[0, 1, 0], [1, -4, 1], [0, 1, 0]])[None, None]
    return F.conv2d(luma, kernel).var(dim=(1, 2, 3), correction=0)


def sharpness_ratio(fake: Tensor, real: Tensor) -> float:
    """Mean `sharpness` of generated pictures over that of real ones: 1 as sharp, less is blurred, more is noisy.

    Shape: (N,) and (M,) as `sharpness` gives them. Range: at least 0; NaN where the real ones are all flat.
    Raises: ValueError where a set is empty.
    """
    if not fake.numel() or not real.numel():
        raise ValueError(f"{fake.numel()} pictures against {real.numel()} have no ratio; each needs at least 1")
    return float(fake.double().mean() / real.double().mean()) if bool(real.any()) else float("nan")


def _checked(pictures: Tensor) -> Tensor:
    if pictures.ndim != 4 or pictures.shape[1] not in (1, 3) or not pictures.numel():
        raise ValueError(f"expected gray or RGB pictures (N, 1 or 3, H, W), got {tuple(pictures.shape)}")
    pictures = pictures.detach().float()
    # NaN compares as false, so it is refused as well.
    if not bool((pictures.abs() <= 1 + 1e-4).all()):
        raise ValueError("pictures hold values outside of [-1, 1]")
    return pictures
