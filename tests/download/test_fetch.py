"""A file comes whole or not at all: resumed, capped, hashed, from https alone; a loopback server plays the world."""

import errno
import functools
import json
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.loopback import Site, serving
from translate.download import fetch as module
from translate.download.fetch import Remote, fetch
from translate.download.ledger import Ledger
from translate.errors import TranslateError

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def get(tmp_path: Path):
    """Fetch a site's file into tmp_path/file.bin without waiting between attempts."""

    def run(site: Site, *, limit: int = 10**6, sha256: str | None = None, progress: Any = None) -> module.Fetched:
        remote = Remote(site.url, limit, sha256)
        ledger = Ledger(tmp_path / "sha256.json")
        return fetch(remote, tmp_path / "file.bin", ledger=ledger, progress=progress, loopback=True, pause=0)

    return run


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_comes_whole_and_nothing_else_stays(get, tmp_path: Path):
    shown = []
    with serving(Site(CONTENT)) as site:
        found = get(site, sha256=site.sha256, progress=lambda done, total: shown.append((done, total)))
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert (found.size, found.sha256, found.verified) == (len(CONTENT), site.sha256, True)
    assert found.trust == "verified: its SHA-256 is the published one"
    assert (shown[0], shown[-1]) == ((0, len(CONTENT)), (len(CONTENT), len(CONTENT)))
    assert left(tmp_path) == {"file.bin"}


@pytest.mark.parametrize("validator", [{"tag": '"v1"'}, {"tag": None, "modified": "Mon, 03 Sep 2018 08:58:00 GMT"}])
def test_a_cut_transfer_goes_on_from_where_it_stopped(get, tmp_path: Path, validator):
    with serving(Site(CONTENT, cuts=[1000, 2000], **validator)) as site:
        found = get(site)
    assert found.sha256 == site.sha256
    assert [request.get("range") for request in site.requests] == [None, "bytes=1000-", "bytes=3000-"]
    assert {request["if-range"] for request in site.requests[1:]} == {validator["tag"] or validator["modified"]}


def test_a_later_call_goes_on_from_an_earlier_one(get, tmp_path: Path):
    with serving(Site(CONTENT, cuts=[1000] + [0] * module.ATTEMPTS)) as site:
        with pytest.raises(TranslateError, match="1000 bytes are kept, the same command goes on from there"):
            get(site)
        assert left(tmp_path) == {"file.bin.part", "file.bin.part.json"}
        site.requests.clear()
        assert get(site).sha256 == site.sha256
    assert site.requests[0]["range"] == "bytes=1000-"


@pytest.mark.parametrize("change", [{"ranges": False}, {"tag": '"v2"', "content": CONTENT[::-1]}])
def test_a_server_without_ranges_or_with_another_file_is_begun_anew(get, tmp_path: Path, change):
    with serving(Site(CONTENT, cuts=[1000] + [0] * module.ATTEMPTS)) as site:
        with pytest.raises(TranslateError, match="are kept"):
            get(site)
        for name, value in change.items():
            setattr(site, name, value)
        get(site)
    assert (tmp_path / "file.bin").read_bytes() == site.content


def test_without_a_validator_or_a_published_hash_nothing_is_resumed(get):
    """Nobody could tell two halves of different files."""
    with serving(Site(CONTENT, cuts=[1000], tag=None)) as site:
        get(site)
        assert [request.get("range") for request in site.requests] == [None, None]
    with serving(Site(CONTENT, cuts=[1000], tag='W/"weak"')) as site:
        get(site)
        assert [request.get("range") for request in site.requests] == [None, None]
    with serving(Site(CONTENT, cuts=[1000], tag=None)) as site:
        get(site, sha256=site.sha256)
        assert [request.get("range") for request in site.requests] == [None, "bytes=1000-"]


def test_a_part_that_is_whole_already_asks_for_nothing(get, tmp_path: Path):
    with serving(Site(CONTENT)) as site:
        (tmp_path / "file.bin.part").write_bytes(CONTENT)
        facts = {"url": site.url, "validator": '"v1"', "total": len(CONTENT)}
        (tmp_path / "file.bin.part.json").write_text(json.dumps(facts))
        assert get(site).sha256 == site.sha256
        assert site.requests == []


