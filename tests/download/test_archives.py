"""Archives: what is in them arrives whole and plain; what is hostile leaves nothing behind (see tests/reliability)."""

import gzip
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.reliability.hostile_archives import GOOD, good_tar, good_zip, tar, zipped
from translate.download import archives
from translate.download.archives import Limits, extract
from translate.errors import TranslateError

LIMITS = Limits(10**6)


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "data",
    [good_zip(), zipped(list(GOOD.items()), zipfile.ZIP_DEFLATED), good_tar(), gzip.compress(good_tar())],
    ids=["zip", "deflated", "tar", "tar.gz"],
)
def test_every_file_arrives_and_the_one_folder_around_all_is_taken_off(tmp_path: Path, data: bytes):
    (tmp_path / "any.bin").write_bytes(data)
    shown = []
    found = extract(tmp_path / "any.bin", tmp_path / "new/set", LIMITS, lambda done, total: shown.append(done))
    assert content(tmp_path / "new/set") == {name.removeprefix("set/"): data for name, data in GOOD.items()}
    assert found == (3, sum(map(len, GOOD.values())))
    assert shown[-1] == found.size
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["set"]


def test_two_folders_stay_two(tmp_path: Path):
    (tmp_path / "x").write_bytes(zipped([("a/1", b"1"), ("b/1", b"2"), ("./c", b"3")]))
    extract(tmp_path / "x", tmp_path / "set", LIMITS)
    assert content(tmp_path / "set") == {"a/1": b"1", "b/1": b"2", "c": b"3"}


@pytest.mark.parametrize(("colons", "name"), [(True, "2010-09-07 12:23:20.jpg"), (False, "2010-09-07 12_23_20.jpg")])
def test_the_times_in_the_names_of_published_photos_arrive(tmp_path: Path, monkeypatch, colons: bool, name: str):
    """summer2winter_yosemite, monet2photo and others are named so; Windows knows no colon in a name."""
    monkeypatch.setattr(archives, "_COLONS", colons)
    (tmp_path / "x").write_bytes(zipped([("s/trainA/2010-09-07 12:23:20.jpg", b"1"), ("s/trainA/b.jpg", b"2")]))
    extract(tmp_path / "x", tmp_path / "set", LIMITS)
    assert content(tmp_path / "set") == {f"trainA/{name}": b"1", "trainA/b.jpg": b"2"}


def test_owners_rights_and_times_of_an_archive_mean_nothing(tmp_path: Path):
    info = tarfile.TarInfo("set/run.sh")
    info.mode, info.uid, info.mtime = 0o6777, 0, 10**9
    (tmp_path / "x").write_bytes(tar([(info, b"x"), (tarfile.TarInfo("set/y"), b"y")]))
    extract(tmp_path / "x", tmp_path / "out", LIMITS)
    found = (tmp_path / "out/run.sh").stat()
    assert stat.S_IMODE(found.st_mode) & 0o7111 == 0
    assert found.st_mtime > 1.5 * 10**9
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) & 0o700 == 0o700


def test_long_names_in_each_tar_dialect_arrive(tmp_path: Path):
    name = "set/" + "/".join(["n" * 60] * 4) + "/\u00e4.jpg"
    for number, dialect in enumerate((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)):
        (tmp_path / "x").write_bytes(tar([(tarfile.TarInfo(name), b"x" * 513)], format=dialect))
        extract(tmp_path / "x", tmp_path / str(number), LIMITS)
        assert len(content(tmp_path / str(number))) == 1


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path):
    (tmp_path / "x").write_bytes(good_zip())
    (tmp_path / "set").mkdir()
    (tmp_path / "set/mine").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("set", "dangling"):
        with pytest.raises(TranslateError, match="is there already"):
            extract(tmp_path / "x", tmp_path / name, LIMITS)
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["mine"]


@pytest.mark.parametrize("data", [good_zip(), good_tar(), gzip.compress(good_tar())], ids=["zip", "tar", "tar.gz"])
@pytest.mark.parametrize(("limits", "message"), [(Limits(1000), "than the 1000 "), (Limits(10**6, 2), "than the 2 ")])
def test_more_than_was_expected_is_refused(tmp_path: Path, data: bytes, limits: Limits, message: str):
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(TranslateError, match=message):
        extract(tmp_path / "x", tmp_path / "set", limits)
    assert os.listdir(tmp_path) == ["x"]


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "x").write_bytes(good_zip())

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(TranslateError, match="No space left on device; nothing was left at"):
        extract(tmp_path / "x", tmp_path / "set", LIMITS)
    assert os.listdir(tmp_path) == ["x"]
