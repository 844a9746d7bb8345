"""The half of pickle's stack machine that only arranges data: values, tuples, lists, dicts and the memo.

A pickle is a list of instructions for a stack machine. Whatever would do something (look up a name, call, set a state)
is handed to the reader of one kind of file, which decides what record it stands for, or refuses it.
"""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

MAX_INSTRUCTIONS = 300_000
"""A tensor takes about forty."""

MARK = object()
"""Where a tuple or a run of items begins on the stack."""

CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
EMPTY: dict[str, type] = {"EMPTY_TUPLE": tuple, "EMPTY_DICT": dict, "EMPTY_LIST": list}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
PUTS, GETS = ("BINPUT", "LONG_BINPUT"), ("BINGET", "LONG_BINGET")


class Refused(Exception):
    """Why a file is not read."""


class Global(NamedTuple):
    """A name a pickle mentions; it stays a name."""

    name: str


@dataclass(slots=True)
class Stack:
    """`values` are the instructions that bring a plain value; `insert` puts keys and values into a dict, or refuses a
    key; `act` is given every instruction that is not about data. `subject` is what messages call the pickle."""

    subject: str
    values: frozenset[str]
    insert: Callable[[dict[Any, Any], list[Any]], None]
    act: Callable[[str, Any], None]
    items: list[Any] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def run(self, source: BinaryIO) -> Any:
        """What the pickle at the current place of `source` describes; the place behind it is the next one.

        Raises: Refused for an instruction that is not followed; ValueError and others for damaged bytes.
        """
        for number, (opcode, argument, _) in enumerate(pickletools.genops(source)):
            if number == MAX_INSTRUCTIONS:
                raise Refused(f"{self.subject} has more than {MAX_INSTRUCTIONS} instructions")
            if opcode.name == "STOP":
                return self.pop()
            try:
                self._do(opcode.name, argument)
            except (IndexError, KeyError):
                raise self.damaged() from None
        raise Refused(f"{self.subject} has no end")

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self.items.append(value)

    def pop(self) -> Any:
        """Take a value off the stack."""
        value = self.items.pop()
        if value is MARK:
            raise self.damaged()
        return value

    def since_mark(self) -> list[Any]:
        """What was put on the stack since the last mark."""
        found = []
        while (value := self.items.pop()) is not MARK:
            found.append(value)
        return found[::-1]

    def top(self, kind: type) -> Any:
        """The value on top of the stack, which stays there."""
        if type(self.items[-1]) is not kind:
            raise self.damaged()
        return self.items[-1]

    def damaged(self) -> Refused:
        """What to raise for bytes that make no sense."""
        return Refused(f"{self.subject} is damaged")

    def _do(self, name: str, argument: Any) -> None:
        if name in self.values:
            self.push(argument)
        elif name in CONSTANTS:
            self.push(CONSTANTS[name])
        elif name in EMPTY:
            self.push(EMPTY[name]())
        elif name in PUTS:
            self.memo[argument] = self.items[-1]
        elif name in GETS:
            self.push(self.memo[argument])
        elif name in TUPLES:
            self.push(tuple(reversed([self.pop() for _ in range(TUPLES[name])])))
        else:
            self._gather(name, argument)

    def _gather(self, name: str, argument: Any) -> None:
        match name:
            case "PROTO":
                pass
            case "MARK":
                self.push(MARK)
            case "TUPLE":
                self.push(tuple(self.since_mark()))
            case "APPEND" | "APPENDS":
                items = [self.pop()] if name == "APPEND" else self.since_mark()
                self.top(list).extend(items)
            case "SETITEM" | "SETITEMS":
                items = [self.pop(), self.pop()][::-1] if name == "SETITEM" else self.since_mark()
                self.insert(self.top(dict), items)
            case _:
                self.act(name, argument)
