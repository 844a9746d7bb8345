"""Starting and stopping: `python app.py` as a user runs it, and what the page is when little is there."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ui.tiny_page import TinyModels
from translate import images
from translate.errors import ConfigError
from translate.ui import examples
from translate.ui.app import build, free_port, launch
from translate.ui.limits import is_loopback
from translate.ui.models import Models


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_port_leads_to_the_next_free_one_and_is_said(taken: int, caplog: pytest.LogCaptureFixture) -> None:
    port = free_port("127.0.0.1", taken)
    assert port > taken
    assert f"Port {taken} is taken; using {port}." in caplog.text


def test_no_free_port_is_an_error_of_one_line(taken: int) -> None:
    with pytest.raises(ConfigError, match=f"port {taken}: can't listen there"):
        free_port("127.0.0.1", taken, tries=1)


def test_a_host_that_is_not_this_machine_is_an_error_of_one_line() -> None:
    with pytest.raises(ConfigError, match=r"host '192\.0\.2\.1'"):
        free_port("192.0.2.1", 7860, tries=2)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_other_machines_are_not_let_in_as_the_owner(host: str) -> None:
    with pytest.raises(ConfigError, match=r"add --public, .* or --auth FILE"):
        launch(TinyModels(), host=host, wait=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost", "page.localhost"])
def test_an_address_that_reaches_no_further_is_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", "localhost.example.org", ""])
def test_an_address_that_reaches_further_is_known(host: str) -> None:
    assert not is_loopback(host)


def test_app_py_serves_the_page_says_where_and_leaves_nothing_behind(repo: Path, taken: int, tmp_path: Path) -> None:
    environment = os.environ | {"GRADIO_SERVER_PORT": str(taken), "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    app = subprocess.Popen(
        [sys.executable, str(repo / "app.py")], cwd=tmp_path, env=environment, text=True, stderr=subprocess.PIPE
    )
    try:
        assert app.stderr is not None
        said = [app.stderr.readline(), app.stderr.readline()]
        assert f"Port {taken} is taken" in said[0]
        url = said[1].split()[1]
        with urllib.request.urlopen(url, timeout=30) as answer:
            assert '"title":"translate"' in answer.read().decode()
        assert list(tmp_path.glob("translate-*"))
        app.send_signal(signal.SIGTERM)
        rest = app.communicate(timeout=30)[1]
        assert app.returncode == 0, rest
    finally:
        app.kill()
        app.communicate()
    if Path(tempfile.gettempdir()) != tmp_path:  # Windows has its own idea of TMPDIR
        assert not list(tmp_path.glob("translate-*"))


def test_a_page_without_any_model_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from translate import catalog

    monkeypatch.setattr(catalog, "roots", dict)
    page = build(Models())
    assert any("No model here yet" in str(block.value) for block in page.blocks.values() if hasattr(block, "value"))


def test_a_page_without_examples_has_no_empty_gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "_folder", lambda: tmp_path)
    page = build(TinyModels())
    assert "dataset" not in {block.get_block_name() for block in page.blocks.values()}


def test_an_example_goes_to_the_model_its_name_begins_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np
    from PIL import Image

    dot = Image.fromarray(np.zeros((2, 2, 3), np.uint8))
    for name in ("street-one.png", "street-night-two.jpg", "other.png", "street/three.png"):
        images.save(dot, tmp_path / name)
    (tmp_path / "README.md").write_text("no picture")
    monkeypatch.setattr(examples, "_folder", lambda: tmp_path)
    found = {example.path.name: example.model for example in examples.examples(["street", "street-night", "aerial"])}
    assert found == {
        "other.png": None, "street-night-two.jpg": "street-night", "street-one.png": "street", "three.png": "street",
    }  # fmt: skip


def test_the_shipped_examples_are_small_pictures(repo: Path) -> None:
    shipped = examples.examples([])
    assert all(path.path.stat().st_size < 200_000 for path in shipped)
    for example in shipped:
        images.header(example.path)


def test_the_theme_and_the_style_name_no_other_server() -> None:
    from translate.ui import cards, theme

    for text in (theme.CSS, theme.HEAD, theme.HEADER, cards.WELCOME, theme.THEME._get_theme_css()):
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert not [url for url in theme.THEME._stylesheets if url]
