"""Published StyleGAN2 weights: sizes inferred, every tensor where it belongs, what is refused and in which words."""

import argparse
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.interop.nvidia_files import snapshot
from translate.errors import CheckpointError
from translate.interop.stylegan2 import Published, convert_discriminator, convert_generator, load, read
from translate.networks.stylegan2 import StyleGAN2Discriminator, StyleGAN2Generator
from translate.networks.stylegan2.resample import fir_kernel

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "parity"
State = dict[str, Tensor]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def generator(**settings: object) -> StyleGAN2Generator:
    shape: dict[str, object] = {"widths": [6, 5, 4], "z_dim": 7, "w_dim": 7, "mapping_layers": 3} | settings
    network = StyleGAN2Generator(**shape)  # type: ignore[arg-type]
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)
    network.mapping.w_avg.normal_()
    return network


def discriminator(**settings: object) -> StyleGAN2Discriminator:
    network = StyleGAN2Discriminator([6, 5, 4], **settings)  # type: ignore[arg-type]
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)
    return network


def to_nvidia(state: State) -> State:
    theirs = {}
    for name, tensor in state.items():
        name = re.sub(r"^mapping\.layers\.(\d)", r"mapping.fc\1", name).replace("to_rgb", "torgb")
        name = re.sub(r"blocks\.(\d)", lambda found: f"b{4 * 2 ** int(found[1])}", name)
        theirs[name.replace("synthesis.const", "synthesis.b4.const")] = tensor
    return theirs


def to_rosinality(state: State) -> State:
    theirs: State = {}
    for name, tensor in state.items():
        if found := re.fullmatch(r"mapping\.layers\.(\d)\.(\w+)", name):
            theirs[f"style.{int(found[1]) + 1}.{found[2]}"] = tensor
        elif found := re.fullmatch(r"synthesis\.blocks\.(\d)\.(\w+)\.(.+)", name):
            theirs |= _numbered(int(found[1]), found[2], found[3], tensor)
        elif name == "synthesis.const":
            theirs["input.input"] = tensor[None]
    return theirs


def _numbered(block: int, part: str, leaf: str, tensor: Tensor) -> State:
    if leaf == "noise_const":
        return {f"noises.noise_{2 * block - (part == 'conv0')}": tensor[None, None]}
    number = 2 * (block - 1) + (part == "conv1")
    prefix = {"to_rgb": f"to_rgbs.{block - 1}"}.get(part, f"convs.{number}")
    if block == 0:
        prefix = {"to_rgb": "to_rgb1", "conv1": "conv1"}[part]
    if leaf == "bias":
        return (
            {f"{prefix}.bias": tensor[None, :, None, None]} if part == "to_rgb" else {f"{prefix}.activate.bias": tensor}
        )
    names = {"weight": "conv.weight", "noise_strength": "noise.weight"}
    names |= {"affine.weight": "conv.modulation.weight", "affine.bias": "conv.modulation.bias"}
    shaped = {"weight": lambda: tensor[None], "noise_strength": lambda: tensor.reshape(1)}.get(leaf, lambda: tensor)
    return {f"{prefix}.{names[leaf]}": shaped()}


def to_mmgeneration(state: State) -> State:
    theirs = {}
    for name, tensor in to_rosinality(state).items():
        name = re.sub(r"^style\.(\d)\.weight", r"style_mapping.\1.linear.weight_orig", name)
        name = re.sub(r"^style\.(\d)\.bias", r"style_mapping.\1.bias", name)
        name = re.sub(r"^noises\.noise_", "injected_noise_", name).replace("input.input", "constant_input.input")
        name = name.replace("conv.modulation.weight", "conv.style_modulation.linear.weight_orig")
        name = name.replace("conv.modulation.bias", "conv.style_modulation.bias")
        name = name.replace("noise.weight", "noise_injector.weight")
        theirs[re.sub(r"(conv1|to_rgb1|\.\d)\.conv\.weight$", r"\1.conv.weight_orig", name)] = tensor
    return theirs


