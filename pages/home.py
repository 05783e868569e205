"""Home page: introduction, one-click first training, and all runs as cards."""

from pathlib import Path

import streamlit as st

from gan import runs
from gan.config import presets
from gan.execution import queue
from gan.runs import Run, Status, index
from pages.parts import actions, cards, frame, pictures, trash

FEW = 8  # cards shown before “Show all”

root = frame.begin("Home")

left, right = st.columns([3, 2], gap="large", vertical_alignment="center")
with left:
    st.title("GAN Duel")
    st.markdown(
        "Two networks play against each other: a :orange[**generator**] forges images from random numbers, and a "
        ":blue[**discriminator**] tries to tell them apart from real ones. Train them, watch the duel live, and measure "
        "what each setting really changes."
    )
    actions.button(
        "Train a GAN on digits now",
        lambda: frame.go("pages/watch.py", run=queue.launch(root, presets.find(presets.DEFAULT).config).id),
        icon=":material/play_arrow:",
        type="primary",
        key="start",
    )
    st.caption("Uses 1,797 built-in handwritten digits. First shapes appear within seconds, digits within a minute.")
with right:
    pictures.show(
        Path(__file__).parent / "parts" / "duel.png",
        "Samples from the same ten latent vectors at successive stages of training: noise turns into digits",
        "One row per training stage, always from the same latent vectors.",
    )


def turn(pair: tuple[Run, Status]) -> tuple[bool, float, tuple[float, str]]:
    """Return the sort key of an active run: running ones first, then the queue in order."""
    run, status = pair
    return (True, status.queued_at, run.age_key) if status.state == "queued" else (False, 0.0, (0.0, ""))


def gallery() -> bool:
    """Draw active runs first, then ended ones; return whether any is active."""
    with frame.spoken_errors():
        found = [(listed.run, listed.status()) for listed in index.read(root)]
        active = sorted((pair for pair in found if pair[1].state in runs.UNDER_WAY), key=turn)
        ended = [pair for pair in found if pair[1].state not in runs.UNDER_WAY]
        if active:
            st.header("Active")
            cards.wall(active, key="home/under-way")
        if ended:
            st.header("Ended")
            is_long = len(ended) > FEW
            with_all = is_long and st.toggle(f"Show all {len(ended)}", key="home/all", persist_state="session")
            cards.wall(ended if with_all else ended[:FEW], key="home/ended")
        if not found:
            st.info("No runs yet. Start one with the button above, or choose settings on the Train page.", icon=":material/info:")
        return bool(active)
    return False


@frame.fragment(frame.SLOW_TICK)
def still() -> None:
    """Redraw the cards now and then: a run may be started, renamed or deleted elsewhere."""
    if gallery():
        redraw(is_active=True)


@frame.fragment(frame.TICK)
def live() -> None:
    """Redraw the cards while a run is active."""
    if not gallery():
        redraw(is_active=False)


def redraw(*, is_active: bool) -> None:
    """Rerun the page at the other pace."""
    st.session_state["home/is-active"] = is_active
    st.rerun()


(live if st.session_state.get("home/is-active", True) else still)()
trash.panel(root)
