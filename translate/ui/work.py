"""Long work of an event: in a thread, one at a time on the accelerator, ended when nobody waits for it any more.

Gradio 6.31 can't end a running function. On a cancel it forgets the function, frees its place and starts the next one
beside it; when a visitor leaves, it marks the event as dead and lets the function run to its end.

There is one way of following work, `Follow`; `working` is the same for who wants the result alone. A training is none
of them: it is a process (`translate.jobs`), which nobody's leaving ends.
"""

import asyncio
import contextvars
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager, nullcontext
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from gradio.context import LocalContext

from translate.stopping import check

LOOK_SECONDS = 0.1
"""How often a waiting event looks for news, and whether its visitor has left."""

News = TypeVar("News")
Result = TypeVar("Result")

_accelerator = threading.Lock()
# Not asyncio's own: what else runs there must never wait for the accelerator.
_threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="work")


@contextmanager
def accelerator(cancelled: Callable[[], bool]) -> Iterator[None]:
    """Have the accelerator to oneself.

    Raises: Cancelled when `cancelled` says so first.
    """
    while not _accelerator.acquire(timeout=LOOK_SECONDS):
        check(cancelled)
    try:
        check(cancelled)
        yield
    finally:
        _accelerator.release()


class Follow(Generic[News, Result]):
    """`work(tell, cancelled)` in a thread: `news` yields what it tells, `result` is there afterwards.

    `cancelled()` is true once `stop` is set, as anyone may, or the event was cancelled or its visitor has left; work
    that then returns or raises Cancelled within two seconds frees the place of the next visitor in that time, and not
    before it has ended. It has the accelerator to itself, unless it is not `alone`.
    """

    def __init__(
        self, work: Callable[[Callable[[News], None], Callable[[], bool]], Result], *, alone: bool = True
    ) -> None:
        self.work, self.alone = work, alone
        self.stop = threading.Event()
        self.result: Result

    async def news(self) -> AsyncGenerator[list[News], None]:
        """Everything told since the last time, several times a second, be it nothing: a yield tells who has left.

        Raises: whatever the work raises; Cancelled when it was stopped before it began.
        """
        told: SimpleQueue[News] = SimpleQueue()
        event, context = _event(), contextvars.copy_context()
        job = asyncio.get_running_loop().run_in_executor(_threads, context.run, self._run, told.put)
        try:
            while not job.done():
                await asyncio.wait({job}, timeout=LOOK_SECONDS)
                if event is not None and (event.closed or not event.alive):
                    self.stop.set()
                yield _all(told)
            self.result = job.result()
        finally:
            self.stop.set()
            await _left(job)

    def _run(self, tell: Callable[[News], None]) -> Result:
        with accelerator(self.stop.is_set) if self.alone else nullcontext():
            return self.work(tell, self.stop.is_set)


async def working(work: Callable[[Callable[[], bool]], Result], *, alone: bool = True) -> Result:
    """What `work(cancelled)` returns, done as `Follow` does it.

    Raises: what the work raises.
    """
    follow = Follow[None, Result](lambda _, cancelled: work(cancelled), alone=alone)
    async with aclosing(follow.news()) as news:
        async for _ in news:
            pass
    return follow.result


async def _left(job: "asyncio.Future[Any]") -> None:
    """Wait for a thread to end, however often the waiting task is cancelled; what it raised has no listener."""
    cancelled = False
    while not job.done():
        try:
            await asyncio.wait({job})
        except asyncio.CancelledError:
            cancelled = True
    job.exception()
    if cancelled:
        raise asyncio.CancelledError


def _all(told: "SimpleQueue[News]") -> list[News]:
    found: list[News] = []
    try:
        while True:
            found.append(told.get_nowait())
    except Empty:
        return found


def _event() -> Any:
    """The queue's entry for the event that is running.

    `alive` ends with the stream of its messages, `closed` begins with the end of the page's heartbeat: who leaves at
    once has not opened the one yet.
    """
    page, number = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    return None if page is None or number is None else page._queue.event_ids_to_events.get(number)