LAYOUTS: dict[str, Callable[[State], State]] = {
    "nvidia": to_nvidia,
    "rosinality": to_rosinality,
    "mmgeneration": to_mmgeneration,
}


def published(state: State) -> Published:
    return Published(state, {}, {}, {})


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_generator_comes_back_as_it_went(layout: str):
    network = generator()
    theirs = LAYOUTS[layout](network.state_dict())
    if layout != "nvidia":
        theirs["latent_avg"] = network.mapping.w_avg[None]
    found = convert_generator(published(theirs), colours="rgb")
    assert found.layout == layout
    assert found.state.keys() == network.state_dict().keys()
    assert all(torch.equal(found.state[name], tensor) for name, tensor in network.state_dict().items())
    z = torch.randn(2, 7)
    assert torch.equal(found.build()(z, psi=0.5), network(z, psi=0.5))


@pytest.mark.parametrize(
    "settings",
    [
        {"classes": 3},
        {"classes": 2, "embedding": 4, "mapping_hidden": 5, "z_dim": 3, "w_dim": 6},
        {"architecture": "residual"},
        {"noise": False, "image_channels": 4},
        {"mapping_layers": 1, "widths": [3]},
    ],
    ids=str,
)
def test_nvidias_variants_are_read_off_names_and_shapes(settings: dict[str, object]):
    network = generator(**settings)
    found = convert_generator(published(to_nvidia(network.state_dict())))
    for name, value in settings.items():
        assert found.shape[name] == value, name  # type: ignore[literal-required]
    found.build()


def test_the_sizes_of_the_fixtures_are_inferred():
    found = load(FIXTURES / "stylegan2_rosinality_32px.pt")
    assert (found.layout, found.notes) == ("rosinality", ())
    assert found.shape["widths"] == [32, 32, 32, 64]
    assert (found.shape["z_dim"], found.shape["w_dim"], found.shape["mapping_layers"]) == (32, 32, 2)


def test_a_snapshot_of_nvidias_is_read_with_its_settings(tmp_path: Path):
    state = load_file(FIXTURES / "stylegan2_nvidia_32px.state.safetensors")
    critic = load_file(FIXTURES / "stylegan2_nvidia_32px_disc.state.safetensors")
    settings = {"mapping.fc0": {"bias_gain": 0.02}, "synthesis.b4.conv1": {"conv_clamp": 256, "activation": "lrelu"}}
    critic_settings = {
        "b4.mbstd": {"group_size": 2},
        "b32.conv0": {"conv_clamp": 128},
        "b4": {"architecture": "resnet"},
    }
    critic["b4.mbstd.resample_filter"] = fir_kernel()  # makes the module exist
    path = tmp_path / "network-snapshot.pkl"
    path.write_bytes(snapshot(state, critic, settings=settings, critic_settings=critic_settings))
    found, judge = load(path), convert_discriminator(read(path))
    assert (found.shape["mapping_lr"], found.shape["clamp"]) == (0.02, 256)
    assert (judge.shape["group"], judge.shape["clamp"]) == (2, 128)
    sample = load_file(FIXTURES / "stylegan2_nvidia_32px_disc.io.safetensors")
    with torch.no_grad():
        assert (judge.build()(sample["input"]) - sample["output"]).abs().max() <= 1e-4


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"synthesis.b4.conv1": {"activation": "swish"}}, "synthesis.b4.conv1.activation is 'swish'; only lrelu"),
        ({"synthesis.b8": {"architecture": "orig"}}, "synthesis.b8.architecture is 'orig'; supported: skip, resnet"),
    ],
)
def test_a_variant_that_is_not_built_is_refused(tmp_path: Path, settings: dict[str, dict[str, str]], words: str):
    path = tmp_path / "net.pkl"
    path.write_bytes(snapshot(to_nvidia(generator().state_dict()), settings=settings))
    with pytest.raises(CheckpointError, match=words):
        load(path)


