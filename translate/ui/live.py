"""Work that is watched while it goes on: in a thread of its own, its progress yielded, stopped on demand."""

import queue
import threading
from collections.abc import Callable, Generator
from typing import TypeVar

import gradio as gr

from translate.ui.events import Updates

BEAT_SECONDS = 1.0
"""A generator that yields nothing for longer could not be ended by Gradio."""

P = TypeVar("P")
T = TypeVar("T")


def going_on(row: gr.Row, line: gr.HTML, text: str) -> Updates:
    """What goes on, and the row with the button that stops it."""
    return {row: gr.Row(visible=True), line: f'<p class="tr-said" role="status">{text}</p>'}


def idle(row: gr.Row, line: gr.HTML) -> Updates:
    """Nothing goes on."""
    return {row: gr.Row(visible=False), line: ""}


class Running:
    """Who is waiting for what: each visitor's work can be stopped by that visitor alone."""

    def __init__(self) -> None:
        self._events: dict[str, threading.Event] = {}

    def begin(self, request: gr.Request) -> threading.Event:
        """What is set when this visitor stops; work that is still going on for them is stopped."""
        self.stop(request)
        event = threading.Event()
        if request.session_hash:
            self._events[request.session_hash] = event
        return event

    def stop(self, request: gr.Request) -> None:
        """Stop what goes on for this visitor, if anything."""
        if event := self._events.pop(request.session_hash or "", None):
            event.set()


def follow(
    work: Callable[[Callable[[P], None]], T], stop: threading.Event, beat: float = BEAT_SECONDS
) -> Generator[P | None, None, T]:
    """Yield the newest of what `work` reports, None where there is nothing new for a while; return what it returns.

    `work` polls `stop` itself. When the generator is closed, it is stopped and waited for.
    Raises: what the work raises.
    """
    reports: queue.SimpleQueue[P | None] = queue.SimpleQueue()
    ended: list[T | BaseException] = []

    def run() -> None:
        try:
            ended.append(work(reports.put))
        except BaseException as error:  # raised again below, by whoever waits for it
            ended.append(error)
        reports.put(None)

    thread = threading.Thread(target=run, name="followed work", daemon=True)
    thread.start()
    try:
        while not ended:
            yield _newest(reports, beat)
    finally:
        if not ended:
            stop.set()
        thread.join()
    if isinstance(ended[0], BaseException):
        raise ended[0]
    return ended[0]


def _newest(reports: "queue.SimpleQueue[P | None]", beat: float) -> P | None:
    try:
        found = reports.get(timeout=beat)
        while not reports.empty():
            found = reports.get_nowait() or found
    except queue.Empty:
        return None
    return found
