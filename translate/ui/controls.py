"""What every event that lasts has on the page: a button to start it, one to cancel it, and how far it is."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import gradio as gr

from translate.stopping import Cancelled
from translate.ui.background import Followed, Stage, Tell, bar, note
from translate.ui.events import Updates, told
from translate.ui.guard import KEEP_SECONDS

T = TypeVar("T")


@dataclass(frozen=True)
class Controls:
    """The four components; `running` holds what the cancel button sets."""

    start: gr.Button
    cancel: gr.Button
    status: gr.HTML
    running: gr.State

    def components(self) -> list[Any]:
        """All of them, as an event's outputs."""
        return [self.start, self.cancel, self.status, self.running]

    def idle(self, status: str = "") -> Updates:
        """Nothing is under way."""
        return {
            self.status: status,
            self.start: gr.Button(interactive=True),
            self.cancel: gr.Button(visible=False),
        }

    def followed(
        self, work: Callable[[Tell, threading.Event], T], shown: Callable[[T], Updates], cancelled: str
    ) -> Iterator[Updates]:
        """Do `work` and give what an event gives back: each stage, then what `shown` makes of the result.

        `cancelled` is told where the work was cancelled.
        """
        stop = threading.Event()
        yield {
            self.running: stop,
            self.status: bar(Stage("Getting ready")),
            self.start: gr.Button(interactive=False),
            self.cancel: gr.Button(visible=True),
        }
        with told():
            try:
                doing = Followed(lambda tell: work(tell, stop), stop)
                for stage in doing:
                    yield {self.status: bar(stage)}
                yield self.idle() | shown(doing.result)
            except Cancelled:
                yield self.idle(note(cancelled))

    def wire(self, event: Any) -> None:
        """What follows when `event` fails, and what the cancel button does."""
        quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        event.failure(self.idle, None, self.components(), **quiet)
        self.cancel.click(_stop, self.running, self.status, preprocess=False, **quiet)


def controls(words: str, name: str) -> Controls:
    """Add the components to the Blocks being built, under elem_ids that begin with `name`."""
    with gr.Row():
        start = gr.Button(words, variant="primary", elem_id=f"{name}-start")
        cancel = gr.Button("Cancel", visible=False, elem_id=f"{name}-cancel")
    status = gr.HTML(js_on_load=None, elem_id=f"{name}-status")
    return Controls(start, cancel, status, gr.State(time_to_live=KEEP_SECONDS))


def _stop(event: threading.Event | None) -> str:
    if event is None:
        return ""
    event.set()
    return bar(Stage("Cancelling"))
