"""Folding norms and packing weights make a network quicker and leave its answer alone."""

import copy

import pytest
import torch
from torch import Tensor, nn

from translate.config import GeneratorConfig
from translate.inference.fuse import PackedConv, can_prepack, fold_norms, prepack
from translate.networks import build_generator

needs_onednn = pytest.mark.skipif(
    not can_prepack(torch.device("cpu"), torch.float32), reason="this torch has no oneDNN operators for this CPU"
)

NETWORKS = {
    "paper": GeneratorConfig(filters=4, depth=3),
    "resize": GeneratorConfig(filters=4, depth=3, upsample="resize"),
    "residual": GeneratorConfig(filters=4, depth=3, residual=2, head="labels"),
    "instance": GeneratorConfig(filters=4, depth=3, norm="instance"),
    "instance, residual": GeneratorConfig(filters=4, depth=3, residual=1, norm="instance", dropout=0.0),
    "instance, from the input": GeneratorConfig(
        filters=4, depth=3, residual=1, norm="instance", dropout=0.0, shortcut=True
    ),
    "no norm": GeneratorConfig(filters=4, depth=3, norm="none"),
    "resnet": GeneratorConfig(kind="resnet", filters=4, blocks=2, norm="instance", dropout=0.0),
    "resnet, batch norm, dropout": GeneratorConfig(kind="resnet", filters=4, blocks=2, norm="batch", dropout=0.5),
    "resnet, resize": GeneratorConfig(kind="resnet", filters=4, blocks=1, norm="batch", dropout=0, upsample="resize"),
}


def trained(config: GeneratorConfig) -> nn.Module:
    """A network whose batch norms have learnt something."""
    torch.manual_seed(0)
    network = build_generator(config)
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
            nn.init.uniform_(norm.weight, 0.5, 2)
            nn.init.normal_(norm.bias)
    return network.eval()


def photo(height: int = 36, width: int = 44, count: int = 1) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1


def relative(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max() / b.abs().max().clamp(min=1))


@pytest.mark.parametrize("name", NETWORKS)
@torch.inference_mode()
def test_folding_leaves_the_answer_alone_and_no_batch_norm(name):
    plain = trained(NETWORKS[name])
    folded = copy.deepcopy(plain)
    fold_norms(folded)
    assert not [m for m in folded.modules() if isinstance(m, nn.BatchNorm2d)]
    assert relative(folded(photo()), plain(photo())) <= 1e-5


@pytest.mark.parametrize("name", NETWORKS)
@needs_onednn
@torch.inference_mode()
def test_packing_leaves_the_answer_alone_whatever_sizes_follow_each_other(name):
    plain = trained(NETWORKS[name])
    packed = copy.deepcopy(plain).to(memory_format=torch.channels_last)
    prepack(packed)
    assert not [m for m in packed.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    for x in (photo(), photo(), photo(33, 47), photo(36, 44, 2), photo()):
        assert relative(packed(x), plain(x)) <= 1e-5


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(4, 6, 3),
        nn.Conv2d(4, 6, 3, padding=(2, 1), stride=(1, 2), bias=False),
        nn.Conv2d(4, 6, 3, dilation=2, groups=2),
        nn.Conv2d(4, 6, (3, 5), padding=(1, 2), padding_mode="reflect"),
        nn.ConvTranspose2d(4, 6, 4, stride=2, padding=1, bias=False),
        nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1),
    ],
)
@needs_onednn
@torch.inference_mode()
def test_a_packed_convolution_is_that_convolution(conv):
    x = torch.randn(2, 4, 9, 11, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(PackedConv(conv)(x), conv(x), atol=1e-5)


@needs_onednn
@torch.inference_mode()
def test_weights_are_packed_once_for_a_size():
    conv = PackedConv(nn.Conv2d(4, 6, 3))
    conv(torch.zeros(1, 4, 8, 8))
    first = conv.packed
    conv(torch.ones(1, 4, 8, 8))
    assert conv.packed is first
    conv(torch.ones(1, 4, 8, 9))
    assert conv.packed is not first


def test_a_norm_with_a_layer_in_between_is_left():
    block = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU(), nn.BatchNorm2d(3)).eval()
    fold_norms(block)
    assert isinstance(block[2], nn.BatchNorm2d)


def test_a_norm_behind_a_convolution_in_a_sequence_is_folded():
    block = nn.Sequential(nn.Conv2d(3, 5, 1), nn.BatchNorm2d(5), nn.ReLU()).eval()
    fold_norms(block)
    assert isinstance(block[1], nn.Identity)


def test_only_an_x86_cpu_with_onednn_is_packed_for(monkeypatch):
    cpu, fp32 = torch.device("cpu"), torch.float32
    assert not can_prepack(torch.device("meta"), fp32)
    assert not can_prepack(cpu, torch.float64)
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert not can_prepack(cpu, fp32)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not can_prepack(cpu, fp32)
