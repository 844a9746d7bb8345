"""Folders of this machine that the page's owner may name: those below one root, links followed first."""

from pathlib import Path

from translate.errors import ConfigError
from translate.ui.settings import Settings


def server_folder(settings: Settings, text: object, *, new: bool = False) -> Path:
    """The folder that `text` names, relative to the data root or absolute below it; with `new` it need not be there.

    Raises: ConfigError when no root was given, it lies elsewhere, or is no folder; what lies elsewhere is not told.
    """
    if settings.public or settings.data_root is None:
        raise ConfigError("folders of this machine can't be used here; start with --data-root FOLDER to allow one")
    if not isinstance(text, str) or not text.strip():
        raise ConfigError("no folder is named; write one below the data root")
    root = settings.data_root.resolve()
    try:
        folder = (root / text.strip()).resolve()
        is_below = folder.is_relative_to(root)
        if is_below and (folder.is_dir() or (new and not folder.exists())):
            return folder
    except (OSError, ValueError):  # a NUL, a name too long, a loop of links
        is_below = True
    if not is_below:
        raise ConfigError(f"{text.strip()[:200]}: is not below the data root; only folders below it can be used")
    raise ConfigError(f"{text.strip()[:200]}: no such folder below the data root")


def server_file(settings: Settings, text: object) -> Path:
    """The file that `text` names, by the rules of `server_folder`.

    Raises: ConfigError as there, or where it is no file.
    """
    path = Path(text.strip()) if isinstance(text, str) else Path()
    if not path.name:
        raise ConfigError("no file is named; write one below the data root")
    file = server_folder(settings, str(path.parent)) / path.name
    try:
        if (
            file.resolve().is_relative_to(settings.data_root.resolve() if settings.data_root else file)
            and file.is_file()
        ):
            return file
    except (OSError, ValueError):
        pass
    raise ConfigError(f"{str(path)[:200]}: no such file below the data root")
