"""What the ways of translating have in common where the work lasts: how it is started, stopped, and taken back."""

from collections.abc import Callable
from threading import Event
from typing import Any, Protocol

import gradio as gr

from translate.ui.events import ONE_AT_A_TIME, Updates, scroll_to


class Panel(Protocol):
    """The components of a way's right-hand side; `stopper` holds what the stop button sets."""

    @property
    def line(self) -> gr.HTML: ...
    @property
    def stop(self) -> gr.Button: ...
    @property
    def stopper(self) -> gr.State: ...

    def components(self) -> list[Any]:
        """All of them, as an event's outputs."""


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


def wire_stop(panel: Panel) -> None:
    """The stop button sets what the work asks for."""

    def stopped(stopper: Event | None) -> Updates:
        if stopper is not None:
            stopper.set()
        return {panel.stop: gr.Button(visible=False)}

    panel.stop.click(stopped, panel.stopper, panel.stop, queue=False, api_visibility="private", show_progress="hidden")
