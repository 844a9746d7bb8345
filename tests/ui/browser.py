"""What the page's browser tests share: the browser, two screens, and the usual steps of a visitor."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGS = [
    "--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
]  # fmt: skip
DESKTOP, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}

# In CI they run, and fail where there is no browser.
MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM and os.environ.get("CI") != "true", reason="no Chromium on this machine"),
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
    """Choose a tab of the page; on a narrow screen most are below the button with three dots."""
    tab = page.locator(f"#tab-{name.lower()}-button")
    menu = page.locator(".overflow-menu button[aria-label='More tabs']").first
    tab.or_(menu).first.wait_for(state="visible")
    if not tab.is_visible():
        menu.click()
        tab = page.locator(".overflow-dropdown").first.get_by_text(name, exact=True)
    tab.click()
