"""Work of an event in its thread: its news, its result, its errors, its end, and one at a time on the accelerator."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import aclosing

import pytest

from translate.errors import ConfigError
from translate.stopping import Cancelled
from translate.ui.work import Follow, accelerator, working

Tell, Asks = Callable[[int], None], Callable[[], bool]


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


def followed(follow: Follow[int, str]) -> list[int]:
    async def all_of_it() -> list[int]:
        return [number async for numbers in follow.news() for number in numbers]

    return asyncio.run(all_of_it())


def test_news_come_in_order_and_the_result_afterwards() -> None:
    def work(tell: Tell, _: Asks) -> str:
        for number in range(5):
            tell(number)
        return "done"

    follow = Follow(work)
    assert followed(follow) == [0, 1, 2, 3, 4]
    assert follow.result == "done"


def test_silent_work_is_looked_at_several_times_a_second() -> None:
    gate, looks = threading.Event(), 0

    async def look() -> None:
        nonlocal looks
        async for news in Follow[int, bool](lambda tell, _: gate.wait(10)).news():
            assert news == []
            looks += 1
            if looks == 3:
                gate.set()

    began = time.monotonic()
    asyncio.run(look())
    assert looks >= 3
    assert time.monotonic() - began < 5


def test_an_error_of_the_work_is_the_follower_s() -> None:
    def work(tell: Tell, _: Asks) -> str:
        raise ConfigError("no such thing")

    with pytest.raises(ConfigError, match="no such thing"):
        followed(Follow(work))


def test_who_stops_gets_what_is_done() -> None:
    def work(tell: Tell, cancelled: Asks) -> str:
        tell(1)
        until(cancelled)
        return "half"

    follow = Follow(work)
    threading.Timer(0.3, follow.stop.set).start()
    assert followed(follow) == [1]
    assert follow.result == "half"


def test_work_that_is_stopped_while_it_waits_is_never_begun() -> None:
    def work(tell: Tell, _: Asks) -> str:
        pytest.fail("it began")

    follow = Follow(work)
    with accelerator(bool):
        threading.Timer(0.3, follow.stop.set).start()
        with pytest.raises(Cancelled):
            followed(follow)


def test_what_needs_no_accelerator_waits_for_none() -> None:
    with accelerator(bool):
        assert asyncio.run(working(lambda _: "done", alone=False)) == "done"


def test_work_ends_when_its_follower_leaves_and_is_over_when_the_leaving_is() -> None:
    over = threading.Event()

    def work(_: Tell, cancelled: Asks) -> str:
        until(cancelled)
        time.sleep(0.1)
        over.set()
        return "late"

    async def leave() -> bool:
        async with aclosing(Follow[int, str](work).news()) as news:
            async for _ in news:
                break
        return over.is_set()

    assert asyncio.run(leave())
    with accelerator(bool):  # and it is free again
        pass
