"""What every event of the page has in common: one at a time on the accelerator, mistakes told as one line.

An event that takes over a second is an `async def` with `**ONE_AT_A_TIME` whose body is

    with told():
        done = await working(lambda cancelled: run(models, name, photo, how, cancelled))

`working` (work.py) does it in a thread and ends it when the visitor cancels (`cancels=`) or leaves: the function polls
`cancelled()` between its steps, at least every two seconds, and then returns or raises `translate.stopping.Cancelled`.
What need not be waited for stays outside. Work whose progress is shown is a `Follow` of the same module.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import gradio as gr

from translate.errors import TranslateError
from translate.ui.guard import own_folder

ONE_AT_A_TIME: dict[str, Any] = {"concurrency_id": "gpu", "concurrency_limit": 1}
"""For events that compute: of all of them together one runs."""

Updates = dict[Any, Any]
"""What an event gives back: new values, or components with changed properties, by component."""

_log = logging.getLogger(__name__)


@contextmanager
def told() -> Iterator[None]:
    """Show a user's mistake as one line, and anything else as an apology; the log has the rest."""
    try:
        yield
    except gr.Error:
        raise
    except TranslateError as error:
        raise gr.Error(escape(_without_folders(str(error))), print_exception=False) from None
    except Exception:
        _log.exception("a request failed")
        raise gr.Error("Something broke inside the program; its log says what.", print_exception=False) from None


def scroll_to(name: str) -> str:
    """JavaScript that brings a component into view where it is far down, as it is on a phone, once it is there."""
    return """() => setTimeout(() => { const at = document.getElementById("NAME");
if (at && at.getBoundingClientRect().top > innerHeight * 0.6) at.scrollIntoView({block: "start",
behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth"}); }, 500)""".replace("NAME", name)


def _without_folders(text: str) -> str:
    # An upload's path on the server is nothing to a visitor; its name is.
    return re.sub(rf"{re.escape(str(own_folder()))}\S*[/\\]", "", text)
