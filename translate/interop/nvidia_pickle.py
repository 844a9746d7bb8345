"""Read the networks in an NVIDIA pickle (StyleGAN2-ADA's network-snapshot.pkl) without unpickling it.

NVIDIA's own loader runs the Python source that lies in the file. Here the file's instructions are followed on a stack
of plain values: a name must be on an exact list and stays a name, a call is looked up and never made, and the source is
dropped unread. Stored values are a pickle of their own inside, followed the same way. What remains of a network is its
tensors, by dotted name, and the plain settings of its layers.
"""

import io
import mmap
import os
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import torch
from torch import Tensor

from translate.errors import CheckpointError
from translate.interop import state_pickle
from translate.interop.pickle_stack import Global, Refused, Stack
from translate.interop.state_pickle import MAX_DIMENSIONS, MAX_NAME, Claim, Storage
from translate.interop.torch_file import MAGIC, MAX_BYTES, PROTOCOL

MAX_ENTRIES, MAX_DEPTH, MAX_STORAGES = 100_000, 12, 10_000
"""A generator of 1024 pixels has about a hundred modules of thirty entries, four deep."""

MODULE = "torch_utils.persistence _reconstruct_persistent_obj"
STORED = "torch.storage _load_from_bytes"
PARAMETER = "torch._utils _rebuild_parameter"
TENSOR = "torch._utils _rebuild_tensor_v2"
BYTES = "_codecs encode"
"""How protocol 2 writes bytes: as text."""
DICTS = {"collections OrderedDict", "dnnlib.util EasyDict"}
INERT = {
    "__builtin__ set",
    "builtins set",
    "numpy dtype",
    "numpy._core.multiarray _reconstruct",
    "numpy._core.multiarray scalar",
    "numpy.core.multiarray _reconstruct",
    "numpy.core.multiarray scalar",
    "torch Size",
    "torch device",
}
"""Calls whose result no network needs."""
NAMES = {MODULE, STORED, PARAMETER, TENSOR, BYTES, "numpy ndarray", *DICTS, *INERT}
TENSORFLOW = "dnnlib.tflib.network Network"

