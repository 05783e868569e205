"""The middleware: everything that reaches the server passes here first, pages and files, uploads and websockets.

It is plain ASGI. Starlette's ``BaseHTTPMiddleware`` would let websockets pass unseen.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gan.access import limits
from gan.access.people import Person
from gan.errors import InputError
from gan.places import default_root
from pages.parts import base_path
from pages.parts.door import form, hosts, identity, siblings

POLICY = 1008  # code with which a socket is closed, RFC 6455
LOOK = 1.0  # seconds between looks at who has open sockets

#: Streamlit's page has an inline script, evaluates strings and makes a module from a blob; stricter policies stop it.
_CONTENT = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' blob: data:; "
    "worker-src 'self' blob:; frame-src 'self' blob: data:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'self'"
)
HEADERS = {
    "content-security-policy": _CONTENT,
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}

_OPEN = ("/_stcore/health", "/_stcore/script-health-check")  # for health checks; they tell nothing but that the server runs
_TEACHERS = ("/_stcore/metrics", "/_stcore/agent/")  # how the server is doing, and the interface for programs
_UPLOADS = "/_stcore/upload_file/"
_MEGABYTE = 1 << 20  # as browsers count it for Streamlit; the import asks again, in a sentence, and counts in 1,000,000 bytes
_SLACK = 64 * 1024  # bytes of an upload that are not its file

log = logging.getLogger("gan")


class _Socket:
    """An open websocket: how it proved who it is, and a flag that ends it."""

    def __init__(self, cookies: Mapping[str, str], headers: Mapping[str, str], person: Person, path: str) -> None:
        self.cookies, self.headers, self.person, self.path = cookies, headers, person, path
        self.shut = asyncio.Event()


class Door:
    """Lets requests pass to ``app`` if they come from somebody of the class, and tells it who: ``scope["person"]``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._form = form.Form(self._shut_token)
        self._watcher: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._serve(scope, receive, _with_headers(send, scope["path"]))
        elif scope["type"] == "websocket":
            await self._connect(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._app(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        path, host = _without_base(scope["path"]), request.headers.get("host", "")
        if request.method in ("GET", "HEAD") and (path in _OPEN or identity.is_sign_in(path)):
            await self._app(scope, receive, send)
            return
        response = self._refusal(request, host)
        person = None
        if response is None:
            person = identity.person_of(request.cookies, request.headers)
            if path == form.PATH or (person is None and form.is_for_people(request)):
                response = await self._form.answer(request, person)
            elif person is None:
                response = PlainTextResponse("Join the class first: open the start page in a browser.", 401)
            elif path.startswith(_TEACHERS) and not person.is_teacher:
                response = PlainTextResponse("Only the teacher may see this.", 403, {"x-door": "refused"})
            elif form.is_for_people(request) and (address := await siblings.elsewhere(request, person)):
                response = RedirectResponse(address, 303, {"cache-control": "no-store"})
        if response is None and person and path.startswith(_UPLOADS) and not person.is_teacher:
            most = limits.read(default_root()).upload_megabytes * _MEGABYTE
            if _length(request.headers) > most + _SLACK:
                response = _too_large(most)
            receive = _at_most(receive, most + _SLACK)
        if response is not None:
            await response(scope, receive, send)
            return
        scope["person"] = person
        await self._app(scope, receive, send)

    def _refusal(self, request: Request, host: str) -> Response | None:
        """Return the answer to a request that is sent to another name or from a page of another site, or None."""
        if not hosts.is_known(host):
            sentence = "This class is not served under this name; use its address, or add the name to GAN_CLASS_HOSTS."
            return PlainTextResponse(sentence, 421)
        if request.method not in ("GET", "HEAD", "OPTIONS") and not hosts.is_own_origin(request.headers.get("origin"), host):
            return PlainTextResponse("This request comes from a page of another site; open the class itself.", 403)
        return None

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, host = Headers(scope=scope), Headers(scope=scope).get("host", "")
        cookies = _cookies(scope)
        person = None
        if hosts.is_known(host) and hosts.is_own_origin(request.get("origin"), host):
            person = identity.person_of(cookies, request)
        if person is None:
            await receive()  # the request to connect; closing now refuses it with status 403
            await send({"type": "websocket.close", "code": POLICY})
            return
        scope["person"] = person
        opened = _Socket(cookies, request, person, _without_base(scope["path"]))
        _sockets.add(opened)
        if self._watcher is None or self._watcher.done():
            self._watcher = asyncio.create_task(_watch())
        served = asyncio.ensure_future(self._app(scope, receive, send))
        shut = asyncio.ensure_future(opened.shut.wait())
        try:
            await asyncio.wait({served, shut}, return_when=asyncio.FIRST_COMPLETED)
            if served.done():
                await served
        finally:
            _sockets.discard(opened)
            shut.cancel()
            if not served.done():
                served.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await served
                with contextlib.suppress(Exception):
                    await send({"type": "websocket.close", "code": POLICY, "reason": "You have been shut out of the class."})

    @staticmethod
    def _shut_token(token: str) -> None:
        for opened in _sockets:
            if token and opened.cookies.get(identity.cookie_name()) == token:
                opened.shut.set()


_sockets: set[_Socket] = set()


def present() -> set[str]:
    """Return the ids of the people who have a page of this server open."""
    return {opened.person.id for opened in tuple(_sockets) if opened.path == "/_stcore/stream"}


async def _watch() -> None:
    """Close the sockets of people whose cookie has expired, who have been removed, or whose code has been changed."""
    while _sockets:
        await asyncio.sleep(LOOK)
        for opened in tuple(_sockets):
            with contextlib.suppress(InputError, OSError):
                if identity.person_of(opened.cookies, opened.headers) != opened.person:
                    opened.shut.set()


def _with_headers(send: Send, path: str) -> Send:
    """Return a ``send`` that adds the security headers, and keeps media out of shared caches."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if "/media/" in path:
                headers["cache-control"] = "private, max-age=3600"
        await send(message)

    return sending


def _at_most(receive: Receive, most: int) -> Receive:
    """Return a ``receive`` that ends the request with status 413 as soon as its body has more than ``most`` bytes."""
    received = 0

    async def receiving() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > most:
            raise HTTPException(413, _too_large_sentence(most))
        return message

    return receiving


def _too_large(most: int) -> Response:
    return PlainTextResponse(_too_large_sentence(most), 413)


def _too_large_sentence(most: int) -> str:
    return f"The file is larger than the {most // _MEGABYTE} MB that students may upload; choose a smaller one or ask your teacher."


def _length(headers: Headers) -> int:
    stated = headers.get("content-length", "")
    return int(stated) if stated.isdecimal() and len(stated) < 20 else 0


def _cookies(scope: Scope) -> dict[str, str]:
    return Request({**scope, "type": "http"}).cookies


def _without_base(path: str) -> str:
    """Return a path of the server without the configured base path."""
    base = base_path.prefix()
    return path.removeprefix(base) or "/" if (path + "/").startswith(f"{base}/") else path
