"""Uploaded sets: where they go, and what is not let in."""

import json
import shutil
import stat
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from translate.catalog import home
from translate.errors import DatasetError, TranslateError
from translate.jobs import datasets
from translate.jobs.record import Record, write


@pytest.fixture(autouse=True)
def _empty_home() -> Iterator[None]:
    yield
    shutil.rmtree(home() / "datasets", ignore_errors=True)


def zipped(path: Path, members: dict[str, bytes], mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = mode << 16
            archive.writestr(entry, data)
    return path


def test_a_zip_becomes_a_folder_of_its_name_and_a_second_one_its_own(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "My pets (1).zip", {"pets/a/1.png": b"one", "pets/b/1.png": b"two"})
    first, second = datasets.keep(archive), datasets.keep(archive)
    assert [folder.name for folder in (first, second)] == ["My-pets-1", "My-pets-1-2"]
    assert (first / "a" / "1.png").read_bytes() == b"one"
    assert datasets.kept() == {"My-pets-1": first, "My-pets-1-2": second}
    assert datasets.delete("My-pets-1") == first
    assert list(datasets.kept()) == ["My-pets-1-2"]
    with pytest.raises(DatasetError, match="no uploaded set of that name; there are: My-pets-1-2"):
        datasets.find("../datasets/My-pets-1-2")


def test_what_an_interrupted_removal_left_does_not_stand_in_the_way_of_the_next(tmp_path: Path) -> None:
    folder = datasets.keep(zipped(tmp_path / "pets.zip", {"a/1.png": b"one"}))
    (folder.with_name(".pets.deleted") / "a").mkdir(parents=True)
    assert datasets.delete("pets") == folder
    assert list(folder.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("members", "mode", "why"),
    [
        ({"../up.png": b"x"}, 0, "leads out of the folder"),
        ({"/etc/x.png": b"x"}, 0, "is an absolute path"),
        ({"link": b"/etc/passwd"}, stat.S_IFLNK, "is a link or a device"),
        ({"con.png": b"x"}, 0, "has a name that not every system allows"),
        ({}, 0, "not a readable zip"),
    ],
)
def test_a_hostile_zip_is_refused_in_one_line_and_leaves_nothing(
    tmp_path: Path, members: dict[str, bytes], mode: int, why: str
) -> None:
    with pytest.raises(TranslateError, match=why) as refused:
        datasets.keep(zipped(tmp_path / "bad.zip", members, mode))
    assert "\n" not in str(refused.value)
    assert datasets.kept() == {}
    assert not (home() / "up.png").exists()


def test_a_bomb_is_refused_by_what_it_says_it_unpacks_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "LIMITS", datasets.Limits(size=1000, files=10))
    with pytest.raises(TranslateError, match="are more than the 1000 expected"):
        datasets.keep(zipped(tmp_path / "bomb.zip", {"a/1.png": bytes(2000)}))
    with pytest.raises(TranslateError, match="are more than the 10 expected"):
        datasets.keep(zipped(tmp_path / "bomb.zip", {f"a/{n}.png": b"" for n in range(11)}))
    assert datasets.kept() == {}


@pytest.mark.parametrize("where", ["asked", "noted", "within"])
def test_a_set_that_a_job_trains_on_stays_until_the_job_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = datasets.keep(zipped(tmp_path / "pets.zip", {"a/1.png": b"one", "b/1.png": b"two"}))
    other = datasets.keep(zipped(tmp_path / "pets-2.zip", {"a/1.png": b"one"}))
    run, now = tmp_path / "runs" / "mine", time.time()
    run.mkdir(parents=True)
    words = {"asked": ("pix2pix", f"--data={folder}"), "noted": (), "within": ("cut", "--a", f"{folder}/a")}[where]
    if where == "noted":
        (run / "train.json").write_text(json.dumps({"source": {"root": str(folder), "a": None, "b": None}}))
    write(run, Record(words=words, created=now, asked=now))  # its process is on its way
    assert [job.name for job in datasets.users("pets")] == ["mine"]
    assert datasets.users("pets-2") == []
    with pytest.raises(DatasetError, match="pets: mine trains on it; stop that first: translate jobs stop mine"):
        datasets.delete("pets")
    assert (folder / "a" / "1.png").read_bytes() == b"one"
    assert datasets.delete("pets-2") == other
    write(run, Record(words=words, created=now, asked=now, state="stopped"))
    datasets.delete("pets")
    assert datasets.kept() == {}
