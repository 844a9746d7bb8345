"""How much a request may bring, and from where: uploads within bounds of size and disk, no other site's requests.

Gradio 6.31 limits each file of an upload but not their number, reads any other body into memory whole, leaves what a
broken connection had sent on the disk, and lets pages of any site use a server that has a public name.
"""

import asyncio
import ipaddress
import os
import re
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.responses import JSONResponse, PlainTextResponse

from translate.ui.guard import own_folder
from translate.ui.settings import Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY = 4 << 20
"""The largest body of a request that is no upload."""
FORM = 64 << 10
"""What the form around the files of an upload may take."""
KEPT = 32
"""So many uploads of the largest size, with all results, may lie on the disk at a time."""
PATIENCE = 30
"""Seconds without a byte after which a body counts as broken off."""
LOGIN_SECONDS, LOGINS = 1.0, 4
"""A wrong password is answered after a second, and so many at a time."""

_UPLOAD, _LOGIN = "/gradio_api/upload", "/login"
_JOIN = re.compile(r"/gradio_api/(queue/join|call/(v2/)?[^/]+)")
_TOO_LARGE = "maximum allowed size"  # the words by which Gradio's upload route answers 413


class Limits:
    """ASGI middleware: refuses requests of other sites, and bodies beyond the limits before they fill anything.

    `waiting` tells how many requests are in the queue.
    """

    def __init__(self, app: "ASGIApp", settings: Settings, waiting: Callable[[], int]) -> None:
        self.app, self.settings, self.waiting = app, settings, waiting
        self.reserved = 0
        """Bytes that uploads under way may still write."""
        self.logins = asyncio.Semaphore(LOGINS)

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if not self._is_ours(headers):
            await PlainTextResponse("This page answers to its own address alone.", 403)(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", "")).rstrip("/")
        send = _with_own_cookies(send)
        if scope["method"] == "POST" and _JOIN.fullmatch(path) and self.waiting() >= self.settings.queue:
            # Gradio says so too, but after reading and checking the request: a crowd would wait for it.
            text = f"The page is busy: {self.settings.queue} requests are waiting. Try again in a moment."
            await JSONResponse({"detail": text}, HTTPStatus.SERVICE_UNAVAILABLE)(scope, receive, send)
        elif path == _UPLOAD:
            await self._upload(scope, receive, send, headers)
        elif _length(headers, 0) > BODY:
            await PlainTextResponse(f"More than {megabytes(BODY)}.", 413)(scope, receive, send)
        elif path == _LOGIN:
            await self._login(scope, _bounded(receive, BODY, HTTPException(413)), send)
        else:
            await self.app(scope, _bounded(receive, BODY, HTTPException(413)), send)

    async def _upload(self, scope: "Scope", receive: "Receive", send: "Send", headers: Headers) -> None:
        limit = self.settings.upload_limit + FORM
        length = _length(headers, limit)
        if length > limit:
            text = f"An upload may have {megabytes(self.settings.upload_limit)} at most."
            await PlainTextResponse(text, 413)(scope, receive, send)
            return
        self.reserved += length
        try:
            kept = await asyncio.to_thread(_bytes_in, own_folder())
            if kept + self.reserved > KEPT * limit:
                text = "The page holds as many uploads as it may; try again later, they are kept for an hour."
                await PlainTextResponse(text, HTTPStatus.TOO_MANY_REQUESTS)(scope, receive, send)
                return
            error = MultiPartException(f"An upload exceeded the {_TOO_LARGE} of {megabytes(limit - FORM)}.")
            await self.app(scope, _bounded(receive, limit, error), send)
        finally:
            self.reserved -= length

    async def _login(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        async def slowly(message: "Message") -> None:
            if message["type"] == "http.response.start" and message["status"] == HTTPStatus.BAD_REQUEST:
                await asyncio.sleep(LOGIN_SECONDS)
            await send(message)

        async with self.logins:
            await self.app(scope, receive, slowly)

    def _is_ours(self, headers: Headers) -> bool:
        """Whether a request is for this page by a name it has, and not made by another site's page."""
        host = headers.get("host", "")
        if self.settings.is_for_this_machine and not is_loopback(_name(host)):
            return False  # a foreign name that was made to point here
        origin = headers.get("origin")
        own = {host, headers.get("x-forwarded-host", host), urlsplit(self.settings.root_path).netloc}
        return origin is None or urlsplit(origin).netloc in own - {""}


def is_loopback(host: str) -> bool:
    """Whether a host's name or address reaches no further than this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def megabytes(size: int) -> str:
    """A size in words."""
    return f"{size / (1 << 30):g} GB" if size >= 1 << 30 else f"{size / (1 << 20):g} MB"


def _name(host: str) -> str:
    return urlsplit(f"//{host}").hostname or ""


def _length(headers: Headers, otherwise: int) -> int:
    length = headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else otherwise


def _bytes_in(folder: Path) -> int:
    """What a folder takes on the disk; files that go meanwhile don't count."""
    total, waiting = 0, [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return total


def _bounded(receive: "Receive", limit: int, error: Exception) -> "Receive":
    """The same, raising `error` beyond `limit` bytes of body, and where the body breaks off or stands still."""
    seen, is_whole = 0, False

    async def bounded() -> "Message":
        nonlocal seen, is_whole
        if is_whole:  # what follows is the visitor's leaving, whenever that is
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), PATIENCE)
        except TimeoutError:
            raise _broken(error) from None
        if message["type"] != "http.request":
            raise _broken(error)
        seen += len(message.get("body", b""))
        is_whole = not message.get("more_body", False)
        if seen > limit:
            raise error
        return message

    return bounded


def _broken(error: Exception) -> Exception:
    """What makes the route drop the files it has begun to write."""
    text = "The request broke off."
    return MultiPartException(text) if isinstance(error, MultiPartException) else HTTPException(400, text)


def _with_own_cookies(send: "Send") -> "Send":
    """The same, with cookies that no other site's requests carry: Gradio sets SameSite=None, or nothing."""

    async def sent(message: "Message") -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            cookies = headers.getlist("set-cookie")
            if cookies:
                del headers["set-cookie"]
            for cookie in cookies:
                kept = [part for part in cookie.split("; ") if not part.lower().startswith("samesite")]
                headers.append("set-cookie", "; ".join([*kept, "SameSite=Lax"]))
        await send(message)

    return sent
