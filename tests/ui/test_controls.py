"""The buttons of work that lasts: its stages, its result, and what is told where it was cancelled or failed."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import gradio as gr
import pytest

from translate.errors import ConfigError
from translate.stopping import Cancelled
from translate.ui.controls import Controls, asking, controls
from translate.ui.events import Updates
from translate.ui.status import Stage, Tell, bar, note
from translate.ui.work import accelerator


@pytest.fixture
def control() -> Controls:
    with gr.Blocks():
        return controls("Go", "test")


def said(control: Controls, work: Callable[[Tell, Callable[[], bool]], str], **how: Any) -> list[Updates]:
    """Everything that an event of `work` gives back."""

    async def all_of_it() -> list[Updates]:
        shown = lambda done: {control.status: note(done)}  # noqa: E731
        return [updates async for updates in control.followed(work, shown, "Cancelled; nothing is kept.", **how)]

    return asyncio.run(all_of_it())


def test_stages_are_shown_and_then_the_result(control: Controls) -> None:
    gate = threading.Event()

    def work(tell: Tell, _: Callable[[], bool]) -> str:
        tell(Stage("reading", 0.5))
        gate.wait(0.5)
        return "done"

    first, *every, last = said(control, work)
    assert (first[control.status], first[control.cancel].visible) == (bar(Stage("Getting ready")), True)
    assert bar(Stage("reading", 0.5)) in [updates[control.status] for updates in every]
    assert (last[control.status], last[control.cancel].visible) == (note("done"), False)


def test_work_that_asks_nothing_itself_ends_at_its_next_stage(control: Controls) -> None:
    stop, heard = threading.Event(), list[str]()
    tell = asking(lambda stage: heard.append(stage.text), stop.is_set)
    tell(Stage("one"))
    stop.set()
    with pytest.raises(Cancelled):
        tell(Stage("two"))
    assert heard == ["one"]


def test_what_was_cancelled_is_told_as_such_and_taken_back(control: Controls) -> None:
    def work(tell: Tell, cancelled: Callable[[], bool]) -> str:
        raise Cancelled("stopped")

    last = said(control, work, without=lambda: {control.running: "taken back"})[-1]
    assert last[control.status] == note("Cancelled; nothing is kept.")
    assert last[control.running] == "taken back"
    assert last[control.start].interactive


def test_a_mistake_is_one_line(control: Controls) -> None:
    def work(tell: Tell, cancelled: Callable[[], bool]) -> str:
        raise ConfigError("no such thing")

    with pytest.raises(gr.Error, match="no such thing"):
        said(control, work)


def test_what_leaves_the_accelerator_free_does_not_wait_for_it(control: Controls) -> None:
    with accelerator(bool):
        assert said(control, lambda tell, _: "done", alone=False)[-1][control.status] == note("done")
