"""A request that is cancelled, or whose visitor leaves, frees the accelerator within two seconds (row 17)."""

import json
import socket
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.reliability.figures import Record, count
from tests.ui.test_guard import META, functions, upload
from tests.ui.tiny_page import Served, draw, until_cancelled
from translate import images
from translate.ui import run as running
from translate.ui import translate_tab

SOON = 2.0


class SlowJobs:
    """Takes the place of the translation: photos called slow take a minute unless they are cancelled."""

    def __init__(self) -> None:
        self.begun, self.ended = threading.Semaphore(0), 0
        self.inside, self.most = 0, 0
        self.names: list[str] = []

    def run(self, models: Any, name: object, photo: Path, scale: object, cancelled: Callable[[], bool] = bool) -> Any:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.names.append(photo.name)
        try:
            if not photo.name.startswith("slow"):
                return running.run(models, name, photo, scale, cancelled)
            self.begun.release()
            until_cancelled(cancelled)
        finally:
            self.inside -= 1
            self.ended += 1


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> SlowJobs:
    jobs = SlowJobs()
    monkeypatch.setattr(translate_tab, "run", jobs.run)
    return jobs


@pytest.fixture
def photos(http: httpx.Client, tmp_path: Path) -> tuple[str, str]:
    """A photo that takes a minute, and one that takes no time."""
    for name in ("slow.png", "quick.png"):
        images.save(draw(40, 40), tmp_path / name)
    return upload(http, tmp_path / "slow.png"), upload(http, tmp_path / "quick.png")


def ask(http: httpx.Client, path: str, session: str | None = None) -> str:
    body = {"data": ["tiny-labels", {"path": path, "meta": META}, "auto"], "session_hash": session}
    event: str = http.post("/gradio_api/call/apply", json=body).raise_for_status().json()["event_id"]
    return event


def leave(http: httpx.Client, path: str, jobs: SlowJobs) -> None:
    """Ask, and close the connection while the job runs."""
    with http.stream("GET", f"/gradio_api/call/apply/{ask(http, path)}"):
        assert jobs.begun.acquire(timeout=20)


def close(http: httpx.Client, path: str, jobs: SlowJobs) -> None:
    """Ask as the page does, and close it."""
    session = uuid.uuid4().hex
    ask(http, path, session)
    with http.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}):
        assert jobs.begun.acquire(timeout=20)


def vanish(http: httpx.Client, path: str, jobs: SlowJobs) -> None:
    """Ask as the page does, and close it before it listens to the answer."""
    session = uuid.uuid4().hex
    # By a socket: httpx keeps a connection open of which lines were read one by one.
    with socket.create_connection((http.base_url.host, http.base_url.port), timeout=20) as heart:
        heart.sendall(f"GET /gradio_api/heartbeat/{session} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        while b"ALIVE" not in heart.recv(1000):
            pass
        ask(http, path, session)
        assert jobs.begun.acquire(timeout=20)


def cancel(http: httpx.Client, path: str, jobs: SlowJobs) -> None:
    """Ask as the page does, and press Stop."""
    session = uuid.uuid4().hex
    number = next(n for n, kinds in functions(http).items() if kinds == ["textbox", "image", "textbox"])
    body = {
        "data": ["tiny-labels", {"path": path, "meta": META}, "auto"], "fn_index": number, "session_hash": session,
    }  # fmt: skip
    event = http.post("/gradio_api/queue/join", json=body).raise_for_status().json()["event_id"]
    with http.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
        assert jobs.begun.acquire(timeout=20)
        stop = {"session_hash": session, "fn_index": number, "event_id": event}
        http.post("/gradio_api/cancel", json=stop).raise_for_status()
        assert '"process_completed"' in "".join(stream.iter_lines())


@pytest.mark.alone
@pytest.mark.parametrize("way", [leave, close, vanish, cancel])
def test_a_job_that_nobody_waits_for_makes_place_for_the_next(
    http: httpx.Client, photos: tuple[str, str], jobs: SlowJobs, record_figure: Record, way: Callable[..., None]
) -> None:
    slow, quick = photos
    longest = 0.0
    rounds = count(100, 4)
    for number in range(1, rounds + 1):
        way(http, slow, jobs)
        began = time.monotonic()
        answer = http.get(f"/gradio_api/call/apply/{ask(http, quick)}").text
        longest = max(longest, time.monotonic() - began)
        assert "event: complete" in answer
        assert jobs.ended == 2 * number  # the slow one had left before
    assert jobs.most == 1
    assert longest <= (SOON if rounds == 100 else 15)  # the suite may share its machine
    record_figure(17, "places freed", rounds)
    record_figure(17, f"{way.__name__}: next result after s, at most", longest)


def test_a_job_that_waits_is_never_begun_when_its_visitor_leaves(
    http: httpx.Client, photos: tuple[str, str], jobs: SlowJobs, tmp_path: Path
) -> None:
    images.save(draw(40, 40), tmp_path / "slow-two.png")
    second = upload(http, tmp_path / "slow-two.png")
    with http.stream("GET", f"/gradio_api/call/apply/{ask(http, photos[0])}"):
        assert jobs.begun.acquire(timeout=20)
        event = ask(http, second)
        with httpx.stream("GET", http.base_url.join(f"/gradio_api/call/apply/{event}")):
            pass
    answer = http.get(f"/gradio_api/call/apply/{ask(http, photos[1])}").text
    assert "event: complete" in answer
    assert jobs.names == ["slow.png", "quick.png"]


def test_one_visitor_s_leaving_ends_no_other_s_job(
    http: httpx.Client, photos: tuple[str, str], jobs: SlowJobs, tmp_path: Path
) -> None:
    with http.stream("GET", f"/gradio_api/call/apply/{ask(http, photos[0])}"):
        assert jobs.begun.acquire(timeout=20)
        with httpx.stream("GET", http.base_url.join(f"/gradio_api/call/apply/{ask(http, photos[1])}")):
            pass
        time.sleep(0.5)
        assert jobs.inside == 1


def test_a_client_that_cancels_its_job_frees_the_place(served: Served, tmp_path: Path, jobs: SlowJobs) -> None:
    from gradio_client import Client, handle_file

    images.save(draw(40, 40), tmp_path / "slow.png")
    client = Client(served.url, verbose=False)
    job = client.submit("tiny-labels", handle_file(tmp_path / "slow.png"), api_name="/apply")
    assert jobs.begun.acquire(timeout=20)
    until = time.monotonic() + 15
    while job.status().code.name != "PROCESSING" and time.monotonic() < until:
        time.sleep(0.05)  # before that the client does not know what it would cancel
    job.cancel()
    until = time.monotonic() + 15
    while jobs.inside and time.monotonic() < until:
        time.sleep(0.05)
    assert jobs.inside == 0
    client.close()


def test_the_stream_of_a_request_has_one_result_and_nothing_else(http: httpx.Client, photos: tuple[str, str]) -> None:
    stream = http.get(f"/gradio_api/call/apply/{ask(http, photos[1])}").text
    events = [line for line in stream.splitlines() if line.startswith("event: ") and "heartbeat" not in line]
    assert events == ["event: complete"]
    result, details = json.loads(stream.split("data: ")[-1])
    assert (result["orig_name"], details["model"]) == ("quick-tiny-labels.png", "tiny-labels")
