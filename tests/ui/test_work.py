"""Work of an event in its thread: what it gives, what it raises, and that one at a time has the accelerator."""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from translate.errors import ConfigError
from translate.stopping import Cancelled
from translate.ui.work import accelerator, working


def until(cancelled: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not cancelled():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_the_work_returns_is_given() -> None:
    assert asyncio.run(working(lambda cancelled: (cancelled(), 7))) == (False, 7)


def test_what_the_work_raises_is_raised() -> None:
    def work(_: Callable[[], bool]) -> None:
        raise ConfigError("a mistake")

    with pytest.raises(ConfigError, match="a mistake"):
        asyncio.run(working(work))


def test_work_that_stopped_is_told_as_such() -> None:
    def work(_: Callable[[], bool]) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        asyncio.run(working(work))


@pytest.mark.parametrize("times", [1, 3])
def test_a_cancelled_event_ends_when_its_work_has_left(times: int) -> None:
    left = threading.Event()

    def work(cancelled: Callable[[], bool]) -> None:
        until(cancelled)
        time.sleep(0.3)
        left.set()

    async def event() -> None:
        task = asyncio.create_task(working(work))
        for _ in range(times):
            await asyncio.sleep(0.1)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert left.is_set()

    asyncio.run(event())


def test_two_works_never_run_at_once() -> None:
    inside = []

    def work(_: Callable[[], bool]) -> int:
        inside.append(1)
        time.sleep(0.05)
        here = len(inside)
        inside.clear()
        return here

    async def both() -> list[int]:
        return await asyncio.gather(*(working(work) for _ in range(4)))

    assert asyncio.run(both()) == [1, 1, 1, 1]


@pytest.mark.parametrize("holds", [True, False])
def test_what_is_cancelled_before_it_begins_never_does(holds: bool) -> None:
    def enter(cancelled: Callable[[], bool]) -> None:
        with accelerator(cancelled):
            pytest.fail("it began")

    if holds:
        with accelerator(bool), pytest.raises(Cancelled):
            enter(lambda: True)
    with pytest.raises(Cancelled):
        enter(lambda: True)
    with accelerator(bool):  # and it is free again
        pass
