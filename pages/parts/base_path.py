"""The base path under which the server serves, if one is configured for a proxy."""

from __future__ import annotations

import streamlit as st


def prefix() -> str:
    """Return what all paths of the server begin with: ``/base``, or nothing."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}" if base else ""
