"""`translate serve`: the page in the browser, the same as `python app.py`."""

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from translate.errors import ConfigError

PASSWORDS = "TRANSLATE_AUTH"
_UNITS = {"": 0, "kb": 10, "mb": 20, "gb": 30}


def serve(
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.  [default: 127.0.0.1]"),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="The first free port from this one on is used.  [default: 7860]"),
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="For strangers: no training, no care of models, no folder of this machine.")
    ] = False,
    data_root: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folders below this one may be named on the page.")
    ] = None,
    auth: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=f"Lines NAME:PASSWORD of those who may enter; or set ${PASSWORDS}."),
    ] = None,
    max_upload: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Of one upload: 500kb, 64mb.  [default: 2gb; --public: 64mb]")
    ] = None,
    queue: Annotated[int, typer.Option(min=1, help="Requests that may wait; one more is told to come again.")] = 64,
    root_path: Annotated[
        str, typer.Option(metavar="PATH", help="Where a proxy shows the page: /translate, or a whole address.")
    ] = "",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
) -> None:
    """Open the page: upload a photo, get its translation."""
    from translate.ui.app import launch
    from translate.ui.models import Models
    from translate.ui.settings import Settings

    if (device, precision) != ("auto", "auto"):  # told now, not at the first photo
        from translate.devices import pick_device, pick_precision

        pick_precision(precision, pick_device(device))
    if public and data_root is not None:
        raise ConfigError("--public and --data-root: strangers get no folder of this machine; leave one of them out")
    if data_root is not None and not data_root.is_dir():
        raise ConfigError(f"--data-root {data_root}: no such folder")
    settings = Settings(
        public=public, data_root=data_root, users=_users(auth), max_upload=_bytes(max_upload), queue=queue,
        root_path=root_path.rstrip("/"),
    )  # fmt: skip
    launch(Models(device=device, precision=precision), settings, host=host, port=port)


def _users(file: Path | None) -> tuple[tuple[str, str], ...]:
    """Who may enter, by a file or the environment: what stands on a command line is seen by every user of a machine."""
    from translate.ui.settings import read_users

    if file is None:
        return read_users(os.environ[PASSWORDS], f"${PASSWORDS}") if os.environ.get(PASSWORDS) else ()
    try:
        return read_users(file.read_text(encoding="utf-8"), str(file))
    except OSError as error:
        raise ConfigError(f"--auth {file}: {error.strerror}; give a file of lines NAME:PASSWORD") from None
    except UnicodeDecodeError:
        raise ConfigError(f"--auth {file}: is no text; give a file of lines NAME:PASSWORD") from None


def _bytes(size: str | None) -> int | None:
    if size is None:
        return None
    match = re.fullmatch(r"([0-9]{1,9})\s*(kb|mb|gb|)", size.strip().lower())
    if match is None or int(match[1]) == 0:
        raise ConfigError(f"--max-upload {size}: give a size such as 500kb, 64mb or 2gb")
    return int(match[1]) << _UNITS[match[2]]
