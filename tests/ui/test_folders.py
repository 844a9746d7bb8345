"""Server folders: below the data root, or refused without a word about what lies elsewhere."""

from pathlib import Path

import pytest

from translate.errors import ConfigError
from translate.ui.folders import server_file, server_folder
from translate.ui.settings import Settings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root" / "horses").mkdir(parents=True)
    (tmp_path / "root-secret").mkdir()
    return tmp_path / "root"


def test_a_folder_below_the_root_is_found_by_either_name(root: Path) -> None:
    settings = Settings(data_root=root)
    assert server_folder(settings, "horses") == server_folder(settings, str(root / "horses")) == root / "horses"
    assert server_folder(settings, " . ") == root


@pytest.mark.parametrize("text", ["..", "../root-secret", "/", "/etc", "horses/../../root-secret", "link"])
def test_elsewhere_is_refused_whether_it_is_there_or_not(root: Path, text: str) -> None:
    (root / "link").symlink_to(root.parent / "root-secret")
    with pytest.raises(ConfigError, match="is not below the data root"):
        server_folder(Settings(data_root=root), text)
    with pytest.raises(ConfigError, match="is not below the data root"):
        server_folder(Settings(data_root=root), "../nothing-here")


@pytest.mark.parametrize("text", ["", "  ", None, 3, "no-such", "a\0b", "x" * 5000])
def test_what_names_no_folder_is_one_line(root: Path, text: object) -> None:
    with pytest.raises(ConfigError, match=r"no folder is named|no such folder"):
        server_folder(Settings(data_root=root), text)


def test_strangers_and_pages_without_a_root_name_none(root: Path) -> None:
    for settings in Settings(public=True, data_root=root), Settings():
        with pytest.raises(ConfigError, match="can't be used here"):
            server_folder(settings, "horses")


def test_a_file_below_the_root_is_found_and_nothing_else(root: Path) -> None:
    settings = Settings(data_root=root)
    (root / "horses" / "net.pth").write_text("x")
    (root.parent / "root-secret" / "key").write_text("x")
    (root / "horses" / "link").symlink_to(root.parent / "root-secret" / "key")
    expected = root / "horses" / "net.pth"
    assert server_file(settings, " horses/net.pth ") == server_file(settings, str(expected)) == expected
    for text in (
        "../root-secret/key",
        "horses/link",
        "horses/none",
        "horses",
        "",
        None,
        "horses/..",
        "x\0y",
        "/etc/passwd",
    ):
        with pytest.raises(ConfigError, match="data root"):
            server_file(settings, text)
    with pytest.raises(ConfigError, match="can't be used here"):
        server_file(Settings(), "horses/net.pth")


def test_a_folder_to_write_into_need_not_be_there_but_lies_below_the_root(root: Path) -> None:
    settings = Settings(data_root=root)
    assert server_folder(settings, "zebras/new", new=True) == root / "zebras" / "new"
    assert not (root / "zebras").exists()
    (root / "file").touch()
    (root / "link").symlink_to(root.parent / "root-secret")
    for text in "../new", "link/new", "file":
        with pytest.raises(ConfigError, match="below the data root"):
            server_folder(settings, text, new=True)
