"""Further servers of a class: the first server starts them and starts them again, and the door sends everybody to their own one.

Each is a server like the first, with a port of its own. It ends when the first one does, however that ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

import streamlit as st
from starlette.requests import Request

from gan.access import servers
from gan.access.people import Person
from gan.places import default_root

_PAUSE = 2.0  # seconds before one that has ended is started again
_PATIENCE = 0.3  # seconds to wait for an answer of one
_TRUST = 2.0  # seconds

_reached: dict[int, tuple[bool, float]] = {}  # by port: whether it answered, and until when that is taken for granted


def begin() -> bool:
    """Start the further servers that were asked for, or, in one of them, wait for the end of the first; return if this is that."""
    if servers.ports():
        threading.Thread(target=_end_with_the_first, name="first server", daemon=True).start()
        return False
    if (count := servers.asked()) > 1:
        servers.set_ports(st.get_option("server.port"), count)
        for port in servers.ports()[1:]:
            threading.Thread(target=_keep, args=(_command(sys.orig_argv[1:], port),), name=f"server {port}", daemon=True).start()
    return True


def _command(own: Sequence[str], port: int) -> list[str]:
    """Return the command of this server with another port."""
    end = own.index("--") if "--" in own else len(own)
    more = ["--server.port", str(port), "--server.headless", "true", "--server.address", st.get_option("server.address") or ""]
    return [sys.executable, *own[:end], *(more if more[-1] else more[:-2]), *own[end:]]


def _keep(command: list[str]) -> None:
    """Let a server run for as long as this one does: it ends with its standard input."""
    while True:
        with contextlib.suppress(OSError):
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL).wait()
        time.sleep(_PAUSE)


def _end_with_the_first() -> None:
    with contextlib.suppress(OSError, ValueError):
        while sys.stdin.buffer.read(1024):
            pass
    os.kill(os.getpid(), signal.SIGTERM)


async def elsewhere(request: Request, person: Person) -> str:
    """Return the address at which the server of a person shows the page that was asked for; empty if it is this one.

    It is also empty if that server does not answer, or if the class is reached by another name, such as that of a proxy.
    """
    found = servers.ports()
    if request.url.port not in found:
        return ""
    port = servers.port_of(default_root(), person)
    if port == request.url.port or not await _answers(port):
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
