"""Small files that claim or unpack to much: archives, and weights whose pickle asks for memory."""

import io
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from tests.reliability import hostile_archives
from tests.reliability.hostile_weights import sequence, text, zip_of

STORAGE = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu")


def files(folder: Path, size: int) -> Iterator[tuple[str, Path, str]]:
    """(name, file, "archive" or "weights") of each bomb, written to `folder`."""
    for name, path in hostile_archives.bombs(folder, size):
        yield name, path, "archive"
    for name, make in WEIGHTS.items():
        path = folder / f"{name.replace(' ', '-')}.pth"
        path.write_bytes(make())
        yield name, path, "weights"


def _number(value: int) -> bytes:
    data = value.to_bytes(9, "little")
    return b"\x8a" + bytes([len(data)]) + data


def _tensor(numel: int, size: int, stride: int, *, legacy: bool = False) -> bytes:
    """A dict of one tensor of `size` values over a storage of `numel`."""
    storage = STORAGE + _number(numel) + (b"N" if legacy else b"") + b"tQ"
    shape = b"K\0" + _number(size) + b"\x85" + _number(stride) + b"\x85"
    call = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + shape + b"\x89ccollections\nOrderedDict\n)RtR"
    return b"\x80\2}" + text("model.1.weight") + call + b"s."


def _called(module: str, name: str, *arguments: bytes) -> bytes:
    return zip_of(b"\x80\2" + f"c{module}\n{name}\n".encode() + b"(" + b"".join(arguments) + b"tR.")


def _compressed() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", _tensor(2**26, 2**26, 1))
        archive.writestr("x/data/0", b"\0" * 2**28)
    return buffer.getvalue()


def _shared() -> bytes:
    """A thousand names for one piece of four megabytes: a network of four gigabytes once they are copied."""
    values = torch.zeros(2**20)
    buffer = io.BytesIO()
    torch.save({f"model.{i}.weight": values for i in range(1000)}, buffer)
    return buffer.getvalue()


def _lied() -> bytes:
    """Sizes of a sound file's directory, raised to two gigabytes each."""
    data = bytearray(zip_of(b"\x80\2}."))
    place = -1
    while (place := data.find(b"PK\1\2", place + 1)) >= 0:
        struct.pack_into("<II", data, place + 20, 2**31, 2**31)
    return bytes(data)


def _wide() -> bytes:
    """Lists of lists: a billion places behind a few kilobytes."""
    level = b"]q\0" + b"(" + b"K\1" * 1000 + b"e"
    levels = b"".join(b"]q" + bytes([i]) + b"(" + (b"h" + bytes([i - 1])) * 1000 + b"e" for i in range(1, 4))
    return zip_of(b"\x80\2" + level + levels + b".")


WEIGHTS: dict[str, Callable[[], bytes]] = {
    "compressed values": _compressed,
    "four gigabytes of bytearray": lambda: _called("builtins", "bytearray", _number(2**32)),
    "a storage of eight gigabytes": lambda: _called("torch", "FloatStorage", _number(2**31)),
    "a tensor by its class": lambda: _called("torch", "Tensor", _number(2**31)),
    "a repeated value": lambda: zip_of(_tensor(1, 2**33, 0)),
    "values that are not there": lambda: zip_of(_tensor(2**33, 2**33, 1)),
    "values that are not there before 1.6": lambda: sequence(_tensor(2**33, 2**33, 1, legacy=True)),
    "a long text": lambda: zip_of(b"\x80\2X\xff\xff\xff\x7fa."),
    "a long number": lambda: zip_of(b"\x80\2\x8b\xff\xff\xff\x7fa."),
    "a long byte string": lambda: zip_of(b"\x80\4\x8e" + b"\xff" * 7 + b"\x7fa."),
    "a far place in the memo": lambda: zip_of(b"\x80\2Nr\xff\xff\xff\x7f."),
    "a million lists": lambda: zip_of(b"\x80\2" + b"]" * 1_000_000 + b"."),
    "tuples in tuples": lambda: zip_of(b"\x80\2)" + b"\x85" * 250_000 + b"."),
    "lists of lists": _wide,
    "one piece by a thousand names": _shared,
    "sizes that are lies": _lied,
    "a long decimal number": lambda: zip_of(b"\x80\2L" + b"9" * 900_000 + b"L\n."),
    "a bare pickle": lambda: pickle.dumps(bytearray(100))[:-1] + b"\x8b\xff\xff\xff\x7f",
}
