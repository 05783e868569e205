"""The server apart from its pages: the route of live games; advancing the queue, preloading modules, keeping a spare process.

A new folder of runs first gets the examples.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import inspect
import logging
import os
import pkgutil
import sys
import threading
import time
import webbrowser
from collections.abc import AsyncIterator
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from gan import machine
from pages.parts import base_path, reruns
from pages.parts.static_cache import StaticCache

_PATIENCE = 10.0  # seconds in which a starting server first draws pages
_SCRIPT = "ScriptRunner.scriptThread"  # name of Streamlit's threads that draw pages

#: Packages that import their own modules, which others import directly. Two threads that do both at once end in an ImportError:
#: each waits for what the other has begun, and Python gives one of them a module without its content. So the server imports these
#: before it serves; in all other packages nothing outside imports past the package (``tests/test_walls.py``).
FIRST = ("gan.config", "gan.runs")


@contextlib.asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """Advance the queue while the server runs; open the first page in a browser unless headless."""
    _share_memory()
    for name in FIRST:
        importlib.import_module(name)
    reruns.patch_streamlit()
    threading.Thread(target=_tend, name="queue", daemon=True).start()
    if _is_class():
        from pages.parts.door import middleware, siblings, startup

        if siblings.begin(middleware.present):
            startup.announce()
    if not st.get_option("server.headless"):  # as Streamlit does for plain scripts
        address = f"http://127.0.0.1:{st.get_option('server.port')}"
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    yield


def _share_memory() -> None:
    """Let all threads use the same memory again after others have freed it; each page is drawn by a new one.

    Must run before Arrow is loaded, whose own allocator also keeps what was freed for each thread.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    machine.share_memory_pools()


def routes() -> list[WebSocketRoute]:
    """Return the routes of this server next to those of Streamlit: the websocket of live games."""
    return [WebSocketRoute(f"{base_path.prefix()}/play/ws", _play)]


async def _play(socket: WebSocket) -> None:
    from pages.parts.playing import relay  # which a starting server does without

    await relay.serve(socket)


def middleware() -> list[Middleware]:
    """Return what every request passes: the door, if the server is started for a class, and the cache of static files."""
    cache = Middleware(StaticCache)
    if not _is_class():
        return [cache]
    from pages.parts.door import startup  # what a server without a class starts quicker without

    return [*startup.middleware(), cache]


def _is_class() -> bool:
    """Return whether ``--class`` or ``GAN_CLASS`` asks for a class."""
    if "--class" in sys.argv[1:]:
        os.environ.setdefault("GAN_CLASS", "1")
    return os.environ.get("GAN_CLASS", "0") not in ("", "0")


def _tend() -> None:
    """Look after the queue as the teacher: it does so for everyone."""
    from gan.access import people

    with people.acting(people.TEACHER):
        _tend_queue()


def _tend_queue() -> None:
    """Start queued runs as soon as there is room; in between, prepare what visitors would wait for."""
    pause = threading.Event()
    pause.wait(0.5)  # let the server respond first
    until = time.monotonic() + _PATIENCE
    from gan.execution import processes
    from gan.places import default_root
    from gan.runs import index

    _offer_examples(default_root())
    _step_aside(until)
    _advance(default_root())
    _import_parts(until)
    _spare_collector()
    while True:
        index.keep(default_root())
        pause.wait(2.0)
        with contextlib.suppress(OSError):  # no process can be started; launches say so
            processes.keep_spare()
        _advance(default_root())


def _advance(root: Path) -> None:
    from gan.execution import queue

    try:
        queue.advance(root)
    except Exception:
        logging.getLogger("gan").exception("The queue could not be advanced")


def _offer_examples(root: Path) -> None:
    from gan.runs import examples

    try:
        examples.offer(root)
    except OSError:
        logging.getLogger("gan").warning("The examples could not be copied", exc_info=True)


def _spare_collector() -> None:
    """Exempt the imported modules and the facts of all runs from garbage collection: with 10,000 runs, a full one took 90 ms."""
    gc.collect()
    gc.freeze()


def _step_aside(until: float) -> None:
    """Wait while pages are drawn, which need the time, but only ``until`` a moment on the clock of ``time.monotonic``."""
    while time.monotonic() < until and any(thread.name == _SCRIPT for thread in threading.enumerate()):
        time.sleep(0.05)


def _import_parts(until: float) -> None:
    """Import what pages consist of, since whoever opens the first one would wait for it; ``until`` then, pages have priority."""
    for module in pkgutil.walk_packages([str(Path(__file__).parent)], f"{__package__}."):
        _step_aside(until)
        importlib.import_module(module.name)
    importlib.import_module("scipy.special")
    inspect.stack()  # Streamlit's first widget does so, and the first time takes long: it looks up the file of every module
