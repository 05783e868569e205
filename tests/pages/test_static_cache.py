"""Static files are compressed once, and sent from memory."""

from __future__ import annotations

import asyncio
import gzip
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.types import Message, Receive, Scope, Send

from pages.parts import static_cache
from pages.parts.static_cache import StaticCache
from tests.helpers import wait_until
from tests.pages.conftest import Server

LASTING = "public, immutable, max-age=31536000"


class App:
    """Answers every request in two parts, and counts them; ``answer``: status, body and headers."""

    def __init__(self, status: int = 200, body: bytes = b"x = 1;\n" * 100, **headers: str) -> None:
        given = {"cache_control": LASTING, "etag": '"abc"', "content_length": str(len(body))} | headers
        self.asked, self.status, self.body = 0, status, body
        self.headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        await send({"type": "http.response.start", "status": self.status, "headers": list(self.headers)})
        await send({"type": "http.response.body", "body": self.body[:5], "more_body": True})
        await send({"type": "http.response.body", "body": self.body[5:]})


def ask(cache: StaticCache, path: str = "/static/js/a.js", method: str = "GET", **headers: str) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of an answer."""
    found: list[Message] = []

    async def send(message: Message) -> None:
        found.append(message)
        if message["type"] == "http.response.start":  # as what stands before the cache does
            message["headers"].append((b"x-seen", b"1"))

    async def receive() -> Message:
        return {"type": "http.request"}

    given = {"accept-encoding": "gzip, br"} | {name.replace("_", "-"): value for name, value in headers.items()}
    sent = [(name.encode(), value.encode()) for name, value in given.items() if value]
    asyncio.run(cache({"type": "http", "method": method, "path": path, "headers": sent}, receive, send))
    start, *parts = found
    names = [name for name, _ in start["headers"]]
    assert len(names) == len(set(names))
    read = {name.decode(): value.decode() for name, value in start["headers"]}
    return read, b"".join(part["body"] for part in parts)


def test_third_visitor_gets_the_same_content_from_memory() -> None:
    app = App()
    cache = StaticCache(app)
    for kept in (0, 1):
        first, whole = ask(cache)
        assert whole == app.body and "content-encoding" not in first and len(cache._kept) == kept
    for _ in range(2):
        headers, body = ask(cache)
        assert gzip.decompress(body) == app.body and len(body) == int(headers["content-length"]) < len(app.body)
        assert (headers["content-encoding"], headers["vary"], headers["etag"]) == ("gzip", "accept-encoding", 'W/"abc"')
        assert headers["cache-control"] == LASTING
    assert app.asked == 2


def test_what_does_not_become_smaller_is_kept_as_it_is() -> None:
    app = App(body=gzip.compress(bytes(range(256)) * 4))
    cache = StaticCache(app)
    answers = [ask(cache) for _ in range(3)]
    assert app.asked == 2 and all(body == app.body and "content-encoding" not in headers for headers, body in answers)


@pytest.mark.parametrize(
    ("app", "asked"),
    [
        (App(404), {}),
        (App(cache_control="no-cache"), {}),
        (App(content_encoding="br"), {}),
        (App(content_length="9999"), {}),
        (App(set_cookie="session=somebody's"), {}),
        (App(), {"accept_encoding": ""}),
        (App(), {"range": "bytes=0-9"}),
        (App(), {"if_none_match": '"abc"'}),
        (App(), {"method": "HEAD"}),
        (App(), {"path": "/media/a.png"}),
        (App(), {"path": "/"}),
    ],
)
def test_all_else_is_passed_on(app: App, asked: dict[str, str]) -> None:
    cache = StaticCache(app)
    for count in (1, 2, 3, 4):
        ask(cache, **asked)
        assert app.asked == count
    assert not cache._kept


def test_memory_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    app = App()
    cache = StaticCache(app)
    monkeypatch.setattr(static_cache, "_MOST_FILES", 2)
    for name in "abcdabcd":
        ask(cache, f"/static/{name}.js")
    assert list(cache._kept) == ["/static/a.js", "/static/b.js"]
    monkeypatch.setattr(static_cache, "_MOST_BYTES", 1)
    small = StaticCache(app)
    for _ in range(3):
        ask(small)
    assert not small._kept


def test_a_real_server_keeps_its_files(serve: Callable[[Path], Server], empty: Path) -> None:
    address = serve(empty).address

    def get(path: str, **headers: str) -> tuple[str | None, bytes]:
        asked = urllib.request.Request(f"{address}/{path}", headers={"Accept-Encoding": "identity"} | headers)
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return answer.headers["Content-Encoding"], answer.read()

    (script, *_) = re.findall(rb"static/js/index\.[\w-]+\.js", get("")[1])
    path = script.decode()
    way = {"Accept-Encoding": "gzip"}
    wait_until(lambda: get(path, **way)[0] == "gzip", "it is kept")
    assert gzip.decompress(get(path, **way)[1]) == get(path)[1]
    assert get("static/nothing.js", **way)[1] == get("")[1], "Streamlit's own answer to an address that does not exist"
