"""Weights of the reference system: what is inferred, what is filled in, what is refused and in which words."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from translate.config import DiscriminatorConfig, GeneratorConfig
from translate.errors import CheckpointError
from translate.interop import pix2pix
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


def saved(value: object, path: Path) -> Path:
    torch.save(value, path)
    return path


def rewritten(path: Path, source: Path, change: Callable[[str, bytes], bytes | None], **options: int) -> Path:
    """A copy of a .pth file with entries changed, dropped (None) or compressed."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w", **options) as new:
        for entry in old.infolist():
            data = change(entry.filename, old.read(entry))
            if data is not None:
                new.writestr(entry.filename, data)
    return path


def test_a_file_is_read_bit_for_bit(tmp_path: Path):
    state = {"net.0.weight": torch.randn(4, 3, 1, 1), "net.0.bias": torch.randn(4)}
    found = read(saved(state, tmp_path / "any.bin"))
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())


class Harmful:
    """Would leave a file behind if it were unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.target,)


def test_nothing_a_file_says_is_run(tmp_path: Path):
    canary = tmp_path / "canary"
    path = saved({"net.0.weight": Harmful(canary)}, tmp_path / "bad.pth")
    with pytest.raises(CheckpointError, match="not weights that can be read safely") as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert not canary.exists()


@pytest.mark.filterwarnings("ignore:Validating sparse")
@pytest.mark.parametrize(
    "value",
    [
        [torch.ones(1)],
        {"epoch": 3},
        {1: torch.ones(1)},
        {"a": {"b": torch.ones(1)}},
        {"a": torch.ones(3, 3).to_sparse()},
        {"a": torch.ones(2, device="meta")},
        {"a": torch.ones(2, dtype=torch.int8)},
        {"a": torch.ones(2, dtype=torch.complex64)},
    ],
    ids=["list", "number", "key", "nested", "sparse", "meta", "int8", "complex"],
)
def test_anything_but_a_plain_state_dict_is_refused(value: object, tmp_path: Path):
    with pytest.raises(CheckpointError, match=r"expected a state_dict|read safely"):
        read(saved(value, tmp_path / "odd.pth"))


def test_a_tensor_of_repeated_values_is_refused(tmp_path: Path):
    """Stride 0: forty gigabytes out of four bytes as soon as anyone copies it."""
    with pytest.raises(CheckpointError, match="big claims more values than the file stores"):
        read(saved({"big": torch.zeros(1).expand(10**10)}, tmp_path / "wide.pth"))


def test_a_compressed_file_is_refused(tmp_path: Path):
    source = saved({"a": torch.zeros(10_000)}, tmp_path / "plain.pth")
    path = rewritten(tmp_path / "bomb.pth", source, lambda _, data: data, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match="is compressed"):
        read(path)


def test_values_beyond_the_stored_bytes_are_refused(tmp_path: Path):
    """The pickle asks for 100 floats of an entry that has 4."""
    source = saved({"a": torch.zeros(100)}, tmp_path / "plain.pth")
    path = rewritten(tmp_path / "short.pth", source, lambda name, data: data[:16] if "/data/" in name else data)
    with pytest.raises(CheckpointError, match="read safely"):
        read(path)


def test_a_long_list_of_names_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pix2pix, "MAX_PICKLE_BYTES", 50)
    with pytest.raises(CheckpointError, match=r"data.pkl has \d+ bytes"):
        read(saved({"a": torch.zeros(1)}, tmp_path / "long.pth"))


def test_too_many_bytes_and_entries_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = saved({"a": torch.zeros(1000)}, tmp_path / "large.pth")
    monkeypatch.setattr(pix2pix, "MAX_BYTES", 1000)
    with pytest.raises(CheckpointError, match="the limit is 1000"):
        read(path)
    monkeypatch.setattr(pix2pix, "MAX_ENTRIES", 2)
    with pytest.raises(CheckpointError, match="entries"):
        read(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name_are_refused(tmp_path: Path):
    path = saved({"a": torch.zeros(4)}, tmp_path / "twice.pth")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("twice/data.pkl", b"")
    with pytest.raises(CheckpointError, match="some of one name"):
        read(path)


def test_a_file_of_the_old_format_says_what_to_do(tmp_path: Path):
    path = tmp_path / "old.pth"
    torch.save({"a": torch.zeros(4)}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match=r"before PyTorch 1.6 has to be saved again"):
        read(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(CheckpointError, match=r"none.pth: not a readable .pth file"):
        read(tmp_path / "none.pth")


def test_mutated_files_give_one_line_or_the_weights(tmp_path: Path):
    """Seeded bit flips, cuts and overwritten runs: CheckpointError of one line, or tensors; nothing else."""
    buffer = io.BytesIO()
    torch.save({"net.0.weight": torch.ones(4, 3, 1, 1), "net.0.bias": torch.ones(4)}, buffer)
    whole = buffer.getvalue()
    random = torch.Generator().manual_seed(0)
    path = tmp_path / "mutant.pth"
    messages = []
    for _ in range(300):
        data = bytearray(whole)
        place, kind, value = (int(torch.randint(high, (), generator=random)) for high in (len(data), 3, 256))
        if kind == 0:
            data[place] ^= 1 << value % 8
        elif kind == 1:
            del data[place:]
        else:
            data[place : place + 8] = bytes([value]) * 8
        path.write_bytes(data)
        try:
            assert all(isinstance(tensor, Tensor) for tensor in read(path).values())
        except CheckpointError as error:
            messages.append(str(error))
    assert len(messages) > 100
    assert not [message for message in messages if "\n" in message]
