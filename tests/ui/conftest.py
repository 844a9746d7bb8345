"""A page with three tiny models and two examples, served on a free port for the tests of this folder."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.ui.browser import ARGS, CHROMIUM, DESKTOP
from tests.ui.tiny_page import CLASSES, Served, TinyModels, draw, free, save_faces, save_tiny
from translate import images


@pytest.fixture(scope="session")
def ui_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with a label model, which comes first, a picture model, one of a kind nobody has heard of, and one
    that starts from the label model's classes."""
    home = tmp_path_factory.mktemp("ui-home")
    save_tiny(
        home / "models" / "tiny-labels", "labels", title="Tiny map", description="Finds <nothing> in particular.",
        metrics={"mean_iou": 0.5, "pixel_accuracy": 0.875},
    )  # fmt: skip
    save_tiny(home / "models" / "tiny-picture", "image", title="Tiny picture", metrics={"psnr": 12.34})
    save_tiny(
        home / "models" / "tiny-whatever", "image", title="Tiny novelty", kind="whatever",
        data={"size": 64, "crop": 64, "load_size": 64, "keep_detail": True},
        metrics={"kernel": 0.0345, "frechet": 62.1, "copied": 0.21, "cycle": 0.04},
    )  # fmt: skip
    save_tiny(home / "models" / "tiny-zpaint", "image", title="Tiny painter", input_classes=CLASSES)
    save_faces(home / "models" / "tiny-faces")
    return home


@pytest.fixture(autouse=True)
def _own_home(ui_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this folder's tests the home is the one the page was started with."""
    monkeypatch.setenv("TRANSLATE_HOME", str(ui_home))


@pytest.fixture(scope="session")
def served(ui_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The page, served from this process with the tiny models alone."""
    from translate.ui import examples
    from translate.ui.app import launch

    folder = tmp_path_factory.mktemp("pictures")
    images.save(draw(90, 120), folder / "a photo.png")
    for number, name in enumerate(("tiny-labels-field.png", "tiny-picture-field.png"), 1):
        images.save(draw(60, 80, number), folder / "examples" / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRANSLATE_HOME", str(ui_home))
        patch.setattr(examples, "_folder", lambda: folder / "examples")
        # On a busy machine Gradio's own look at its page gives up after three seconds.
        patch.setattr("gradio.networking.url_ok", lambda url: True)
        page = launch(TinyModels(), port=free(), wait=False)
    yield Served(page, page.local_url, ui_home, folder / "a photo.png")
    page.close()


@pytest.fixture
def http(served: Served) -> Iterator[httpx.Client]:
    """A visitor without a browser."""
    with httpx.Client(base_url=served.url.rstrip("/"), timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def context() -> Iterator[Any]:
    """One profile for a file of tests: what the page consists of is fetched and compiled once.

    Not for all: while it lives this process has a running event loop, and asyncio.run() refuses to begin another.
    """
    if os.environ.get("CI") != "true":
        pytest.importorskip("playwright")
    assert CHROMIUM, "CI has no Chromium: .ci/run installs it"
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser.new_context(
            reduced_motion="reduce", permissions=["camera", "clipboard-read", "clipboard-write"], viewport=DESKTOP
        )
        browser.close()


@pytest.fixture
def page(context: Any, served: Served) -> Iterator[Any]:
    """The page, freshly opened; afterwards nothing may have gone wrong in it."""
    wrong: list[str] = []

    def is_external(url: str) -> bool:
        return not url.startswith((served.url, "data:", "blob:"))

    def is_wrong(said: Any) -> bool:
        # Gradio's page ends what the server is done with, or, pressed at once, what it has not numbered yet: no harm.
        asked = said.location.get("url", "")
        return said.type == "error" and not re.search(r"/(stream/\w+/close|cancel|reset)$", asked)

    page = context.new_page()
    page.set_default_timeout(30_000)
    page.on("pageerror", lambda error: wrong.append(f"exception: {error}"))
    page.on("console", lambda said: wrong.append(f"console: {said.text}") if is_wrong(said) else None)
    page.on("request", lambda asked: wrong.append(f"request: {asked.url}") if is_external(asked.url) else None)
    page.goto(served.url)
    page.wait_for_selector("#photo input[type=file]", state="attached")
    yield page
    page.close()
    assert wrong == []
