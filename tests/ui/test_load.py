"""The page under load: answers, memory, a full queue, and a machine whose memory runs out (rows 14, 15 and 18)."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch

from tests.reliability.figures import Record, count, is_full
from tests.ui.test_guard import META, upload
from tests.ui.tiny_page import Served
from translate.evaluation import bench_serve
from translate.evaluation.bench_serve import QUEUE, ServeReport, load, serving
from translate.inference.tiling import Attempt

pytestmark = pytest.mark.alone

LEAKY = Path(__file__).with_name("leaky_page.py")


@contextmanager
def loaded(served: Served, home: Path) -> Iterator[tuple[str, str]]:
    """A page and a model of it; in full in a process of its own, for one with the asker in it waits for itself."""
    if is_full():
        with serving(home) as (url, _):
            yield url, bench_serve.MODEL
    else:
        yield served.url, "tiny-picture"


def test_every_one_of_many_answers_is_the_single_one(served: Served, tmp_path: Path, record_figure: Record) -> None:
    with loaded(served, tmp_path) as (url, model):
        report = asyncio.run(load(url, None, requests=count(1000, 48), at_once=count(64, 16), model=model))
    assert report.answers == Counter(same=count(1000, 48))
    assert report.full  # of the requests thrown at the queue, those that it could not hold
    if is_full():
        assert max(report.full) <= bench_serve.FULL_SECONDS
    record_figure(14, "requests", report.requests)
    record_figure(14, "unexpected answers", 0)
    record_figure(14, "a full queue told after s, at most", max(report.full))


def test_a_full_queue_is_told_at_once_and_in_words(
    served: Served, monkeypatch: pytest.MonkeyPatch, record_figure: Record
) -> None:
    with httpx.Client(base_url=served.url.rstrip("/"), timeout=30) as http:
        monkeypatch.setattr(type(served.page._queue), "__len__", lambda _: QUEUE)
        body = {"data": ["tiny-labels", None, "auto"], "fn_index": 0, "session_hash": "a"}
        seconds = 0.0
        for path in ("queue/join", "call/apply", "call/v2/apply"):
            answer = http.post(f"/gradio_api/{path}", json=body)
            assert answer.status_code == 503
            assert answer.json()["detail"] == "The page is busy: 64 requests are waiting. Try again in a moment."
            seconds = max(seconds, answer.elapsed.total_seconds())
        record_figure(14, "full, on a calm server, told after s", seconds)
        assert seconds <= (bench_serve.FULL_SECONDS if is_full() else 2.0)
        assert http.get("/gradio_api/queue/status").status_code == 200  # what asks for no place is let through


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_memory_stays_where_it_is_and_a_leak_would_be_seen(tmp_path: Path, record_figure: Record) -> None:
    requests = count(10_000, 240)
    for name, command in (("sound", ("-m", "translate")), ("leaky", (str(LEAKY),))):
        home = tmp_path / name
        home.mkdir()
        many = requests if name == "sound" else 240
        with serving(home, command) as (url, process):
            report = asyncio.run(load(url, process, requests=many, at_once=16))
        assert report.answers == Counter(same=many)
        if not report.memory_mb:
            pytest.skip("only Linux tells a process's memory")
        grown = report.growth_mb or 0.0
        if name == "sound":
            assert grown <= bench_serve.GROWTH_MB
            record_figure(15, "requests", many)
            record_figure(15, "growth of the second half in MB", grown)
        else:
            assert grown > bench_serve.GROWTH_MB
            assert any("of memory" in line for line in report.failures())


def test_where_memory_runs_out_for_some_the_others_get_the_same(
    served: Served, monkeypatch: pytest.MonkeyPatch, record_figure: Record
) -> None:
    calls, failed = count(1000, 40), 0
    with httpx.Client(base_url=served.url.rstrip("/"), timeout=60) as http:
        photo = {"path": upload(http, served.photo), "meta": META}

        def ask() -> str:
            body = {"data": ["tiny-picture", photo, "auto"]}
            event = http.post("/gradio_api/call/apply", json=body).json()["event_id"]
            return http.get(f"/gradio_api/call/apply/{event}").text

        def picture(stream: str) -> bytes:
            path = stream.rsplit('"path": "', 1)[1].split('"')[0]
            return http.get(f"/gradio_api/file={path}").content

        expected = picture(ask())
        plain, number = Attempt.__call__, 0

        def short_of_memory(self: Attempt, batch: torch.Tensor) -> Any:
            if number % 10 == 7:
                network, self.network = self.network, _Full()
                try:
                    return plain(self, batch)
                finally:
                    self.network = network
            return plain(self, batch)

        monkeypatch.setattr(Attempt, "__call__", short_of_memory)
        for number in range(calls):
            answer = ask()
            if number % 10 == 7:
                assert "event: error" in answer
                assert "fit into the memory" in answer
                failed += 1
            else:
                assert picture(answer) == expected
    assert failed == calls // 10
    record_figure(18, "calls without memory", failed)
    record_figure(18, "others that differ", 0)


class _Full(torch.nn.Module):
    def forward(self, _: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def test_a_report_says_what_it_misses() -> None:
    report = ServeReport(
        requests=3, at_once=1, answers=Counter(same=2, different=1), memory_mb=[10, 20, 121], full=[0.3]
    )
    assert report.failures() == [
        "1 answers: different",
        "the second half took 101 MB of memory, at most 100 are meant",
        "a full queue was told after 300 ms",
    ]
    assert (
        ServeReport(requests=1, at_once=1, answers=Counter(same=1), memory_mb=[1, 2, 100], full=[0.1]).failures() == []
    )
