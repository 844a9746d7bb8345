"""Published StyleGAN2 weights as networks of ours: NVIDIA's .pkl, rosinality's .pt, mmgeneration's .pth.

`read` opens a file and runs nothing it says; `convert_generator` and `convert_discriminator` are pure functions that
infer every size from names and shapes and rename every tensor.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import torch
from torch import Tensor

from translate.errors import CheckpointError
from translate.interop import nvidia_pickle, torch_file
from translate.interop.stylegan2_names import (
    FILTERS,
    Layout,
    critic_layout_of,
    discriminator_name,
    generator_name,
    layout_of,
)
from translate.networks.stylegan2 import (
    DiscriminatorShape,
    GeneratorShape,
    StyleGAN2Discriminator,
    StyleGAN2Generator,
)
from translate.networks.stylegan2.resample import fir_kernel

Colours = Literal["rgb", "bgr"]
Settings = Mapping[str, str | int | float | None]
MAX_BLOCKS = 10
"""Up to 2048 pixels."""
AVERAGE_SEED = 0
NO_GROUPS = 2**16
"""The minibatch deviation's group when the whole batch is one."""


class Published(NamedTuple):
    """What a file holds, under the names it came with."""

    generator: dict[str, Tensor]
    discriminator: dict[str, Tensor]
    """Empty when the file has none."""
    generator_settings: Settings
    discriminator_settings: Settings
    """What an NVIDIA snapshot says of its layers besides their tensors; empty for the others."""


class ConvertedGenerator(NamedTuple):
    """A published generator as one of ours."""

    layout: Layout
    shape: GeneratorShape
    state: dict[str, Tensor]
    notes: tuple[str, ...]
    """What was filled in on the way, for the user to read."""

    def build(self) -> StyleGAN2Generator:
        """The network with its weights, in evaluation mode."""
        network = StyleGAN2Generator(**self.shape)
        network.load_state_dict(self.state)
        return network.eval()


class ConvertedDiscriminator(NamedTuple):
    """A published discriminator as one of ours."""

    layout: Layout
    shape: DiscriminatorShape
    state: dict[str, Tensor]

    def build(self) -> StyleGAN2Discriminator:
        """The network with its weights, in evaluation mode."""
        network = StyleGAN2Discriminator(**self.shape)
        network.load_state_dict(self.state)
        return network.eval()


def read(path: Path) -> Published:
    """The averaged generator of a file, and its discriminator where it has one. The content tells the format.

    Raises: CheckpointError when it can't be read safely, or holds no StyleGAN2 generator.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise CheckpointError(f"{path}: not a readable file ({error.strerror})") from None
    if head[:1] == b"\x80" and head != b"\x80\2\x8a\n":  # the latter begins a .pt file from before PyTorch 1.6
        networks = nvidia_pickle.read(path)
        if "G_ema" not in networks:
            raise CheckpointError(f"{path}: has no network G_ema; expected a StyleGAN2 snapshot")
        generator, critic = networks["G_ema"], networks.get("D", nvidia_pickle.Network("", {}, {}))
        return Published(generator.state, critic.state, generator.settings, critic.settings)
    generator_state, critic_state = _parts(torch_file.read(path))
    if layout_of(generator_state) is None:
        first = next(iter(generator_state), "nothing")
        raise CheckpointError(f"{path}: no StyleGAN2 generator of a known project; its first tensor is {first}")
    return Published(generator_state, critic_state, {}, {})


def is_generator(content: Any) -> bool:
    """Whether what a .pt or .pth file holds is a StyleGAN2 generator of a known project."""
    return layout_of(_parts(content)[0]) is not None


def load(path: Path, colours: Colours | None = None) -> ConvertedGenerator:
    """The averaged generator of a file as one of ours; `colours` as `convert_generator` takes them.

    Raises: CheckpointError naming the file and what is wrong with it.
    """
    published = read(path)
    try:
        return convert_generator(published, colours)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None


def convert_generator(published: Published, colours: Colours | None = None) -> ConvertedGenerator:
    """Infer the sizes and rename every tensor; `colours` is the order the network gives, by default its project's.

    mmgeneration's own models give blue first, those it converted from NVIDIA's red first: there `colours` is "rgb".

    Raises: CheckpointError naming the first tensor that is missing, unknown, misshapen or not finite.
    """
    layout = layout_of(published.generator)
    if layout is None:
        raise CheckpointError("no StyleGAN2 generator of a known project")
    _refuse_variants(published.generator_settings)
    state = _renamed(published.generator, layout, lambda name: generator_name(name, layout))
    if (colours or ("bgr" if layout == "mmgeneration" else "rgb")) == "bgr":
        for name in state:
            if re.search(r"to_rgb\.(weight|bias)$", name):
                state[name] = state[name].flip(0)
    shape = _generator_shape(state, published.generator_settings)
    missing_average = "mapping.w_avg" not in state
    if missing_average:
        state["mapping.w_avg"] = torch.zeros(shape["w_dim"])
    _check(state, lambda: StyleGAN2Generator(**shape).state_dict())
    converted = ConvertedGenerator(layout, shape, state, ())
    if not missing_average:
        return converted
    average = converted.build().mapping.estimate_average(torch.Generator().manual_seed(AVERAGE_SEED))
    note = "the mean of w is not in the file; it was taken over 10,000 random points"
    return ConvertedGenerator(layout, shape, {**state, "mapping.w_avg": average}, (note,))


def convert_discriminator(published: Published, colours: Colours | None = None) -> ConvertedDiscriminator:
    """Infer the sizes and rename every tensor, as `convert_generator` does.

    Raises: CheckpointError naming the first tensor that is missing, unknown, misshapen or not finite.
    """
    layout = critic_layout_of(published.discriminator)
    if layout is None:
        raise CheckpointError("no StyleGAN2 discriminator of a known project")
    settings = published.discriminator_settings
    _refuse_variants(settings)
    sizes = [int(found[1]) for name in published.discriminator if (found := re.match(r"b(\d{1,4})\.", name))]
    blocks = max(sizes, default=4).bit_length() - 3
    state = _renamed(published.discriminator, layout, lambda name: discriminator_name(name, layout, blocks))
    if (colours or ("bgr" if layout == "mmgeneration" else "rgb")) == "bgr" and "from_rgb.weight" in state:
        state["from_rgb.weight"] = state["from_rgb.weight"].flip(1)
    shape = _discriminator_shape(state, settings)
    _check(state, lambda: StyleGAN2Discriminator(**shape).state_dict())
    return ConvertedDiscriminator(layout, shape, state)


def _parts(content: Any) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The generator's and the discriminator's tensors of a .pt or .pth file."""
    if not isinstance(content, dict):
        return {}, {}
    if isinstance(content.get("g_ema"), dict):
        generator = dict(content["g_ema"])
        if isinstance(content.get("latent_avg"), Tensor):
            generator["latent_avg"] = content["latent_avg"]
        critic = content["d"] if isinstance(content.get("d"), dict) else {}
    else:
        state = content["state_dict"] if isinstance(content.get("state_dict"), dict) else content
        prefix = "generator_ema." if any(str(name).startswith("generator_ema.") for name in state) else "generator."
        inner = {name.removeprefix(prefix): value for name, value in state.items() if str(name).startswith(prefix)}
        generator = inner or state
        critic = {str(k)[14:]: value for k, value in state.items() if str(k).startswith("discriminator.")}
    return _tensors(generator), _tensors(critic)