VALUES = frozenset(
    {
        *("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "BINFLOAT", "FLOAT"),
        *("BINUNICODE", "BINUNICODE8", "SHORT_BINUNICODE", "UNICODE"),
        *("BINBYTES", "BINBYTES8", "SHORT_BINBYTES"),
    }
)


class Network(NamedTuple):
    """One network of a file."""

    name: str
    """Of its class, as `Generator`."""
    state: dict[str, Tensor]
    settings: dict[str, str | int | float | None]
    """The plain attributes of its modules, as `synthesis.b8.conv1.activation`."""


class Module(NamedTuple):
    """A module as the pickle describes it, without its source."""

    name: str
    state: dict[str, Any]


class Inert(NamedTuple):
    """The result of a call that was not made."""

    name: str


def read(path: Path, wanted: Iterable[str] = ("G_ema", "D")) -> dict[str, Network]:
    """The networks of a file, those of `wanted` that it has.

    Raises: CheckpointError when it is no such pickle, is damaged, or says more than the description of networks.
    """
    try:
        with path.open("rb") as file:
            if (size := os.fstat(file.fileno()).st_size) > MAX_BYTES:
                raise Refused(f"it has {size} bytes, the limit is {MAX_BYTES}")
            if not file.read(1) == b"\x80":
                raise Refused("not a pickle")
            # A map reads no further than the file goes, whatever length an instruction claims.
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                machine = Machine(budget=size)
                found = machine.run(cast(BinaryIO, content))
        return _networks(found, machine.contents, wanted)
    except OSError as error:
        raise CheckpointError(f"{path}: not a readable .pkl file ({error.strerror or error})") from None
    except Exception as error:  # damaged bytes make the readers raise whatever they like
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise CheckpointError(f"{path}: no networks that can be read safely ({reason})") from None


@dataclass(slots=True)
class Machine:
    """Follows one pickle; `contents` are the bytes of the storages it met, together at most `budget`."""

    budget: int
    contents: dict[str, memoryview] = field(default_factory=dict)
    texts: int = field(init=False)
    """How many letters may still become bytes: those of an honest file are all in it."""
    stack: Stack = field(init=False)

    def __post_init__(self) -> None:
        self.texts = self.budget
        self.stack = Stack("it", VALUES, _insert, self._act)

    def run(self, source: BinaryIO) -> Any:
        """What the pickle describes.

        Raises: Refused for an instruction or a name that no network needs; ValueError and others for damaged bytes.
        """
        return self.stack.run(source)

    def _act(self, name: str, argument: Any) -> None:
        stack = self.stack
        match name:
            case "FRAME":
                pass
            case "MEMOIZE":
                stack.memo[len(stack.memo)] = stack.items[-1]
            case "EMPTY_SET":
                stack.push([])
            case "ADDITEMS":
                items = stack.since_mark()
                stack.top(list).extend(items)
            case "GLOBAL":
                stack.push(_named(argument))
            case "STACK_GLOBAL":
                attribute, module = stack.pop(), stack.pop()
                stack.push(_named(f"{module} {attribute}" if type(module) is type(attribute) is str else "?"))
            case "REDUCE" | "NEWOBJ":
                arguments, what = stack.pop(), stack.pop()
                stack.push(self._called(what, arguments))
            case "BUILD":
                stack.pop()
                # What follows a dict or an array: attributes that nothing here needs.
                if type(stack.items[-1]) not in (dict, Inert):
                    raise Refused("it sets the state of an object")
            case _:
                raise Refused(f"it holds the instruction {name}, which no network needs")

    def _called(self, what: Any, arguments: Any) -> Any:
        """The record that a call stands for.

        Raises: Refused when its arguments are not those of a network.
        """
        if type(what) is not Global or type(arguments) is not tuple:
            raise Refused("it calls something that has no name")
        if what.name in INERT:
            return Inert(what.name)
        calls: dict[str, Callable[..., Any]] = {
            MODULE: _module,
            STORED: self._stored,
            PARAMETER: _parameter,
            TENSOR: _claim,
            BYTES: self._bytes,
            **dict.fromkeys(DICTS, dict),
        }
        if what.name not in calls or (what.name in DICTS and arguments):
            raise Refused(f"it calls {what.name.replace(' ', '.')[:80]} in another way than a network does")
        try:
            return calls[what.name](*arguments)
        except TypeError:
            raise Refused(f"it calls {what.name.replace(' ', '.')} in another way than a network does") from None

    def _stored(self, data: Any) -> Storage:
        """The pickle of one storage, as torch.save wrote it before its zip format."""
        if type(data) is not bytes:
            raise TypeError
        # One run of bytes could be named as the values of any number of tensors.
        self.budget -= len(data)
        if self.budget < 0 or len(self.contents) == MAX_STORAGES:
            raise Refused("its tensors claim more values than the file stores")
        source = io.BytesIO(data)
        header = [state_pickle.Machine(legacy=True).run(source) for _ in range(3)]
        if header[:2] != [MAGIC, PROTOCOL] or type(header[2]) is not dict or header[2].get("little_endian") is not True:
            raise Refused("its values are of another format or byte order")
        storage, keys = (state_pickle.Machine(legacy=True).run(source) for _ in range(2))
        if type(storage) is not Storage or keys != [storage.key]:
            raise Refused("its values are no plain numbers")
        count = source.read(8)
        if count != struct.pack("<q", storage.numel) or len(data) - source.tell() != storage.nbytes:
            raise Refused("its values are of another number than it says")
        key = str(len(self.contents))
        self.contents[key] = memoryview(data)[source.tell() :]
        return storage._replace(key=key)

    def _bytes(self, text: Any, codec: Any) -> bytes:
        """Bytes as protocol 2 writes them."""
        if type(text) is not str or codec != "latin1":
            raise TypeError
        # One text could be named any number of times, each a copy.
        self.texts -= len(text)
        if self.texts < 0:
            raise Refused("its tensors claim more values than the file stores")
        return text.encode("latin-1")


def _named(name: str) -> Global:
    if name == TENSORFLOW:
        raise Refused("of TensorFlow; turn it into one of PyTorch's with legacy.py of stylegan2-ada-pytorch")
    if name not in NAMES:
        raise Refused(f"it names {name.replace(' ', '.')[:80]!r}, which no network needs")
    return Global(name)


def _insert(target: dict[Any, Any], items: list[Any]) -> None:
    for key, value in zip(items[::2], items[1::2], strict=True):
        # Only these: the hash of a deeply nested tuple would overflow the interpreter's own stack.
        if type(key) is not str or len(key) > MAX_NAME or not key.isprintable():
            raise Refused("it has a name that is no printable text")
        target[key] = value


def _module(meta: Any) -> Module:
    if type(meta) is not dict or meta.get("type") != "class" or type(meta.get("state")) is not dict:
        raise TypeError
    if type(meta.get("class_name")) is not str:
        raise TypeError
    return Module(meta["class_name"][:MAX_NAME], meta["state"])  # and not meta["module_src"]


def _parameter(data: Any, requires_grad: Any, hooks: Any) -> Claim:
    if type(data) is not Claim:
        raise TypeError
    return data


def _claim(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, meta: Any = None
) -> Claim:
    if type(storage) is not Storage or type(size) is not tuple or type(stride) is not tuple:
        raise TypeError
    if not all(type(number) is int and number >= 0 for number in (offset, *size, *stride)):
        raise TypeError
    if len(size) != len(stride) or len(size) > MAX_DIMENSIONS:
        raise Refused(f"a tensor of {len(size)} dimensions and {len(stride)} strides")
    return Claim(storage, offset, size, stride)


def _networks(found: Any, contents: dict[str, memoryview], wanted: Iterable[str]) -> dict[str, Network]:
    if type(found) is not dict or not any(type(value) is Module for value in found.values()):
        raise Refused("it holds no networks; expected the G, D and G_ema of a StyleGAN2 snapshot")
    return {name: _network(found[name], contents) for name in wanted if name in found and type(found[name]) is Module}


def _network(module: Module, contents: dict[str, memoryview]) -> Network:
    claims: dict[str, Claim] = {}
    settings: dict[str, str | int | float | None] = {}
    waiting, seen = [("", module, 0)], 0
    while waiting:
        prefix, current, depth = waiting.pop()
        named = _part(current, "_parameters") | _part(current, "_buffers")
        seen += 1 + len(current.state) + len(named)
        if depth > MAX_DEPTH or seen > MAX_ENTRIES:
            raise Refused("modules within modules within modules; no network is built so")
        for name, value in current.state.items():
            if value is None or type(value) in (str, int, float, bool):
                settings[prefix + name] = value
        for name, value in named.items():
            if type(value) is Claim:
                claims[prefix + name] = value
        children = _part(current, "_modules").items()
        waiting += [(f"{prefix}{name}.", child, depth + 1) for name, child in children if type(child) is Module]
    return Network(module.name, _tensors(claims, contents), settings)


def _part(module: Module, name: str) -> dict[str, Any]:
    part = module.state.get(name, {})
    if type(part) is not dict:
        raise Refused(f"the {name} of a {module.name} are a {type(part).__name__}")
    return part


def _tensors(claims: dict[str, Claim], contents: dict[str, memoryview]) -> dict[str, Tensor]:
    """The claims as tensors, once every one of them is known to lie within the file."""
    for name, claim in claims.items():
        if not claim.fits():
            raise Refused(f"{name} claims more values than the file stores")
    # Overlapping views or a stride of zero make tensors of any size out of a few bytes.
    stored = {claim.storage.key: claim.storage for claim in claims.values()}
    if sum(claim.nbytes for claim in claims.values()) > sum(storage.nbytes for storage in stored.values()):
        raise Refused("its tensors claim more values than the file stores")
    whole = {
        key: torch.frombuffer(bytearray(contents[key]), dtype=storage.dtype)
        for key, storage in stored.items()
        if storage.numel
    }
    return {
        name: torch.empty(claim.size, dtype=claim.storage.dtype)
        if 0 in claim.size
        else whole[claim.storage.key].as_strided(claim.size, claim.stride, claim.offset)
        for name, claim in claims.items()
    }
