"""A web server on this machine that misbehaves as told: it cuts, forgets ranges, lies about sizes, redirects."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Site:
    """What the server gives and how; `requests` are the headers of each request it got."""

    content: bytes
    cuts: list[int] = field(default_factory=list)
    """Bytes of the body after which the connection is cut, one for each request to come; without any all is sent."""
    tag: str | None = '"v1"'
    modified: str | None = None
    ranges: bool = True
    length: int | None = -1
    """Content-Length to claim; -1 the true one, None none at all."""
    statuses: list[int] = field(default_factory=list)
    """Answered instead of the file, one for each request to come."""
    headers: dict[str, str] = field(default_factory=dict)
    """Sent besides, or instead of the own one of that name."""
    chunked: bool = False
    tail: bytes = b""
    """Sent behind what was asked for by Range, and counted in the length."""
    requests: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """Serve a site on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.requests.append({name.lower(): value for name, value in self.headers.items()})
            self.close_connection = True
            if site.statuses:
                self._head(site.statuses.pop(0), {"Content-Length": "0"})
            else:
                self._file()

        def _file(self) -> None:
            start = self._start()
            body = site.content[start:] + (site.tail if start else b"")
            headers = {"ETag": site.tag, "Last-Modified": site.modified}
            if site.chunked:
                headers["Transfer-Encoding"] = "chunked"
            elif site.length is not None:
                headers["Content-Length"] = str(len(body) if site.length == -1 else site.length)
            if start:
                headers["Content-Range"] = f"bytes {start}-{len(site.content) - 1}/{len(site.content)}"
            self._head(206 if start else 200, headers)
            if site.cuts:
                self.wfile.write(body[: site.cuts.pop(0)])
                return
            self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if site.chunked else body)

        def _start(self) -> int:
            asked, known = self.headers.get("Range"), self.headers.get("If-Range")
            if not asked or not site.ranges or (known and known not in (site.tag, site.modified)):
                return 0
            return int(asked.removeprefix("bytes=").removesuffix("-"))

        def _head(self, status: int, headers: dict[str, Any]) -> None:
            self.send_response(status)
            for name, value in (headers | {"Connection": "close"} | site.headers).items():
                if value is not None:
                    self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_address[1]}/set/file.bin"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
