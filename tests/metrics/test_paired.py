import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from translate.metrics.paired import l1, ms_ssim, psnr, ssim

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


def _large(height: int = 176, width: int = 192) -> tuple[Tensor, Tensor]:
    """Two gray pairs of waves, fine and coarse, with the rows and columns as the only source."""
    rows, columns = torch.meshgrid(torch.arange(float(height)), torch.arange(float(width)), indexing="ij")
    target = torch.stack([torch.sin(rows / 3) * torch.cos(columns / 4), torch.cos(rows / 50) * torch.sin(columns / 17)])
    target = target[:, None]  # (2, 1, H, W)
    return target * 0.8 + 0.1 * torch.sin(rows * columns), target


def test_ms_ssim_agrees_with_pytorch_msssim():
    """Figures of pytorch-msssim 1.0. torchmetrics 1.9 gives 0.97443 and 0.92502, as it reflects the borders."""
    assert ms_ssim(*_large()).tolist() == pytest.approx([0.974690, 0.925211], abs=1e-5)


def _terms(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Means of the structure term and of SSIM as a whole, with scipy's Gaussian."""

    def mean(picture: np.ndarray) -> np.ndarray:
        return gaussian_filter(picture, 1.5, radius=5)[5:-5, 5:-5]

    mx, my = mean(x), mean(y)
    structure = 2 * (mean(x * y) - mx * my) + 0.03**2
    structure /= mean(x**2) - mx**2 + mean(y**2) - my**2 + 0.03**2
    luminance = (2 * mx * my + 0.01**2) / (mx**2 + my**2 + 0.01**2)
    return structure.mean(), (luminance * structure).mean()


def test_ms_ssim_is_the_product_of_its_scales():
    """Wang 2003, Eq. 7, written out; 176 x 192 can be halved four times without a rest."""
    x, y = (((t[1, 0].double() + 1) / 2).numpy() for t in _large())
    expected = 1.0
    for weight in (0.0448, 0.2856, 0.3001, 0.2363):
        expected *= _terms(x, y)[0] ** weight
        x, y = (t.reshape(t.shape[0] // 2, 2, t.shape[1] // 2, 2).mean(axis=(1, 3)) for t in (x, y))
    expected *= _terms(x, y)[1] ** 0.1333
    ours = ms_ssim(*(t[1:].double() for t in _large()))
    assert ours.item() == pytest.approx(expected, abs=1e-9)


def test_ms_ssim_of_equal_pictures_is_one_and_of_a_negative_zero():
    pred, target = _large(161, 163)
    assert ms_ssim(target, target).tolist() == pytest.approx([1, 1], abs=1e-6)
    assert ms_ssim(-target, target).tolist() == [0, 0]
    assert torch.allclose(ms_ssim(pred, target), ms_ssim(target, pred), atol=1e-6)


def test_ms_ssim_of_flat_pictures_is_the_luminance_term_to_the_last_weight():
    a, b = 0.2, 0.6
    pred, target = (torch.full((1, 1, 161, 161), v * 2 - 1) for v in (a, b))
    expected = ((2 * a * b + 1e-4) / (a * a + b * b + 1e-4)) ** 0.1333
    assert ms_ssim(pred, target).item() == pytest.approx(expected, abs=1e-4)


def test_ms_ssim_of_a_sample_does_not_depend_on_its_batch():
    pred, target = _large()
    alone = torch.cat([ms_ssim(p[None], t[None]) for p, t in zip(pred, target, strict=True)])
    assert torch.allclose(alone, ms_ssim(pred, target), atol=1e-6)
    three = ms_ssim(pred.expand(-1, 3, -1, -1), target.expand(-1, 3, -1, -1))
    assert torch.allclose(three, ms_ssim(pred, target), atol=1e-6)


def test_ms_ssim_refuses_pictures_of_160_pixels():
    with pytest.raises(ValueError, match=r"at least 161 pixels a side, got \(160, 300\); use SSIM"):
        ms_ssim(torch.zeros(1, 3, 160, 300), torch.zeros(1, 3, 160, 300))
    with pytest.raises(ValueError, match="expected two"):
        ms_ssim(torch.zeros(1, 3, 161, 161), torch.zeros(1, 1, 161, 161))
    assert ms_ssim(torch.zeros(1, 3, 161, 161), torch.zeros(1, 3, 161, 161)).tolist() == [1.0]
