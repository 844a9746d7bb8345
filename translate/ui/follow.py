"""Long work of an event, in its own thread: its news as they come, and its end when the visitor stops or leaves."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from translate.stopping import Cancelled
from translate.ui.work import accelerator

News = TypeVar("News")
Result = TypeVar("Result")

POLL_SECONDS = 0.2


class Follow(Generic[News, Result]):
    """`work(tell, cancelled)` in a thread: `news` yields what it tells, `result` is there afterwards.

    `stop` may be set by anyone and ends the work early; it is also set when nobody asks for news any more, as happens
    to an event whose visitor has left.
    """

    def __init__(self, work: Callable[[Callable[[News], None], Callable[[], bool]], Result]) -> None:
        self.work = work
        self.stop = threading.Event()
        self.result: Result

    async def news(self) -> AsyncGenerator[list[News], None]:
        """Everything told since the last time, several times a second, be it nothing: a yield tells who has left.

        Raises: whatever the work raises.
        """
        told: SimpleQueue[News] = SimpleQueue()
        running = asyncio.ensure_future(asyncio.to_thread(self._alone, told.put))
        try:
            while not running.done():
                await asyncio.wait([running], timeout=POLL_SECONDS)
                yield _all(told)
            self.result = running.result()
        finally:
            self.stop.set()
            # What comes next must find the accelerator free.
            await asyncio.wait([running])

    def _alone(self, tell: Callable[[News], None]) -> Result:
        """Work with the accelerator to itself: what was cancelled before may not have left it yet."""
        try:
            with accelerator(self.stop.is_set):
                return self.work(tell, self.stop.is_set)
        except Cancelled:
            if not self.stop.is_set():
                raise
            return self.work(tell, self.stop.is_set)  # stopped while it waited; the work knows what that gives


def _all(told: SimpleQueue[News]) -> list[News]:
    found: list[News] = []
    try:
        while True:
            found.append(told.get_nowait())
    except Empty:
        return found
