"""Weights of the pix2pix and CycleGAN reference system (.pth files): U-Net, ResNet, PatchGAN and PixelGAN layouts.

`read` opens a file and runs nothing it says; `convert` is a pure function that infers the architecture from names and
shapes and renames every tensor. Together they give what `networks.build_*` and `load_state_dict` need.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from translate.config import DiscriminatorConfig, GeneratorConfig, Norm, parse
from translate.errors import CheckpointError, ConfigError
from translate.interop import torch_file
from translate.interop.state_pickle import DTYPES
from translate.networks import build_discriminator, build_generator

MAX_DEPTH, MAX_LAYERS, MAX_CHANNELS = 12, 8, 2**16
NORM_STATE = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


class Converted(NamedTuple):
    """A network of the reference system as one of ours.

    `in_channels` is what the network takes: a conditional discriminator's counts both pictures.
    """

    config: GeneratorConfig | DiscriminatorConfig
    in_channels: int
    state: dict[str, Tensor]

    def per_picture(self) -> "Converted":
        """The same network with each picture's own statistics where batch norm kept some from its training.

        The reference tests its models in training mode at batch 1, unless told `--eval`; this is that, without the
        dropout. A network of another norm is returned as it is.
        """
        if self.config.norm != "batch":
            return self
        tracked = tuple(f".{name}" for name in NORM_STATE[2:])
        state = {name: tensor for name, tensor in self.state.items() if not name.endswith(tracked)}
        return Converted(self.config.replace(norm="picture"), self.in_channels, state)

    def build(self) -> nn.Module:
        """The network with its weights, in evaluation mode."""
        module = _build(self.config, self.in_channels)
        module.load_state_dict(self.state)
        return module.eval()


class Layout(NamedTuple):
    """What names and shapes tell: the settings, and which of their modules is which of ours."""

    settings: dict[str, Any]
    convs: dict[str, str]
    """Their prefix of each convolution -> ours."""
    norms: dict[str, tuple[str, str]]
    """Their prefix of each norm -> their prefix of the convolution in front of it, and our prefix of the norm."""


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a .pth file, on the CPU.

    Raises: CheckpointError when it can't be read safely, or holds anything but one network's tensors by name.
    """
    state = torch_file.read(path)
    if not isinstance(state, dict):
        raise CheckpointError(f"{path}: holds a {type(state).__name__}, expected a state_dict of one network")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise CheckpointError(f"{path}: {name} is no plain tensor; expected a state_dict of one network")
    return state


def convert(state: Mapping[str, Tensor]) -> Converted:
    """Infer the architecture from names and shapes, and rename every tensor to ours.

    Left out: the statistics that old instance norms tracked. Filled in: the batch counter that old batch norms lack,
    and zero for biases a network without norms was saved without. A U-Net's dropout leaves no trace in its weights;
    it is set to the paper's 0.5, which matters for further training alone.

    Raises: CheckpointError naming the first tensor that is missing, unknown, misshapen or not finite.
    """
    state = {name.removeprefix("module."): tensor for name, tensor in state.items() if name != "_metadata"}
    layout = _layout(state)
    norm = _norm(state, layout)
    in_channels = layout.settings["in_channels"]
    settings = {"norm": norm, **layout.settings}
    config: GeneratorConfig | DiscriminatorConfig
    try:
        if settings["kind"] in ("unet", "resnet"):
            config = parse(GeneratorConfig, settings)
        else:
            del settings["in_channels"]
            config = parse(DiscriminatorConfig, settings)
    except ConfigError as error:
        raise CheckpointError(f"weights of an unsupported network: {error}") from None
    with torch.device("meta"):
        own = _build(config, in_channels).state_dict()
    return Converted(config, in_channels, _renamed(state, layout, norm, own))


def _build(config: GeneratorConfig | DiscriminatorConfig, in_channels: int) -> nn.Module:
    if isinstance(config, GeneratorConfig):
        return build_generator(config)
    return build_discriminator(config, in_channels)


