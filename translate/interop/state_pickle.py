"""Follow the few pickle instructions that describe tensors in dicts; nothing is looked up, called or imported.

Data is arranged on a stack (pickle_stack.py): a global stays a name, a call is allowed for four names and makes one of
the records below, every other instruction is refused. So no byte of a file decides what runs here.
"""

import math
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

import torch

from translate.interop.pickle_stack import MAX_INSTRUCTIONS, Global, Refused, Stack

MAX_DIMENSIONS, MAX_NAME = 8, 300

DTYPES = {
    "torch FloatStorage": torch.float32,
    "torch HalfStorage": torch.float16,
    "torch BFloat16Storage": torch.bfloat16,
    "torch DoubleStorage": torch.float64,
    "torch LongStorage": torch.int64,
    "torch IntStorage": torch.int32,
}
DICTS = ("collections OrderedDict",)
REBUILD = ("torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_tensor")
SETTINGS = "argparse Namespace"
"""What a training program was started with; some save it beside the weights. It is read as an empty dict."""
PARAMETER = "torch._utils _rebuild_parameter"
MODULES = ("__torch__.", "__torch__ ")
"""How the names of a TorchScript program's own classes begin; a module of one is read as the dict of what it holds."""
LISTS = ("torch.jit._pickle build_intlist", "torch.jit._pickle build_doublelist", "torch.jit._pickle build_boollist")


class Storage(NamedTuple):
    """Values that lie in the file in one piece."""

    key: str
    dtype: torch.dtype
    numel: int

    @property
    def nbytes(self) -> int:
        return self.numel * self.dtype.itemsize


class Claim(NamedTuple):
    """A tensor as a pickle describes it."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return math.prod(self.size) * self.storage.dtype.itemsize

    def fits(self) -> bool:
        """Whether all its values lie within its storage."""
        if 0 in self.size:
            return True
        reach = sum((size - 1) * stride for size, stride in zip(self.size, self.stride, strict=True))
        return self.offset + reach < self.storage.numel


VALUES = frozenset({"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINSTRING"})


@dataclass(slots=True)
class Machine:
    """Follows pickles; `legacy` files name their storages with one more value than zips; a `script` has modules."""

    legacy: bool
    script: bool = False
    storages: dict[str, Storage] = field(default_factory=dict)
    listed: int = 0
    """Entries of lists that were turned into dicts."""
    stack: Stack = field(init=False)

    def __post_init__(self) -> None:
        self.stack = Stack("its pickle", VALUES, _insert, self._act)

    def run(self, source: BinaryIO) -> Any:
        """What the pickle at the current place of `source` describes; the place behind it is the next one.

        Raises: Refused for any instruction but those of a state_dict; ValueError and others for damaged bytes.
        """
        return self.stack.run(source)

    def _act(self, name: str, argument: Any) -> None:
        stack = self.stack
        match name:
            case "GLOBAL":
                stack.push(Global(argument))
            case "BINPERSID":
                stack.push(self._storage(stack.pop()))
            case "REDUCE":
                arguments, what = stack.pop(), stack.pop()
                self._count(arguments)
                stack.push(arguments[0] if self._is_list(what, arguments) else _called(what, arguments))
            case "NEWOBJ":
                arguments, what = stack.pop(), stack.pop()
                if not self._is_record(what) or arguments != ():
                    raise Refused(f"its pickle holds the instruction {name}, which no state_dict needs")
                stack.push({})
            case "BUILD":
                # An OrderedDict's attributes: the versions of the modules it came from. Nothing needs them.
                state, target = stack.pop(), stack.items[-1]
                if not isinstance(state, dict) or not isinstance(target, dict):
                    raise Refused("its pickle sets the state of an object")
                if self.script and state is not target:
                    target.update(state)
            case _:
                raise Refused(f"its pickle holds the instruction {name}, which no state_dict needs")

    def _count(self, arguments: Any) -> None:
        """Refuse one list that is named again and again: each dict of it would be a copy."""
        if type(arguments) is tuple:
            self.listed += sum(len(argument) for argument in arguments if type(argument) is list)
        if self.listed > MAX_INSTRUCTIONS:
            raise Refused("its pickle says the same thing over and over")

    def _is_record(self, what: Any) -> bool:
        """Whether a name is one of the classes that are read as dicts."""
        return type(what) is Global and (what.name == SETTINGS or (self.script and what.name.startswith(MODULES)))

    def _is_list(self, what: Any, arguments: Any) -> bool:
        named = type(what) is Global and what.name in LISTS
        return self.script and named and type(arguments) is tuple and len(arguments) == 1 and type(arguments[0]) is list

    def _storage(self, named: Any) -> Storage:
        if type(named) is not tuple or len(named) != 5 + self.legacy or named[0] != "storage":
            raise Refused("its pickle names something other than stored values")
        kind, key, place, numel = named[1:5]
        if type(kind) is not Global or type(key) is not str or type(place) is not str or type(numel) is not int:
            raise Refused("its pickle names its values in another way than torch does")
        if not (key.isprintable() and len(key) <= MAX_NAME):
            raise Refused("its pickle names its values in another way than torch does")
        if kind.name not in DTYPES:
            raise Refused(f"values of the type {kind.name.split()[-1][:40]}, which no network here has")
        if named[5:] not in ((), (None,)) or numel < 0:
            raise Refused("its values are views of others; save it again by a newer PyTorch")
        storage = Storage(key, DTYPES[kind.name], numel)
        if self.storages.setdefault(key, storage) != storage:
            raise Refused(f"the values {key[:40]} are of two types or lengths")
        return storage


def _insert(target: dict[Any, Any], items: list[Any]) -> None:
    for key, value in zip(items[::2], items[1::2], strict=True):
        # Only these: the hash of a deeply nested tuple would overflow the interpreter's own stack.
        if type(key) not in (str, int):
            raise Refused(f"a {type(key).__name__} for a name; expected a state_dict")
        if type(key) is str and not (key.isprintable() and len(key) <= MAX_NAME):
            raise Refused("a name that can't be shown; expected a state_dict")
        target[key] = value


def _called(what: Any, arguments: Any) -> Any:
    """The record that a call stands for.

    Raises: Refused for any but those of a state_dict.
    """
    if type(what) is not Global or type(arguments) is not tuple:
        raise Refused("its pickle calls something that has no name")
    if what.name in DICTS and not arguments:
        return {}
    if what.name in DICTS and len(arguments) == 1 and isinstance(arguments[0], list):  # as Python 2 wrote them
        return dict(_pair(pair) for pair in arguments[0])
    if what.name == PARAMETER and len(arguments) == 3 and type(arguments[0]) is Claim:
        return arguments[0]
    if what.name not in REBUILD:
        raise Refused(f"its pickle calls {'.'.join(what.name.split())[:80]}, which no state_dict needs")
    storage, offset, size, stride = arguments[:4]
    plain = [*size, *stride, offset] if type(size) is tuple and type(stride) is tuple else [None]
    if type(storage) is not Storage or not all(type(number) is int and number >= 0 for number in plain):
        raise Refused("its pickle describes a tensor in another way than torch does")
    if len(size) != len(stride) or len(size) > MAX_DIMENSIONS:
        raise Refused(f"a tensor of {len(size)} dimensions and {len(stride)} strides")
    return Claim(storage, offset, size, stride)


def _pair(pair: Any) -> tuple[str, Any]:
    if not isinstance(pair, list | tuple) or len(pair) != 2 or type(pair[0]) is not str or not pair[0].isprintable():
        raise Refused("its pickle is damaged")
    return pair[0], pair[1]
