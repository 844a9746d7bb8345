"""NVIDIA's pickles: tensors bit for bit, embedded source never run, hostile files refused in one line."""

import os
import pickle
import resource
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._utils import _rebuild_parameter, _rebuild_tensor_v2
from torch.storage import _load_from_bytes

from tests.interop.nvidia_files import EasyDict, Persistent, importable, network, snapshot
from tests.reliability.figures import Record
from translate.errors import CheckpointError
from translate.interop import nvidia_pickle
from translate.interop.nvidia_pickle import read


def state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return {
        "mapping.fc0.weight": torch.randn(4, 4),
        "mapping.w_avg": torch.randn(4),
        "synthesis.b4.conv1.noise_strength": torch.randn(()),
        "synthesis.b4.conv1.weight": torch.randn(2, 4, 3, 3).contiguous(memory_format=torch.channels_last),
        "synthesis.b4.none": torch.zeros(0, 3),
    }


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.function, self.arguments


VALUES = 250_000
STORED = torch.zeros(VALUES)._typed_storage().__reduce__()[1][0]


class Claimed:
    """Pickles as a tensor over the storage that `call` gives."""

    def __init__(self, call: Call) -> None:
        self.call = call

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_tensor_v2, (self.call, 0, (VALUES,), (1,), False, None)


def with_buffers(buffers: list[Claimed]) -> bytes:
    """A snapshot whose G_ema has these."""
    with importable():
        state = {"_buffers": {f"b{index}": buffer for index, buffer in enumerate(buffers)}}
        return pickle.dumps({"G_ema": Persistent("Generator", "", state)})


def holding(value: Any) -> bytes:
    """A whole snapshot whose G_ema has `value` among its attributes."""
    with importable():
        return pickle.dumps({"G_ema": network("Generator", state(), {"": {"extra": value}}, "")})


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_tensors_are_those_of_the_file_bit_for_bit(tmp_path: Path, protocol: int, record_figure: Record):
    found = read(write(tmp_path / "net.pkl", snapshot(state(), {"b4.out.bias": torch.ones(1)}, protocol=protocol)))
    assert list(found) == ["G_ema", "D"]
    assert found["G_ema"].state.keys() == state().keys()
    for name, tensor in state().items():
        own = found["G_ema"].state[name]
        assert own.dtype == tensor.dtype
        assert own.shape == tensor.shape
        assert own.view(torch.int32).equal(tensor.view(torch.int32)), name
    assert found["D"].state["b4.out.bias"].tolist() == [1]
    record_figure(4, "tensors read bit for bit", len(state()))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.int64])
def test_every_kind_of_number_is_read(tmp_path: Path, dtype: torch.dtype):
    tensor = torch.arange(6).to(dtype).reshape(2, 3)
    found = read(write(tmp_path / "net.pkl", snapshot({"resample_filter": tensor})))["G_ema"].state["resample_filter"]
    assert found.dtype == dtype
    assert found.equal(tensor)


def test_a_layers_settings_are_read_and_its_numpy_numbers_left(tmp_path: Path):
    settings = {"mapping.fc0": {"activation": "lrelu", "bias_gain": 0.01, "clamp": None, "shape": (1, 2)}}
    found = read(write(tmp_path / "net.pkl", snapshot(state(), settings=settings)))["G_ema"].settings
    assert {k: v for k, v in found.items() if k.startswith("mapping.fc0.")} == {
        "mapping.fc0.training": False,
        "mapping.fc0.activation": "lrelu",
        "mapping.fc0.bias_gain": 0.01,
        "mapping.fc0.clamp": None,
    }


