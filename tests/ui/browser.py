"""What the page's browser tests share: the browser, two screens, and the usual steps of a visitor."""

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGS = [
    "--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
]  # fmt: skip
DESKTOP, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}

# In CI they run, and fail where there is no browser. There each may try twice, and the summary counts who did: a shared
# machine can stand still for longer than a browser waits.
MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM and os.environ.get("CI") != "true", reason="no Chromium on this machine"),
    pytest.mark.flaky(reruns=1, condition=os.environ.get("CI") == "true"),
]


def upload(page: Any, photo: Path) -> None:
    page.set_input_files("#photo input[type=file]", photo)


def wait_for_result(page: Any) -> None:
    page.wait_for_selector("#comparison img", state="visible")
    page.wait_for_function("[...document.querySelectorAll('#comparison img')].every(i => i.complete && i.naturalWidth)")


def download(page: Any, folder: Path) -> Path:
    with page.expect_download() as waited:
        page.click("#download")
    path = folder / waited.value.suggested_filename
    waited.value.save_as(path)
    return path


def fits(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def open_tab(page: Any, name: str) -> None:
    """Choose a tab of the page; on a narrow screen most are below the button with three dots.

    A page whose width has just changed moves its tabs there a moment later: what does not answer is looked for anew.
    """
    from playwright.sync_api import TimeoutError as NotThere

    panel, tab = page.locator(f"#tab-{name.lower()}"), page.locator(f"#tab-{name.lower()}-button")
    menu = page.locator(".overflow-menu button[aria-label='More tabs']").first
    below = page.locator(".overflow-dropdown").first.get_by_text(name, exact=True)
    until = time.monotonic() + 30
    while not panel.is_visible():
        assert time.monotonic() < until, f"the tab {name} can't be reached"
        way = next((way for way in (below, tab, menu) if way.is_visible()), tab)
        try:
            way.click(timeout=1000)
        except NotThere:
            continue
