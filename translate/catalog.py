"""What can be loaded by name: models shipped with the program, the user's own runs, and installed ones.

A training that learns both directions leaves two models in its folder, RUN/AtoB and RUN/BtoA; those are their names.
"""

import difflib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from translate.checkpoints import CONFIG_FILE, DISCRIMINATOR, ENCODER, MODEL_FILE, load_config
from translate.config import Direction, ModelConfig
from translate.download.ledger import Ledger
from translate.errors import CheckpointError
from translate.locking import held

Source = Literal["shipped", "run", "installed"]

RUN_FILE = "train.json"
"""What tells a training's folder: all that it was started with."""
RUN_LOCK = ".lock"
"""What a training holds in its folder while it is under way."""
DIRECTIONS: tuple[str, ...] = get_args(Direction)

PARTS = (ENCODER, DISCRIMINATOR, "clip", "mappers")
"""Folders in a model's own, of what goes with it."""

ONNX = ".onnx"
"""Suffix of a model that `translate export` wrote."""

_PACKAGE = Path(__file__).resolve().parent
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Entry:
    """A model that can be loaded: `name` is what `find` takes, a path where an earlier source has the same name."""

    name: str
    folder: Path
    source: Source
    config: ModelConfig


@dataclass(frozen=True, slots=True)
class Broken:
    """A folder that should be a model and is none; `problem` says why in one line."""

    name: str
    folder: Path
    source: Source
    problem: str


def home() -> Path:
    """Where installed models live: $TRANSLATE_HOME, or the folder this platform has for a user's data."""
    if chosen := os.environ.get("TRANSLATE_HOME"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME", ""))
        if not base.is_absolute():  # unset too; the XDG standard says to ignore a relative one
            base = Path.home() / ".local" / "share"
    return base / "translate-images"


def ledger() -> Ledger:
    """The SHA-256s of pulled files that nobody published one of."""
    return Ledger(home() / "sha256.json")


def roots() -> dict[Source, Path]:
    """The folders that hold models, in the order in which names are looked up."""
    return {"shipped": _shipped(), "run": Path("runs"), "installed": home() / "models"}


def models() -> list[Entry]:
    """Every model that can be loaded by name, shipped ones first, each source in the order of names."""
    return [found for found in scan() if isinstance(found, Entry)]


def broken() -> list[Broken]:
    """Every folder that should be a model but whose config can't be read or whose weights are missing."""
    return [found for found in scan() if isinstance(found, Broken)]


def scan() -> list[Entry | Broken]:
    """`models()` and `broken()` in one list."""
    return [_look(*listed) for listed in _listed()]


def get(name: str) -> Entry:
    """The model listed as `name`; unlike `find` it follows no other path, so a stranger may choose the name.

    Raises: CheckpointError with the nearest names, or with what is wrong with the model.
    """
    for listed, folder, source in _listed():
        if listed == name:
            found = _look(name, folder, source)
            if isinstance(found, Broken):
                raise CheckpointError(found.problem)
            return found
    raise _unknown(name)


def locate(name: str) -> tuple[Path, Source]:
    """Folder and source of what `delete` takes: a listed model, sound or broken, or a whole run.

    Raises: CheckpointError with the nearest names.
    """
    for listed, folder, source in [*_listed(), *_runs()]:
        if listed == name:
            return folder, source
    raise _unknown(name)


def find(name_or_path: str | Path) -> Path:
    """The folder of a model given by name, by its folder or by its weights file, or the ONNX file given itself.

    A name is looked up first.

    Raises: CheckpointError with the nearest names, or with the two a run of both directions has.
    """
    text, path = str(name_or_path), Path(name_or_path).expanduser()
    if isinstance(name_or_path, str) and _may_be_listed(text):
        for root in roots().values():
            if _holds_model(root / text):
                return root / text
    if path.name == MODEL_FILE and _holds_model(path.parent):
        return path.parent
    if _holds_model(path) or (path.suffix.lower() == ONNX and os.path.isfile(path)):
        return path
    if directions := _directions(path):
        raise _several(str(path), [str(direction) for direction in directions])
    if os.path.isdir(path) and not _models_of(text):  # unlike path.is_dir() it takes any name
        raise CheckpointError(f"{path}: no model in this folder ({CONFIG_FILE} is missing)")
    raise _unknown(text)


def size(folder: Path) -> int:
    """Bytes of a model's weights, those of its parts included; 0 where there are none."""
    parts = [path for part in PARTS for path in (folder / part).rglob("*.safetensors")]
    return sum(os.path.getsize(path) for path in (folder / MODEL_FILE, *parts) if os.path.isfile(path))


def delete(name: str) -> Path:
    """Remove a model or a run with all its files, and return the folder that is gone.

    RUN/AtoB is that direction's models alone, the best and the newest; RUN is both with all that the training keeps
    to go on.
    Raises: CheckpointError for a shipped model, an unknown name, or a folder the system won't remove; TranslateError
    where a training is under way.
    """
    folder, source = locate(name)
    if source == "shipped":
        raise CheckpointError(f"{name}: comes with the program and can't be deleted; runs and installed models can")
    run = next((place for place in (folder, folder.parent) if os.path.isfile(place / RUN_FILE)), None)
    busy = f"{run}: a training is under way here; stop it first"
    try:
        if folder.is_symlink():
            folder.unlink()
            return folder
        with held(run / RUN_LOCK, busy) if run else nullcontext():
            doomed = aside(folder)
        shutil.rmtree(doomed)
    except OSError as error:
        raise CheckpointError(f"{folder}: can't be deleted ({error.strerror or error})") from None
    return folder


def aside(folder: Path) -> Path:
    """Rename a folder that is to be removed: whatever interrupts the removal, no half of it stays under its name.

    Raises: OSError where the system won't.
    """
    doomed = folder.with_name(f".{folder.name}.deleted")
    if os.path.lexists(doomed):  # of a removal that was interrupted
        shutil.rmtree(doomed)
    return folder.rename(doomed)


def check_free(name: str) -> None:
    """Raises: CheckpointError where `name` is no name for a model, or leads to another one already."""
    valid_name(name)
    for listed, folder, source in [*_listed(), *_runs()]:
        if listed.casefold() == name.casefold():
            advice = "" if source == "shipped" else f", or delete it: translate models delete {listed}"
            raise CheckpointError(f"{name}: is the name of a model already ({folder}); take another --name{advice}")


@contextmanager
def installing(name: str) -> Iterator[Path]:
    """A new folder to fill, which becomes the installed model `name` when the block ends, and is gone when it fails.

    Raises: CheckpointError where the name is taken, or the folder can't be written.
    """
    check_free(name)
    root = roots()["installed"]
    fresh = None
    try:
        root.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=root))
        yield fresh
        fresh.chmod(0o755)
        fresh.rename(root / name)
    except OSError as error:
        raise CheckpointError(f"{root / name}: can't be written ({error.strerror or error})") from None
    finally:
        if fresh is not None:
            shutil.rmtree(fresh, ignore_errors=True)


