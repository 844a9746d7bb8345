"""Public sets: known by name, from official addresses, whole or not there at all, and usable as they arrive."""

import functools
import gzip
import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.loopback import Site, serving
from tests.reliability.hostile_archives import good_tar, tar, zipped
from translate.config import DataConfig
from translate.data import catalog
from translate.data.domains import recognise_domains
from translate.data.layouts import recognise
from translate.download import fetch
from translate.download.ledger import Ledger
from translate.errors import DatasetError, TranslateError


def jpeg(width: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, width, 3), np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch):
    """The project's server, on this machine; every set is the one that the test puts there."""
    with serving(Site(b"")) as site:
        monkeypatch.setattr(catalog, "HOST", site.url.rpartition("/set/")[0])
        monkeypatch.setattr(fetch, "fetch", functools.partial(fetch.fetch, loopback=True, pause=0))
        yield site


@pytest.fixture
def pull(tmp_path: Path):
    """Pull a set into tmp_path/datasets."""

    def run(name: str) -> catalog.Pulled:
        return catalog.pull(catalog.find(name), tmp_path / "datasets", Ledger(tmp_path / "sha256.json"))

    return run


def facades() -> bytes:
    import tarfile

    members = [(tarfile.TarInfo(f"./facades/{split}/{i}.jpg"), jpeg(32)) for split in ("train", "val") for i in (1, 2)]
    return gzip.compress(tar(members))


def horses() -> bytes:
    return zipped([(f"horse2zebra/{part}/n0{i}_{i}.jpg", jpeg(16)) for part in ("trainA", "trainB") for i in (1, 2)])


def listed(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_set_of_pairs_arrives_and_is_recognised(pull, server: Site, tmp_path: Path):
    server.content, server.cuts = facades(), [500]
    found = pull("facades")
    assert listed(found.folder) == ["source.json", "train/1.jpg", "train/2.jpg", "val/1.jpg", "val/2.jpg"]
    assert [path.name for path in (tmp_path / "datasets").iterdir()] == ["facades"]
    record = json.loads((found.folder / "source.json").read_text())
    assert record["source"].endswith("/pix2pix/datasets/facades.tar.gz")
    assert (record["sha256"], record["files"], record["trust"][:10]) == (server.sha256, 4, "unverified")
    assert "CMP Facades" in record["terms"]
    layout = recognise(found.folder, config=DataConfig())
    assert {split: len(pairs) for split, pairs in layout.splits.items()} == {"train": 2, "val": 2}
    assert Ledger(tmp_path / "sha256.json").recorded(record["source"]) == server.sha256


def test_a_set_of_domains_is_held_against_its_published_hash(pull, server: Site, monkeypatch, tmp_path: Path):
    server.content = horses()
    with pytest.raises(TranslateError, match="the one published with a74d9d392eec"):
        pull("horse2zebra")
    assert list((tmp_path / "datasets").iterdir()) == []
    digest = hashlib.sha256(server.content).hexdigest()
    sets = [one._replace(sha256=digest) if one.name == "horse2zebra" else one for one in catalog.SETS]
    monkeypatch.setattr(catalog, "SETS", tuple(sets))
    found = pull("horse2zebra")
    assert found.fetched.verified
    layout = recognise_domains(found.folder, config=DataConfig())
    assert [sum(len(part[side]) for part in layout.splits.values()) for side in (0, 1)] == [2, 2]
    assert not (tmp_path / "sha256.json").exists()


def test_a_hostile_or_broken_archive_leaves_nothing_and_is_not_remembered(pull, server: Site, tmp_path: Path):
    import tarfile

    evil = gzip.compress(good_tar([(tarfile.TarInfo("../../evil"), b"evil")]))
    for content in (evil, b"<html>moved</html>", facades()[:-9]):
        server.content, server.tag = content, hashlib.md5(content).hexdigest()
        with pytest.raises(TranslateError):
            pull("facades")
        assert listed(tmp_path) == []
    assert list((tmp_path / "datasets").iterdir()) == []


def test_a_set_that_is_there_is_left_alone(pull, server: Site, tmp_path: Path):
    (tmp_path / "datasets/facades").mkdir(parents=True)
    with pytest.raises(DatasetError, match="facades: is there already"):
        pull("facades")
    assert server.requests == []


def test_a_set_that_is_not_given_away_says_where_to_get_it():
    with pytest.raises(DatasetError, match=r"may not give it away; register at https://www.cityscapes-dataset.com"):
        catalog.find("cityscapes")


def test_a_wrong_name_is_answered_with_the_nearest():
    with pytest.raises(DatasetError, match=r"'facade'; did you mean facades"):
        catalog.find("facade")


def test_every_set_has_an_official_address_terms_and_a_cap():
    for one in catalog.SETS:
        kind = "pix2pix/datasets" if one.kind == "pairs" else "cyclegan/datasets"
        assert one.url.startswith(f"https://efrosgans.eecs.berkeley.edu/{kind}/")
        assert one.terms
        assert one.mib * 2**20 < one.remote.limit < one.limits.size
    assert catalog.find("maps-unpaired").url.endswith("/cyclegan/datasets/maps.zip")
    assert len({one.name for one in catalog.SETS}) == len(catalog.SETS)
    hashes = [one.sha256 for one in catalog.SETS if one.sha256]
    assert len(hashes) == len(set(hashes)) == 10
    assert all(len(digest) == 64 and set(digest) <= set("0123456789abcdef") for digest in hashes)
