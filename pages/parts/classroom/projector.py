"""The view of a class for a projector: address, QR code, and the code of the class in large letters."""

from __future__ import annotations

import html
import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

import segno
import streamlit as st

from gan.access import addresses
from gan.access.classroom import Classroom, mode
from pages.parts import frame
from pages.parts.classroom import attendance
from pages.parts.door import hosts

_STYLE = """<style>
header[data-testid="stHeader"] {display: none}
.stMainBlockContainer {padding-top: 1rem}
.st-key-class-bar {margin-top: 0}
.class-qr {display: block; width: min(100%, 80vh); min-width: 300px; height: auto; background: #fff;
  border-radius: .5rem}
.class-address {font-size: clamp(1.4rem, 2.6vw, 3rem); font-weight: 650; overflow-wrap: anywhere; line-height: 1.2}
.class-step {font-size: clamp(1rem, 1.5vw, 1.6rem); opacity: .8; margin-top: 1.5rem}
.class-code {font-size: clamp(4rem, 9.5vw, 14rem); font-weight: 750; letter-spacing: .04em; line-height: 1.1; white-space: nowrap;
  font-variant-numeric: tabular-nums}
.class-count {font-size: clamp(1.2rem, 2vw, 2.2rem); margin-top: 1rem}
</style>"""


def show(root: Path) -> None:
    """Draw the view. The QR code holds the address alone, so a photograph of it lets nobody in."""
    st.html(_STYLE)
    state = Classroom(root).state()
    found = hosts.links(st.context.url or "")
    left, right = st.columns(2, gap="large", vertical_alignment="center")
    with right:
        if not state.is_open:
            st.warning("The class has ended. Open it again on the page Class, then students can join.")
        chosen = found[0] if len(found) < 2 else st.session_state.get("class/address", found[0])
        entry = f'Enter this code and your name</div><div class="class-code">{html.escape(state.code)}'
        st.html(
            '<div class="class-step" style="margin-top:0">1. Open this address, in the same network</div>'
            f'<div class="class-address">{html.escape(chosen)}</div>'
            f'<div class="class-step">2. {entry if mode() == "code" else "Sign in"}</div>'
        )
        _count(root, state.code, state.is_open)
    with left:
        st.html(f'<img class="class-qr" src="{qr(chosen)}" alt="QR code of {html.escape(chosen)}">')
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        if st.button("Back", icon=":material/arrow_back:", key="class/back"):
            st.query_params.pop("view", None)
            st.rerun()
        if len(found) > 1:
            st.selectbox("Address of this computer", found, key="class/address", width=360)
    if not is_reachable(chosen):
        st.warning(
            "Other devices cannot reach this address: the dashboard listens on this computer only, or the computer has no network. "
            "Start the class with `python -m gan class`."
        )


@frame.fragment(frame.TICK)
def _count(root: Path, code: str, is_open: bool) -> None:
    """Tell how many have joined; draw the page again when the class has a new code, or has ended."""
    with frame.spoken_errors():
        state = Classroom(root).state()
        if (state.code, state.is_open) != (code, is_open):
            st.rerun()
        joined = sum(not student.is_removed for student in state.students.values())
        told = f"<b>{joined}</b> joined · " if mode() == "code" else ""
        st.html(f'<div class="class-count">{told}<b>{attendance.count()}</b> here now</div>')


def qr(address: str) -> str:
    """Return an address as a QR code: the data URI of an SVG, dark on white, with the quiet zone of 4 modules of ISO/IEC 18004."""
    code = segno.make(address, error="m", micro=False)
    drawn: str = code.svg_data_uri(border=4, dark="#000", light="#fff", omitsize=True)
    return drawn


def is_reachable(link: str) -> bool:
    """Return whether other devices can open a link: its host is not the loopback."""
    host = urlsplit(link).hostname or "localhost"
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host not in addresses.LOCAL