def valid_name(name: str) -> str:
    """`name`, if a model may be stored under it on every platform.

    Raises: CheckpointError saying which names may be.
    """
    if not _NAME.fullmatch(name) or name.endswith("."):
        raise CheckpointError(
            f"{name!r}: no name for a model; take letters, digits, '.', '_' and '-', with a letter or digit first"
        )
    return name


def _shipped() -> Path:
    packed = _PACKAGE / "_checkpoints"
    # Beside an installed package lies somebody else's folder of that name; beside the sources lies ours.
    is_checkout = (_PACKAGE.parent / "pyproject.toml").is_file()
    return _PACKAGE.parent / "checkpoints" if is_checkout and not packed.is_dir() else packed


def _listed() -> Iterator[tuple[str, Path, Source]]:
    """Every model, sound or broken."""
    names: set[str] = set()
    for source, root in roots().items():
        for child in _children(root):
            for folder in [child] if _holds_model(child) else _directions(child):
                name = folder.relative_to(root).as_posix()
                name = name if name not in names else str(folder)
                names.add(name)
                yield name, folder, source


def _runs() -> Iterator[tuple[str, Path, Source]]:
    """Every training that is no model itself: one of both directions, or one that has no model yet."""
    names = {name for name, _, _ in _listed()}
    for source, root in roots().items():
        for folder in _children(root):
            if not _holds_model(folder) and (_directions(folder) or os.path.isfile(folder / RUN_FILE)):
                name = folder.name if folder.name not in names else str(folder)
                names.add(name)
                yield name, folder, source


def _children(root: Path) -> list[Path]:
    try:
        return sorted(child for child in root.iterdir() if _is_plain(child.name))
    except OSError:
        return []


def _directions(folder: Path) -> list[Path]:
    """The models of a run that learnt both ways."""
    return [folder / direction for direction in DIRECTIONS if _holds_model(folder / direction)]


def _may_be_listed(text: str) -> bool:
    name, slash, direction = text.partition("/")
    return _is_plain(name) and (not slash or direction in DIRECTIONS)


def _is_plain(name: str) -> bool:
    # Looser than valid_name: a run's folder may have any name the user gave it, but it must be one name, not a path.
    return bool(name) and not name.startswith(".") and not set(name) & set("/\\:\0")


def _holds_model(folder: Path) -> bool:
    # Unlike path.is_file() these take any name, too long for the system or with a zero byte.
    return os.path.isfile(folder / CONFIG_FILE) or os.path.isfile(folder / MODEL_FILE)


def _look(name: str, folder: Path, source: Source) -> Entry | Broken:
    try:
        config = load_config(folder)
    except CheckpointError as error:
        return Broken(name, folder, source, str(error))
    if not (folder / MODEL_FILE).is_file():
        return Broken(name, folder, source, f"{folder}: its weights ({MODEL_FILE}) are missing")
    return Entry(name, folder, source, config)


def _unknown(name: str) -> CheckpointError:
    """What to say of a name that is no model's: it may be a run's, or nearly a model's."""
    if models := _models_of(name):
        return _several(name, models)
    # A path is compared by its end: a direction's name has two parts, any other one.
    names, parts = [listed for listed, _, _ in _listed()], name.split("/")
    near: list[str] = []
    for end in ("/".join(parts[-2:]), parts[-1]):
        near = near or difflib.get_close_matches(end[-100:], names, n=3, cutoff=0.5)
    meant = f"; did you mean {' or '.join(near)}?" if near else ";"
    return CheckpointError(f"no model {name[:100]!r}{meant} `translate models list` shows all")


def _models_of(run: str) -> list[str]:
    """The names of the models of the run called `run`, where it is none itself."""
    return [listed for listed, _, _ in _listed() if _is_plain(run) and listed.startswith(f"{run}/")]


def _several(run: str, models: list[str]) -> CheckpointError:
    if len(models) == 1:
        return CheckpointError(f"{run} is a training, its model is {models[0]}; name that")
    return CheckpointError(f"{run} holds two models: {' and '.join(models)}; name one")