@pytest.mark.parametrize("note", ["{", "[]", '{"url": "https://another.example/file"}'])
def test_a_part_whose_note_is_of_something_else_is_not_used(get, tmp_path: Path, note):
    (tmp_path / "file.bin.part").write_bytes(b"another file")
    (tmp_path / "file.bin.part.json").write_text(note)
    with serving(Site(CONTENT)) as site:
        assert get(site).sha256 == site.sha256
        assert "range" not in site.requests[0]


@pytest.mark.parametrize("status", [416, 503, 429])
def test_a_server_that_is_busy_or_knows_no_such_range_is_asked_again(get, status):
    with serving(Site(CONTENT, statuses=[status])) as site:
        assert get(site).sha256 == site.sha256
        assert len(site.requests) == 2


def test_a_wrong_hash_is_told_and_nothing_of_it_stays(get, tmp_path: Path):
    with serving(Site(CONTENT)) as site, pytest.raises(TranslateError) as caught:
        get(site, sha256="0" * 64)
    assert f"its SHA-256 begins with {site.sha256[:12]}, the one published with 000000000000" in str(caught.value)
    assert left(tmp_path) == set()


def test_the_first_hash_is_recorded_and_another_one_is_refused_later(get, tmp_path: Path):
    with serving(Site(CONTENT)) as site:
        first = get(site)
        assert not first.verified
        assert first.trust.startswith("unverified: no SHA-256 is published; this one is recorded")
        assert left(tmp_path) == {"file.bin"}
        module.remember(first, Ledger(tmp_path / "sha256.json"))
        again = get(site)
        assert again.trust.startswith("unverified: no SHA-256 is published; it is the file that was first fetched on 2")
        (tmp_path / "file.bin").unlink()
        site.content, site.tag = CONTENT[::-1], '"v2"'
        with pytest.raises(
            TranslateError, match=r"the one recorded on 2.*, at first use, .* line out of .*sha256.json"
        ):
            get(site)
    assert left(tmp_path) == {"sha256.json"}


def test_an_unreadable_ledger_is_not_taken_for_an_empty_one(get, tmp_path: Path):
    for text in ("{", "[1]", '{"a": 1}'):
        (tmp_path / "sha256.json").write_text(text)
        with serving(Site(CONTENT)) as site, pytest.raises(TranslateError, match="not a readable list of SHA-256s"):
            get(site)


@pytest.mark.parametrize(
    ("site", "message"),
    [
        (Site(CONTENT * 2), "20480 bytes; at most 15000 are expected"),
        (Site(CONTENT, chunked=True), "does not say how long"),
        (
            Site(CONTENT, headers={"Location": "http://[::1/x"}, statuses=[302] * 9),
            "Invalid IPv6 URL, 4 times in a row",
        ),
        (
            Site(CONTENT, headers={"Content-Range": "bytes 0-9/10"}, statuses=[206] * 9),
            "another part than the one asked",
        ),
        (Site(CONTENT, statuses=[204]), "the server answers 204 No Content"),
        (Site(CONTENT, length=None), "does not say how long"),
        (Site(CONTENT, headers={"Content-Encoding": "gzip"}), "compresses the file"),
        (Site(CONTENT, statuses=[404]), "the server answers 404 Not Found"),
        (Site(CONTENT, statuses=[500] * 9), "the server answers 500 .*, 4 times in a row; try again later"),
        (Site(CONTENT, length=20), "SHA-256"),
        (Site(CONTENT, headers={"Content-Length": "-5"}), "does not say how long"),
        (
            Site(CONTENT, headers={"Location": "file:///etc/passwd"}, statuses=[302] * 9),
            "'file:///etc/passwd' is not allow",
        ),
        (Site(CONTENT, headers={"Location": "http://localhost/x"}, statuses=[301] * 9), "redirects to another place"),
        (Site(CONTENT, headers={"Location": "ftp://127.0.0.1/x"}, statuses=[302] * 9), "not an https address"),
        (Site(CONTENT, headers={"Location": "/set/file.bin"}, statuses=[302] * 99), "redirect"),
    ],
)
def test_a_server_that_misbehaves_is_told_in_one_line(get, tmp_path: Path, site: Site, message: str):
    sha256 = site.sha256 if message == "SHA-256" else None
    with serving(site), pytest.raises(TranslateError, match=message) as caught:
        get(site, limit=15_000, sha256=sha256)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "file.bin").exists()


