"""The slider over the snapshots of a run on the Watch page, and their playback."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from gan.runs import Run
from pages.parts.picking import LATE

TEMPO = 0.7  # seconds between snapshots during playback


def key(run: Run) -> str:
    """Return the key of the slider, whose value is the step shown."""
    return f"snapshot/{run.id}"


def follow(run: Run, steps: Sequence[int]) -> None:
    """Set the slider to the newest snapshot, unless the visitor has chosen another one."""
    if st.session_state.get(key(run)) not in steps:  # the slider is new, or was discarded with its page
        st.session_state[f"{key(run)}/follow"] = True
    if st.session_state.get(f"{key(run)}/follow", True):
        former = st.session_state.get(key(run))
        if st.session_state.get(f"{key(run)}/moved", (None,))[0] != steps[-1]:
            st.session_state[f"{key(run)}/moved"] = steps[-1], former, time.monotonic()
        st.session_state[key(run)] = steps[-1]


def choose(run: Run, steps: Sequence[int]) -> None:
    """Draw the slider."""
    st.select_slider(
        "Step",
        steps,
        key=key(run),
        on_change=lambda: None if _is_late(run) else _move(run, steps, st.session_state[key(run)]),
        format_func=lambda step: f"{step:,}",
        help="Every snapshot uses the same latent vectors. At the right end, the slider follows the newest.",
    )


def play(run: Run, steps: Sequence[int]) -> None:
    """Draw the buttons of the playback, which the space bar and the arrow keys press."""
    place = list(steps).index(st.session_state[key(run)])
    label = "Pause" if is_playing(run) else "Play"

    def turn() -> None:
        st.session_state[f"{key(run)}/playing"] = not is_playing(run)
        if is_playing(run) and place == len(steps) - 1:
            _move(run, steps, steps[0])

    def step(by: int) -> None:
        st.session_state[f"{key(run)}/playing"] = False
        _move(run, steps, steps[min(max(place + by, 0), len(steps) - 1)])

    with st.container(horizontal=True, gap="small"):
        for name, pressed, shortcut, act, arguments in (
            ("Back", "back", "Left", step, (-1,)),
            (label, "play", "Space", turn, ()),
            ("Forward", "forward", "Right", step, (1,)),
        ):
            if st.button(name, key=f"snapshots/{pressed}", shortcut=shortcut, on_click=act, args=arguments):
                st.rerun()  # the page is refreshed at another pace


def go_on(run: Run) -> None:
    """Move to the next snapshot; at the newest, the playback ends."""
    steps = list(run.samples())
    shown = st.session_state.get(key(run))
    place = steps.index(shown) + 1 if shown in steps else 0
    if place < len(steps):
        _move(run, steps, steps[place])
    if place >= len(steps) - 1:
        st.session_state[f"{key(run)}/playing"] = False
        st.rerun()


def is_playing(run: Run) -> bool:
    """Return whether the snapshots of a run are played."""
    return bool(st.session_state.get(f"{key(run)}/playing"))


def _is_late(run: Run) -> bool:
    """Return whether the browser sends the former step, because it has yet to hear that the slider follows the newest one."""
    _, former, at = st.session_state.get(f"{key(run)}/moved", (None, None, 0.0))
    is_following = st.session_state.get(f"{key(run)}/follow", True)
    return is_following and st.session_state[key(run)] == former and time.monotonic() - at < LATE


def _move(run: Run, steps: Sequence[int], step: int) -> None:
    st.session_state[key(run)] = step
    st.session_state[f"{key(run)}/follow"] = step == steps[-1]