def test_embedded_source_is_never_run(tmp_path: Path, record_figure: Record):
    """In a process of its own, which would notice: the source writes a file, an audit hook sees every exec."""
    canary = tmp_path / "canary"
    source = f"open({str(canary)!r}, 'w').write('run')"
    path = write(tmp_path / "net.pkl", snapshot(state(), source=source))
    program = (
        "import sys, pathlib\n"
        "from translate.interop.nvidia_pickle import read\n"
        "seen = []\n"
        "sys.addaudithook(lambda event, arguments: seen.append(event))\n"
        f"found = read(pathlib.Path({str(path)!r}))\n"
        "print(len(found['G_ema'].state), [e for e in seen if e in ('exec', 'compile', 'os.system')])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(nvidia_pickle.__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "5 []"
    assert not canary.exists()
    record_figure(4, "runs of embedded source", 0)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Call(os.system, "touch canary"), "system"),
        (Call(eval, "1"), "builtins.eval"),
        (Call(getattr, {}, "get"), "builtins.getattr"),
        (Call(__import__, "os"), "builtins.__import__"),
        (Call(bytearray, 2**40), "builtins.bytearray"),
        (Call(torch.zeros, 2**40), "builtins.getattr"),
        (Call(torch.load, "file"), "torch.serialization.load"),
        (Call(subprocess.run, ["touch", "canary"]), "subprocess.run"),
        (Path("folder"), "pathlib"),
        (torch.nn.Linear(1, 1), "torch.nn.modules.linear.Linear"),
        (complex(1, 2), "builtins.complex"),
        ({1: 2}, "no printable text"),
        ({("a",): 2}, "no printable text"),
        ({"a\nb": 2}, "no printable text"),
        (bytearray(b"x"), "BYTEARRAY8|bytearray"),
    ],
)
def test_a_name_or_a_call_that_no_network_needs_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: Any, words: str
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=words) as caught:
        read(write(tmp_path / "evil.pkl", holding(value)))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'evil.pkl'}: ")
    assert not (tmp_path / "canary").exists()


def test_known_names_called_in_another_way_are_refused(tmp_path: Path):
    for call in (
        Call(_load_from_bytes, b"\x80\2cos\nsystem\nX\4\0\0\0true\x85R."),
        Call(_load_from_bytes, b""),
        Call(_load_from_bytes, "text"),
        Call(_rebuild_parameter, 1, True, None),
        Call(_rebuild_tensor_v2, 1, 0, (1,), (1,), False, None),
        Call(_rebuild_tensor_v2),
        Call(EasyDict, [("a", 1)]),
        Persistent("Generator", "", 3),  # type: ignore[arg-type]
    ):
        with pytest.raises(CheckpointError, match=r"evil\.pkl: no networks that can be read safely"):
            read(write(tmp_path / "evil.pkl", holding(call)))


RAW = {
    "an extension": b"\x80\2\x82\1.",
    "a persistent name": b"\x80\2X\1\0\0\0aQ.",
    "an old-style object": b"\x80\2(ios\nsystem\n.",
    "a state set on a name": b"\x80\2cnumpy\nndarray\n}b.",
    "a call of a text": b"\x80\2X\1\0\0\0a)R.",
    "a name from two numbers": b"\x80\4K\1K\2\x93.",
    "no end": b"\x80\2}",
    "an empty stack": b"\x80\2.",
    "a mark alone": b"\x80\2(.",
    "a memo never set": b"\x80\2h\5.",
    "four gigabytes claimed": b"\x80\4B\xff\xff\xff\xff.",
    "2^62 bytes claimed": b"\x80\4\x8e" + (2**62).to_bytes(8, "little") + b".",
    "a text claimed": b"\x80\4\x8d" + (2**40).to_bytes(8, "little") + b".",
    "a number of a million digits": b"\x80\2I" + b"9" * 1_000_000 + b"\n.",
    "no networks": b"\x80\2}.",
    "tensorflow": b"\x80\2cdnnlib.tflib.network\nNetwork\n.",
    "nothing": b"",
    "zeros": bytes(100),
}


@pytest.mark.parametrize("content", RAW.values(), ids=RAW)
def test_raw_instructions_are_refused_in_one_line(tmp_path: Path, content: bytes):
    with pytest.raises(CheckpointError) as caught:
        read(write(tmp_path / "raw.pkl", content))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_file_cut_anywhere_is_refused(tmp_path: Path):
    whole = snapshot(state())
    for length in range(0, len(whole), 97):
        with pytest.raises(CheckpointError):
            read(write(tmp_path / "cut.pkl", whole[:length]))


