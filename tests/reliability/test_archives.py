"""Hostile archives: not a byte outside, not half a set (row 10 of docs/reliability.md)."""

import os
from pathlib import Path

from tests.reliability.figures import Record
from tests.reliability.hostile_archives import archives
from translate.download.archives import Limits, extract
from translate.errors import TranslateError


def everything(folder: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_size for path in folder.rglob("*")}


def test_no_hostile_archive_writes_a_byte_or_leaves_half_a_set(tmp_path: Path, record_figure: Record) -> None:
    """In a folder three levels down, so that `../..` leads to a place that is looked at."""
    store, place = tmp_path / "store", tmp_path / "world/user/datasets"
    store.mkdir()
    place.mkdir(parents=True)
    before, refused = everything(tmp_path / "world"), {}
    for name, path in archives(store):
        try:
            extract(path, place / "set", Limits(10**6))
        except TranslateError as error:
            refused[name] = str(error)
        assert name in refused, f"{name} was extracted"
        assert refused[name].isprintable(), name
        assert everything(tmp_path / "world") == before, name
        assert not os.path.lexists("/tmp/evil"), name
    record_figure(10, "archives refused", len(refused))
    assert len(refused) >= 60