def _tensors(state: Mapping[Any, Any]) -> dict[str, Tensor]:
    return {str(name): value for name, value in state.items() if isinstance(value, Tensor)}


def _refuse_variants(settings: Settings) -> None:
    """What a NVIDIA snapshot may be trained with, and leaves no trace in its tensors.

    Raises: CheckpointError for a variant that is not built here.
    """
    for name, value in settings.items():
        leaf = name.rpartition(".")[2]
        if leaf == "activation" and value not in ("lrelu", "linear"):
            raise CheckpointError(f"{name} is {str(value)[:40]!r}; only lrelu is supported")
        if leaf == "architecture" and value not in ("skip", "resnet"):
            raise CheckpointError(f"{name} is {str(value)[:40]!r}; supported: skip, resnet")


def _renamed(theirs: Mapping[str, Tensor], layout: Layout, rename: Callable[[str], str | None]) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}
    for name, tensor in theirs.items():
        if name.endswith(FILTERS):
            _check_filter(name, tensor)
            continue
        ours = rename(name)
        if ours is None or ours in state:
            raise CheckpointError(f"{name} fits nothing in a StyleGAN2 of {layout}")
        state[ours] = _shaped(ours, tensor).to(torch.float32, copy=True, memory_format=torch.contiguous_format)
        if not tensor.is_floating_point() or not bool(state[ours].isfinite().all()):
            raise CheckpointError(f"{name} holds values that are no finite numbers; the file is damaged")
    return state


def _shaped(ours: str, tensor: Tensor) -> Tensor:
    """Without the leading ones that some projects keep."""
    dimensions = {"noise_strength": 0, "noise_const": 2, "w_avg": 1, "bias": 1, "const": 3}.get(ours.rpartition(".")[2])
    if ours.endswith(".weight") and tensor.ndim == 5:
        dimensions = 4
    if dimensions is None or tensor.ndim <= dimensions:
        return tensor
    kept = tensor.shape[-dimensions:] if dimensions else tensor.shape[:0]
    if ours.endswith("bias"):
        kept = tensor.shape[1:2]  # (1, C, 1, 1)
    return tensor.reshape(kept) if tensor.numel() == kept.numel() else tensor


