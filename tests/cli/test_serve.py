"""`translate serve` hands its options to the page and nothing else."""

from typing import Any

import pytest
from typer.testing import CliRunner

from translate.cli.main import app


def served(monkeypatch: pytest.MonkeyPatch, *options: str) -> dict[str, Any]:
    """What the page was asked to do by `translate serve` with `options`."""
    import translate.ui.app

    asked: dict[str, Any] = {}
    monkeypatch.setattr(translate.ui.app, "launch", lambda models, **given: asked.update(given, models=models))
    result = CliRunner().invoke(app, ["serve", *options])
    assert result.exit_code == 0, result.output
    return asked


def test_serve_listens_on_this_machine_alone_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = served(monkeypatch)
    assert (asked["host"], asked["port"]) == ("127.0.0.1", 7860)


def test_serve_takes_a_host_and_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = served(monkeypatch, "--host", "0.0.0.0", "--port", "8000")
    assert (asked["host"], asked["port"]) == ("0.0.0.0", 8000)


@pytest.mark.parametrize("option", ["--port=0", "--port=65536", "--port=web"])
def test_serve_refuses_a_port_that_is_none(option: str) -> None:
    assert CliRunner().invoke(app, ["serve", option]).exit_code == 2


def test_serve_refuses_a_device_that_is_none_before_the_page_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    import translate.ui.app
    from translate.errors import ConfigError

    monkeypatch.setattr(translate.ui.app, "launch", lambda *_, **__: pytest.fail("the page was opened"))
    result = CliRunner().invoke(app, ["serve", "--device", "abacus"])
    assert isinstance(result.exception, ConfigError)
