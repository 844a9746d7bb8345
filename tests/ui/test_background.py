"""Work in a thread: followed to its end, told to stop, and stopped when nobody follows."""

import threading
import time
from collections.abc import Callable

import pytest

from translate.errors import ConfigError
from translate.stopping import Cancelled
from translate.ui.background import Followed, Stage, Tell, bar, note


def counting(reached: list[int], limit: int = 10**6) -> Callable[[Tell], int]:
    def work(tell: Tell) -> int:
        for number in range(limit):
            tell(Stage(str(number), number / limit))
            reached.append(number)
            time.sleep(0.01)
        return limit

    return work


def test_the_result_comes_after_the_stages() -> None:
    followed = Followed(counting([], 60), threading.Event())
    stages = list(followed)
    assert followed.result == 60
    assert 0 < len(stages) < 60
    assert [stage.share for stage in stages] == sorted(int(stage.text) / 60 for stage in stages)


def test_an_error_of_the_work_is_the_follower_s() -> None:
    def work(tell: Tell) -> int:
        raise ConfigError("no such thing")

    followed = Followed(work, threading.Event())
    assert list(followed) == []
    with pytest.raises(ConfigError, match="no such thing"):
        _ = followed.result


def test_work_that_is_cancelled_ends_at_its_next_stage() -> None:
    stop, reached = threading.Event(), list[int]()
    followed = Followed(counting(reached), stop)
    for _ in followed:
        stop.set()
    with pytest.raises(Cancelled):
        _ = followed.result
    count = len(reached)
    time.sleep(0.1)
    assert len(reached) == count


def test_work_that_nobody_follows_any_more_is_cancelled() -> None:
    stop, reached = threading.Event(), list[int]()
    stages = iter(Followed(counting(reached), stop))
    next(stages)
    stages.close()  # type: ignore[attr-defined]
    assert stop.is_set()
    time.sleep(0.1)
    count = len(reached)
    time.sleep(0.1)
    assert len(reached) == count


def test_words_are_escaped_and_a_share_outside_is_brought_inside() -> None:
    assert "&lt;b&gt;" in bar(Stage("<b>"))
    assert 'value="1.0000"' in bar(Stage("x", 1.5))
    assert "value=" not in bar(Stage("x"))
    assert note("<b>", "tr-bad") == '<p class="tr-told tr-bad" role="status">&lt;b&gt;</p>'
    assert note("") == ""
