"""Pictures against the truth, one value a sample: L1, PSNR, SSIM (Wang 2004), MS-SSIM (Wang 2003).

A sample's value doesn't depend on what else is in its batch; the mean over a set is the mean of these.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

DATA_RANGE = 2.0
"""Width of [-1, 1], the range of every picture inside the package."""

SSIM_WINDOW, SSIM_SIGMA = 11, 1.5
SSIM_K1, SSIM_K2 = 0.01, 0.03

MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales, finest first (Wang 2003, Sec. 3.2)."""
MS_SSIM_SIDE = (SSIM_WINDOW - 1) * 2 ** (len(MS_SSIM_WEIGHTS) - 1) + 1
"""161: halved four times, rounding up, it is the window's 11."""


def l1(pred: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference. Shape: two (N, C, H, W) -> (N,). Range: [0, 2] for pictures in [-1, 1].

    Raises: ValueError when shapes differ.
    """
    pred, target = _checked(pred, target)
    return (pred - target).abs().mean(dim=(1, 2, 3))


def psnr(pred: Tensor, target: Tensor, data_range: float = DATA_RANGE) -> Tensor:
    """Peak signal-to-noise ratio, 10 log10(range^2 / MSE), in dB; infinite for equal pictures.

    Shape: two (N, C, H, W) -> (N,).
    Raises: ValueError when shapes differ.
    """
    pred, target = _checked(pred, target)
    mse = (pred - target).square().mean(dim=(1, 2, 3))
    return 10 * torch.log10(data_range**2 / mse)


def ssim(pred: Tensor, target: Tensor, data_range: float = DATA_RANGE) -> Tensor:
    """Structural similarity (Wang 2004, Eq. 13), the mean over all whole 11 x 11 windows and channels.

    Values are shifted to start at 0 first: the luminance term compares means by their ratio, so [-1, 1] itself would
    give figures that compare with nobody's.

    Shape: two (N, C, H, W), H and W at least 11 -> (N,). Range: [-1, 1], 1 for equal pictures.
    Raises: ValueError when shapes differ or a picture is smaller than the window.
    """
    pred, target = _checked(pred, target)
    if min(pred.shape[-2:]) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs at least {SSIM_WINDOW} pixels a side, got {tuple(pred.shape[-2:])}")
    luminance, structure = _similarity(_from_zero(pred, data_range), _from_zero(target, data_range))
    return (luminance * structure).mean(dim=(1, 2, 3))


def ms_ssim(pred: Tensor, target: Tensor, data_range: float = DATA_RANGE) -> Tensor:
    """Structural similarity over five scales (Wang 2003, Eq. 7), the mean over channels.

    Luminance is compared at the coarsest scale alone. A scale whose mean is negative counts as 0, for it has no power.

    Shape: two (N, C, H, W), H and W at least 161 -> (N,). Range: [0, 1], 1 for equal pictures.
    Raises: ValueError when shapes differ or a picture is smaller.
    """
    pred, target = _checked(pred, target)
    if min(pred.shape[-2:]) < MS_SSIM_SIDE:
        raise ValueError(f"MS-SSIM needs at least {MS_SSIM_SIDE} pixels a side, got {tuple(pred.shape[-2:])}; use SSIM")
    x, y = _from_zero(pred, data_range), _from_zero(target, data_range)
    product = x.new_ones(x.shape[:2])  # (N, C)
    for scale, weight in enumerate(MS_SSIM_WEIGHTS):
        if scale:
            # Where a side is odd, its last window holds the pixels that there are, none from outside.
            x, y = (F.avg_pool2d(t, 2, ceil_mode=True) for t in (x, y))  # (N, C, ceil(H / 2), ceil(W / 2))
        luminance, structure = _similarity(x, y)
        last = scale == len(MS_SSIM_WEIGHTS) - 1
        compared = luminance * structure if last else structure
        product = product * compared.mean(dim=(2, 3)).clamp(min=0) ** weight
    return product.mean(dim=1)


def _from_zero(x: Tensor, data_range: float) -> Tensor:
    """Values in [0, 1], as the published constants want them."""
    return (x + DATA_RANGE / 2) / data_range


def _similarity(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Luminance and contrast-structure terms of all whole windows. Shape: two (N, C, H, W) -> two (N, C, H', W')."""
    maps = torch.stack([x, y, x * x, y * y, x * y])  # (5, N, C, H, W)
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = _smooth(maps.flatten(0, 2).unsqueeze(1)).view(
        5, *x.shape[:2], x.shape[2] - SSIM_WINDOW + 1, x.shape[3] - SSIM_WINDOW + 1
    )
    c1, c2 = SSIM_K1**2, SSIM_K2**2
    # Rounding can leave a variance a hair below zero in flat areas.
    var_x, var_y = (mean_xx - mean_x**2).clamp(min=0), (mean_yy - mean_y**2).clamp(min=0)
    covariance = mean_xy - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (var_x + var_y + c2)
    return luminance, structure


def _smooth(x: Tensor) -> Tensor:
    """Gaussian window sums, whole windows only. Shape: (M, 1, H, W) -> (M, 1, H - 10, W - 10)."""
    offsets = torch.arange(SSIM_WINDOW, device=x.device, dtype=x.dtype) - SSIM_WINDOW // 2
    window = torch.exp(-(offsets**2) / (2 * SSIM_SIGMA**2))
    window = window / window.sum()
    x = F.conv2d(x, window.view(1, 1, -1, 1))
    return F.conv2d(x, window.view(1, 1, 1, -1))


def _checked(pred: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    if pred.shape != target.shape or pred.ndim != 4:
        raise ValueError(f"expected two (N, C, H, W), got {tuple(pred.shape)} and {tuple(target.shape)}")
    # Half precision would lose the small differences that these figures are about.
    return (pred, target) if pred.dtype == torch.float64 else (pred.float(), target.float())
