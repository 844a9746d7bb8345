"""Long work of an event: in a thread, one at a time on the accelerator, ended when nobody waits for it any more.

Gradio 6.31 can't end a running function. On a cancel it forgets the function, frees its place and starts the next one
beside it; when a visitor leaves, it marks the event as dead and lets the function run to its end.
"""

import asyncio
import contextvars
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from gradio.context import LocalContext

from translate.stopping import Cancelled

LOOK_SECONDS = 0.1
"""How often a waiting event looks whether its visitor has left."""

T = TypeVar("T")

_accelerator = threading.Lock()
# Not asyncio's own: what else runs there must never wait for the accelerator.
_threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="work")


@contextmanager
def accelerator(cancelled: Callable[[], bool]) -> Iterator[None]:
    """Have the accelerator to oneself.

    Raises: Cancelled when `cancelled` says so first.
    """
    while not _accelerator.acquire(timeout=LOOK_SECONDS):
        if cancelled():
            raise Cancelled("stopped")
    try:
        if cancelled():
            raise Cancelled("stopped")
        yield
    finally:
        _accelerator.release()


async def working(work: Callable[[Callable[[], bool]], T]) -> T:
    """What `work(cancelled)` returns, done in a thread that has the accelerator to itself.

    `cancelled()` is true once the event was cancelled or its visitor has left; work that then returns or raises
    Cancelled within two seconds frees the place of the next visitor in that time, and not before it has ended.
    Raises: what the work raises.
    """
    token, event, context = threading.Event(), _event(), contextvars.copy_context()

    def alone() -> T:
        with accelerator(token.is_set):
            return work(token.is_set)

    job = asyncio.get_running_loop().run_in_executor(_threads, context.run, alone)
    try:
        while not job.done():
            await asyncio.wait({job}, timeout=LOOK_SECONDS)
            if event is not None and (event.closed or not event.alive):
                token.set()
        return job.result()
    finally:
        token.set()
        await _left(job)


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


def _event() -> Any:
    """The queue's entry for the event that is running.

    `alive` ends with the stream of its messages, `closed` begins with the end of the page's heartbeat: who leaves at
    once has not opened the one yet.
    """
    page, number = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    return None if page is None or number is None else page._queue.event_ids_to_events.get(number)
