"""What every test relies on: few threads, no network, a home folder of its own, honest skips."""

import os
import socket
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

# Set before torch is first imported, and handed down to the processes that tests start. Parallel test processes
# with a thread pool each would fight for the same two cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest

from tests.reliability import figures

LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")
PASSED = pytest.StashKey[bool]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests of an accelerator where there is none; for the table of reliability, take its tests alone."""
    if figures.is_full():
        items[:] = [item for item in items if "record_figure" in getattr(item, "fixturenames", ())]
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if not marked:
        return
    import torch

    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="no CUDA device here"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let fixtures know how their test went."""
    report = yield
    if report.when == "call" and not report.skipped:
        item.stash[PASSED] = report.passed
    return report


@pytest.fixture
def record_figure(request: pytest.FixtureRequest) -> Iterator[figures.Record]:
    """`record_figure(row, name, value)` for docs/reliability.md; told with the test's outcome."""
    told: list[tuple[int, str, object]] = []
    began = time.perf_counter()
    yield lambda row, name, value: told.append((row, name, value))
    passed = request.node.stash.get(PASSED, None)
    if passed is not None:  # a skipped test has nothing to tell
        figures.tell(request.node.nodeid, passed, time.perf_counter() - began, told)


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Fail a test that tries to reach another machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(LOOPBACK):
            raise RuntimeError(f"a test tried to reach {address}; tests stay on this machine")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep installed models of the person who runs the tests out of them, and theirs untouched."""
    monkeypatch.setenv("TRANSLATE_HOME", str(tmp_path_factory.getbasetemp() / "home"))


@pytest.fixture(scope="session")
def repo() -> Path:
    """The root of the checkout."""
    return Path(__file__).resolve().parent.parent