def _layout(state: Mapping[str, Tensor]) -> Layout:
    if any(name.endswith(".filt") for name in state):
        raise CheckpointError("an anti-aliased ResNet (CUT's, with .filt buffers); only the plain ResNet is supported")
    if "model.model.0.weight" in state:
        return _unet(state)
    if "net.0.weight" in state:
        return _pixel(state)
    if any(".conv_block." in name for name in state):
        return _resnet(state)
    if "model.0.weight" in state:
        return _patch(state)
    first = next(iter(state), "nothing")
    raise CheckpointError(f"no network of the pix2pix and CycleGAN project: the first tensor is {first}")


def _unet(state: Mapping[str, Tensor]) -> Layout:
    first = "model.model.0"
    convs, norms = {first: "downs.0.conv", "model.model.3": "ups.0.conv"}, {}
    prefix, level = "model.model.1.model", 1
    while f"{prefix}.5.weight" in state and level < MAX_DEPTH:
        convs |= {f"{prefix}.1": f"downs.{level}.conv", f"{prefix}.5": f"ups.{level}.conv"}
        norms[f"{prefix}.2"] = (f"{prefix}.1", f"downs.{level}.norm")
        norms[f"{prefix}.6"] = (f"{prefix}.5", f"ups.{level}.norm")
        prefix, level = f"{prefix}.3.model", level + 1
    convs |= {f"{prefix}.1": f"downs.{level}.conv", f"{prefix}.3": f"ups.{level}.conv"}
    norms[f"{prefix}.4"] = (f"{prefix}.3", f"ups.{level}.norm")
    filters, in_channels = _conv_shape(state, first)[:2]
    settings = {
        "kind": "unet",
        "in_channels": in_channels,
        "out_channels": _conv_shape(state, "model.model.3")[1],  # a transposed kernel is (in, out, height, width)
        "filters": filters,
        "max_filters": _conv_shape(state, f"{prefix}.1")[0],
        "depth": level + 1,
    }
    return Layout(settings, convs, norms)


def _resnet(state: Mapping[str, Tensor]) -> Layout:
    found = (re.match(r"model\.(\d{1,3})\.conv_block\.", name) for name in state)
    blocks = max((int(match[1]) for match in found if match), default=9) - 9
    # Dropout takes a place of its own in each block and shifts what follows.
    second = 6 if "model.10.conv_block.6.weight" in state and state["model.10.conv_block.6.weight"].ndim == 4 else 5
    ups = 10 + blocks
    names = {1: "first", 4: "downs.0.conv", 7: "downs.1.conv", ups: "ups.0.conv", ups + 3: "ups.1.conv"}
    convs = {f"model.{index}": ours for index, ours in names.items()}
    norms = {f"model.{i + 1}": (f"model.{i}", names[i].removesuffix("conv") + "norm") for i in names if i != 1}
    norms["model.2"] = ("model.1", "norm")
    for block in range(blocks):
        theirs = f"model.{10 + block}.conv_block"
        convs |= {f"{theirs}.1": f"blocks.{block}.conv1", f"{theirs}.{second}": f"blocks.{block}.conv2"}
        norms[f"{theirs}.2"] = (f"{theirs}.1", f"blocks.{block}.norm1")
        norms[f"{theirs}.{second + 1}"] = (f"{theirs}.{second}", f"blocks.{block}.norm2")
    convs[f"model.{ups + 7}"] = "last"
    filters, in_channels = _conv_shape(state, "model.1")[:2]
    settings = {
        "kind": "resnet",
        "in_channels": in_channels,
        "out_channels": _conv_shape(state, f"model.{ups + 7}")[0],
        "filters": filters,
        "blocks": blocks,
        "dropout": 0.5 if second == 6 else 0.0,
    }
    return Layout(settings, convs, norms)


