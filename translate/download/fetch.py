"""Fetch one file over https so that it is there whole or not at all: resumed by Range, capped in size, hashed."""

import functools
import hashlib
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from translate.download.ledger import Ledger
from translate.errors import TranslateError
from translate.locking import held

Progress = Callable[[int, int | None], object]
"""Called with the bytes that are here, and those of the whole file where the server told."""

CHUNK = 1024**2
TIMEOUT = 30.0
ATTEMPTS = 4
"""Attempts in a row that bring nothing new before the error is told."""
AGENT = "translate-images (+python-urllib)"
RETRIED = (408, 425, 429, 500, 502, 503, 504)
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Remote:
    """A public file: where it is, the most bytes it may have, and its SHA-256 where one is published."""

    url: str
    limit: int
    sha256: str | None = None
    hosts: tuple[str, ...] = ()
    """Other hosts that its own may redirect to; only for a file whose SHA-256 is published."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that came whole; `trust` says in words what its SHA-256 was compared with."""

    url: str
    path: Path
    size: int
    sha256: str
    verified: bool
    trust: str


def fetch(
    remote: Remote,
    target: Path,
    *,
    ledger: Ledger,
    progress: Progress | None = None,
    loopback: bool = False,
    pause: float = 1.0,
) -> Fetched:
    """Bring `remote` to `target`, which appears only when every byte is there and the SHA-256 is the expected one.

    Without a published SHA-256 the one that `remember` put into `ledger` at first use is asked for. What came of
    an interrupted transfer stays in TARGET.part, and the next call goes on from there. `pause` is the time in seconds
    before the first retry; each further one waits twice as long. `loopback` lets a test use plain http on its own
    machine.

    Raises: TranslateError in one line for an address that is not https, a redirect elsewhere, a file over its limit, no
    network, a server that keeps failing, a full disk, another SHA-256, or a transfer that another process is at.
    """
    _check_address(remote.url, loopback)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    expected = remote.sha256 or ledger.recorded(remote.url)
    busy = f"{part}: another process is fetching this file; wait for it, or stop it"
    with held(part.with_name(f"{part.name}.lock"), busy):
        _persist(_Transfer(remote, part, progress or _silent, _opener(remote, loopback)), pause)
        with part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if expected not in (None, digest):
            _forget(part)
            source = "published" if remote.sha256 else f"recorded on {ledger.date(remote.url)}, at first use,"
            advice = "" if remote.sha256 else f"; if its publisher replaced it, take its line out of {ledger.path}"
            raise TranslateError(
                f"{remote.url}: its SHA-256 begins with {digest[:12]}, the one {source} with {str(expected)[:12]}; "
                f"what came was deleted{advice}"
            )
        size = part.stat().st_size
        os.replace(part, target)
        _forget(part)
    trust = _trust(remote, ledger)
    return Fetched(remote.url, target, size, digest, remote.sha256 is not None, trust)


def remember(fetched: Fetched, ledger: Ledger) -> None:
    """Keep the SHA-256 of a file that nobody published one of.

    To be called once the file turned out to be what it should: a server's error page would be asked for from then on.
    """
    if not fetched.verified:
        ledger.record(fetched.url, fetched.sha256, fetched.size)


def _trust(remote: Remote, ledger: Ledger) -> str:
    if remote.sha256:
        return "verified: its SHA-256 is the published one"
    if date := ledger.date(remote.url):
        return f"unverified: no SHA-256 is published; it is the file that was first fetched on {date}"
    return "unverified: no SHA-256 is published; this one is recorded and asked for from now on"