def test_mmgenerations_own_models_give_blue_first_and_are_turned():
    network = generator()
    theirs = to_mmgeneration(network.state_dict()) | {"latent_avg": network.mapping.w_avg}
    z = torch.randn(1, 7)
    assert torch.equal(convert_generator(published(theirs)).build()(z), network(z).flip(1))


def critic_to_nvidia(name: str) -> str:
    name = name.replace("mapping.layers.", "mapping.fc").replace("from_rgb", "b16.fromrgb")
    name = re.sub(r"^blocks\.(\d)", lambda found: f"b{16 // 2 ** int(found[1])}", name)
    return re.sub(r"^(conv|out)\.", r"b4.\1.", name).replace("linear.", "b4.fc.")


def critic_to_rosinality(name: str) -> str:
    """Its convolutions are short sequences: a blur before one that halves, an activation that holds the bias."""
    bias = int(name.endswith("bias"))
    name = name.replace("linear.", "final_linear.0.").replace("out.", "final_linear.1.")
    name = re.sub(r"^conv\.", f"final_conv.{bias}.", name).replace("from_rgb.", f"convs.0.{bias}.")
    if found := re.match(r"blocks\.(\d)\.(skip|conv0|conv1)\.", name):
        part = {"skip": "skip.1", "conv0": f"conv1.{bias}", "conv1": f"conv2.{1 + bias}"}[found[2]]
        name = f"convs.{int(found[1]) + 1}.{part}.{name[found.end() :]}"
    return name


def critic_to_mmgeneration(name: str) -> str:
    name = critic_to_rosinality(name)
    kind = "linear" if "final_linear" in name else "conv"
    return name.removesuffix("weight") + f"{kind}.weight_orig" if name.endswith("weight") else name


@pytest.mark.parametrize(
    ("layout", "rename", "settings"),
    [
        ("nvidia", critic_to_nvidia, {"classes": 3, "class_dim": 5, "mapping_layers": 2}),
        ("rosinality", critic_to_rosinality, {}),
        ("mmgeneration", critic_to_mmgeneration, {}),
    ],
)
def test_a_discriminator_comes_back_as_it_went(layout: str, rename: Callable[[str], str], settings: dict[str, int]):
    network = discriminator(**settings)
    theirs = {rename(name): tensor for name, tensor in network.state_dict().items()}
    found = convert_discriminator(Published({}, theirs, {}, {}), colours="rgb")
    assert found.layout == layout
    image, labels = torch.randn(2, 3, 16, 16), torch.eye(3)[:2] if settings else None
    assert torch.equal(found.build()(image, labels), network(image, labels))


def test_a_training_checkpoint_with_optimizers_and_settings_is_read(tmp_path: Path):
    """What rosinality's train.py saves: six entries, one of them an argparse.Namespace."""
    network, path = generator(), tmp_path / "010000.pt"
    parameter = torch.nn.Parameter(torch.randn(3))
    optimizer = torch.optim.Adam([parameter])
    parameter.sum().backward()
    optimizer.step()
    state = to_rosinality(network.state_dict())
    raw = {name: tensor.clone() for name, tensor in state.items()}
    content = {"g": raw, "d": {}, "g_ema": state, "g_optim": optimizer.state_dict(), "ada_aug_p": 0.1}
    torch.save(content | {"args": argparse.Namespace(size=16, path="data", mixing=[0.9])}, path)
    found = load(path)
    assert "mean of w is not in the file" in found.notes[0]
    mean = found.build().mapping(torch.randn(20_000, 7)).mean(dim=0)
    assert (found.state["mapping.w_avg"] - mean).abs().max() <= 0.1 * mean.abs().max()


