"""The tab for programs in a browser, what it costs to open the page, and what becomes of the work of a closed one."""

import base64
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import translate
from tests.reliability.figures import Record, is_full
from tests.ui.browser import DESKTOP, MARKS, PHONE, fits, open_tab, upload
from tests.ui.tiny_page import Served
from translate.stopping import Cancelled
from translate.ui import translate_tab

pytestmark = MARKS

FIRST_PAINT = """() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime"""
# As a visitor would: the example as shown, between a photo and what it gives.
RUN = """async ([code, photo]) => {
const bytes = Uint8Array.from(atob(photo), c => c.charCodeAt(0));
const image = new File([bytes], "photo.png");
const run = Object.getPrototypeOf(async () => {}).constructor;
const [picture, details] = await new run("image", code + "; return [picture, details]")(image);
const made = new Uint8Array(await picture.arrayBuffer());
return [btoa(Array.from(made, b => String.fromCharCode(b)).join("")), details]; }"""


def open_api(page: Any) -> None:
    open_tab(page, "API")
    page.wait_for_selector("#api-intro", state="visible")


def test_the_javascript_shown_runs_on_the_page_and_gives_the_pixels(page: Any, served: Served, tmp_path: Path) -> None:
    open_api(page)
    page.get_by_role("tab", name="JavaScript").click()
    code = page.locator(".tr-api pre:visible code").first.text_content()
    assert served.url.rstrip("/") in code
    made, details = page.evaluate(RUN, [code, base64.b64encode(served.photo.read_bytes()).decode()])
    (tmp_path / "made.png").write_bytes(base64.b64decode(made))
    expected = translate.load(served.home / "models" / "tiny-labels")(served.photo)
    with Image.open(tmp_path / "made.png", formats=("PNG",)) as image:
        np.testing.assert_array_equal(np.asarray(image), np.asarray(expected))
    assert details["model"] == "tiny-labels"


@pytest.mark.parametrize("screen", [PHONE, DESKTOP])
def test_the_tab_fits_every_screen_and_is_reached_by_keyboard(page: Any, screen: dict[str, int]) -> None:
    page.set_viewport_size(screen)
    try:
        open_api(page)
        assert fits(page)
        summary = page.locator(".tr-api summary:visible").first
        summary.focus()
        is_open = page.locator(".tr-api details:visible").first.evaluate("it => it.open")
        page.keyboard.press("Enter")
        assert page.locator(".tr-api details:visible").first.evaluate("it => it.open") is not is_open
    finally:
        page.set_viewport_size(DESKTOP)


@pytest.mark.alone
def test_closing_the_page_ends_its_work(
    context: Any, served: Served, monkeypatch: pytest.MonkeyPatch, record_figure: Record
) -> None:
    begun, ended = threading.Event(), threading.Event()

    def slow(models: Any, name: object, photo: Path, scale: object, cancelled: Callable[[], bool] = bool) -> Any:
        begun.set()
        until = time.monotonic() + 60
        while not cancelled():
            assert time.monotonic() < until
            time.sleep(0.05)
        ended.set()
        raise Cancelled("stopped")

    monkeypatch.setattr(translate_tab, "run", slow)
    page = context.new_page()
    page.goto(served.url)
    page.wait_for_selector("#photo input[type=file]", state="attached")
    upload(page, served.photo)
    assert begun.wait(30)
    assert not ended.is_set()
    page.close()
    began = time.monotonic()
    assert ended.wait(2.0 if is_full() else 30.0)
    record_figure(17, "a closed page's work ends after s", time.monotonic() - began)


@pytest.mark.alone
def test_the_page_is_seen_soon(context: Any, served: Served, record_figure: Record) -> None:
    """By a browser that has nothing of it yet."""
    visitor = context.browser.new_context()
    page = visitor.new_page()
    page.goto(served.url)
    page.wait_for_selector("#photo input[type=file]", state="attached")
    painted = page.evaluate(FIRST_PAINT)
    visitor.close()
    record_figure(28, "first contentful paint after s", painted / 1000)
    assert 0 < painted <= (2000 if is_full() else 20_000)  # ms; the suite may share its machine
