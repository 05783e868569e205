"""Further servers of a class: the first server starts them and starts them again, and the door sends everybody to their own one.

Each is a server like the first, with a port of its own. It ends when the first one does, however that ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Sequence

import streamlit as st
from starlette.requests import Request

from gan.access import people, presence, servers
from gan.access.leading import leading
from gan.access.people import Person
from gan.places import default_root

_PAUSE = 2.0  # seconds before one that has ended is started again
_PATIENCE = 0.3  # seconds to wait for an answer of one
_TRUST = 2.0  # seconds

_reached: dict[int, tuple[bool, float]] = {}  # by port: whether it answered, and until when that is taken for granted


def begin(present: Callable[[], Collection[str]]) -> bool:
    """Begin as the first server, which starts the further ones, or as one of these; return whether this is the first.

    ``present`` returns the ids of the people who have a page of this server open, for the others.
    """
    is_first = not servers.ports()
    if not is_first:
        threading.Thread(target=_end_with_the_first, name="first server", daemon=True).start()
    else:
        with people.acting(people.TEACHER):
            leading.end_leading()  # by a tab of a server that has ended
        if (count := servers.asked()) > 1:
            servers.set_ports(st.get_option("server.port"), count)
            for port in servers.ports()[1:]:
                threading.Thread(target=_keep, args=(_command(sys.orig_argv[1:], port), port), daemon=True).start()
    if servers.ports():
        threading.Thread(target=_tell, args=(st.get_option("server.port"), present), name="presence", daemon=True).start()
    return is_first


def is_further() -> bool:
    """Return whether this is not the first server, at which people join."""
    return bool(servers.ports()) and st.get_option("server.port") != servers.ports()[0]


def first_of(request: Request) -> str:
    """Return the address at which the first server has what was asked of this one."""
    return str(request.url.replace(port=servers.ports()[0]))


def _tell(port: int, present: Callable[[], Collection[str]]) -> None:
    while True:
        presence.tell(port, present())
        time.sleep(presence.EVERY)


def _command(own: Sequence[str], port: int) -> list[str]:
    """Return the command of this server with another port."""
    end = own.index("--") if "--" in own else len(own)
    return [sys.executable, *own[:end], "--server.port", str(port), "--server.headless", "true", *own[end:]]


def _keep(command: list[str], port: int) -> None:
    """Let a server run for as long as this one does: it ends with its standard input."""
    while True:
        with contextlib.suppress(OSError):
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL).wait()
        logging.getLogger("gan").warning("The server of the class at port %d has ended; it is started again.", port)
        time.sleep(_PAUSE)


def _end_with_the_first() -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 1024):  # a thread that waits in a buffered file would spoil the end of the program
            pass
    os.kill(os.getpid(), signal.SIGTERM)


async def elsewhere(request: Request, person: Person) -> str:
    """Return the address at which the server of a person shows the page that was asked for; empty if it is this one.

    It is also empty if that server does not answer, or if the class is reached by another name, such as that of a proxy.
    """
    if request.url.port not in servers.ports() or "/media/" in request.url.path:  # the files of a page are where it is
        return ""
    port = servers.port_of(default_root(), person)
    if port == request.url.port or not presence.is_there(port) or not await _answers(port):
        return ""
    return str(request.url.replace(port=port))


async def _answers(port: int) -> bool:
    is_there, until = _reached.get(port, (False, 0.0))
    if time.monotonic() < until:
        return is_there
    host = str(st.get_option("server.address") or "")
    host = "127.0.0.1" if host in ("", "0.0.0.0", "::") else host
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), _PATIENCE)
        writer.close()
        is_there = True
    except OSError:  # TimeoutError among them
        is_there = False
    _reached[port] = is_there, time.monotonic() + _TRUST
    return is_there
