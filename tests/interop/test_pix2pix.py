"""Weights of the reference system: what is inferred, what is filled in, what is refused and in which words."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from translate.config import DiscriminatorConfig, GeneratorConfig
from translate.errors import CheckpointError
from translate.interop.pix2pix import convert, read
from translate.networks import build_discriminator, build_generator

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "parity"
State = dict[str, Tensor]


def reference(ours: nn.Module, names: dict[str, str]) -> State:
    """The weights of one of our networks under the reference system's names: `names` maps our prefixes to theirs."""
    state = {}
    for name, tensor in ours.state_dict().items():
        prefix, _, leaf = name.rpartition(".")
        state[f"{names[prefix]}.{leaf}"] = tensor.clone()
    return state


def unet_names(depth: int) -> dict[str, str]:
    names = {"downs.0.conv": "model.model.0", "ups.0.conv": "model.model.3"}
    prefix = "model.model.1.model"
    for level in range(1, depth - 1):
        names |= {f"downs.{level}.conv": f"{prefix}.1", f"downs.{level}.norm": f"{prefix}.2"}
        names |= {f"ups.{level}.conv": f"{prefix}.5", f"ups.{level}.norm": f"{prefix}.6"}
        prefix += ".3.model"
    level = depth - 1
    return names | {
        f"downs.{level}.conv": f"{prefix}.1",
        f"ups.{level}.conv": f"{prefix}.3",
        f"ups.{level}.norm": f"{prefix}.4",
    }


def unet(depth: int = 5, **settings: object) -> State:
    network = build_generator(GeneratorConfig(depth=depth, **{"filters": 2, "max_filters": 16} | settings))
    return reference(network, unet_names(depth))


def resnet() -> State:
    return read(FIXTURES / "resnet_9blocks_ngf8.pth")


@pytest.mark.parametrize(
    ("name", "config", "in_channels"),
    [
        ("unet_256_ngf4", GeneratorConfig(filters=4, max_filters=32), 3),
        ("unet_128_ngf8_instance", GeneratorConfig(filters=8, max_filters=64, depth=7, norm="instance"), 3),
        ("resnet_9blocks_ngf8", GeneratorConfig(kind="resnet", filters=8, norm="instance", dropout=0.0), 3),
        ("resnet_6blocks_ngf8_dropout_batch", GeneratorConfig(kind="resnet", filters=8, blocks=6), 3),
        ("nlayer3_ndf8_batch", DiscriminatorConfig(filters=8), 6),
        ("nlayer3_ndf8_instance", DiscriminatorConfig(filters=8, norm="instance"), 3),
        ("pixel_ndf8", DiscriminatorConfig(kind="pixel", filters=8), 3),
    ],
)
def test_the_architecture_is_read_off_names_and_shapes(name: str, config: object, in_channels: int):
    found = convert(read(FIXTURES / f"{name}.pth"))
    assert found.config == config
    assert found.in_channels == in_channels


@pytest.mark.parametrize("depth", [2, 3, 5, 8])
@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_a_unet_of_any_depth_comes_back_as_it_went(depth: int, norm: str):
    settings = {"norm": norm, "in_channels": 1, "out_channels": 4, "max_filters": min(16, 2 * 2 ** (depth - 1))}
    state = unet(depth, **settings)
    found = convert(state)
    assert found.config == GeneratorConfig(depth=depth, filters=2, **settings)
    assert sorted(tensor.sum().item() for tensor in found.state.values()) == pytest.approx(
        sorted(tensor.sum().item() for tensor in state.values())
    )
    assert found.build()(torch.rand(1, 1, 40, 30)).shape == (1, 4, 40, 30)


@pytest.mark.parametrize("layers", [1, 2, 3, 5])
def test_a_patchgan_of_any_number_of_layers_comes_back(layers: int):
    config = DiscriminatorConfig(filters=2, layers=layers)
    names = {"first": "model.0", "last": f"model.{2 + 3 * layers}"}
    for i in range(layers):
        names |= {f"convs.{i}": f"model.{2 + 3 * i}", f"norms.{i}": f"model.{3 + 3 * i}"}
    network = build_discriminator(config, 4).eval()
    found = convert(reference(network, names))
    assert found.config == config
    x = torch.rand(1, 4, 100, 100)
    assert torch.equal(found.build()(x), network(x))


def test_the_statistics_old_instance_norms_tracked_are_dropped():
    """Their values don't matter, so nonsense is planted."""
    state = resnet()
    expected = convert(state)
    widths = {2: 8, 5: 16, 8: 32, 20: 16, 23: 8}
    for index, width in widths.items():
        state[f"model.{index}.running_mean"] = torch.full((width,), 7.0)
        state[f"model.{index}.running_var"] = torch.full((width,), float("nan"))
    for block in range(10, 19):
        for norm in (2, 6):
            state[f"model.{block}.conv_block.{norm}.running_mean"] = torch.ones(32)
            state[f"model.{block}.conv_block.{norm}.running_var"] = torch.ones(32)
            state[f"model.{block}.conv_block.{norm}.num_batches_tracked"] = torch.tensor(5)
    found = convert(state)
    assert found.config == expected.config
    assert found.state.keys() == expected.state.keys()
    assert all(torch.equal(tensor, expected.state[name]) for name, tensor in found.state.items())


def test_batch_statistics_are_kept_and_a_missing_counter_is_filled_in():
    """Files from before PyTorch 0.4.1 have none."""
    state = unet()
    state["model.model.1.model.2.running_mean"] += 3
    state = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    found = convert(state)
    assert torch.equal(found.state["downs.1.norm.running_mean"], torch.full((4,), 3.0))
    assert int(found.state["downs.1.norm.num_batches_tracked"]) == 0
    found.build()


