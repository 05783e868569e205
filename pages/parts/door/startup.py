"""Starting a server for a class: listening in the local network, the codes, and what is printed in the terminal."""

from __future__ import annotations

import gc
import ipaddress
import os
import socket
import subprocess
import sys
from typing import TextIO

import segno
import streamlit as st
from starlette.middleware import Middleware
from streamlit import config

from gan.access import addresses, classroom, people, servers
from gan.access.classroom import Classroom
from gan.errors import InputError
from gan.places import default_root
from pages.parts.door import hosts, identity
from pages.parts.door.middleware import Door

_LISTENING = "GAN_CLASS_LISTENING"  # set for the server that was started anew, so that this happens once


def middleware() -> list[Middleware]:
    """Return the door if this server is started for a class, else nothing. Ends the program if that is impossible."""
    try:
        if not classroom.is_on():
            return []
        _check()
        _listen_in_the_network()
        Classroom(default_root()).open()
    except InputError as error:
        print(error, file=sys.stderr)
        sys.stderr.flush()
        os._exit(2)  # uvicorn would print a traceback
    people.ask(identity.of_script)
    return [Middleware(Door)]


def _check() -> None:
    """Refuse a class behind a proxy that others could pass by, and a senseless number of servers."""
    servers.asked()
    if classroom.mode() == "header" and not os.environ.get("GAN_CLASS_SECRET") and not _is_loopback():
        raise InputError(
            "A class behind a proxy listens on 127.0.0.1 alone, or needs a secret in GAN_CLASS_SECRET that the proxy sends in the "
            f"header {identity.SECRET_HEADER}; set one of both."
        )


def _listen_in_the_network() -> None:
    """Start the server anew with an address that the local network reaches, unless an address was chosen by flag or environment.

    ``python -m gan class`` has chosen one.

    When Streamlit loads the application, it has bound its socket to the configured loopback address already, so that is closed.
    """
    chosen = config.get_where_defined("server.address")
    if classroom.mode() != "code" or not _is_loopback() or not chosen.endswith(".toml") or _LISTENING in os.environ:
        return
    os.environ[_LISTENING] = "1"
    os.environ["STREAMLIT_SERVER_ADDRESS"] = "0.0.0.0"
    if known := addresses.own():  # otherwise Streamlit asks a server in the internet for it
        os.environ.setdefault("STREAMLIT_BROWSER_SERVER_ADDRESS", known[0])
    sys.stdout.flush()
    for found in gc.get_objects():
        if isinstance(found, socket.socket):
            found.close()
    if os.name == "nt":  # there, replacing a process would give the terminal back
        os._exit(subprocess.call([sys.executable, *sys.orig_argv[1:]]))
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _is_loopback() -> bool:
    address = str(st.get_option("server.address") or "")
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def announce(out: TextIO = sys.stdout) -> None:
    """Print where the class is, with a QR code; the codes only in a terminal, since a log is read by others."""
    links = hosts.links()
    print("\n  The class is open at", *links, sep="\n    ", file=out)
    print(file=out)
    if out.isatty():
        segno.make(links[0], error="m", micro=False).terminal(out, compact=True, border=2)
    if classroom.mode() == "code":
        if out.isatty():
            state = Classroom(default_root()).state()
            print(f"\n  Code of the class:  {state.code}\n  Teacher's code:     {state.teacher_code}", file=out)
        else:
            print("  The codes: python -m gan class codes", file=out)
    print("\n  Ctrl-C ends the server; trainings go on.\n", file=out, flush=True)
