"""The example pictures that come with the program, and the model each is made for."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import translate
from translate.images import EXTENSIONS

_PACKAGE = Path(translate.__file__).resolve().parent


@dataclass(frozen=True)
class Example:
    """A picture to try, and the name of the model it suits; None suits any."""

    path: Path
    model: str | None


def examples(names: Collection[str]) -> list[Example]:
    """Every shipped example; its file name or its folder begins with the name of the model it is made for."""
    folder = _folder()
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in EXTENSIONS) if folder.is_dir() else []
    return [Example(path, _model(path.relative_to(folder).as_posix(), names)) for path in paths]


def _folder() -> Path:
    packed = _PACKAGE / "_examples"  # in an installed wheel
    return packed if packed.is_dir() else _PACKAGE.parent / "datasets" / "examples"


def _model(name: str, names: Collection[str]) -> str | None:
    return max((model for model in names if name.startswith(model)), key=len, default=None)
