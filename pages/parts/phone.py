"""What is different on a phone: pictures above the controls that precede them, and short tables in place of wide ones."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import NamedTuple

import streamlit as st

_WIDTH = 640  # pixels; up to this width, Streamlit stacks columns

_MAIN = '[data-testid="stMainBlockContainer"] > [data-testid="stVerticalBlock"]'
_BLOCKS = ':is([data-testid="stVerticalBlock"], [data-testid="stHorizontalBlock"], [data-testid="stColumn"])'
_WRAPPER = '[data-testid="stLayoutWrapper"]'

#: The boxes around a container dissolve, so that it takes part in the order of the page.
_MOVED = f"""
{_MAIN} {_BLOCKS}:has(.st-key-KEY), {_MAIN} {_WRAPPER}:has({_BLOCKS} .st-key-KEY) {{display: contents}}
{_MAIN} {_WRAPPER}:has(.st-key-KEY) {{order: PLACE}}"""

_SUMMARY = f"""<style>
[class*="st-key-summary-"] {{display: none}}
@media (max-width: {_WIDTH}px) {{[class*="st-key-summary-"] {{display: block}}}}
[class*="st-key-summary-"] table {{width: 100%; margin-bottom: 2rem; border-collapse: collapse; font-size: .875rem;
  line-height: 1.35}}
[class*="st-key-summary-"] :is(td, th) {{padding: .5rem 0; border-bottom: 1px solid #8884; vertical-align: top; text-align: left;
  font-weight: 400; overflow-wrap: anywhere}}
[class*="st-key-summary-"] :is(td, th):last-child {{text-align: right; white-space: nowrap; padding-left: .75rem}}
[class*="st-key-summary-"] small {{display: block; opacity: .75; font-size: .8rem}}
[class*="st-key-summary-"] img {{float: left; width: 3rem; margin-right: .75rem; border-radius: .25rem}}
</style>"""


class Line(NamedTuple):
    """One line of a short table: a name with a note below it, and a value; ``picture`` is a data URL."""

    name: str
    note: str
    value: str
    is_best: bool = False
    picture: str | None = None


def first(*keys: str) -> None:
    """Move the containers with these keys below the title of the page, in this order, on phones."""
    rules = [f"{_MAIN} > :has(.st-key-class-bar) {{order: {-len(keys) - 2}}}{_MAIN} > :has(h1) {{order: {-len(keys) - 1}}}"]
    rules += [_MOVED.replace("KEY", key).replace("PLACE", str(place - len(keys))) for place, key in enumerate(keys)]
    st.html(f"<style>@media (max-width: {_WIDTH}px) {{{''.join(rules)}}}</style>")


def summary(key: str, head: tuple[str, str], lines: Sequence[Line]) -> None:
    """Draw a table of names and values that only phones show, in place of the first columns of a wide one below it."""
    with st.container(key=f"summary-{key}"):
        st.html(_SUMMARY + table(head, lines))


def table(head: tuple[str, str], lines: Sequence[Line]) -> str:
    """Return a table of names and values as HTML."""
    rows = [f"<tr><th>{html.escape(head[0])}</th><th>{html.escape(head[1])}</th></tr>"]
    for line in lines:
        value = f"<b>{html.escape(line.value)}</b>" if line.is_best else html.escape(line.value)
        picture = f'<img src="{html.escape(line.picture)}" alt="">' if line.picture else ""
        note = f"<small>{html.escape(line.note)}</small>" if line.note else ""
        rows.append(f"<tr><td>{picture}{html.escape(line.name)}{note}</td><td>{value}</td></tr>")
    return f"<table>{''.join(rows)}</table>"
