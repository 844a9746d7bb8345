import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from translate.metrics.paired import l1, psnr, ssim

METRICS = [l1, psnr, ssim]


def _pictures(seed: int = 0, count: int = 3, height: int = 40, width: int = 33) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    smooth = torch.rand(count, 3, height // 4 + 1, width // 4 + 1, generator=random)
    target = torch.nn.functional.interpolate(smooth, (height, width), mode="bilinear") * 2 - 1
    noise = torch.randn(target.shape, generator=random) * torch.tensor([0.02, 0.1, 0.4])[:count].view(-1, 1, 1, 1)
    return (target + noise).clamp(-1, 1), target


def test_hand_computed_l1_and_psnr():
    """A constant difference of 0.5: L1 0.5, MSE 0.25, PSNR 10 log10(4 / 0.25)."""
    target = torch.zeros(2, 3, 8, 8)
    pred = torch.stack([target[0] + 0.5, target[1]])
    assert l1(pred, target).tolist() == [0.5, 0.0]
    assert psnr(pred, target)[0].item() == pytest.approx(10 * math.log10(16), abs=1e-5)
    assert psnr(pred, target)[1].item() == math.inf


def test_halving_the_error_gains_six_decibel():
    pred, target = _pictures()
    gain = psnr(target + (pred - target) / 2, target) - psnr(pred, target)
    assert gain.tolist() == pytest.approx([20 * math.log10(2)] * 3, abs=1e-4)


def test_psnr_does_not_depend_on_the_range_when_told():
    pred, target = _pictures()
    bytes_ = psnr((pred + 1) * 127.5, (target + 1) * 127.5, data_range=255)
    assert torch.allclose(bytes_, psnr(pred, target), atol=1e-4)


def test_equal_pictures_have_ssim_one():
    _, target = _pictures()
    assert torch.allclose(ssim(target, target), torch.ones(3), atol=1e-6)


def test_ssim_of_flat_pictures_is_the_luminance_term():
    """Wang 2004, Eq. 6, at 0.2 and 0.6 of the range; the contrast-structure term is 1."""
    a, b = 0.2, 0.6
    pred, target = (torch.full((1, 1, 16, 16), v * 2 - 1) for v in (a, b))
    expected = (2 * a * b + 1e-4) / (a * a + b * b + 1e-4)
    assert ssim(pred, target).item() == pytest.approx(expected, abs=1e-5)


def test_ssim_of_a_negative_is_negative():
    random = torch.Generator().manual_seed(0)
    noise = torch.rand(1, 1, 64, 64, generator=random) * 2 - 1
    assert ssim(noise, -noise).item() < -0.8


@pytest.mark.parametrize("metric", METRICS)
def test_metrics_are_symmetric(metric):
    pred, target = _pictures()
    assert torch.allclose(metric(pred, target), metric(target, pred), atol=1e-6)


@pytest.mark.parametrize("metric", METRICS)
def test_a_sample_does_not_depend_on_its_batch(metric):
    pred, target = _pictures()
    together = metric(pred, target)
    assert together.shape == (3,)
    alone = torch.cat([metric(p[None], t[None]) for p, t in zip(pred, target, strict=True)])
    assert torch.allclose(together, alone, atol=1e-6)


def test_more_noise_is_worse_by_every_metric():
    pred, target = _pictures()
    for metric, order in ((l1, 1), (psnr, -1), (ssim, -1)):
        values = (metric(pred, target) * order).tolist()
        assert values == sorted(values)


def test_half_precision_is_compared_in_float32():
    pred, target = _pictures()
    assert l1(pred.bfloat16(), target).dtype == torch.float32
    assert ssim(pred.bfloat16(), target.bfloat16()).dtype == torch.float32


@pytest.mark.parametrize("metric", METRICS)
def test_shapes_that_differ_raise(metric):
    with pytest.raises(ValueError, match="expected two"):
        metric(torch.zeros(1, 3, 16, 16), torch.zeros(1, 1, 16, 16))
    with pytest.raises(ValueError, match="expected two"):
        metric(torch.zeros(3, 16, 16), torch.zeros(3, 16, 16))


def test_ssim_refuses_pictures_smaller_than_its_window():
    with pytest.raises(ValueError, match="at least 11"):
        ssim(torch.zeros(1, 3, 10, 40), torch.zeros(1, 3, 10, 40))
    assert ssim(torch.zeros(1, 3, 11, 11), torch.zeros(1, 3, 11, 11)).tolist() == [1.0]


def test_ssim_agrees_with_the_textbook_in_float64():
    """Eq. 13 written out with scipy's Gaussian (radius 5) over one channel in [0, 1], borders cut off."""
    pred, target = (((t[2, 0].double() + 1) / 2).numpy() for t in _pictures())

    def mean(picture: np.ndarray) -> np.ndarray:
        return gaussian_filter(picture, 1.5, radius=5)[5:-5, 5:-5]

    mx, my = mean(pred), mean(target)
    vx, vy, cov = mean(pred**2) - mx**2, mean(target**2) - my**2, mean(pred * target) - mx * my
    c1, c2 = 0.01**2, 0.03**2
    expected = ((2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))).mean()
    ours = ssim(*(t[2:, :1] for t in _pictures()))
    assert ours.item() == pytest.approx(expected, abs=1e-5)


def test_agrees_with_torchmetrics():
    """Figures of torchmetrics 1.9. Its mean SSIM includes a reflected border, so its map was averaged without one."""
    rows, columns = torch.meshgrid(torch.arange(24.0), torch.arange(20.0), indexing="ij")
    target = torch.stack([torch.sin(rows / 3) * torch.cos(columns / 4), torch.cos(rows / 5)])[:, None]
    pred = target * 0.8 + 0.1 * torch.sin(rows * columns)
    assert ssim(pred, target).tolist() == pytest.approx([0.920134, 0.730964], abs=1e-5)
    assert psnr(pred, target).tolist() == pytest.approx([24.31422, 21.85201], abs=1e-4)
