"""Random requests, handshakes and messages for :mod:`benchmarks.fuzz_routes`: odd, but harmless."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg

ROUTES = (
    "/",
    "/index.html",
    "/watch",
    "/train",
    "/compare",
    "/evaluate",
    "/data",
    "/play",
    "/learn",
    "/quiz",
    "/door",
    "/play/ws",
    "/static/x.js",
    "/media/0123456789abcdef.png",
    "/component/x/index.html",
    "/_stcore/health",
    "/_stcore/script-health-check",
    "/_stcore/metrics",
    "/_stcore/host-config",
    "/_stcore/stream",
    "/_stcore/upload_file/session/file",
    "/_stcore/bidi-components/x/y.js",
    "/_stcore/agent/interact",
    "/_stcore/agent/openapi.json",
    "/auth/login",
    "/auth/logout",
    "/oauth2callback",
)
METHODS = ("GET", "GET", "GET", "HEAD", "OPTIONS", "POST", "POST", "PUT", "PATCH", "DELETE", "TRACE", "get", "ODD")
PAGES = ("", "watch", "train", "compare", "evaluate", "data", "sweeps", "learn", "quiz", "explore", "play", "missing")

_LETTERS = "abcXYZ019-_.~ %/\\?#&=+:;,'\"<>{}[]|^`@!$()*äß☃😀\t\u202e\u0000"
_LONG = 70_000  # characters
_NAMES = ("Accept", "Accept-Encoding", "Content-Type", "Origin", "Range", "If-None-Match", "X-Forwarded-For", "Connection", "X-Odd")
_VALUES = (
    "text/html",
    "application/json",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    "gzip",
    "identity;q=0",
    "bytes=0-",
    "bytes=5-2",
    "bytes=-0",
    "null",
    "http://localhost",
    "http://127.0.0.1:1",
    "*",
    "close",
    "Upgrade",
    "",
)
_PARAMETERS = ("run", "runs", "preset", "data", "sweep", "lesson", "step", "round", "key", "odd")
_NUMBERS = (0, 1, -1, 7, 2**31, 2**63, -(2**70), 0.5, 1e300, True, None)


@dataclass(frozen=True)
class Request:
    """A request without the header Host, which the sender adds unless ``host`` replaces it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    host: str | None = None

    def encoded(self, host: str, cookie: str) -> bytes:
        """Return the bytes to send."""
        lines = [f"{self.method} {self.target} HTTP/1.1", f"Host: {host if self.host is None else self.host}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines += [f"Cookie: {cookie}"] * bool(cookie)
        lines += [f"Content-Length: {len(self.body)}"] * (self.method not in ("GET", "HEAD") or bool(self.body))
        return ("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode("utf-8", "replace") + self.body


class Odd:
    """A source of odd things, the same for the same seed."""

    def __init__(self, seed: str, runs: list[str]) -> None:
        self.dice, self.runs = random.Random(seed), runs

    def text(self, most: int = 12) -> str:
        """Return some letters, rarely very many."""
        if self.dice.random() < 0.005:
            return self.dice.choice("aä/") * self.dice.randrange(1, _LONG)
        return "".join(self.dice.choices(_LETTERS, k=self.dice.randrange(most)))

    def target(self) -> str:
        """Return a path with a query: a known route, often with parts changed, added or encoded oddly."""
        parts = self.dice.choice(ROUTES).split("/")
        for _ in range(self.dice.choice((0, 0, 0, 1, 2))):
            place = self.dice.randrange(1, len(parts) + 1)
            part = self.dice.choice((self.text(), quote(self.text()), ".", "..", "", "%", "%zz", "%c3%28", "x" * 300))
            if self.dice.random() < 0.5:
                parts.insert(place, part)
            else:
                parts[place - 1 : place] = ["", part] if place == 1 else [part]
        path = "/".join(parts)
        query = self.query() if self.dice.random() < 0.3 else ""
        return "".join(letter for letter in f"{path}{'?' if query else ''}{query}" if letter not in " \r\n\0") or "/"

    def query(self) -> str:
        """Return parameters of pages with odd values, or nonsense."""
        if self.dice.random() < 0.2:
            return quote(self.text(30), safe="&=%")
        return urlencode([(self.dice.choice(_PARAMETERS), self.value()) for _ in range(self.dice.randrange(1, 4))])

    def value(self) -> str:
        known = [self.dice.choice(self.runs)] if self.runs else []
        return str(self.dice.choice([self.text(), self.text(), str(self.dice.choice(_NUMBERS)), "20260101-000000-abcdef", *known]))

    def request(self) -> Request:
        """Return a request of any method."""
        headers = [(self.dice.choice(_NAMES), self.header()) for _ in range(self.dice.randrange(4))]
        host = (
            self.dice.choice(("", "odd.example", "[::1", "127.0.0.1:99999", self.header())) if self.dice.random() < 0.05 else None
        )
        return Request(self.dice.choice(METHODS), self.target(), headers, self.body(), host)

    def header(self) -> str:
        found = self.dice.choice((*_VALUES, self.text(30)))
        return "".join(letter for letter in found if letter.isprintable())

    def body(self) -> bytes:
        kind = self.dice.randrange(6)
        if kind == 0:
            return self.dice.randbytes(self.dice.randrange(2000))
        if kind == 1:
            return urlencode({self.dice.choice(("name", "code", "personal", "wanted", "leave", "odd")): self.text(60)}).encode()
        if kind == 2:
            return json.dumps(self.json()).encode()
        if kind == 3:
            return (
                b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.png"\r\n\r\n'
                + self.dice.randbytes(50)
                + b"\r\n--x--"
            )
        return b""

    def json(self, depth: int = 0) -> Any:
        """Return any JSON value."""
        kind = self.dice.randrange(4 if depth < 4 else 2)
        if kind == 0:
            return self.dice.choice(_NUMBERS)
        if kind == 1:
            return self.text()
        if kind == 2:
            return [self.json(depth + 1) for _ in range(self.dice.randrange(4))]
        return {self.text(): self.json(depth + 1) for _ in range(self.dice.randrange(4))}

    def order(self) -> str | bytes:
        """Return a message to a live game: a right one, one with changed parts, or nonsense."""
        kind = self.dice.randrange(8)
        if kind == 0:
            return self.dice.randbytes(self.dice.randrange(200))
        if kind == 1:
            return self.text(50)
        setup = {"data": self.dice.choice(("ring", "grid", "digits", self.text())), "batch": self.json(3)}
        right: list[dict[str, Any]] = [
            {"do": "open", "token": self.dice.choice(("0" * 32, "f" * 32, self.text(40))), "setup": {"data": "ring"}},
            {"do": "open", "token": "0" * 32, "setup": setup},
            {"do": "play", "until": self.dice.choice((1, 5, *_NUMBERS))},
            {"do": "pause"},
            {"do": "step", "who": self.dice.choice(("d", "g", "both", self.text()))},
            {"do": "speed", "value": self.dice.choice((1, 50, *_NUMBERS))},
            {"do": "reset"},
            {"do": "ack", "count": self.dice.choice(_NUMBERS)},
        ]
        chosen = self.dice.choice(right)
        if self.dice.random() < 0.3:
            chosen[self.dice.choice([*chosen, self.text()])] = self.json()
        return json.dumps(chosen)

    def back(self, page: str, script: str) -> bytes:
        """Return a message to Streamlit: a request for a page with odd parameters and widgets, or changed bytes of one."""
        message = BackMsg()
        state = message.rerun_script
        state.page_name, state.query_string = self.dice.choice((page, page, self.text())), self.query()
        state.page_script_hash = self.dice.choice((script, "", self.text()))
        state.fragment_id = self.text() if self.dice.random() < 0.1 else ""
        state.context_info.timezone = self.text()
        for _ in range(self.dice.randrange(4)):
            widget = state.widget_states.widgets.add()
            widget.id = f"$$ID-{self.text()}-{self.dice.choice(('start', 'launch', 'home/text', self.text()))}"
            kind = self.dice.randrange(4)
            if kind == 0:
                widget.trigger_value = True
            elif kind == 1:
                widget.string_value = self.text(60)
            elif kind == 2:
                widget.int_value = self.dice.randrange(-(2**40), 2**40)
            else:
                widget.json_value = json.dumps(self.json())
        content = bytearray(message.SerializeToString())
        if self.dice.random() < 0.2:
            for _ in range(self.dice.randrange(1, 5)):
                content[self.dice.randrange(len(content))] = self.dice.randrange(256)
        return bytes(content)
