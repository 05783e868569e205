"""Background work of the server, independent of visitors: advance the queue, preload modules and keep a spare process."""

from __future__ import annotations

import contextlib
import importlib
import logging
import threading
import webbrowser
from collections.abc import AsyncIterator

import streamlit as st

_LATER = ("pandas", "scipy.special", "gan.report.bundle")  # slow imports needed by pages


@contextlib.asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """Advance the queue while the server runs; open the first page in a browser unless headless."""
    threading.Thread(target=_tend_queue, name="queue", daemon=True).start()
    if not st.get_option("server.headless"):  # as Streamlit does for plain scripts
        address = f"http://127.0.0.1:{st.get_option('server.port')}"
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    yield


def _tend_queue() -> None:
    """Start queued runs as soon as there is room; in between, prepare what visitors would wait for."""
    pause = threading.Event()
    pause.wait(0.5)  # let the server respond first
    from gan.execution import processes, queue
    from gan.places import default_root
    from gan.runs import index

    later = list(_LATER)
    while True:
        try:
            queue.advance(default_root())
        except Exception:
            logging.getLogger("gan").exception("The queue could not be advanced")
        index.keep(default_root())
        pause.wait(2.0)
        while later:
            importlib.import_module(later.pop(0))
        with contextlib.suppress(OSError):  # no process can be started; launches say so
            processes.keep_spare()
