"""How long work is asked to stop: a training on the command line, the page and its requests."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from translate.errors import TranslateError


class Cancelled(TranslateError):
    """Work that was asked to stop before it was done."""


def check(cancelled: Callable[[], bool], said: str = "stopped") -> None:
    """Go on, unless the work was asked to stop.

    Raises: Cancelled.
    """
    if cancelled():
        raise Cancelled(said)


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Set by the first Ctrl-C or SIGTERM, so that what is under way can be finished; a second one is the usual one.

    An exception thrown by the handler instead could land in the middle of a library's code. Only the main thread hears
    signals.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def handler(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, handler)
    try:
        yield stop
    finally:
        for number, usual in before.items():
            signal.signal(number, usual)