def _patch(state: Mapping[str, Tensor]) -> Layout:
    layers = 0
    while f"model.{5 + 3 * layers}.weight" in state and layers < MAX_LAYERS:
        layers += 1
    inner = [f"model.{2 + 3 * i}" for i in range(layers)]
    convs = {"model.0": "first"} | {theirs: f"convs.{i}" for i, theirs in enumerate(inner)}
    convs[f"model.{2 + 3 * layers}"] = "last"
    norms = {f"model.{3 + 3 * i}": (theirs, f"norms.{i}") for i, theirs in enumerate(inner)}
    filters, in_channels = _conv_shape(state, "model.0")[:2]
    return Layout({"kind": "patch", "in_channels": in_channels, "filters": filters, "layers": layers}, convs, norms)


def _pixel(state: Mapping[str, Tensor]) -> Layout:
    filters, in_channels = _conv_shape(state, "net.0")[:2]
    return Layout(
        {"kind": "pixel", "in_channels": in_channels, "filters": filters},
        {"net.0": "first", "net.2": "conv", "net.5": "last"},
        {"net.3": ("net.2", "norm")},
    )


def _conv_shape(state: Mapping[str, Tensor], prefix: str) -> tuple[int, int, int, int]:
    weight = state.get(f"{prefix}.weight")
    if weight is None:
        raise CheckpointError(f"{prefix}.weight is missing; the file is not whole, or of another network")
    if weight.ndim != 4 or not 0 < min(weight.shape) <= max(weight.shape) <= MAX_CHANNELS:
        raise CheckpointError(f"{prefix}.weight is {list(weight.shape)}, expected the four dimensions of a convolution")
    out_channels, in_channels, height, width = weight.shape
    return out_channels, in_channels, height, width


def _norm(state: Mapping[str, Tensor], layout: Layout) -> Norm:
    """Batch norm has learnt scales; in front of an instance norm every convolution has a bias."""
    if any(f"{norm}.weight" in state for norm in layout.norms):
        return "batch"
    return "instance" if any(f"{conv}.bias" in state for conv, _ in layout.norms.values()) else "none"


def _renamed(state: Mapping[str, Tensor], layout: Layout, norm: Norm, own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Their tensors under our names, checked one by one against the network they are for."""
    left = dict(state)
    renamed = {}
    for theirs, ours in _names(layout, norm):
        if ours not in own:
            continue
        tensor = left.pop(theirs, None)
        if tensor is None:
            tensor = _default(ours, own[ours], norm)
        if tensor is None:
            raise CheckpointError(f"{theirs} is missing; the file is not whole, or of another network")
        if tensor.shape != own[ours].shape:
            raise CheckpointError(f"{theirs} is {list(tensor.shape)}, expected {list(own[ours].shape)}")
        if tensor.dtype not in DTYPES.values() or not bool(tensor.isfinite().all()):
            raise CheckpointError(f"{theirs} holds values that are no finite numbers; the file is damaged")
        renamed[ours] = tensor.detach().to(own[ours].dtype).clone(memory_format=torch.contiguous_format)
    if norm == "instance":
        stale = {f"{prefix}.{name}" for prefix in layout.norms for name in NORM_STATE[2:]}
        left = {name: tensor for name, tensor in left.items() if name not in stale}
    if left:
        raise CheckpointError(
            f"{min(left)} and {len(left) - 1} more fit nothing in a {layout.settings['kind']} network"
        )
    return renamed


def _names(layout: Layout, norm: Norm) -> Iterator[tuple[str, str]]:
    for theirs, ours in layout.convs.items():
        yield from ((f"{theirs}.{name}", f"{ours}.{name}") for name in NORM_STATE[:2])
    for theirs, (_, ours) in layout.norms.items():
        yield from ((f"{theirs}.{name}", f"{ours}.{name}") for name in NORM_STATE)


def _default(ours: str, like: Tensor, norm: Norm) -> Tensor | None:
    if ours.endswith(".num_batches_tracked") or (norm == "none" and ours.endswith(".bias")):
        return torch.zeros(like.shape, dtype=like.dtype)
    return None