def _check_filter(name: str, tensor: Tensor) -> None:
    expected = fir_kernel()
    if tensor.shape != expected.shape or tensor.numel() == 0:
        raise CheckpointError(f"{name} is {list(tensor.shape)}; only the filter [1, 3, 3, 1] is supported")
    # Filters upwards come with their gain of four.
    if not torch.allclose(tensor.float() / tensor.float().sum(), expected, atol=1e-4):
        raise CheckpointError(f"{name} is another filter than [1, 3, 3, 1], which alone is supported")


def _generator_shape(state: Mapping[str, Tensor], settings: Settings) -> GeneratorShape:
    blocks = _count(state, r"synthesis\.blocks\.(\d+)\.conv1\.weight")
    layers = _count(state, r"mapping\.layers\.(\d+)\.weight")
    if not layers or not 0 < blocks <= MAX_BLOCKS:
        raise CheckpointError(f"a generator of {blocks} resolutions and {layers} mapping layers; the file is not whole")
    last = _get(state, f"synthesis.blocks.{blocks - 1}.to_rgb.weight", 4)
    first, final = _get(state, "mapping.layers.0.weight", 2), _get(state, f"mapping.layers.{layers - 1}.weight", 2)
    embed = _get(state, "mapping.embed.weight", 2) if "mapping.embed.weight" in state else torch.zeros(0, 0)
    lr = settings.get("mapping.fc0.bias_gain")
    return GeneratorShape(
        widths=[_get(state, f"synthesis.blocks.{index}.conv1.weight", 4).shape[0] for index in range(blocks)],
        z_dim=first.shape[1] - embed.shape[0],
        w_dim=final.shape[0],
        mapping_layers=layers,
        mapping_hidden=None if first.shape[0] == final.shape[0] else first.shape[0],
        mapping_lr=float(lr) if isinstance(lr, int | float) else 0.01,
        classes=embed.shape[1],
        embedding=None if embed.shape[0] in (0, final.shape[0]) else embed.shape[0],
        image_channels=last.shape[0],
        architecture="residual" if any(".skip." in name for name in state) else "skip",
        noise="synthesis.blocks.0.conv1.noise_strength" in state,
        clamp=_clamp(settings, "synthesis.b4.conv1.conv_clamp"),
    )


def _discriminator_shape(state: Mapping[str, Tensor], settings: Settings) -> DiscriminatorShape:
    blocks = _count(state, r"blocks\.(\d+)\.conv0\.weight")
    layers = _count(state, r"mapping\.layers\.(\d+)\.weight")
    top, conv = _get(state, "from_rgb.weight", 4), _get(state, "conv.weight", 4)
    if conv.shape[1] != conv.shape[0] + 1:
        raise CheckpointError("its minibatch deviation has more or fewer channels than one, which alone is supported")
    embed = state.get("mapping.embed.weight")
    lr, group = settings.get("mapping.fc0.bias_gain"), settings.get("b4.mbstd.group_size", 4)
    widths = [_get(state, f"blocks.{index}.conv1.weight", 4).shape[0] for index in reversed(range(blocks))]
    return DiscriminatorShape(
        widths=[*widths, top.shape[0]],
        image_channels=top.shape[1],
        classes=0 if embed is None else _get(state, "mapping.embed.weight", 2).shape[1],
        class_dim=None if embed is None else _get(state, "out.weight", 2).shape[0],
        mapping_layers=layers if embed is not None else 8,
        mapping_lr=float(lr) if isinstance(lr, int | float) else 0.01,
        group=group if isinstance(group, int) and group > 0 else NO_GROUPS,
        clamp=_clamp(settings, f"b{4 * 2**blocks}.conv0.conv_clamp"),
    )


def _clamp(settings: Settings, name: str) -> float | None:
    value = settings.get(name)
    return float(value) if isinstance(value, int | float) else None


def _count(state: Mapping[str, Tensor], pattern: str) -> int:
    """How many are numbered through from 0."""
    numbers = {int(found[1]) for name in state if (found := re.fullmatch(pattern, name))}
    return next(number for number in range(len(numbers) + 1) if number not in numbers)


def _get(state: Mapping[str, Tensor], name: str, dimensions: int) -> Tensor:
    if name not in state:
        raise CheckpointError(f"{name} is missing; the file is not whole, or of another network")
    if state[name].ndim != dimensions or 0 in state[name].shape:
        raise CheckpointError(f"{name} is {list(state[name].shape)}, expected {dimensions} dimensions")
    return state[name]


def _check(state: Mapping[str, Tensor], build: Callable[[], Mapping[str, Any]]) -> None:
    """Compare with the network they are for, which needs no memory for that."""
    with torch.device("meta"):
        own = cast(Mapping[str, Tensor], build())
    for name, like in own.items():
        if name not in state:
            raise CheckpointError(f"{name} is missing; the file is not whole, or of another network")
        if state[name].shape != like.shape:
            raise CheckpointError(f"{name} is {list(state[name].shape)}, expected {list(like.shape)}")
    if extra := sorted(set(state) - set(own)):
        raise CheckpointError(f"{extra[0]} and {len(extra) - 1} more fit nothing in this StyleGAN2")
