"""Whoever leaves or presses Stop frees the accelerator within two seconds, on every tab and endpoint (row 17)."""

import threading
import time
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.reliability.figures import Record, count
from tests.ui.test_guard import META, upload
from tests.ui.tiny_page import Served, draw, until_cancelled
from translate import images
from translate.stopping import Cancelled
from translate.ui import camera_tab, edit_work, evaluate_tab, generate_work, paint_run, train_tab
from translate.ui.work import accelerator

SOON = 2.0


class Slow:
    """Takes the place of some work: lasts a minute unless it is cancelled."""

    def __init__(self) -> None:
        self.begun, self.inside, self.had_it = threading.Semaphore(0), 0, False

    def __call__(self, *given: Any, **how: Any) -> Any:
        cancelled: Callable[[], bool] = how.get("cancelled") or given[-1]
        self.inside += 1
        try:
            self.had_it = is_taken()
            self.begun.release()
            until_cancelled(cancelled)
        finally:
            self.inside -= 1

    def ended(self) -> float:
        """The seconds until it has."""
        began = time.monotonic()
        while self.inside and time.monotonic() - began < 60:
            time.sleep(0.01)
        return time.monotonic() - began


def is_taken() -> bool:
    """Whether somebody has the accelerator."""
    try:
        with accelerator(patience(0.3)):
            return False
    except Cancelled:
        return True


def patience(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


@pytest.fixture
def files(http: httpx.Client, tmp_path: Path) -> dict[str, Any]:
    """What can be given: an uploaded photo, and an uploaded zip."""
    images.save(draw(40, 40), tmp_path / "a.png")
    with zipfile.ZipFile(tmp_path / "pairs.zip", "w") as archive:
        archive.write(tmp_path / "a.png", "a/1.png")
        archive.write(tmp_path / "a.png", "b/1.png")
    return {name: {"path": upload(http, tmp_path / name), "meta": META} for name in ("a.png", "pairs.zip")}


ENDPOINTS: list[tuple[str, Any, str, list[Any]]] = [
    ("edit", edit_work, "edit", ["a man", None, None, 3, "tiny-faces", "optimise", 1, "auto", "", "", 9]),
    ("edit", edit_work, "begin_photo", ["a man", "a.png", None, 3, "tiny-faces", "optimise", 1, "auto", "", "", 9]),
    ("invert", edit_work, "begin_photo", ["a.png", "tiny-faces", "9,9,20", 3]),
    ("generate", generate_work, "of_seeds", ["0-3", "tiny-faces", 0.7, "", 9]),
    ("generate", generate_work, "of_words", ["0", "tiny-faces", 0.7, "a man", 9]),
    ("evaluate", evaluate_tab, "evaluate", ["tiny-picture", "pairs.zip", "", "auto", "auto", ""]),
    ("train", train_tab, "survey", ["mine", "pix2pix-fast", "leaving", 9, 64, 1, "AtoB"]),
]


@pytest.mark.alone
@pytest.mark.parametrize(("endpoint", "module", "name", "data"), ENDPOINTS)
def test_an_endpoint_ends_when_its_client_leaves(
    http: httpx.Client, files: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_figure: Record,
    endpoint: str, module: Any, name: str, data: list[Any],
) -> None:  # fmt: skip
    slow, longest, rounds = Slow(), 0.0, count(20, 2)
    monkeypatch.setattr(module, name, slow)
    monkeypatch.setattr(train_tab.datasets, "kept", lambda: {"mine": tmp_path})
    body = {"data": [files.get(value, value) if isinstance(value, str) else value for value in data]}
    for _ in range(rounds):
        event = http.post(f"/gradio_api/call/{endpoint}", json=body).raise_for_status().json()["event_id"]
        with http.stream("GET", f"/gradio_api/call/{endpoint}/{event}"):
            assert slow.begun.acquire(timeout=20)
        longest = max(longest, slow.ended())
        assert slow.had_it == (endpoint != "train")  # which only reads files
    assert longest <= (SOON if rounds == 20 else 15)  # the suite may share its machine
    record_figure(17, "places freed", rounds)
    record_figure(17, f"/{endpoint}: work ended after s, at most", longest)


FACE = [None, "tiny-faces", 3, 0.7, "a man", None, "", "direction", True, 0.3, 9, ""]
TABS: list[tuple[str, str, Any, str, list[Any], str]] = [
    ("edit-go", "click", edit_work, "edit", FACE, "edit-stop"),
    ("edit-use", "click", edit_work, "begin_photo", ["tiny-faces", "a.png", 1, 3, "9,9,20"], "edit-stop"),
    ("generate-go", "click", generate_work, "of_seeds",
     ["tiny-faces", "seeds", "0-3", 0.7, 3, None, 8, None, "", 9], "generate-stop"),
    ("evaluate-start", "click", evaluate_tab, "evaluate", [["tiny-picture"], "pairs.zip", "", "auto", "auto", ""],
     "evaluate-cancel"),
    ("camera", "begin", camera_tab, "check_speed", ["tiny-picture"], ""),
    ("paint-board", "input", paint_run, "paint", ["tiny-zpaint", {"drawing": ""}], ""),
]  # fmt: skip


@pytest.mark.alone
@pytest.mark.parametrize("way", ["leaves", "stops", "cancels"])
@pytest.mark.parametrize(("trigger", "kind", "module", "name", "data", "stop"), TABS)
def test_a_tab_s_work_ends_when_its_visitor_leaves_or_stops_it(
    http: httpx.Client, served: Served, files: dict[str, Any], monkeypatch: pytest.MonkeyPatch, record_figure: Record,
    trigger: str, kind: str, module: Any, name: str, data: list[Any], stop: str, way: str,
) -> None:  # fmt: skip
    if way == "stops" and not stop:
        pytest.skip("it has no button of its own: the page cancels the event")
    slow, session, number = Slow(), uuid.uuid4().hex, event_of(served, trigger, kind)
    monkeypatch.setattr(module, name, slow)
    given = [files.get(value, value) if isinstance(value, str) else value for value in data]
    asked = {"session_hash": session, "fn_index": number}
    event = http.post("/gradio_api/queue/join", json={**asked, "data": given}).raise_for_status().json()["event_id"]
    with http.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
        assert slow.begun.acquire(timeout=20)
        if way == "stops":
            seen = stream.iter_lines()
            next(line for line in seen if '"process_generating"' in line)  # what the page shows the button by
            button = {"session_hash": session, "fn_index": event_of(served, stop, "click"), "data": [None]}
            httpx.post(f"{served.url}gradio_api/run/predict", json=button, timeout=30).raise_for_status()
            longest = slow.ended()
        elif way == "cancels":
            http.post("/gradio_api/cancel", json={**asked, "event_id": event}).raise_for_status()
            longest = slow.ended()
    if way == "leaves":
        longest = slow.ended()
    assert slow.had_it
    assert longest <= 15  # the suite may share its machine
    assert not is_taken()
    record_figure(17, "places freed", 1)
    record_figure(17, f"{trigger}: work ended after s, at most", longest)


def event_of(served: Served, elem_id: str, kind: str) -> int:
    """The number of what happens first when a component is clicked."""
    (block,) = [block for block in served.page.blocks.values() if getattr(block, "elem_id", None) == elem_id]
    numbers = [n for n, fn in served.page.fns.items() if fn.fn is not None and (block._id, kind) in fn.targets]
    return int(min(numbers))