def test_no_more_is_taken_than_was_announced_at_the_start(get, tmp_path: Path):
    """A server that goes on for ever once it is asked for the rest."""
    with serving(Site(CONTENT, cuts=[1000])) as site:
        site.tail = b"more" * 10_000
        assert get(site).sha256 == site.sha256
    assert site.requests[1]["range"] == "bytes=1000-"
    assert (tmp_path / "file.bin").stat().st_size == len(CONTENT)


def test_a_redirect_on_the_same_host_is_followed(get):
    site = Site(CONTENT, statuses=[302], headers={"Location": "/elsewhere"})
    with serving(site):
        assert get(site).sha256 == site.sha256


def test_another_host_is_followed_where_it_is_named_and_the_hash_is_published(tmp_path: Path):
    for named, published, followed in ((True, True, True), (True, False, False), (False, True, False)):
        with serving(Site(CONTENT)) as other:
            elsewhere = other.url.replace("127.0.0.1", "localhost")
            with serving(Site(b"", statuses=[302] * 9, headers={"Location": elsewhere})) as site:
                hosts = ("localhost",) if named else ()
                remote = Remote(site.url, 20_000, other.sha256 if published else None, hosts)
                action = functools.partial(
                    fetch, remote, tmp_path / "file", ledger=Ledger(tmp_path / "l"), loopback=True, pause=0
                )
                if followed:
                    assert action().sha256 == other.sha256
                else:
                    with pytest.raises(TranslateError, match="redirects to another place"):
                        action()
            assert len(other.requests) == followed


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/x",
        "ftp://example.org/x",
        "file:///etc/passwd",
        "https://",
        "https://me:pw@example.org/x",
        "x",
    ],
)
def test_an_address_that_is_not_https_is_refused(url, tmp_path: Path):
    for loopback in (False, True):
        with pytest.raises(TranslateError, match="not an https address"):
            fetch(Remote(url, 10), tmp_path / "x", ledger=Ledger(tmp_path / "l"), loopback=loopback, pause=0)


def test_without_a_network_it_is_one_line_at_once(monkeypatch, tmp_path: Path):
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(TranslateError, match=r"can't be reached \(.*Name or service not known\); is there a network\?"):
        fetch(Remote("https://example.org/x", 10), tmp_path / "x", ledger=Ledger(tmp_path / "l"), pause=60)


def test_a_server_that_is_not_there_is_asked_a_few_times(get):
    with serving(Site(CONTENT)) as site:
        pass
    with pytest.raises(TranslateError, match=r"refused.*, 4 times in a row; is there a network\?$"):
        get(site)


def test_a_full_disk_is_told_before_and_during(get, tmp_path: Path, monkeypatch):
    with serving(Site(CONTENT)) as site:
        with monkeypatch.context() as patch:
            patch.setattr(module.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 100}))
            with pytest.raises(TranslateError, match="10240 bytes are to come, the disk has 100 left"):
                get(site)

        def full(file: object, data: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(module, "_write_all", full)
        with pytest.raises(TranslateError, match=r"can't be written .No space left on device.; what came is kept"):
            get(site)
        assert len(site.requests) == 2


def test_two_processes_do_not_write_one_file(get, tmp_path: Path):
    pytest.importorskip("fcntl")
    began, go_on = threading.Event(), threading.Event()

    def wait(done: int, total: int | None) -> None:
        began.set()
        go_on.wait(10)

    with serving(Site(CONTENT)) as site:
        first = threading.Thread(target=lambda: get(site, progress=wait))
        first.start()
        began.wait(10)
        with pytest.raises(TranslateError, match="another process is fetching this file"):
            get(site)
        go_on.set()
        first.join()
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_an_interrupted_fetch_keeps_what_came(get, tmp_path: Path):
    def stop(done: int, total: int | None) -> None:
        if done:
            raise KeyboardInterrupt

    with serving(Site(CONTENT)) as site:
        with pytest.raises(KeyboardInterrupt):
            get(site, progress=stop)
        assert left(tmp_path) == {"file.bin.part", "file.bin.part.json"}
        assert get(site).sha256 == site.sha256
