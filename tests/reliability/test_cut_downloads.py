"""A hundred cut downloads come to the right SHA-256; a wrong one is never seen (row 11 of docs/reliability.md)."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.loopback import Site, serving
from tests.reliability.figures import Record, count
from translate.download.fetch import Remote, fetch
from translate.download.ledger import Ledger
from translate.errors import TranslateError

SIZE = 50_000


@contextmanager
def watching(target: Path) -> Iterator[list[bytes]]:
    """Whatever is at `target` at any moment of the block, looked at all the time by another thread."""
    seen: list[bytes] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            try:
                found = target.read_bytes()
            except OSError:
                continue
            if found not in seen:
                seen.append(found)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def test_cut_downloads_come_to_the_right_hash(tmp_path: Path, record_figure: Record) -> None:
    """Cut one to five times at random places, by servers with and without ranges and validators."""
    resumed = 0
    for seed in range(total := count(full=100, sample=20)):
        draw = random.Random(seed)
        site = Site(
            draw.randbytes(SIZE),
            cuts=[draw.randrange(SIZE) for _ in range(draw.randint(1, 5))],
            tag=draw.choice(('"v1"', None)),
            modified=draw.choice(("Mon, 03 Sep 2018 08:58:00 GMT", None)),
            ranges=draw.random() < 0.8,
        )
        target, sha256 = tmp_path / f"{seed}.bin", draw.choice((site.sha256, None))
        with serving(site), watching(target) as seen:
            found = _until_whole(site, target, sha256)
        assert found == site.sha256, seed
        assert target.read_bytes() == site.content
        assert seen in ([], [site.content]), "something else was to be seen at some moment"
        resumed += any("range" in request for request in site.requests)
    assert resumed > total / 3
    assert {path.suffix for path in tmp_path.iterdir()} == {".bin"}
    record_figure(11, "cut downloads", total)
    record_figure(11, "of them resumed by Range", resumed)


def _until_whole(site: Site, target: Path, sha256: str | None) -> str:
    """Call as a user would, again after each error."""
    errors = []
    for _ in range(10):
        try:
            ledger = Ledger(target.with_name("ledger.json"))
            return fetch(Remote(site.url, SIZE, sha256), target, ledger=ledger, loopback=True, pause=0).sha256
        except TranslateError as error:
            errors.append(str(error))
    raise AssertionError(f"ten calls did not bring it: {errors}")


def test_a_file_with_a_wrong_hash_is_never_to_be_seen(tmp_path: Path, record_figure: Record) -> None:
    """The file changes while it is fetched in pieces, or is another one from the start."""
    for seed in range(total := count(full=100, sample=20)):
        draw = random.Random(seed)
        site = Site(draw.randbytes(SIZE), cuts=[draw.randrange(1, SIZE)])
        wanted = Site(draw.randbytes(SIZE)).sha256
        target = tmp_path / f"{seed}.bin"
        refused = ""
        with serving(site), watching(target) as seen:
            try:
                fetch(
                    Remote(site.url, SIZE, wanted),
                    target,
                    ledger=Ledger(tmp_path / "ledger.json"),
                    loopback=True,
                    pause=0,
                )
            except TranslateError as error:
                refused = str(error)
        assert "SHA-256" in refused
        assert seen == []
        assert list(tmp_path.iterdir()) == []
    record_figure(11, "wrong files never seen", total)
