"""Streamlit's own static files, compressed and kept in memory from the second visit on.

A first visit asks for more than a hundred of them, 3 to 6 MB. Streamlit reads each from the disk for each visitor, and sends it as
it is, since compressing it every time would take longer. When a class opens the page at once, that is most of what server and
network do.
"""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages.parts import base_path

_MOST_FILES, _MOST_BYTES = 500, 32_000_000  # all files of Streamlit 1.67 together are fewer and smaller
_CONDITIONAL = ("range", "if-none-match", "if-modified-since")


class StaticCache:
    """Answers requests for static files that ``app`` has answered twice before; passes on all others.

    Kept are complete answers which ``app`` declares immutable. Their addresses hold a hash of the content. The first visitor, who
    often stays the only one and whose browser keeps them too, does not wait for compression.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._folder = f"{base_path.prefix()}/static/"
        self._asked: set[str] = set()  # paths
        self._kept: dict[str, tuple[dict[str, Any], bytes]] = {}  # path → start of the answer, body
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._is_for_all(scope):
            await self._app(scope, receive, send)
        elif found := self._kept.get(scope["path"]):
            start, body = found
            await send({**start, "headers": list(start["headers"])})  # others may add headers to it
            await send({"type": "http.response.body", "body": body})
        elif scope["path"] in self._asked:
            await self._app(scope, receive, self._keeping(scope["path"], send))
        else:
            if len(self._asked) < _MOST_FILES:
                self._asked.add(scope["path"])
            await self._app(scope, receive, send)

    def _is_for_all(self, scope: Scope) -> bool:
        """Return whether the answer to this request is the same for all who accept gzip."""
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(self._folder):
            return False
        headers = Headers(scope=scope)
        return "gzip" in headers.get("accept-encoding", "") and not any(name in headers for name in _CONDITIONAL)

    def _keeping(self, path: str, send: Send) -> Send:
        """Return a ``send`` that passes an answer on, and keeps it when it is complete."""
        answer: list[Message] = []

        async def pass_on(message: Message) -> None:
            answer.append({**message, "headers": list(message["headers"])} if "headers" in message else message)
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                await asyncio.to_thread(self._keep, path, answer[0], b"".join(part.get("body", b"") for part in answer[1:]))

        return pass_on

    def _keep(self, path: str, start: Message, body: bytes) -> None:
        headers = MutableHeaders(raw=list(start["headers"]))
        is_lasting = start["status"] == 200 and "immutable" in headers.get("cache-control", "")
        is_for_one = "set-cookie" in headers  # the answer to somebody who has logged in must not go to others
        if not is_lasting or is_for_one or "content-encoding" in headers:
            return
        if headers.get("content-length") != str(len(body)) or path in self._kept:
            return
        packed = gzip.compress(body, 6, mtime=0)
        if len(packed) < 0.9 * len(body):  # pictures and fonts are compressed already
            body = packed
            headers["content-encoding"], headers["content-length"] = "gzip", str(len(body))
            if etag := headers.get("etag"):
                headers["etag"] = f"W/{etag.removeprefix('W/')}"  # the same content, other bytes
        headers.add_vary_header("accept-encoding")
        if self._bytes + len(body) <= _MOST_BYTES:
            self._bytes += len(body)
            self._kept[path] = {**start, "headers": headers.raw}, body
