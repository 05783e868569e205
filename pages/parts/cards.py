"""Cards and badges that show runs."""

from __future__ import annotations

import streamlit as st

from gan.errors import InputError
from gan.execution import queue
from gan.runs import Run, Status, index
from pages.parts import pictures, words

#: Names of runs differ at their ends, so they wrap instead of being cut there.
_WRAPPING = """<style>
[class*="st-key-home-"] [data-testid="stPageLink"] :is(a, span, p) {white-space: normal; overflow: visible; overflow-wrap: anywhere}
</style>"""


def badge(status: Status) -> None:
    """Draw the state of a run as a badge."""
    label, icon, color = words.STATES[status.state]
    st.badge(label, icon=icon, color=color)  # type: ignore[arg-type]


def wall(chosen: list[tuple[Run, Status]], key: str) -> None:
    """Draw runs with their statuses as a wall of cards."""
    waiting: list[Run] | None = None
    names = index.names_of(index.read(chosen[0][0].root)) if chosen else {}
    st.html(_WRAPPING)
    with st.grid(4, min_column_width=230, gap="small", key=key) as grid:
        for run, status in chosen:
            if status.state == "queued" and waiting is None:
                waiting = queue.waiting_runs(run.root)
            with grid.cell(), st.container(border=True, height="stretch"):
                card(run, names.get(run.id) or run.label(), status, waiting or [])


def card(run: Run, name: str, status: Status, waiting: list[Run]) -> None:
    """Draw one run: newest samples, state, progress, and its ``name`` as a link to its page."""
    samples = run.samples()
    if samples:
        step, picture = list(samples.items())[-1]
        pictures.show(picture, f"Newest samples of {name}, step {step}")
    else:
        st.caption("No samples yet.")
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.page_link("pages/watch.py", label=f"**{words.escape(name)}**", query_params={"run": run.id})
        badge(status)
    if origin := run.origin():
        parent = Run(run.root / origin.run)
        st.caption(f"fork of {words.escape(parent.label())}" if parent.path.is_dir() else "fork of a deleted run")
    share, sentence = words.progress(status)
    if status.state == "queued":
        st.caption(words.place_in_queue(run, waiting))
    elif status.state in ("starting", "running"):
        st.progress(share, text=sentence)
    else:
        st.caption(sentence)
        if status.state in ("failed", "diverged") and status.message:
            st.caption(f":red[{words.message(status.message)}]")
        try:
            run.config()
        except InputError as error:
            st.caption(f":red[{words.message(error)}]")
