"""`translate serve` hands its options to the page and nothing else."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from translate.cli.main import app
from translate.errors import ConfigError


def invoke(monkeypatch: pytest.MonkeyPatch, *options: str) -> tuple[Any, dict[str, Any]]:
    """The command's end, and what the page was asked to be by it."""
    import translate.ui.app

    asked: dict[str, Any] = {}

    def launch(models: Any, settings: Any, **given: Any) -> None:
        asked.update(given, models=models, settings=settings)

    monkeypatch.setattr(translate.ui.app, "launch", launch)
    return CliRunner().invoke(app, ["serve", *options]), asked


def served(monkeypatch: pytest.MonkeyPatch, *options: str) -> dict[str, Any]:
    result, asked = invoke(monkeypatch, *options)
    assert result.exit_code == 0, result.output
    return asked


def refused(monkeypatch: pytest.MonkeyPatch, *options: str) -> str:
    result, asked = invoke(monkeypatch, *options)
    assert isinstance(result.exception, ConfigError)
    assert not asked
    return str(result.exception)


def test_serve_leaves_address_and_limits_to_the_page_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = served(monkeypatch)
    settings = asked["settings"]
    assert (asked["host"], asked["port"]) == (None, None)
    assert (settings.public, settings.users, settings.data_root, settings.root_path) == (False, (), None, "")
    assert (settings.upload_limit, settings.queue, settings.is_for_this_machine) == (2 << 30, 64, True)


def test_serve_takes_a_host_and_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = served(monkeypatch, "--host", "0.0.0.0", "--port", "8000")
    assert (asked["host"], asked["port"]) == ("0.0.0.0", 8000)


def test_strangers_may_upload_64_megabytes_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert served(monkeypatch, "--public")["settings"].upload_limit == 64 << 20
    assert served(monkeypatch, "--public", "--max-upload", "3 MB")["settings"].upload_limit == 3 << 20


@pytest.mark.parametrize(("size", "expected"), [("1", 1), ("500kb", 500 << 10), ("64MB", 64 << 20), ("2gb", 2 << 30)])
def test_a_size_is_read_in_its_unit(monkeypatch: pytest.MonkeyPatch, size: str, expected: int) -> None:
    assert served(monkeypatch, "--max-upload", size)["settings"].max_upload == expected


@pytest.mark.parametrize("size", ["", "0", "0mb", "-1", "1tb", "1.5mb", "much"])
def test_what_is_no_size_is_refused(monkeypatch: pytest.MonkeyPatch, size: str) -> None:
    assert "such as 500kb" in refused(monkeypatch, f"--max-upload={size}")


def test_names_and_passwords_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "users").write_text("# ours\nada:correct horse: battery\n\nbob:12345678\n")
    settings = served(monkeypatch, "--auth", str(tmp_path / "users"))["settings"]
    assert settings.users == (("ada", "correct horse: battery"), ("bob", "12345678"))
    assert not settings.is_for_this_machine
    assert "battery" not in repr(settings)


def test_names_and_passwords_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSLATE_AUTH", "ada:correct horse")
    assert served(monkeypatch)["settings"].users == (("ada", "correct horse"),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ada", "line 1 is not NAME:PASSWORD"),
        ("ada:12345678\n:12345678", "line 2 is not NAME:PASSWORD"),
        ("ada:1234567", "line 1: a password has 8 characters or more"),
        ("# nobody\n", "there is no line NAME:PASSWORD"),
    ],
)
def test_a_wrong_file_of_passwords_is_told_without_telling_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "users").write_text(text)
    message = refused(monkeypatch, "--auth", str(tmp_path / "users"))
    assert words in message
    assert "1234567" not in message


def test_a_missing_file_of_passwords_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "No such file" in refused(monkeypatch, "--auth", str(tmp_path / "users"))


def test_an_empty_variable_is_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSLATE_AUTH", "")
    assert served(monkeypatch)["settings"].users == ()


def test_strangers_get_no_folder_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "leave one of them out" in refused(monkeypatch, "--public", "--data-root", str(tmp_path))


def test_a_data_root_that_is_no_folder_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert served(monkeypatch, "--data-root", str(tmp_path))["settings"].data_root == tmp_path
    assert "no such folder" in refused(monkeypatch, "--data-root", str(tmp_path / "none"))


@pytest.mark.parametrize("option", ["--port=0", "--port=65536", "--port=web", "--queue=0"])
def test_serve_refuses_a_number_that_is_none(option: str) -> None:
    assert CliRunner().invoke(app, ["serve", option]).exit_code == 2


def test_serve_refuses_a_device_that_is_none_before_the_page_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "abacus" in refused(monkeypatch, "--device", "abacus")
