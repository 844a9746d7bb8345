"""Reading PyTorch's files: the tensors bit for bit, and everything else refused in one line."""

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from torch import nn

from translate.errors import CheckpointError
from translate.interop import pickle_stack, torch_file
from translate.interop.torch_file import read

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "parity"


def saved(value: object, path: Path, *, legacy: bool = False) -> Path:
    torch.save(value, path, _use_new_zipfile_serialization=not legacy)
    return path


def rewritten(path: Path, source: Path, change: Callable[[str, bytes], bytes | None], **options: int) -> Path:
    """A copy of a .pth file with entries changed, dropped (None) or compressed."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w", **options) as new:
        for entry in old.infolist():
            data = change(entry.filename, old.read(entry))
            if data is not None:
                new.writestr(entry.filename, data)
    return path


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "before 1.6"])
def test_a_file_is_read_bit_for_bit_with_names_order_shapes_and_strides(tmp_path: Path, legacy: bool):
    base = torch.randn(6, 5)
    state = OrderedDict(
        {
            "net.0.weight": torch.randn(4, 3, 2, 2).to(memory_format=torch.channels_last),
            "net.0.bias": nn.Parameter(torch.randn(4)),
            "part": base[2:4, 1:],
            "half": torch.randn(3).half(),
            "bfloat": torch.randn(3).bfloat16(),
            "double": torch.randn(3).double(),
            "count": torch.tensor(7),
            "int": torch.tensor([1, -2], dtype=torch.int32),
            "empty": torch.zeros(0, 3),
        }
    )
    found = read(saved(state, tmp_path / "any.bin", legacy=legacy))
    assert list(found) == list(state)
    for name, tensor in state.items():
        assert torch.equal(found[name], tensor.detach()), name
        assert (found[name].dtype, found[name].shape) == (tensor.dtype, tensor.shape)
        assert 0 in tensor.shape or found[name].stride() == tensor.stride()


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.pth")), ids=lambda path: path.stem)
def test_the_reference_s_files_are_what_torch_reads_in_both_formats(path: Path, tmp_path: Path):
    expected = torch.load(path, weights_only=True)
    for found in (read(path), read(saved(expected, tmp_path / "old.pth", legacy=True))):
        assert list(found) == list(expected)
        assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_dicts_in_dicts_with_numbers_and_text_are_read(tmp_path: Path):
    value = {"g_ema": {"weight": torch.ones(2)}, "step": 3, "note": "a", "sizes": [1, 2], "rate": 0.5, "none": None}
    found = read(saved(value, tmp_path / "nested.pt"))
    assert torch.equal(found.pop("g_ema")["weight"], torch.ones(2))
    assert found == {"step": 3, "note": "a", "sizes": [1, 2], "rate": 0.5, "none": None}


def test_a_tensor_and_its_view_share_their_values(tmp_path: Path):
    values = torch.arange(6.0)
    found = read(saved({"whole": values[:3], "rest": values[3:]}, tmp_path / "views.pth"))
    assert found["whole"].tolist() == [0, 1, 2]
    assert found["rest"].tolist() == [3, 4, 5]


class Harmful:
    """Would leave a file behind if it were unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.target,)


@pytest.mark.parametrize("legacy", [False, True])
def test_nothing_a_file_says_is_run(tmp_path: Path, legacy: bool):
    canary = tmp_path / "canary"
    path = saved({"net.0.weight": Harmful(canary)}, tmp_path / "bad.pth", legacy=legacy)
    with pytest.raises(CheckpointError, match=r"calls .*, which no state_dict needs") as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert not canary.exists()


