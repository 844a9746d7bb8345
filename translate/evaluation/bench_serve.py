"""How a page bears visitors: many requests at once to a server of its own, each answer compared with that of one alone.

The server is `translate serve` in a process of its own with an untrained model of a few weights: what is measured is
everything around the network. Memory is that process's, as Linux tells it.
"""

import asyncio
import io
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

from translate.errors import ConfigError

MODEL = "load"
SIDE = 64
OFFERED = 200
"""Requests thrown at a queue of QUEUE without waiting for any answer, to see how the last ones are turned away."""
QUEUE = 64
GROWTH_MB, FULL_SECONDS = 100.0, 0.2
"""What a server may grow by in the second half of the requests, and how soon it says that it is full."""

_META = {"_type": "gradio.FileData"}


@dataclass(kw_only=True)
class ServeReport:
    """What came of all requests."""

    requests: int
    at_once: int
    answers: Counter[str] = field(default_factory=Counter)
    """How many were `same` as the single request's, `different`, or what else they were answered."""
    seconds: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    """After warming up, at the half, at the end."""
    full: list[float] = field(default_factory=list)
    """Seconds until each request beyond the queue was told so."""
    total_seconds: float = 0.0

    @property
    def growth_mb(self) -> float | None:
        """Memory that the second half of the requests took; None where it can't be seen."""
        return self.memory_mb[-1] - self.memory_mb[-2] if len(self.memory_mb) > 1 else None

    def failures(self) -> list[str]:
        """What misses its target, in words."""
        other = {name: count for name, count in self.answers.items() if name != "same"}
        missed = [f"{count} answers: {name}" for name, count in other.items()]
        if self.growth_mb is not None and self.growth_mb > GROWTH_MB:
            missed.append(f"the second half took {self.growth_mb:.0f} MB of memory, at most {GROWTH_MB:.0f} are meant")
        if self.full and max(self.full) > FULL_SECONDS:
            missed.append(f"a full queue was told after {max(self.full) * 1000:.0f} ms")
        return missed

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        times = {f"p{n}_ms": 1000 * float(np.percentile(self.seconds, n)) for n in (50, 95) if self.seconds}
        facts = asdict(self) | {"answers": dict(self.answers), "seconds": None, "full": None} | times
        facts["full_ms"] = 1000 * max(self.full) if self.full else None
        facts["turned_away"] = len(self.full)
        facts["requests_a_second"] = self.requests / self.total_seconds if self.total_seconds else None
        return {k: v for k, v in facts.items() if v is not None} | {
            "growth_mb": self.growth_mb,
            "missed": self.failures(),
        }


def bench_serve(*, requests: int = 1000, at_once: int = 64) -> ServeReport:
    """Start a page with a toy model on this machine, load it and end it.

    Raises: ConfigError when it doesn't start.
    """
    with tempfile.TemporaryDirectory(prefix="translate-load-") as home, serving(Path(home)) as (url, process):
        return asyncio.run(load(url, process, requests=requests, at_once=at_once))


async def load(url: str, process: int | None, *, requests: int, at_once: int, model: str = MODEL) -> ServeReport:
    """Ask `/apply` so often, every visitor with a photo of its own; then more at once than the queue holds."""
    report = ServeReport(requests=requests, at_once=at_once)
    limits = httpx.Limits(max_connections=None, keepalive_expiry=2)  # sooner than the server hangs up
    async with httpx.AsyncClient(base_url=url, timeout=600, limits=limits) as http:
        photos = [await upload(http, photo(seed)) for seed in range(at_once)]
        expected = [(await apply(http, model, each))[1] for each in photos]
        waiting = iter(range(requests))

        async def visitor(number: int) -> None:
            for turn in waiting:
                if turn == requests // 2:
                    _note_memory(report, process)
                began = time.perf_counter()
                said, picture = await apply(http, model, photos[number])
                report.seconds.append(time.perf_counter() - began)
                if picture is not None:
                    said = "same" if picture == expected[number] else "different"
                report.answers[said] += 1

        _note_memory(report, process)
        began = time.perf_counter()
        await asyncio.gather(*map(visitor, range(at_once)))
        report.total_seconds = time.perf_counter() - began
        _note_memory(report, process)
        report.full = await _overflow(http, model, photos[0])
    return report


