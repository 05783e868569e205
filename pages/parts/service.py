"""What the server does by itself, with or without visitors: it looks after the queue."""

from __future__ import annotations

import contextlib
import importlib
import logging
import threading
import webbrowser
from collections.abc import AsyncIterator

import streamlit as st

_LATER = ("pandas", "scipy.special", "gan.report.bundle")  # what pages need and take long to import


@contextlib.asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """Look after the queue for as long as the server lives, and show the first page where there is a screen."""
    threading.Thread(target=_tend_queue, name="queue", daemon=True).start()
    if not st.get_option("server.headless"):  # as Streamlit does for a script that is no app
        address = f"http://127.0.0.1:{st.get_option('server.port')}"
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    yield


def _tend_queue() -> None:
    """Start whatever waits in the queue as soon as there is room; meanwhile import what the pages would wait for."""
    pause = threading.Event()
    pause.wait(0.5)  # the server answers first
    from gan.execution import queue
    from gan.places import default_root

    later = list(_LATER)
    while True:
        try:
            queue.advance(default_root())
        except Exception:
            logging.getLogger("gan").exception("The queue could not go on")
        pause.wait(2.0)
        while later:
            importlib.import_module(later.pop(0))