@pytest.mark.filterwarnings("ignore:Validating sparse")
@pytest.mark.parametrize(
    "value",
    [
        {(1, 2): torch.ones(1)},
        {"a\nb": torch.ones(1)},
        {"a": torch.ones(3, 3).to_sparse()},
        {"a": torch.ones(2, device="meta")},
        {"a": torch.ones(2, dtype=torch.int8)},
        {"a": torch.ones(2, dtype=torch.complex64)},
        {"a": torch.ones([1] * 9)},
        {"a": torch.float32},
        {"a": {"b": {"c": {"d": {"e": {"f": {"g": torch.ones(1)}}}}}}},
        nn.Linear(2, 2),
    ],
    ids=["tuple key", "line break", "sparse", "meta", "int8", "complex", "9-d", "dtype", "deep", "module"],
)
def test_what_no_state_dict_holds_is_refused(value: object, tmp_path: Path):
    with pytest.raises(CheckpointError, match="not weights that can be read safely") as caught:
        read(saved(value, tmp_path / "odd.pth"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_tensor_of_repeated_values_is_refused(tmp_path: Path, legacy: bool):
    """Stride 0: forty gigabytes out of four bytes as soon as anyone copies it."""
    with pytest.raises(CheckpointError, match="big claims more values than the file stores"):
        read(saved({"big": torch.zeros(1).expand(10**10)}, tmp_path / "wide.pth", legacy=legacy))


def test_many_names_for_the_same_values_are_refused(tmp_path: Path):
    values = torch.zeros(1000)
    with pytest.raises(CheckpointError, match="claims more values than the file stores"):
        read(saved({f"copy{i}": values for i in range(3)}, tmp_path / "shared.pth"))


def test_a_compressed_file_is_refused(tmp_path: Path):
    source = saved({"a": torch.zeros(10_000)}, tmp_path / "plain.pth")
    path = rewritten(tmp_path / "bomb.pth", source, lambda _, data: data, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match="is compressed"):
        read(path)


def test_values_beyond_the_stored_bytes_are_refused(tmp_path: Path):
    """The pickle asks for 100 floats of an entry that has 4."""
    source = saved({"a": torch.zeros(100)}, tmp_path / "plain.pth")
    path = rewritten(tmp_path / "short.pth", source, lambda name, data: data[:16] if "/data/" in name else data)
    with pytest.raises(CheckpointError, match="the values 0 are missing, or of another length"):
        read(path)


def test_a_long_list_of_names_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch_file, "MAX_PICKLE_BYTES", 50)
    with pytest.raises(CheckpointError, match=r"data.pkl has \d+ bytes"):
        read(saved({"a": torch.zeros(1)}, tmp_path / "long.pth"))


def test_too_many_bytes_entries_and_instructions_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = saved({"a": torch.zeros(1000)}, tmp_path / "large.pth")
    for module, name, value, message in (
        (torch_file, "MAX_BYTES", 1000, "the limit is 1000"),
        (torch_file, "MAX_ENTRIES", 2, "entries"),
        (torch_file, "MAX_VALUES", 1, "dicts within dicts"),
        (pickle_stack, "MAX_INSTRUCTIONS", 9, "more than 9 instructions"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, value)
            with pytest.raises(CheckpointError, match=message):
                read(path)
    assert read(path)["a"].shape == (1000,)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name_are_refused(tmp_path: Path):
    path = saved({"a": torch.zeros(4)}, tmp_path / "twice.pth")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("twice/data.pkl", b"")
    with pytest.raises(CheckpointError, match="some of one name"):
        read(path)


def test_values_saved_on_a_machine_of_another_byte_order_are_refused(tmp_path: Path):
    source = saved({"a": torch.zeros(4)}, tmp_path / "plain.pth")
    path = rewritten(tmp_path / "big.pth", source, lambda name, data: b"big" if name.endswith("byteorder") else data)
    with pytest.raises(CheckpointError, match="another byte order"):
        read(path)


def test_a_file_cut_short_or_with_something_behind_it_is_refused(tmp_path: Path):
    path = saved({"a": torch.zeros(4)}, tmp_path / "old.pth", legacy=True)
    whole = path.read_bytes()
    for data in (whole[:-1], whole[:-8], whole + b"x", whole[:40]):
        path.write_bytes(data)
        with pytest.raises(CheckpointError, match="read safely"):
            read(path)


def instructions(*values: bytes) -> bytes:
    return b"\x80\2" + b"".join(values) + b"."


def as_zip(path: Path, pickled: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", pickled)
        archive.writestr("x/byteorder", b"little")
    return path


@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (instructions(b"cbuiltins\nbytearray\n", b"J\xff\xff\xff\x7f", b"\x85R"), "calls builtins.bytearray"),
        (instructions(b"ctorch\nFloatStorage\n", b"J\xff\xff\xff\x7f", b"\x85R"), "calls torch.FloatStorage"),
        (instructions(b"ccollections\nOrderedDict\n", b")R", b"}b", b"Nb"), "sets the state"),
        (instructions(b"K\1", b"}b"), "sets the state"),
        (instructions(b"cos\nsystem\n"), "is no tensor"),
        (instructions(b"]q\0h\0a"), "dicts within dicts"),
        (instructions(b"h\7"), "damaged"),
        (instructions(b"R"), "damaged"),
        (instructions(b"(t" + b"\x85" * 50_000 + b"K\1", b"}\x8a\0b"), "read safely"),
        (instructions(b"X\xff\xff\xff\xffa"), "read safely"),
        (instructions(b"c__main__\nx\n)\x81"), "instruction NEWOBJ"),
        (instructions(b"(cos\nsystem\no"), "instruction OBJ"),
        (instructions(b"(ios\nsystem\n"), "instruction INST"),
        (instructions(b"\x82\1"), "instruction EXT1"),
        (instructions(b"\x8c\2os\x8c\6system\x93"), "instruction SHORT_BINUNICODE"),
        (b"\x80\2N", "read safely"),
    ],
)  # fmt: skip
def test_instructions_that_no_state_dict_needs_are_refused(tmp_path: Path, pickled: bytes, message: str):
    with pytest.raises(CheckpointError, match=message):
        read(as_zip(tmp_path / "x.pth", pickled))


def test_one_list_is_not_many_dicts(tmp_path: Path):
    """1,000 pairs, named 400 times: no 400 dicts of them are made; 100 times is no harm yet."""
    pairs = b"ccollections\nOrderedDict\nq\0](" + b"(U\1aK\1t" * 1000 + b"eq\1"
    with pytest.raises(CheckpointError, match="says the same thing over and over"):
        read(as_zip(tmp_path / "x.pth", instructions(pairs, b"h\0h\1\x85R" * 400)))
    assert read(as_zip(tmp_path / "y.pth", instructions(pairs, b"h\0h\1\x85R" * 100))) == {"a": 1}


def test_a_file_of_python_2_and_pytorch_0_3_is_read(tmp_path: Path):
    """Byte strings for names, an OrderedDict made of pairs, `_rebuild_tensor` of four values, no requires_grad."""
    pair = (
        b"]q\1(U\1aq\2ctorch._utils\n_rebuild_tensor\nq\3((U\7storageq\4ctorch\nFloatStorage\nq\5U\4key1q\6U\6cuda:0q\7"
        b"K\3NtQK\1K\2\x85K\1\x85tRq\x08e"
    )
    state = b"\x80\2ccollections\nOrderedDict\nq\0]q\x09" + pair + b"a\x85Rq\x0a}U\x09_metadataK\1sb."
    system = pickle.dumps({"little_endian": True, "protocol_version": 1001}, 2)
    head = [pickle.dumps(torch_file.MAGIC, 2), pickle.dumps(torch_file.PROTOCOL, 2), system, state]
    path = tmp_path / "ancient.pth"
    values = struct.pack("<q3f", 3, 1.0, 2.0, 3.0)
    path.write_bytes(b"".join(head) + pickle.dumps(["key1"], 2) + values)
    assert read(path)["a"].tolist() == [2.0, 3.0]


def test_pytorch_s_first_format_a_tar_says_what_to_do(tmp_path: Path):
    import tarfile

    path = tmp_path / "first.pth"
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("storages")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"\x80\2N."))
    with pytest.raises(CheckpointError, match="a tar; load it in an old PyTorch and save it again"):
        read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!DOCTYPE html><title>404</title>", "a text, perhaps a server's error page"),
        (b"", "another format"),
        (pickle.dumps({"a": 1}), "a bare pickle"),
        (b"\x93NUMPY\1\0", "another format"),
        (save({"a": torch.ones(1)}), "a safetensors file"),
    ],
)
def test_another_format_is_known_by_its_content(tmp_path: Path, content: bytes, message: str):
    path = tmp_path / "x.pth"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        read(path)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_program_is_refused(tmp_path: Path):
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), str(tmp_path / "program.pt"))
    with pytest.raises(CheckpointError, match="a TorchScript program"):
        read(tmp_path / "program.pt")


def test_a_file_that_is_not_there_or_a_folder_is_named(tmp_path: Path):
    for path in (tmp_path / "none.pth", tmp_path):
        with pytest.raises(CheckpointError, match=f"{path}: not a readable .pth file"):
            read(path)
