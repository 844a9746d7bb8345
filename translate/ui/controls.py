"""What every event that lasts has on the page: a button to start it, one to cancel it, and how far it is."""

import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

import gradio as gr

from translate.stopping import Cancelled, check
from translate.ui.events import Updates, told
from translate.ui.guard import KEEP_SECONDS
from translate.ui.status import Stage, Tell, bar, note
from translate.ui.work import Follow

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

    async def followed(
        self,
        work: Callable[[Tell, Callable[[], bool]], T],
        shown: Callable[[T], Updates],
        cancelled: str,
        *,
        without: Callable[[], Updates] = dict,
        alone: bool = True,
    ) -> AsyncGenerator[Updates, None]:
        """Do `work` and give what an event gives back: each stage, then what `shown` makes of the result.

        Where the work was cancelled, `cancelled` is told and `without` gives the rest. The work is given what to tell
        its stages to, which raises Cancelled where it was cancelled; what is not `alone` leaves the accelerator free.
        """
        follow = Follow[Stage, T](lambda tell, stop: work(asking(tell, stop), stop), alone=alone)
        yield {
            self.running: follow.stop,
            self.status: bar(Stage("Getting ready")),
            self.start: gr.Button(interactive=False),
            self.cancel: gr.Button(visible=True),
        }
        with told():
            try:
                async with aclosing(follow.news()) as news:
                    async for stages in news:
                        yield {self.status: bar(stages[-1]) if stages else gr.skip()}
                yield self.idle() | shown(follow.result)
            except Cancelled:
                yield self.idle(note(cancelled)) | without()

    def wire(self, *events: Any) -> None:
        """What follows when one of `events` fails, and what the cancel button does."""
        quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        for event in events:
            event.failure(self.idle, None, self.components(), **quiet)
        self.cancel.click(_stop, self.running, self.status, preprocess=False, **quiet)


def controls(words: str, name: str) -> Controls:
    """Add the components to the Blocks being built, under elem_ids that begin with `name`."""
    with gr.Row():
        start = gr.Button(words, variant="primary", elem_id=f"{name}-start")
        cancel = gr.Button("Cancel", visible=False, elem_id=f"{name}-cancel")
    status = gr.HTML(js_on_load=None, elem_id=f"{name}-status")
    return Controls(start, cancel, status, gr.State(time_to_live=KEEP_SECONDS))


def asking(tell: Tell, cancelled: Callable[[], bool]) -> Tell:
    """Tells a stage, or ends work that asks nothing itself."""

    def ask(stage: Stage) -> None:
        check(cancelled)
        tell(stage)

    return ask


def _stop(event: threading.Event | None) -> str:
    if event is None:
        return ""
    event.set()
    return bar(Stage("Cancelling"))
