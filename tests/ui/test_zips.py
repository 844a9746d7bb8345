"""An uploaded zip becomes a folder, or one line and nothing."""

import uuid
import zipfile
from pathlib import Path

import gradio as gr
import pytest

from translate.download.archives import Limits
from translate.errors import DatasetError, TranslateError
from translate.ui import guard, zips
from translate.ui.settings import Settings

OWNER = Settings()


def upload(name: str, files: dict[str, str]) -> dict[str, str]:
    """What a file component sends of a zip that was uploaded to the page."""
    path = guard.own_folder() / uuid.uuid4().hex / name
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for inside, text in files.items():
            archive.writestr(inside, text)
    return {"path": str(path)}


def test_a_zip_becomes_a_folder_of_its_name_below_the_page_s_own(tmp_path: Path) -> None:
    payload = upload("my horses (1).zip", {"a/1.txt": "one", "b/1.txt": "two"})
    folder = zips.unpack(OWNER, payload)
    assert folder.name == "my-horses-1"
    assert folder.is_relative_to(guard.own_folder())
    assert {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.txt")} == {
        "a/1.txt": "one",
        "b/1.txt": "two",
    }
    assert zips.unpack(OWNER, payload, tmp_path / "here") == tmp_path / "here" / "my-horses-1"


def test_two_visitors_zips_of_one_name_lie_apart() -> None:
    first, second = (zips.unpack(OWNER, upload("data.zip", {"x.txt": text})) for text in ("1", "2"))
    assert [(folder / "x.txt").read_text() for folder in (first, second)] == ["1", "2"]


@pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil.txt", "a/../../evil.txt", "C:/evil.txt"])
def test_a_hostile_zip_is_one_line_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(TranslateError, match="nothing was extracted") as caught:
        zips.unpack(OWNER, upload("data.zip", {"good.txt": "1", name: "2"}), tmp_path / "here")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "here").iterdir()) == []


def test_strangers_may_unpack_less_than_the_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zips, "STRANGER", Limits(size=9))
    payload = upload("data.zip", {"x.txt": "0123456789"})
    assert zips.unpack(OWNER, payload).is_dir()
    with pytest.raises(TranslateError, match="are more than the 9 expected"):
        zips.unpack(Settings(public=True), payload)


def test_only_an_uploaded_file_is_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "secret.zip", "w") as archive:
        archive.writestr("x.txt", "1")
    with pytest.raises(gr.Error, match="not uploaded"):
        zips.unpack(OWNER, {"path": str(tmp_path / "secret.zip")})
    with pytest.raises(DatasetError, match="nothing was uploaded"):
        zips.unpack(OWNER, None)