def test_a_network_without_norms_and_biases_gets_zero_biases():
    """The reference leaves biases out wherever the norm is not instance norm, `none` included."""
    state = unet(norm="none")
    bare = {name: t for name, t in state.items() if name == "model.model.3.bias" or not name.endswith("bias")}
    found = convert(bare)
    assert isinstance(found.config, GeneratorConfig)
    assert found.config.norm == "none"
    assert all(torch.equal(found.state[name], tensor) for name, tensor in convert(state).state.items())


def test_the_prefix_of_a_parallel_wrapper_is_taken_off():
    state = resnet()
    wrapped = convert({f"module.{name}": tensor for name, tensor in state.items()})
    assert wrapped.state.keys() == convert(state).state.keys()


def test_half_precision_comes_back_as_float32_and_in_plain_memory():
    half = {name: tensor.half().to(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor.half()
            for name, tensor in resnet().items()}  # fmt: skip
    for name, tensor in convert(half).state.items():
        assert tensor.dtype == torch.float32, name
        assert tensor.is_contiguous(), name


def test_convert_changes_neither_its_input_nor_the_random_state():
    state = resnet()
    before = {name: tensor.clone() for name, tensor in state.items()}
    torch.manual_seed(3)
    converted = convert(state)
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(1))
    for tensor in converted.state.values():
        tensor.zero_()
    assert all(torch.equal(tensor, before[name]) for name, tensor in state.items())


def without(name: str) -> Callable[[State], None]:
    return lambda state: state.__delitem__(name)


def with_(name: str, tensor: Tensor) -> Callable[[State], None]:
    return lambda state: state.update({name: tensor})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("model.26.bias"), "model.26.bias is missing"),
        (without("model.26.weight"), "model.26.weight is missing"),
        (without("model.1.weight"), "model.1.weight is missing"),
        (without("model.12.conv_block.1.weight"), "model.12.conv_block.1.weight is missing"),
        (with_("model.27.weight", torch.zeros(3)), "model.27.weight and 0 more fit nothing in a resnet"),
        (with_("model.4.weight", torch.zeros(16, 9, 3, 3)), r"model.4.weight is \[16, 9, 3, 3\], expected \[16, 8, 3"),
        (with_("model.1.weight", torch.zeros(8, 3, 7)), r"model.1.weight is \[8, 3, 7\], expected the four"),
        (with_("model.1.weight", torch.zeros(0, 3, 7, 7)), r"model.1.weight is \[0, 3, 7, 7\], expected the four"),
        (with_("model.1.weight", torch.zeros(1).expand(2**20, 3, 7, 7)), r"model.1.weight is \[1048576, 3, 7, 7\]"),
        (with_("model.1.bias", torch.full((8,), float("nan"))), "model.1.bias holds values that are no finite"),
        (with_("model.1.bias", torch.zeros(8, dtype=torch.complex64)), "model.1.bias holds values that are no finite"),
        (with_("model.99.conv_block.1.weight", torch.zeros(1)), "model.107.weight is missing"),
        (with_("model.5.filt", torch.ones(3, 3)), "anti-aliased ResNet"),
        (with_("model.10.conv_block.2.weight", torch.ones(32)), "is missing"),  # a norm with scales but no statistics
    ],
)  # fmt: skip
def test_a_misfit_is_named_in_one_line(change: Callable[[State], None], message: str):
    state = resnet()
    change(state)
    with pytest.raises(CheckpointError, match=message) as caught:
        convert(state)
    assert "\n" not in str(caught.value)


def test_another_projects_weights_are_refused():
    with pytest.raises(CheckpointError, match=r"the first tensor is encoder.0.weight"):
        convert({"encoder.0.weight": torch.ones(3)})
    with pytest.raises(CheckpointError, match="the first tensor is nothing"):
        convert({})


def test_a_unet_without_end_is_refused():
    names = unet_names(40)
    state = {f"{theirs}.weight": torch.ones(1, 1, 4, 4) for ours, theirs in names.items() if ours.endswith("conv")}
    with pytest.raises(CheckpointError):
        convert(state)


@pytest.mark.parametrize("size", [(64, 64), (40, 72)])
@pytest.mark.parametrize("name", ["unet_256_ngf4", "resnet_6blocks_ngf8_dropout_batch"])
def test_each_picture_s_own_statistics_are_those_of_training_at_batch_1(name: str, size: tuple[int, int]):
    """The reference's test without --eval; its dropout apart, which is set to 0 here."""
    converted = convert(read(FIXTURES / f"{name}.pth"))
    reference = converted.build()
    for part in reference.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.train()
    found = converted.per_picture()
    assert found.config.norm == "picture"
    x = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        expected = torch.cat([reference(one) for one in x.split(1)])
        network = found.build()
        assert (network(x) - expected).abs().max() <= 1e-5
        assert (network(x.contiguous(memory_format=torch.channels_last)) - expected).abs().max() <= 1e-5
        assert (converted.build()(x) - expected).abs().max() > 0.01


def test_a_network_without_batch_norm_has_no_other_statistics():
    converted = convert(resnet())
    assert converted.per_picture() is converted


def test_a_file_of_something_else_than_one_network_is_refused(tmp_path: Path):
    for value in ({"epoch": 3}, {1: torch.ones(1)}, {"a": {"b": torch.ones(1)}}, [torch.ones(1)]):
        torch.save(value, tmp_path / "odd.pth")
        with pytest.raises(CheckpointError, match=r"expected a state_dict of one network"):
            read(tmp_path / "odd.pth")
