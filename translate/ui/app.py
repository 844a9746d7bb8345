"""Build the page and launch it."""

import logging
import os
import socket
import time
from collections.abc import Callable

import gradio as gr
from starlette.middleware import Middleware

from translate.errors import ConfigError
from translate.stopping import stop_on_signals
from translate.ui import guard, theme
from translate.ui.edit_tab import edit_tab
from translate.ui.evaluate_tab import evaluate_tab
from translate.ui.generate_tab import generate_tab
from translate.ui.models import Models
from translate.ui.models_api import models_endpoint
from translate.ui.models_tab import models_tab
from translate.ui.paint_tab import paint_tab
from translate.ui.settings import Settings
from translate.ui.train_tab import train_tab
from translate.ui.translate_tab import translate_tab

HOST, PORT = "127.0.0.1", 7860
QUEUE = 64
"""Requests that may wait; one more is told that the page is busy."""

_log = logging.getLogger(__name__)


def build(models: Models | None = None, settings: Settings | None = None) -> gr.Blocks:
    """The whole page, not yet served."""
    settings = settings or Settings()
    guard.own_folder()  # before any component: each notes where its files go
    models = models or Models()
    with guard.Blocks(title="translate", analytics_enabled=False, delete_cache=(600, guard.KEEP_SECONDS)) as page:
        gr.HTML(theme.HEADER, js_on_load=None)
        with gr.Tabs():
            for title, add in _tabs(settings).items():
                with gr.Tab(title, id=title.lower(), elem_id=f"tab-{title.lower()}"):
                    add(models, settings)
        models_endpoint(models)
    return page.queue(max_size=QUEUE, api_open=False, default_concurrency_limit=4)


def _tabs(settings: Settings) -> dict[str, Callable[[Models, Settings], None]]:
    """What adds each tab's content, in their order; the owner's own are not even built for strangers."""
    everyone: dict[str, Callable[[Models, Settings], None]] = {
        "Translate": translate_tab,
        "Paint": paint_tab,
        "Edit": edit_tab,
        "Generate": generate_tab,
    }
    owner: dict[str, Callable[[Models, Settings], None]] = {
        "Train": train_tab,
        "Models": models_tab,
        "Evaluate": evaluate_tab,
    }
    return everyone if settings.public else everyone | owner


def launch(
    models: Models | None = None,
    settings: Settings | None = None,
    *,
    host: str | None = None,
    port: int | None = None,
    wait: bool = True,
) -> gr.Blocks:
    """Build the page and serve it, by default on this machine alone; `wait` returns only when it has been stopped.

    Raises: ConfigError when no port can be had.
    """
    models = models or Models()
    page = build(models, settings)
    host = (host or os.environ.get("GRADIO_SERVER_NAME") or HOST).strip("[]")
    port = free_port(host, port or int(os.environ.get("GRADIO_SERVER_PORT") or PORT))
    if not wait:
        _serve(page, models, host, port)
        return page
    with stop_on_signals() as stop:
        _serve(page, models, host, port)
        while not stop.is_set():
            time.sleep(0.1)
        page.close(verbose=False)
    return page


def _serve(page: gr.Blocks, models: Models, host: str, port: int) -> None:
    """Listen, and say where."""
    page.launch(
        server_name=f"[{host}]" if ":" in host else host, server_port=port, quiet=True, prevent_thread_lock=True,
        share=False, ssr_mode=False, mcp_server=False, pwa=False, inbrowser=False, show_error=False,
        footer_links=["api", "settings"], run_history=False, enable_monitoring=False, allowed_paths=[],
        max_file_size=guard.MAX_UPLOAD, strict_cors=True, state_session_capacity=1000,
        app_kwargs={"middleware": [Middleware(guard.Routes)]}, theme=theme.THEME, css=theme.CSS, head=theme.HEAD,
        favicon_path=theme.ICON,
    )  # fmt: skip
    if host not in {HOST, "localhost", "::1"}:
        _log.warning("Listening on %s: whoever can reach this machine can use the page, without a password.", host)
    _log.info("Open %s in a browser; Ctrl-C ends it.", page.local_url)
    models.warm()


def free_port(host: str, wanted: int, tries: int = 100) -> int:
    """The first free port from `wanted` on; says so when it is another.

    Raises: ConfigError when there is none, or `host` is no address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    reason = "ports go from 1 to 65535"
    for port in range(max(wanted, 1), min(wanted + tries, 65536)):
        try:
            socket.create_server((host, port), family=family).close()
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            continue
        if port != wanted:
            _log.warning("Port %d is taken; using %d.", wanted, port)
        return port
    raise ConfigError(f"host {host!r}, port {wanted}: can't listen there ({reason}); choose others")
