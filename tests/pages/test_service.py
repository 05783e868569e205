"""What the server does besides drawing pages."""

from __future__ import annotations

import math
import threading
import time

from streamlit.testing.v1 import AppTest

from pages.parts import service


def test_streamlit_draws_pages_in_threads_of_this_name() -> None:
    def script() -> None:
        import threading

        import streamlit as st

        st.text(threading.current_thread().name)

    assert AppTest.from_function(script).run().text[0].value == service._SCRIPT


def test_pages_come_before_preparations_but_do_not_hold_them_up_for_good() -> None:
    drawn = threading.Event()
    thread = threading.Thread(target=drawn.wait, name=service._SCRIPT)
    thread.start()
    until = time.monotonic() + 0.2
    service._step_aside(until)
    assert time.monotonic() >= until
    threading.Timer(0.2, drawn.set).start()
    service._step_aside(math.inf)
    assert drawn.is_set()
    thread.join()