async def apply(http: httpx.AsyncClient, model: str, path: str) -> tuple[str, bytes | None]:
    """One request as a script makes it: what was answered, and the picture's own bytes."""
    body = {"data": [model, {"path": path, "meta": _META}, "auto"]}
    try:
        joined = await http.post("/gradio_api/call/apply", json=body)
        if joined.status_code != httpx.codes.OK:
            return f"status {joined.status_code}", None
        stream = (await http.get(f"/gradio_api/call/apply/{joined.json()['event_id']}")).text
        if "event: complete" not in stream:
            return "no result", None
        result = httpx.Response(200, text=stream.rsplit("data: ", 1)[1]).json()[0]
        picture = await http.get(f"/gradio_api/file={result['path']}")
        return f"status {picture.status_code}", picture.content if picture.is_success else None
    except httpx.HTTPError as error:
        return type(error).__name__, None


async def upload(http: httpx.AsyncClient, data: bytes) -> str:
    """The path of an uploaded picture on the server."""
    answer = await http.post("/gradio_api/upload", files={"files": ("photo.png", data)})
    path: str = answer.raise_for_status().json()[0]
    return path


async def _overflow(http: httpx.AsyncClient, model: str, path: str) -> list[float]:
    """Join the queue so often without waiting; how long those took that were turned away."""
    body = {"data": [model, {"path": path, "meta": _META}, "auto"]}
    full: list[float] = []
    taken: list[str] = []
    connected = asyncio.Semaphore(16)  # else the time of a connection is measured, on this end too

    async def join() -> None:
        async with connected:
            began = time.perf_counter()
            answer = await http.post("/gradio_api/call/apply", json=body)
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            full.append(time.perf_counter() - began)
        else:
            taken.append(answer.json()["event_id"])

    await asyncio.gather(*(join() for _ in range(OFFERED)))
    await asyncio.gather(*(http.get(f"/gradio_api/call/apply/{event}") for event in taken))
    return full


def photo(seed: int) -> bytes:
    """A small picture that no other seed gives, as PNG."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


@contextmanager
def serving(home: Path, command: Sequence[str] = ("-m", "translate")) -> Iterator[tuple[str, int]]:
    """A page of its own with the toy model alone: its address and process; it ends with the block.

    Raises: ConfigError when it doesn't start.
    """
    save_toy(home / "models" / MODEL)
    said = home / "said"
    words = [sys.executable, *command, "serve", "--device", "cpu", "--queue", str(QUEUE), "--public"]
    with said.open("wb") as file:
        process = subprocess.Popen(
            words, stdout=file, stderr=file, cwd=home, env=os.environ | {"TRANSLATE_HOME": str(home)}
        )
    try:
        yield _address(process, said), process.pid
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def save_toy(folder: Path) -> None:
    """Write an untrained U-Net of a few weights, the same every time."""
    import torch

    from translate.checkpoints import save_model
    from translate.config import DataConfig, GeneratorConfig, ModelConfig
    from translate.networks import build_generator

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator, data = (
            GeneratorConfig(filters=4, depth=2, dropout=0.0),
            DataConfig(size=SIDE, crop=SIDE, load_size=SIDE),
        )
        save_model(folder, build_generator(generator), ModelConfig(name=folder.name, generator=generator, data=data))


def _address(process: "subprocess.Popen[bytes]", said: Path, patience: float = 120) -> str:
    end = time.monotonic() + patience
    while time.monotonic() < end and process.poll() is None:
        text = said.read_text(errors="replace")
        if "Open http" in text:
            return text.split("Open ", 1)[1].split()[0].rstrip("/")
        time.sleep(0.05)
    lines = said.read_text(errors="replace").strip().splitlines()
    raise ConfigError(f"the page did not start: {lines[-1] if lines else 'it said nothing'}")


def _note_memory(report: ServeReport, process: int | None) -> None:
    status = Path(f"/proc/{process}/status")
    if process is not None and status.exists():  # Linux
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        report.memory_mb.append(int(line.split()[1]) / 1024)
