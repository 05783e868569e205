"""Names under which the server may be reached, its links, and whether a page of this server sent a request."""

from __future__ import annotations

import ipaddress
import os
import socket
from functools import lru_cache
from urllib.parse import urlsplit

import streamlit as st

from gan.access import addresses
from pages.parts import base_path


def is_known(host: str) -> bool:
    """Return whether the header Host names this server: an address, a name of this computer, or a configured name.

    A page of another site whose name is made to resolve to this computer is thereby refused (DNS rebinding).
    """
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    try:
        ipaddress.ip_address(name)
        return True
    except ValueError:
        return name in _own_names() or _is_allowed(name)


def is_own_origin(origin: str | None, host: str | None) -> bool:
    """Return whether a request comes from a page of this server, or from a program that names no origin."""
    if not origin:
        return True
    try:
        return bool(host) and urlsplit(origin).netloc == host
    except ValueError:
        return False


def links(here: str = "") -> list[str]:
    """Return the addresses to type into a browser, likeliest first; at least one.

    ``here``: the address at which a page was opened, which comes first if other devices can reach it. Then the configured names, or
    else the addresses of this computer in its network.
    """
    opened = urlsplit(here)
    scheme = opened.scheme or ("https" if st.get_option("server.sslCertFile") else "http")
    port = opened.port if opened.netloc else st.get_option("server.port")
    ending = f":{port}" if port else ""
    own = [] if st.get_option("server.address") in addresses.LOCAL else addresses.own()
    places = [f"https://{name}" for name in _configured() if "*" not in name] or [f"{scheme}://{one}{ending}" for one in own]
    if opened.hostname and opened.hostname not in addresses.LOCAL:
        places.insert(0, f"{scheme}://{opened.netloc}")
    places = list(dict.fromkeys(places)) or [f"{scheme}://{opened.hostname or 'localhost'}{ending}"]
    return [place + base_path.prefix() for place in places]


def _is_allowed(name: str) -> bool:
    return any(name == one or (one.startswith("*.") and name.endswith(one[1:])) for one in _configured())


def _configured() -> list[str]:
    """Return the names given by ``GAN_CLASS_HOSTS`` or Streamlit's ``server.allowedHosts``."""
    listed = [*os.environ.get("GAN_CLASS_HOSTS", "").split(","), *(st.get_option("server.allowedHosts") or [])]
    return [one.strip().lower().rstrip(".") for one in listed if one.strip()]


@lru_cache(maxsize=1)
def _own_names() -> frozenset[str]:
    name = socket.gethostname().lower()
    short = name.partition(".")[0]
    return frozenset({"localhost", name, short, f"{short}.local"})
