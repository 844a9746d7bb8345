"""What the ways of translating have in common where the work lasts: how it is started, stopped, and taken back."""

from collections.abc import Callable
from html import escape
from threading import Event
from typing import Any, Protocol

import gradio as gr

from translate.ui.events import ONE_AT_A_TIME, Updates, scroll_to


class Panel(Protocol):
    """The components of a way's right-hand side."""

    @property
    def line(self) -> gr.HTML: ...
    @property
    def stop(self) -> gr.Button: ...

    def components(self) -> list[Any]:
        """All of them, as an event's outputs."""


def going_on(row: gr.Row, line: gr.HTML, stop: gr.Button, text: str) -> Updates:
    """What goes on, and the row with the button that stops it."""
    said = f'<p class="tr-said" role="status">{escape(text)}</p>'
    return {row: gr.Row(visible=True), line: said, stop: gr.Button(visible=True)}


def idle(row: gr.Row, line: gr.HTML) -> Updates:
    """Nothing goes on."""
    return {row: gr.Row(visible=False), line: ""}


def wire_start(panel: Panel, start: gr.Button, work: Callable[..., Any], inputs: list[Any], line: str) -> None:
    """`work` begins with a click and is looked at from its status on, which has the elem_id `line`.

    Where nothing came of it that is taken back; the error itself is told.
    """

    def broken() -> Updates:
        return {panel.line: gr.HTML("", visible=False), panel.stop: gr.Button(visible=False)}

    done = start.click(
        work, inputs, panel.components(),
        preprocess=False, api_visibility="private", show_progress="hidden", trigger_mode="once", **ONE_AT_A_TIME,
    )  # fmt: skip
    start.click(None, js=scroll_to(line), api_visibility="private")
    done.failure(broken, None, panel.components(), queue=False, api_visibility="private")


def wire_stop(stop: gr.Button, stopper: gr.State) -> None:
    """The button sets what the work asks for, which lies in `stopper`: of each visitor that visitor's own."""

    def stopped(event: Event | None) -> Updates:
        if event is not None:
            event.set()
        return {stop: gr.Button(visible=False)}

    stop.click(stopped, stopper, stop, queue=False, api_visibility="private", show_progress="hidden")
