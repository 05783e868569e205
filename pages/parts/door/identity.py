"""Who a request comes from: a signed cookie, the header of a trusted proxy, or Streamlit's own sign-in (OIDC)."""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from collections.abc import Mapping

import streamlit as st
from starlette.datastructures import Headers

from gan.access import classroom
from gan.access.classroom import Classroom
from gan.access.people import LONGEST_NAME, TEACHER, VISITOR, Person
from gan.places import default_root
from gan.words import on_one_line

_TRUST = 0.5  # seconds
_MOST_KNOWN = 1000  # sessions

_known: dict[str, tuple[Person, float]] = {}  # who is behind a session, and until when that is taken for granted

SECRET_HEADER = "x-gan-proxy"  # by which a proxy on another machine or in another container proves itself


def cookie_name() -> str:
    """Return the name of the cookie, which differs between classes: cookies know no port, so those of one machine would share it.

    Servers on one folder of runs serve the same class, so a sign-in at one of them holds at all.
    """
    return f"gan-class-{Classroom(default_root()).mark()}"


def person_of(cookies: Mapping[str, str], headers: Mapping[str, str]) -> Person | None:
    """Return who sent a request with these cookies and headers (names in lower case); None if that is not known."""
    mode = classroom.mode()
    if mode == "header":
        return _by_header(headers)
    if mode == "oidc":
        from pages.parts.door import oidc

        claimed, shown = oidc.claimed(cookies)
        return by_name(claimed, shown) if claimed else None
    return Classroom(default_root()).person(cookies.get(cookie_name(), ""))


def of_script() -> Person:
    """Return who acts in the script of a page; a visitor outside of scripts. It is looked up once in :data:`_TRUST` seconds."""
    script = st.runtime.scriptrunner.get_script_run_ctx(suppress_warning=True)
    if script is None:
        return VISITOR
    known, until = _known.get(script.session_id, (VISITOR, 0.0))
    if time.monotonic() < until:
        return known
    if len(_known) > _MOST_KNOWN:
        _known.clear()
    found = _look_up()
    _known[script.session_id] = found, time.monotonic() + _TRUST
    return found


def _look_up() -> Person:
    headers = {name.lower(): st.context.headers[name] for name in st.context.headers}
    return person_of(st.context.cookies, headers) or VISITOR


def is_sign_in(path: str) -> bool:
    """Return whether a path without the base belongs to a sign-in that visitors have to reach."""
    if classroom.mode() != "oidc":
        return False
    from pages.parts.door import oidc

    return path in oidc.ROUTES


def by_name(claimed: str, shown: str = "") -> Person:
    """Return the person that somebody else has identified, by a name or an e-mail address; ``shown`` is the name to show."""
    teachers = {name.strip().casefold() for name in os.environ.get("GAN_CLASS_TEACHERS", "").split(",") if name.strip()}
    if claimed.casefold() in teachers:
        return TEACHER
    digest = hashlib.sha256(claimed.casefold().encode()).hexdigest()
    return Person(id=digest[:16], name=on_one_line(shown or claimed)[:LONGEST_NAME] or digest[:6])


def header_name() -> str:
    """Return the name of the header that a trusted proxy sets, in lower case."""
    return os.environ.get("GAN_CLASS_HEADER", "x-forwarded-user").lower()


def _by_header(headers: Mapping[str, str]) -> Person | None:
    secret = os.environ.get("GAN_CLASS_SECRET", "")
    if secret and not hmac.compare_digest(headers.get(SECRET_HEADER, "").encode(), secret.encode()):
        return None
    if isinstance(headers, Headers) and len(headers.getlist(header_name())) > 1:
        return None  # the proxy has added its header to one that the client sent
    claimed = headers.get(header_name(), "").strip()
    return by_name(claimed) if claimed and len(claimed) <= 200 else None
