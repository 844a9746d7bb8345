"""Work in a thread of its own: its news, its result, its errors, and its end when nobody follows it."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import aclosing

import pytest

from translate.errors import ConfigError
from translate.ui.follow import Follow

Tell, Cancelled = Callable[[int], None], Callable[[], bool]


def followed(follow: Follow[int, str]) -> list[int]:
    async def all_of_it() -> list[int]:
        return [number async for numbers in follow.news() for number in numbers]

    return asyncio.run(all_of_it())


def test_news_come_in_order_and_the_result_afterwards() -> None:
    def work(tell: Tell, _: Cancelled) -> str:
        for number in range(5):
            tell(number)
        return "done"

    follow = Follow(work)
    assert followed(follow) == [0, 1, 2, 3, 4]
    assert follow.result == "done"


def test_an_error_of_the_work_is_the_follower_s() -> None:
    def work(tell: Tell, _: Cancelled) -> str:
        raise ConfigError("no such thing")

    with pytest.raises(ConfigError, match="no such thing"):
        followed(Follow(work))


def test_who_stops_gets_what_is_done() -> None:
    def work(tell: Tell, cancelled: Cancelled) -> str:
        tell(1)
        while not cancelled():
            time.sleep(0.01)
        return "half"

    follow = Follow(work)
    threading.Timer(0.3, follow.stop.set).start()
    assert followed(follow) == [1]
    assert follow.result == "half"


def test_work_ends_when_its_follower_leaves_and_is_over_when_the_leaving_is() -> None:
    over = threading.Event()

    def work(_: Tell, cancelled: Cancelled) -> str:
        while not cancelled():
            time.sleep(0.01)
        time.sleep(0.1)
        over.set()
        return "late"

    async def leave() -> bool:
        async with aclosing(Follow[int, str](work).news()) as news:
            async for _ in news:
                break
        return over.is_set()

    assert asyncio.run(leave())
