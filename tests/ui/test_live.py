"""Work that is watched: progress comes out, so do result and failure, and who stops listening stops the work."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from translate.ui.live import Running, follow


def test_progress_is_yielded_and_the_result_returned():
    gate = threading.Event()

    def work(report: Any) -> str:
        report(1)
        assert gate.wait(10)
        report(2)
        return "done"

    results, seen = [], []

    def watch() -> Any:
        results.append((yield from follow(work, threading.Event())))

    for number in watch():
        seen.append(number)
        gate.set()
    assert results == ["done"]
    assert [number for number in seen if number is not None] == [1, 2]


def test_silent_work_yields_nothing_new_at_every_beat():
    gate = threading.Event()
    following = follow(lambda report: gate.wait(10), threading.Event(), beat=0.01)
    assert [next(following) for _ in range(3)] == [None] * 3
    gate.set()
    assert set(following) <= {None}


def test_what_the_work_raises_is_raised_to_whoever_follows():
    def work(report: Any) -> None:
        raise ZeroDivisionError("as planned")

    with pytest.raises(ZeroDivisionError, match="as planned"):
        list(follow(work, threading.Event()))


def test_closing_stops_the_work_and_waits_for_its_end():
    stop, ended = threading.Event(), []

    def work(report: Any) -> None:
        report("begun")
        assert stop.wait(10)
        ended.append(True)

    following = follow(work, stop)
    assert next(following) == "begun"
    following.close()
    assert ended == [True]


def test_a_visitor_stops_only_their_own_work_and_a_new_one_stops_the_old():
    running = Running()
    a, b, nobody = (SimpleNamespace(session_hash=name) for name in ("a", "b", None))
    first, other, unnamed = running.begin(a), running.begin(b), running.begin(nobody)
    running.stop(nobody)
    assert not unnamed.is_set()
    second = running.begin(a)
    assert (first.is_set(), second.is_set()) == (True, False)
    running.stop(a)
    running.stop(a)
    assert (second.is_set(), other.is_set()) == (True, False)
