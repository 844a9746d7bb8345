"""What every config is built on: validation, the numbers' ranges, one line for what is wrong."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from translate.errors import ConfigError

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class Config(BaseModel):
    """Base of all settings: unknown names are refused, values never change after validation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def replace(self, **changes: Any) -> Self:
        """A validated copy with `changes`; a dotted key ("data.crop") reaches into a nested config.

        Raises: ConfigError naming field, value and allowed range.
        """
        merged = self.model_dump()
        for dotted, value in changes.items():
            *parents, leaf = dotted.split(".")
            node: Any = merged
            for parent in parents:
                node = node.get(parent) if isinstance(node, dict) else None
            if not isinstance(node, dict) or leaf not in node:
                raise ConfigError(f"{dotted}: no such setting; known here: {', '.join(sorted(_dotted(merged)))}")
            node[leaf] = value
        return parse(type(self), merged)


T = TypeVar("T", bound="Config")


def parse(kind: type[T], values: Mapping[str, Any]) -> T:
    """Validate `values` as a `kind`.

    Raises: ConfigError with one line: every field, what was found, what is allowed.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        lines = []
        for e in error.errors():
            where = ".".join(_path(e["loc"], values))
            message = e["msg"].removeprefix("Value error, ")
            # The input of a missing field is the whole object around it.
            found = "" if isinstance(e["input"], dict) else f" is {e['input']!r}"
            lines.append(f"{where}{found}: {message}" if where else message)
        raise ConfigError("; ".join(lines)) from None


def read(kind: type[T], path: Path) -> T:
    """Read a JSON file as a `kind`.

    Raises: ConfigError naming the file.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not a readable JSON file ({error})") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: holds a {type(values).__name__}, expected an object with settings")
    try:
        return parse(kind, values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _path(loc: tuple[str | int, ...], values: Mapping[str, Any]) -> list[str]:
    """Where an error is, without the words by which pydantic chose among several configs."""
    node: Any = values
    path = []
    for number, part in enumerate(loc):
        if isinstance(node, Mapping) and part not in node and number < len(loc) - 1:
            continue
        path.append(str(part))
        node = node.get(part) if isinstance(node, Mapping) else None
    return path


def _dotted(values: Mapping[str, Any], prefix: str = "") -> list[str]:
    names: list[str] = []
    for key, value in values.items():
        names += _dotted(value, f"{prefix}{key}.") if isinstance(value, dict) else [f"{prefix}{key}"]
    return names
