"""What a request may touch: files that were uploaded to this page, and the routes the page needs. Nothing else.

Left alone, Gradio 6.31 opens any picture on the server when an API call names its path and omits `meta`, downloads
whatever public address a request puts in place of a file, and serves helpers that this page has no use for.
"""

import atexit
import functools
import os
import re
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio import processing_utils
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from gradio.block_function import BlockFunction
    from gradio.state_holder import SessionState
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

KEEP_SECONDS = 3600
"""Uploads and results are deleted an hour after they were made."""

NOT_UPLOADED = "This picture was not uploaded to the page, or is no longer kept. Upload it again."

# Everything the page and the API clients ask for; in particular not `proxy=`, `file=http...` (both fetch for the
# visitor), `component_server`, `process_recording` (runs ffmpeg), `deep_link`, `runs` and `monitoring`.
_ROUTES = re.compile(
    r"/((config|theme\.css|robots\.txt|favicon\.ico|manifest\.json|login|logout)/?"
    r"|(assets|static|svelte)/.+"
    r"|gradio_api/("
    r"(info|openapi\.json|app_id|login_check|user|theme\.css|startup-events|upload|upload_progress|cancel|reset"
    r"|queue/(join|data|status)|heartbeat/[^/]+|run/[^/]+|call/[^/]+(/[^/]+){0,2})/?"
    r"|file=(?!https?:).+"
    r"))?",
    re.IGNORECASE | re.DOTALL,
)

# Belt to the braces of having no external address anywhere: the browser itself refuses one.
_POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'self'"
)


@functools.cache
def own_folder() -> Path:
    """The folder of all uploads and results, open to this user alone; it goes when the program ends.

    Gradio serves and reads every file below GRADIO_TEMP_DIR, so nothing else may lie there. It names files by a hash of
    their content with a seed; ours is new in every process, so that an address is known to whom it was given alone.
    """
    folder = Path(tempfile.mkdtemp(prefix="translate-")).resolve()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    processing_utils.hash_seed = secrets.token_bytes(32)
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    os.environ["GRADIO_EXAMPLES_CACHE"] = str(folder / "examples")
    return folder


def uploaded(value: object) -> Path | None:
    """The file that a file component's payload names; None when it is empty.

    Raises: gr.Error when that file was not uploaded to this page.
    """
    path = value.get("path") if isinstance(value, dict) else value
    if path is None and not (isinstance(value, dict) and value.get("url")):
        return None
    if not isinstance(path, str) or not _is_ours(path):
        raise gr.Error(NOT_UPLOADED, print_exception=False)
    return Path(path)


def check_files(value: object) -> None:
    """Look through a request's data for files, at any depth.

    Raises: gr.Error when one of them was not uploaded to this page, be it a path or an address to fetch.
    """
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if isinstance(item.get("path"), str):
                uploaded(item)
            waiting += item.values()
        elif isinstance(item, list | tuple):
            waiting += item


def _is_ours(path: str) -> bool:
    try:
        real = Path(path).resolve()
        return real.is_relative_to(own_folder()) and real.is_file()
    except (OSError, ValueError):  # a NUL, a name too long, a loop of links
        return False


class Blocks(gr.Blocks):
    """Blocks whose every input, whatever the component and the endpoint, passes `check_files` first."""

    async def preprocess_data(
        self, block_fn: "BlockFunction", inputs: list[Any], state: "SessionState | None", explicit_call: bool = False
    ) -> list[Any]:
        """As Gradio's, after the check."""
        check_files(inputs)
        return await super().preprocess_data(block_fn, inputs, state, explicit_call)


class Routes:
    """ASGI middleware: answers 404 on every route the page does not need, and sends a content security policy."""

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if not _ROUTES.fullmatch(path):
            await PlainTextResponse("Not here.", 404)(scope, receive, send)
            return

        async def send_with_policy(message: "Message") -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = _POLICY
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
                if path.startswith("/gradio_api/"):  # no proxy may keep a visitor's picture
                    headers["Cache-Control"] = "private, no-store" if "file=" not in path else "private"
            await send(message)

        await self.app(scope, receive, send_with_policy)
