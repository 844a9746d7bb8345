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
from translate.ui.api import api_tab
from translate.ui.edit_tab import edit_tab
from translate.ui.evaluate_tab import evaluate_tab
from translate.ui.generate_tab import generate_tab
from translate.ui.limits import Limits, is_loopback
from translate.ui.models import Models
from translate.ui.models_api import models_endpoint
from translate.ui.models_tab import models_tab
from translate.ui.paint_tab import paint_tab
from translate.ui.settings import Settings
from translate.ui.sweep import sweeping
from translate.ui.train_tab import train_tab
from translate.ui.translate_tab import translate_tab

HOST, PORT = "127.0.0.1", 7860

# Of every request Gradio makes a record and of all records a table, anew after each: with thousands of them a request
# takes longer than the work. Nothing here shows that table.
_NO_RECORDS = {"GRADIO_ANALYTICS_MAX_EVENTS": "1", "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(10**12)}

_log = logging.getLogger(__name__)


def build(models: Models | None = None, settings: Settings | None = None) -> gr.Blocks:
    """The whole page, not yet served."""
    settings = settings or Settings()
    guard.own_folder()  # before any component: each notes where its files go
    os.environ |= _NO_RECORDS
    models = models or Models()
    with guard.Blocks(title="translate", analytics_enabled=False) as page:
        gr.HTML(theme.HEADER, js_on_load=None)
        with gr.Tabs():
            for title, add in _tabs(settings).items():
                with gr.Tab(title, id=title.lower(), elem_id=f"tab-{title.lower()}"):
                    add(models, settings)
            with gr.Tab("API", id="api", elem_id="tab-api"):  # the last: it tells of what the others have
                models_endpoint(models)
                api_tab(page)
    return page.queue(max_size=settings.queue, api_open=False, default_concurrency_limit=4)


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

    Raises: ConfigError when no port can be had, or other machines would be let in as the owner.
    """
    settings = settings or Settings()
    models = models or Models()
    host = (host or os.environ.get("GRADIO_SERVER_NAME") or HOST).strip("[]")
    if settings.is_for_this_machine and not is_loopback(host):
        raise ConfigError(
            f"host {host!r} lets other machines in, and whoever reaches the page could use it as its owner; "
            "add --public, which takes from it what is the owner's alone, or --auth FILE with names and passwords"
        )
    page = build(models, settings)
    port = free_port(host, port or int(os.environ.get("GRADIO_SERVER_PORT") or PORT))
    if not wait:
        _serve(page, models, settings, host, port)
        return page
    with stop_on_signals() as stop:
        _serve(page, models, settings, host, port)
        while not stop.is_set():
            time.sleep(0.1)
        page.close(verbose=False)
    return page


def _serve(page: gr.Blocks, models: Models, settings: Settings, host: str, port: int) -> None:
    """Listen, and say where."""
    limits = Middleware(Limits, settings=settings, waiting=lambda: len(page._queue))
    page.launch(
        server_name=f"[{host}]" if ":" in host else host, server_port=port, quiet=True, prevent_thread_lock=True,
        share=False, ssr_mode=False, mcp_server=False, pwa=False, inbrowser=False, show_error=False,
        footer_links=["settings"], run_history=False, enable_monitoring=False, allowed_paths=[],
        max_file_size=settings.upload_limit, strict_cors=True, state_session_capacity=1000,
        auth=list(settings.users) or None, root_path=settings.root_path or None,
        app_kwargs={"middleware": [Middleware(guard.Routes), limits], "lifespan": sweeping(page)}, theme=theme.THEME,
        css=theme.CSS, head=theme.HEAD, favicon_path=theme.ICON,
    )  # fmt: skip
    if not is_loopback(host):
        who = "those with a password" if settings.users else "whoever can reach this machine"
        _log.warning("Listening on %s: %s can use the page.", host, who)
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