def test_deep_nesting_is_refused_without_overflowing(tmp_path: Path):
    nested = b"\x80\2" + b")" + b"\x85" * 200_000
    with pytest.raises(CheckpointError, match="holds no networks"):
        read(write(tmp_path / "deep.pkl", nested + b"."))
    with pytest.raises(CheckpointError, match="no printable text"):
        read(write(tmp_path / "deep.pkl", b"\x80\2}" + nested[2:] + b"Ns."))
    with pytest.raises(CheckpointError, match="more than 300000 instructions"):
        read(write(tmp_path / "long.pkl", b"\x80\2" + b"N" * 400_000 + b"."))


def test_modules_within_modules_are_refused(tmp_path: Path):
    """Each holds the next one twenty times: 20^6 modules out of a few."""
    inner = Persistent("Layer", "", {})
    for _ in range(6):
        inner = Persistent("Layer", "", {"_modules": {f"m{i}": inner for i in range(20)}})
    with importable():
        content = pickle.dumps({"G_ema": inner})
    with pytest.raises(CheckpointError, match="modules within modules"):
        read(write(tmp_path / "laughs.pkl", content))


def test_tensors_that_claim_more_than_the_file_stores_are_refused(tmp_path: Path):
    expanded = torch.zeros(1).expand(2**30)
    with pytest.raises(CheckpointError, match="claim more values than the file stores"):
        read(write(tmp_path / "stride.pkl", snapshot({"w_avg": expanded})))
    one = Call(_load_from_bytes, STORED)
    with pytest.raises(CheckpointError, match="claim more values than the file stores"):
        read(write(tmp_path / "views.pkl", with_buffers([Claimed(one), Claimed(one)])))


def test_one_run_of_bytes_is_not_many_tensors(tmp_path: Path):
    """64 MB claimed by a file of one: the call that names the bytes is repeated, the bytes are not."""
    content = with_buffers([Claimed(Call(_load_from_bytes, STORED)) for _ in range(64)])
    assert len(content) < 2 * len(STORED)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError, match="claim more values than the file stores"):
        read(write(tmp_path / "again.pkl", content))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024  # kilobytes


def test_one_text_is_not_many_runs_of_bytes(tmp_path: Path):
    """100 kB of letters, named 50 times: 5 MB of copies of them are not made."""
    text = b"c_codecs\nencode\nq\0" + b"X" + struct.pack("<I", 100_000) + b"a" * 100_000 + b"q\1X\6\0\0\0latin1q\2"
    with pytest.raises(CheckpointError, match="claim more values than the file stores"):
        read(write(tmp_path / "letters.pkl", b"\x80\2" + text + b"h\0h\1h\2\x86R" * 50 + b"."))


def test_mutated_files_give_one_line_or_tensors(tmp_path: Path):
    """Seeded bit flips and overwritten runs: nothing but CheckpointError comes out, and never slowly."""
    whole = snapshot({"w_avg": torch.ones(3), "mapping.fc0.weight": torch.ones(2, 2)})
    random = torch.Generator().manual_seed(0)
    messages = []
    for _ in range(400):
        data = bytearray(whole)
        place, kind, value = (int(torch.randint(high, (), generator=random)) for high in (len(data), 2, 256))
        if kind == 0:
            data[place] ^= 1 << value % 8
        else:
            data[place : place + 4] = bytes([value]) * 4
        try:
            found = read(write(tmp_path / "mutant.pkl", bytes(data)))
            assert all(isinstance(tensor, Tensor) for network in found.values() for tensor in network.state.values())
        except CheckpointError as error:
            messages.append(str(error))
    assert len(messages) > 100
    assert not [message for message in messages if "\n" in message]


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(CheckpointError, match=r"none.pkl: not a readable .pkl file \(No such file"):
        read(tmp_path / "none.pkl")
