"""Make a network in evaluation mode quicker without changing what it computes (to rounding).

Batch norm with fixed statistics is an affine map and goes into the convolution before it. On Intel and AMD CPUs oneDNN
lays out a convolution's weights anew in every call; at batch 1 that takes longer than the deep layers' arithmetic,
so it is done once for each input size.
"""

import itertools
import platform
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

_PAIRS = (("conv", "norm"), ("conv1", "norm1"), ("conv2", "norm2"), ("first", "norm"))
_PACK = "_reorder_convolution_weight"
_PACK_TRANSPOSED = "_reorder_convolution_transpose_weight"
_RUN = "_convolution_pointwise"
_RUN_TRANSPOSED = "_convolution_transpose_pointwise"


def fold_norms(module: nn.Module) -> None:
    """Fold every batch norm into the convolution that feeds it alone, in place.

    Such pairs follow each other in an nn.Sequential, or have the names that our networks give them.
    """
    for block in module.modules():
        children = dict(block.named_children())
        pairs = tuple(itertools.pairwise(children)) if isinstance(block, nn.Sequential) else _PAIRS
        for first, second in pairs:
            conv, norm = children.get(first), children.get(second)
            if isinstance(conv, nn.Conv2d | nn.ConvTranspose2d) and isinstance(norm, nn.BatchNorm2d):
                transpose = isinstance(conv, nn.ConvTranspose2d)
                setattr(block, first, fuse_conv_bn_eval(conv, norm, transpose=transpose))
                setattr(block, second, nn.Identity())


def prepack(module: nn.Module) -> None:
    """Replace every convolution by one that remembers its weights in oneDNN's own layout, in place."""
    for block in list(module.modules()):
        for name, child in list(block.named_children()):
            if isinstance(child, nn.Conv2d | nn.ConvTranspose2d) and isinstance(child.padding, tuple):
                setattr(block, name, PackedConv(child))


def can_prepack(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether this machine's torch has the operators behind `PackedConv` for this type."""
    ops = torch.ops.mkldnn
    if device.type != "cpu" or platform.machine().lower() not in {"x86_64", "amd64"}:
        return False
    # The operators are torch.compile's own and undocumented; where one is missing the plain convolutions stay.
    if not torch.backends.mkldnn.is_available() or not all(
        hasattr(ops, name) for name in (_PACK, _PACK_TRANSPOSED, _RUN, _RUN_TRANSPOSED, "_is_mkldnn_bf16_supported")
    ):
        return False
    return dtype == torch.float32 or (dtype == torch.bfloat16 and bool(ops._is_mkldnn_bf16_supported()))


class PackedConv(nn.Module):
    """A convolution, plain or transposed, that keeps its weights laid out for the last input size it saw.

    Shape: as the convolution it replaces. For inference on the CPU only: it has no gradient.
    """

    def __init__(self, conv: nn.Conv2d | nn.ConvTranspose2d) -> None:
        super().__init__()
        self.weight, self.bias = conv.weight.detach(), None if conv.bias is None else conv.bias.detach()
        self.transposed = isinstance(conv, nn.ConvTranspose2d)
        self.border, self.border_mode = conv._reversed_padding_repeated_twice, conv.padding_mode
        padding = list(conv.padding) if conv.padding_mode == "zeros" else [0, 0]
        output_padding = [list(conv.output_padding)] if self.transposed else []
        self.geometry: list[Any] = [padding, *output_padding, list(conv.stride), list(conv.dilation), conv.groups]
        self.packed: tuple[torch.Size, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        ops = torch.ops.mkldnn
        pack, run = (_PACK_TRANSPOSED, _RUN_TRANSPOSED) if self.transposed else (_PACK, _RUN)
        if self.border_mode != "zeros":
            x = F.pad(x, self.border, mode=self.border_mode)
        packed = self.packed  # read once: another thread may replace it
        if packed is None or packed[0] != x.shape:
            packed = (x.shape, getattr(ops, pack)(self.weight, *self.geometry, list(x.shape)))
            self.packed = packed
        output: Tensor = getattr(ops, run)(x, packed[1], self.bias, *self.geometry, "none", [], "")
        return output
