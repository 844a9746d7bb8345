"""Resampling: values by the definition (zeros between pixels, border of zeros, filter), adjoint pairs, gradients."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.reliability.figures import Record
from translate.networks.stylegan2.resample import blur, downsample, fir_kernel, upsample

Operation = Callable[[Tensor], Tensor]
OPERATIONS: dict[str, Operation] = {
    "blur": lambda x: blur(x, padding=1, gain=4.0),
    "wide blur": lambda x: blur(x, padding=2),
    "downsample": downsample,
    "upsample": upsample,
}
operations = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)


def upfirdn(x: Tensor, up: int, down: int, padding: tuple[int, int], gain: float) -> Tensor:
    """By the definition, one step after another (Karras 2020, upfirdn2d)."""
    samples, channels, height, width = x.shape
    spread = torch.zeros(samples, channels, height * up, width * up, dtype=x.dtype)
    spread[:, :, ::up, ::up] = x
    first, last = padding
    padded = F.pad(spread, (first, last, first, last)).flatten(0, 1)[:, None]
    kernel = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=x.dtype) / 8
    filtered = F.conv2d(padded, gain * torch.outer(kernel, kernel)[None, None])
    return filtered.unflatten(0, (samples, channels))[:, :, 0, ::down, ::down]


def test_the_filter_has_a_sum_of_one_and_the_binomial_weights():
    assert fir_kernel()[0].tolist() == [1 / 64, 3 / 64, 3 / 64, 1 / 64]
    assert fir_kernel().sum() == 1


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("blur", (1, 1, (1, 1), 4.0)),
        ("wide blur", (1, 1, (2, 2), 1.0)),
        ("downsample", (1, 2, (1, 1), 1.0)),
        ("upsample", (2, 1, (2, 1), 4.0)),
    ],
)
def test_each_is_what_the_definition_gives(operation: str, arguments: tuple[int, int, tuple[int, int], float]):
    x = torch.randn(2, 3, 6, 10, dtype=torch.float64)
    torch.testing.assert_close(OPERATIONS[operation](x), upfirdn(x, *arguments))
    # With gradients another path is taken.
    torch.testing.assert_close(OPERATIONS[operation](x.requires_grad_()), upfirdn(x, *arguments))


def test_a_flat_picture_stays_flat_inside_the_border():
    flat = torch.ones(1, 2, 8, 8)
    assert torch.allclose(upsample(flat)[:, :, 1:-1, 1:-1], torch.tensor(1.0))
    assert torch.allclose(downsample(flat)[:, :, 1:-1, 1:-1], torch.tensor(1.0))


@operations
def test_gradients_of_first_and_second_order_pass_gradcheck(operation: Operation, record_figure: Record):
    x = torch.randn(1, 2, 4, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(operation, x)
    assert torch.autograd.gradgradcheck(operation, x)
    record_figure(27, "operations that pass gradcheck", 1)


@operations
def test_the_gradient_is_the_transpose(operation: Operation):
    """<A x, y> = <x, A' y> for any x and y."""
    x = torch.randn(1, 3, 8, 4, dtype=torch.float64, requires_grad=True)
    y = operation(x)
    other = torch.randn_like(y)
    (grad,) = torch.autograd.grad(y, x, other)
    torch.testing.assert_close((y * other).sum(), (x * grad).sum())


@operations
def test_the_layout_and_the_precision_of_the_input_are_kept(operation: Operation):
    x = torch.randn(2, 8, 8, 8).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, half = operation(x), operation(x.bfloat16())
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert (y.dtype, half.dtype) == (torch.float32, torch.bfloat16)
    torch.testing.assert_close(y, operation(x))