def test_mmgenerations_checkpoint_gives_the_averaged_generator(tmp_path: Path):
    averaged, raw = generator(), generator()
    state = {f"generator_ema.{name}": tensor for name, tensor in to_mmgeneration(averaged.state_dict()).items()}
    state |= {f"generator.{name}": tensor for name, tensor in to_mmgeneration(raw.state_dict()).items()}
    torch.save({"meta": {"config": "model = dict()", "iter": 3}, "state_dict": state}, tmp_path / "ffhq.pth")
    found = load(tmp_path / "ffhq.pth", colours="rgb")
    assert torch.equal(found.state["synthesis.const"], averaged.state_dict()["synthesis.const"])


def _changed(change: Callable[[State], object]) -> State:
    state = to_nvidia(generator().state_dict())
    change(state)
    return state


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda s: s.pop("synthesis.b8.conv0.affine.bias"),
            r"blocks.1.conv0.affine.bias is missing; the file is not whole",
        ),
        (lambda s: s.update({"synthesis.b8.extra": torch.ones(1)}), r"synthesis.b8.extra fits nothing"),
        (
            lambda s: s.update({"synthesis.b64.conv1.weight": torch.ones(1)}),
            r"blocks.4.conv1.weight and 0 more fit nothing",
        ),
        (lambda s: s["synthesis.b4.const"].fill_(float("nan")), r"synthesis.b4.const holds values that are no finite"),
        (
            lambda s: s.update({"synthesis.b8.conv1.weight": torch.ones(2, 5, 3, 3)}),
            r"conv0.weight is \[5, 6, 3, 3\], expected \[2, 6, 3, 3\]",
        ),
        (
            lambda s: s.update({"mapping.fc0.weight": torch.ones(7)}),
            r"mapping.layers.0.weight is \[7\], expected 2 dim",
        ),
        (lambda s: s.update({"b.resample_filter": torch.ones(4, 4)}), r"another filter than \[1, 3, 3, 1\]"),
        (lambda s: s.update({"b.resample_filter": torch.ones(2, 2)}), r"is \[2, 2\]; only the filter"),
        (
            lambda s: [s.pop(f"mapping.fc{i}.weight") for i in range(3)],
            r"a generator of 3 resolutions and 0 mapping layers",
        ),
        (lambda s: s.pop("synthesis.b4.const"), r"no StyleGAN2 generator of a known project"),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(change: Callable[[State], object], words: str):
    with pytest.raises(CheckpointError, match=words):
        convert_generator(published(_changed(change)))


def test_more_resolutions_than_any_model_has_are_refused():
    """Fifty would be a picture of 2^51 pixels a side."""
    state = to_rosinality(generator().state_dict())
    state |= {f"convs.{number}.conv.weight": torch.ones(1, 1, 1, 1, 1) for number in range(4, 100)}
    with pytest.raises(CheckpointError, match="a generator of 51 resolutions"):
        convert_generator(published(state))


def test_filters_upwards_come_with_their_gain():
    state = to_nvidia(generator().state_dict())
    plain = convert_generator(published(state)).build().state_dict()
    found = convert_generator(published(state | {"synthesis.b8.resample_filter": 4 * fir_kernel()})).build()
    assert found.state_dict().keys() == plain.keys()
    assert all(torch.equal(tensor, plain[name]) for name, tensor in found.state_dict().items())


def test_another_networks_file_is_refused_with_its_path(tmp_path: Path):
    torch.save({"weight": torch.ones(3)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"other.pth: no StyleGAN2 generator .*; its first tensor is weight"):
        load(tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"none.pt: not a readable file \(No such file"):
        load(tmp_path / "none.pt")
    (tmp_path / "critic.pkl").write_bytes(snapshot({}).replace(b"G_ema", b"G_emb"))
    with pytest.raises(CheckpointError, match=r"critic.pkl: has no network G_ema"):
        load(tmp_path / "critic.pkl")