@dataclass(frozen=True, slots=True)
class _Transfer:
    remote: Remote
    part: Path
    progress: Progress
    opener: urllib.request.OpenerDirector

    @property
    def done(self) -> int:
        """Bytes that are here."""
        return self.part.stat().st_size if self.part.is_file() else 0

    @property
    def facts_path(self) -> Path:
        return self.part.with_name(f"{self.part.name}.json")

    def facts(self) -> dict[str, Any]:
        """What the server said of the file when it began: of an unreadable note, nothing."""
        try:
            facts = json.loads(self.facts_path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return facts if isinstance(facts, dict) and facts.get("url") == self.remote.url else {}

    def attempt(self) -> bool:
        """Ask for the rest and append what comes; whether the file is whole now."""
        facts, done = self.facts(), self.done
        validator = facts.get("validator")
        # Without a validator or a published hash nobody could tell the two halves of different files.
        if not facts or not (validator or self.remote.sha256):
            done = 0
        if done and done == facts.get("total"):
            return True
        headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"}
        if done:
            headers |= {"Range": f"bytes={done}-"} | ({"If-Range": validator} if validator else {})
        request = urllib.request.Request(self.remote.url, headers=headers)
        with self.opener.open(request, timeout=TIMEOUT) as response:
            start, total = self._place(response, done, facts)
            self._check_room(start, total)
            if start == 0:
                note = {"url": self.remote.url, "validator": _validator(response), "total": total}
                _writing(self.facts_path, lambda: self.facts_path.write_text(json.dumps(note), encoding="utf-8"))
            end = self._append(response, start, total)
        return end == total

    def _place(self, response: Any, done: int, facts: dict[str, Any]) -> tuple[int, int]:
        """Where in the file the answer begins, and the bytes of the whole file."""
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise TranslateError(f"{self.remote.url}: the server compresses the file, which was not asked for")
        if response.status == 206:
            match = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", response.headers.get("Content-Range", ""))
            if not done or match is None or (int(match[1]), int(match[3])) != (done, facts.get("total", int(match[3]))):
                _forget(self.part)
                raise http.client.HTTPException("the server sent another part than the one asked for")
            return done, int(match[3])
        if response.status != 200:
            raise TranslateError(
                f"{self.remote.url}: the server answers {response.status} {_one_line(response.reason)}"
            )
        length = response.headers.get("Content-Length", "")
        # In chunks nobody knows the end beforehand, and http.client believes their sizes.
        if response.chunked or not re.fullmatch(r"[0-9]{1,18}", length):
            raise TranslateError(f"{self.remote.url}: the server does not say how long the file is")
        return 0, int(length)

    def _check_room(self, start: int, total: int) -> None:
        if total > self.remote.limit:
            raise TranslateError(f"{self.remote.url}: {total} bytes; at most {self.remote.limit} are expected of it")
        if total - start > (free := shutil.disk_usage(self.part.parent).free):
            raise TranslateError(f"{self.part.parent}: {total - start} bytes are to come, the disk has {free} left")

    def _append(self, response: Any, start: int, total: int) -> int:
        """Write what comes behind `start`; return where it ended."""
        place = start
        # Unbuffered: a full disk is told by the write that met it, and not once more on closing.
        with _writing(self.part, lambda: self.part.open("r+b" if start else "wb", buffering=0)) as file:
            file.seek(start)
            file.truncate()
            self.progress(place, total)
            try:
                while place < total and (chunk := response.read(min(CHUNK, total - place))):
                    _writing(self.part, functools.partial(_write_all, file, chunk))
                    place += len(chunk)
                    self.progress(place, total)
            finally:
                os.fsync(file.fileno())
        return place


def _persist(transfer: _Transfer, pause: float) -> None:
    """Attempt until the file is whole; each attempt that brings bytes earns new ones."""
    most, failures, url = transfer.done, 0, transfer.remote.url
    while True:
        reason, advice = "the connection was cut", "is there a network?"
        try:
            if transfer.attempt():
                return
        except urllib.error.HTTPError as error:
            reason, advice = f"the server answers {error.code} {_one_line(error.reason)}", "try again later"
            error.close()
            if error.code == 416:
                _forget(transfer.part)  # what is here is longer than the file: begin anew
            elif error.code not in RETRIED:
                raise TranslateError(f"{url}: {reason}") from None
        except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
            cause = error.reason if isinstance(error, urllib.error.URLError) else error
            reason = _one_line(cause)
            if isinstance(cause, socket.gaierror):
                raise TranslateError(f"{url}: can't be reached ({reason}); is there a network?") from None
            if isinstance(cause, ssl.SSLCertVerificationError):
                raise TranslateError(f"{url}: its certificate can't be trusted ({reason})") from None
        failures = 0 if transfer.done > most else failures + 1
        most = max(most, transfer.done)
        if failures == ATTEMPTS:
            kept = f"; {transfer.done} bytes are kept, the same command goes on from there" if transfer.done else ""
            raise TranslateError(f"{url}: {reason}, {ATTEMPTS} times in a row; {advice}{kept}")
        time.sleep(pause * 2**failures / 2 if failures else 0)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow a redirect on the same host or to one of those named only, and never to another scheme."""

    max_redirections = 5

    def __init__(self, remote: Remote, loopback: bool) -> None:
        self.url, self.loopback = remote.url, loopback
        self.hosts = (urllib.parse.urlsplit(remote.url).hostname, *(remote.hosts if remote.sha256 else ()))

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """Raises: TranslateError for a redirect elsewhere."""
        if urllib.parse.urlsplit(newurl).hostname not in self.hosts:
            raise TranslateError(f"{self.url}: redirects to another place ({newurl[:200]!r}), which is not followed")
        _check_address(newurl, self.loopback)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener(remote: Remote, loopback: bool) -> urllib.request.OpenerDirector:
    """An opener that knows https alone: urllib's own also opens local files and ftp."""
    opener = urllib.request.OpenerDirector()
    handlers: list[urllib.request.BaseHandler] = [
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(remote, loopback),
        urllib.request.HTTPHandler() if loopback else urllib.request.ProxyHandler(),
    ]
    for handler in handlers:
        opener.add_handler(handler)
    return opener


def _check_address(url: str, loopback: bool) -> None:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https" and parts.hostname and parts.username is None:
        return
    if not (loopback and parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise TranslateError(f"{url[:200]!r}: not an https address")


def _validator(response: Any) -> str | None:
    """What tells this version of the file from the next: a strong ETag, else its date (RFC 9110, 8.8)."""
    tag: str | None = response.headers.get("ETag")
    date: str | None = response.headers.get("Last-Modified")
    return tag if tag and not tag.startswith("W/") else date


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    part.with_name(f"{part.name}.json").unlink(missing_ok=True)


def _writing(path: Path, action: Callable[[], Any]) -> Any:
    try:
        return action()
    except OSError as error:
        raise TranslateError(f"{path}: can't be written ({error.strerror or error}); what came is kept") from None


def _write_all(file: IO[bytes], data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _one_line(error: object) -> str:
    line = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
    return "".join(letter if letter.isprintable() else "?" for letter in line)


def _silent(done: int, total: int | None) -> None:
    pass
