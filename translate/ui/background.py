"""Work that lasts, done beside the event that waits for it: what it tells is shown, and it can be asked to stop."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from html import escape
from typing import Generic, TypeVar

from translate.stopping import Cancelled

T = TypeVar("T")
PAUSE = 0.25
"""Seconds between two looks at how far it is."""


@dataclass(frozen=True)
class Stage:
    """How far it is: in words, and as a share in [0, 1] where that is known."""

    text: str
    share: float | None = None


Tell = Callable[[Stage], None]


class Followed(Generic[T]):
    """Runs `work` in a thread; iterating gives each new stage, and `result` what it returned or raised.

    `work` is given what to tell its stages to; that raises Cancelled once `cancelled` is set, as it is when nobody
    follows any more.
    """

    def __init__(self, work: Callable[[Tell], T], cancelled: threading.Event) -> None:
        self.cancelled = cancelled
        self._work, self._done = work, Future[T]()
        self._stage: Stage | None = None

    def __iter__(self) -> Iterator[Stage]:
        threading.Thread(target=self._run, name="followed", daemon=True).start()
        shown = None
        try:
            while not self._is_over():
                if self._stage is not None and self._stage != shown:
                    shown = self._stage
                    yield shown
        finally:
            if not self._done.done():  # the visitor has left
                self.cancelled.set()

    @property
    def result(self) -> T:
        """Raises: whatever the work raised."""
        return self._done.result()

    def _is_over(self) -> bool:
        try:
            self._done.exception(PAUSE)
        except NotYet:
            return False
        return True

    def _tell(self, stage: Stage) -> None:
        if self.cancelled.is_set():
            raise Cancelled("cancelled")
        self._stage = stage

    def _run(self) -> None:
        try:
            self._done.set_result(self._work(self._tell))
        except BaseException as error:
            self._done.set_exception(error)


def bar(stage: Stage) -> str:
    """A stage as HTML that screen readers follow."""
    value = "" if stage.share is None else f' value="{min(max(stage.share, 0.0), 1.0):.4f}"'
    text = escape(stage.text)
    return (
        f'<div class="tr-progress" role="status"><progress max="1"{value} aria-label="{text}"></progress>'
        f"<span>{text}</span></div>"
    )


def note(text: str, kind: str = "") -> str:
    """A line of plain text in place of the bar; `kind` is "done" for good news."""
    return f'<p class="tr-told {kind}" role="status">{escape(text)}</p>' if text else ""
