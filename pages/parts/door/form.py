"""The form at the door: name and code, why they were not accepted, and the way out again. Plain HTML without scripts."""

from __future__ import annotations

import asyncio
import html
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gan import words
from gan.access import classroom, servers
from gan.access.classroom import LIFETIME, Classroom, NameTaken, Refused
from gan.access.people import LONGEST_NAME, Person
from gan.errors import InputError
from gan.places import default_root, without_folders
from pages.parts import base_path
from pages.parts.door import identity, siblings
from pages.parts.door.guesses import Guesses

PATH = "/door"

_MOST_BYTES = 8192  # of a form that has been filled in
_LOGO = (Path(__file__).parents[1] / "logo.svg").read_text(encoding="utf-8")
_PAGE = (Path(__file__).with_name("form.html")).read_text(encoding="utf-8")


class Form:
    """Shows the form and takes it. ``shut`` ends the sockets of a token whose person leaves."""

    def __init__(self, shut: Callable[[str], None]) -> None:
        self._guesses = Guesses()
        self._shut = shut

    async def answer(self, request: Request, person: Person | None) -> Response:
        """Return the page for a request without a valid cookie, or for the door's own address."""
        if request.method == "POST" and request.url.path.endswith(PATH) and classroom.mode() == "code":
            return await self._take(request)
        if person is None and siblings.is_further() and request.method in ("GET", "HEAD") and request.url.port:
            return RedirectResponse(siblings.first_of(request), 303, _FRESH)  # where wrong codes are counted
        if request.method not in ("GET", "HEAD"):
            return HTMLResponse(_page("", "Join the class first.", {}), 401, _FRESH)
        if person is not None:
            return HTMLResponse(_inside(person))
        if "sign-in" in request.query_params and classroom.mode() == "oidc":
            from pages.parts.door import oidc

            return RedirectResponse(oidc.sign_in(), 303, _FRESH)
        if classroom.mode() != "code":
            return HTMLResponse(_elsewhere(), 401, _FRESH)
        name, sentence = Classroom(default_root()).former(request.cookies.get(identity.cookie_name(), ""))
        return HTMLResponse(_page(_wanted(request), sentence, {"name": name}), 401, _FRESH)

    async def _take(self, request: Request) -> Response:
        entries = dict(parse_qsl((await _body(request)).decode("utf-8", "replace"), max_num_fields=10))
        token = request.cookies.get(identity.cookie_name(), "")
        if "leave" in entries:
            self._shut(token)
            left = _sent_to(_start())
            left.delete_cookie(identity.cookie_name(), path=_start())
            return left
        if siblings.is_further():
            return HTMLResponse(_page("", "Join at the address that your teacher shows.", entries), 403, _FRESH)
        address = request.client.host if request.client else ""
        name, code, personal = (entries.get(key, "")[:200] for key in ("name", "code", "personal"))
        wanted = entries.get("wanted", "")
        if wait := self._guesses.wait(address, name if personal else ""):
            sentence = f"Too many wrong codes; wait {words.duration(wait)}, then try again, or ask your teacher."
            return HTMLResponse(_page(wanted, sentence, entries), 429, {**_FRESH, "retry-after": str(int(wait) + 1)})
        try:
            _, token = await asyncio.to_thread(Classroom(default_root()).enter, name, code, personal, token)
        except Refused as error:
            await asyncio.sleep(self._guesses.wrong(address, name if personal else ""))
            return HTMLResponse(_page(wanted, str(error), entries), 403, _FRESH)
        except NameTaken as error:
            return HTMLResponse(_page(wanted, str(error), {"personal": "", **entries}), 409, _FRESH)
        except InputError as error:
            return HTMLResponse(_page(wanted, str(error), entries), 409, _FRESH)
        inside = _sent_to(_safe(wanted))
        inside.set_cookie(
            identity.cookie_name(),
            token,
            max_age=LIFETIME,
            path=_start(),
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return inside


_FRESH = {"cache-control": "no-store"}


def _sent_to(place: str) -> Response:
    """Return an answer to a form that leads to a page of this server.

    With several servers, that may send the visitor to another one. Browsers that obey ``form-action`` do not let a form lead there,
    but a page that it has led to.
    """
    if not servers.ports():
        return RedirectResponse(place, 303, _FRESH)
    link = html.escape(place)
    head, body = f'<meta http-equiv="refresh" content="0; url={link}">', f'<a class="button" href="{link}">Go on</a>'
    return HTMLResponse(_framed(body, head), 200, _FRESH)


def is_for_people(request: Request) -> bool:
    """Return whether a request is that of a person who opens a page in a browser."""
    return request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", "")


async def _body(request: Request) -> bytes:
    """Return the body of a request, cut off where no form of ours reaches."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            break
    return body[:_MOST_BYTES]


def _start() -> str:
    return f"{base_path.prefix()}/"


def _wanted(request: Request) -> str:
    """Return the page that a visitor has asked for."""
    path = request.url.path
    return "" if path.endswith(PATH) else path + (f"?{request.url.query}" if request.url.query else "")


def _safe(wanted: str) -> str:
    """Return the page to go to after the door: one of this server, whatever the form says."""
    is_here = wanted.startswith(_start()) and not wanted.startswith("//") and "\\" not in wanted and wanted.isprintable()
    return wanted[:2000] if is_here and wanted.isascii() else _start()


def _page(wanted: str, sentence: str, kept: Mapping[str, str]) -> str:
    """Return the form with what has been entered, the sentence on why it was not accepted, and the focus on what to type."""
    places = ["name", "code", *(["personal"] if "personal" in kept else [])]
    focus = next((name for name in places if not kept.get(name)), places[-1])
    at = {name: " autofocus" if name == focus else "" for name in ("name", "code", "personal")}
    personal = (
        '<label>Personal code<input name="personal" inputmode="numeric" autocomplete="off" maxlength="20" '
        f'aria-describedby="help"{at["personal"]}></label><p id="help">'
        "It is on the page Class of a device on which you are in; your teacher has it, too.</p>"
        if "personal" in kept
        else ""
    )
    body = f"""<h1>Join the class</h1>
{_alert(sentence)}
<form method="post" action="{html.escape(_start().rstrip("/") + PATH)}">
<label>Your name<input name="name" value="{html.escape(kept.get("name", "")[:200])}" maxlength="{LONGEST_NAME}"
 autocomplete="nickname"{at["name"]}></label>
<label>Code of the class<input name="code" value="{html.escape(kept.get("code", "")[:200])}" maxlength="40"
 autocomplete="off" autocapitalize="characters" spellcheck="false"{at["code"]}></label>
{personal}
<input type="hidden" name="wanted" value="{html.escape(wanted[:2000])}">
<button>Join</button>
</form>
<p>Your teacher has the code. Teachers enter their own code, without a name.</p>"""
    return _framed(body)


def _framed(body: str, head: str = "") -> str:
    """Return a page of the door; ``head`` is added to its head."""
    return _PAGE.replace("<title>", f"{head}\n<title>").replace("<!--LOGO-->", _LOGO).replace("<!--BODY-->", body)


def _inside(person: Person) -> str:
    base = html.escape(_start().rstrip("/"))
    leave = {
        "code": f'<form method="post" action="{base}{PATH}"><button name="leave" value="1" class="quiet">Leave the class on this '
        "device</button></form>",
        "oidc": f'<a class="button quiet" href="{base}/auth/logout">Sign out</a>',
    }.get(classroom.mode(), "")
    body = f"""<h1>You are in</h1><p>You have joined as <strong>{html.escape(person.name)}</strong>.</p>
<a class="button" href="{base}/">Go on</a>
{leave}"""
    return _framed(body)


def _elsewhere() -> str:
    """Return the page for visitors whom somebody else has to identify."""
    if classroom.mode() == "oidc":
        link = html.escape(f"{_start().rstrip('/')}{PATH}?sign-in=1")
        body = f'<h1>Sign in</h1><p>This class uses the accounts of your school.</p><a class="button" href="{link}">Sign in</a>'
    else:
        body = "<h1>Not signed in</h1><p>Open this page by the address that your school or laboratory has given you.</p>"
    return _framed(body)


def _alert(sentence: str) -> str:
    return f'<p role="alert">{html.escape(without_folders(sentence))}</p>' if sentence else ""
