"""Who of the class is there now."""

from __future__ import annotations

import streamlit as st

from gan.access import presence
from gan.access.people import TEACHER
from pages.parts.door import middleware


def ids() -> set[str]:
    """Return the ids of the people who have a page open, at any server of the class."""
    return middleware.present() | presence.elsewhere(st.get_option("server.port"))


def count() -> int:
    """Return how many students have a page open."""
    return len(ids() - {TEACHER.id, ""})
