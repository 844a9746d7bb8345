"""How three public projects name the tensors of StyleGAN2: NVIDIA's, rosinality's and mmgeneration's names to ours.

Their tensors differ in leading ones alone, mmgeneration's own models in the order of colours as well. None has its
kernels flipped against another's.
"""

import re
from collections.abc import Callable, Mapping
from typing import Literal

Layout = Literal["nvidia", "rosinality", "mmgeneration"]
FILTERS = ("resample_filter", "blur.kernel", "upsample.kernel", ".0.kernel")
"""Buffers that hold the resampling filter; ours is fixed and needs none."""

CONV_LEAVES: Mapping[Layout, Mapping[str, str]] = {
    "rosinality": {
        "conv.weight": "weight",
        "conv.modulation.weight": "affine.weight",
        "conv.modulation.bias": "affine.bias",
        "noise.weight": "noise_strength",
        "activate.bias": "bias",
        "bias": "bias",
    },
    "mmgeneration": {
        "conv.weight_orig": "weight",
        "conv.style_modulation.linear.weight_orig": "affine.weight",
        "conv.style_modulation.bias": "affine.bias",
        "noise_injector.weight": "noise_strength",
        "activate.bias": "bias",
        "bias": "bias",
    },
}
MODULATED = re.compile(r"(conv1|to_rgb1|convs\.(\d{1,2})|to_rgbs\.(\d{1,2}))\.(.+)")


def layout_of(names: Mapping[str, object]) -> Layout | None:
    """Whose generator these names are."""
    known: dict[str, Layout] = {
        "synthesis.b4.const": "nvidia",
        "input.input": "rosinality",
        "constant_input.input": "mmgeneration",
    }
    return next((layout for name, layout in known.items() if name in names), None)


def critic_layout_of(names: Mapping[str, object]) -> Layout | None:
    """Whose discriminator these names are."""
    known: dict[str, Layout] = {
        "b4.out.weight": "nvidia",
        "final_linear.1.weight": "rosinality",
        "final_linear.1.linear.weight_orig": "mmgeneration",
    }
    return next((layout for name, layout in known.items() if name in names), None)


def generator_name(name: str, layout: Layout) -> str | None:
    """Our name of one of a generator's tensors, or None when it has none."""
    return (_nvidia if layout == "nvidia" else _modulated)(name, layout)


def discriminator_name(name: str, layout: Layout, blocks: int) -> str | None:
    """Our name of one of a discriminator's tensors, or None when it has none; `blocks` halve the resolution."""
    return _nvidia_critic(name, blocks) if layout == "nvidia" else _critic(name, layout)


def _nvidia(name: str, _: Layout) -> str | None:
    if name in ("mapping.w_avg", "mapping.embed.weight", "mapping.embed.bias"):
        return name
    if name == "synthesis.b4.const":
        return "synthesis.const"
    if found := re.fullmatch(r"mapping\.fc(\d{1,2})\.(weight|bias)", name):
        return f"mapping.layers.{found[1]}.{found[2]}"
    if found := re.fullmatch(r"synthesis\.b(\d{1,4})\.(conv0|conv1|torgb|skip)\.(.+)", name):
        part = "to_rgb" if found[2] == "torgb" else found[2]
        return f"synthesis.blocks.{_step(found[1])}.{part}.{found[3]}"
    return None


def _modulated(name: str, layout: Layout) -> str | None:
    """Rosinality and mmgeneration, which number their convolutions through."""
    mapping = r"style\.(\d{1,2})\.(weight|bias)"
    if layout == "mmgeneration":
        mapping = r"style_mapping\.(\d{1,2})\.(?:linear\.)?(weight|bias)(?:_orig)?"
    if name in ("input.input", "constant_input.input"):
        return "synthesis.const"
    if name == "latent_avg":
        return "mapping.w_avg"
    if found := re.fullmatch(mapping, name):
        return f"mapping.layers.{int(found[1]) - 1}.{found[2]}"  # their first is the normalisation
    if found := re.fullmatch(r"(?:noises\.noise|injected_noise)_(\d{1,2})", name):
        number = int(found[1])
        return f"synthesis.blocks.{(number + 1) // 2}.conv{1 - number % 2}.noise_const"
    found = MODULATED.fullmatch(name)
    if found is None or found[4] not in CONV_LEAVES[layout]:
        return None
    leaf = CONV_LEAVES[layout][found[4]]
    if found[2]:
        number = int(found[2])
        return f"synthesis.blocks.{number // 2 + 1}.conv{number % 2}.{leaf}"
    block = int(found[3]) + 1 if found[3] else 0
    return f"synthesis.blocks.{block}.{'conv1' if found[1] == 'conv1' else 'to_rgb'}.{leaf}"


def _nvidia_critic(name: str, blocks: int) -> str | None:
    if name in ("mapping.embed.weight", "mapping.embed.bias"):
        return name
    if found := re.fullmatch(r"mapping\.fc(\d{1,2})\.(weight|bias)", name):
        return f"mapping.layers.{found[1]}.{found[2]}"
    if found := re.fullmatch(r"b4\.(conv|fc|out)\.(weight|bias)", name):
        return f"{'linear' if found[1] == 'fc' else found[1]}.{found[2]}"
    if found := re.fullmatch(r"b(\d{1,4})\.(fromrgb|conv0|conv1|skip)\.(weight|bias)", name):
        index = blocks - _step(found[1])
        if found[2] == "fromrgb":
            return f"from_rgb.{found[3]}" if index == 0 else None
        return f"blocks.{index}.{found[2]}.{found[3]}"
    return None


def _critic(name: str, layout: Layout) -> str | None:
    if layout == "mmgeneration":
        name = re.sub(r"\.(?:conv|linear)\.weight_orig$", ".weight", name)
    fixed: dict[str, Callable[[str], str]] = {
        r"convs\.0\.[01]\.(weight|bias)": lambda leaf: f"from_rgb.{leaf}",
        r"final_conv\.[01]\.(weight|bias)": lambda leaf: f"conv.{leaf}",
        r"final_linear\.0\.(weight|bias)": lambda leaf: f"linear.{leaf}",
        r"final_linear\.1\.(weight|bias)": lambda leaf: f"out.{leaf}",
    }
    for pattern, ours in fixed.items():
        if found := re.fullmatch(pattern, name):
            return ours(found[1])
    if found := re.fullmatch(r"convs\.(\d{1,2})\.(conv1|conv2|skip)\.\d\.(weight|bias)", name):
        part = {"conv1": "conv0", "conv2": "conv1", "skip": "skip"}[found[2]]
        return f"blocks.{int(found[1]) - 1}.{part}.{found[3]}"
    return None


def _step(resolution: str) -> int:
    """How many doublings lie between 4 pixels and these; -1 for no power of two from 4 on."""
    size = int(resolution)
    return size.bit_length() - 3 if size >= 4 and size & (size - 1) == 0 else -1
