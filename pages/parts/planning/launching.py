"""The launch panel of the Train page: where it stays on the screen, the expected time, and who waits ahead."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from gan import runs
from gan.config import RunConfig
from gan.execution import ahead, forecast, speeds
from gan.runs import Run, index
from pages.parts import frame, launches, words
from pages.parts.launches import Asked

PATIENCE = 60  # seconds to wait for the table of layers, or for a speed
_MOST_NAMED = 3  # runs
_LONGEST_NAME = 32  # characters
_MEASURING = ":material/timer: Measuring the speed of these settings, about 5 seconds; at most 30 for large networks …"

# Wide: the column stays in view next to the settings. Narrow, where columns are stacked: the bar alone stays, at the foot of the
# screen. It keeps its place after the settings, so it never covers the last of them.
_STYLE = """<style>
.st-key-train-brief {{display: none}}
@media (min-width: 641px) {{
  [data-testid=stColumn]:has(.st-key-train-bar)
    {{position: sticky; top: 4rem; align-self: flex-start; max-height: calc(100dvh - 5rem); overflow-y: auto;
      padding: 3px; margin: -3px}}
}}
@media (max-width: 640px) {{
  .stMainBlockContainer:has(.st-key-train-bar) {{padding-bottom: 0}}
  [data-testid=stHorizontalBlock]:has(> [data-testid=stColumn] .st-key-train-bar) {{row-gap: 1rem}}
  [data-testid=stColumn]:has(.st-key-train-bar), [data-testid=stColumn]:has(.st-key-train-bar) > [data-testid=stVerticalBlock]
    {{display: contents}}
  [data-testid=stColumn]:has(.st-key-train-bar) > [data-testid=stVerticalBlock] > * {{flex: 0 0 100%; min-width: 0}}
  .st-key-train-brief {{display: flex}}
  [data-testid=stColumn] [data-testid=stLayoutWrapper]:has(> .st-key-train-bar)
    {{position: sticky; bottom: 0; order: 1; z-index: 10; flex: 0 0 auto; width: calc(100% + 2rem);
      max-width: none; margin: 0 -1rem}}
  .st-key-train-bar
    {{padding: .6rem 1rem .8rem; background: Canvas; background: light-dark({light}, {dark}); box-shadow: 0 -1px 6px #0003}}
}}
</style>"""


def style() -> str:
    """Return the style sheet that keeps the launch in view."""
    light, dark = (st.get_option(f"theme.{kind}.backgroundColor") or "Canvas" for kind in ("light", "dark"))
    return _STYLE.format(light=light, dark=dark)


def show_estimate(root: Path, config: RunConfig, *, is_needed: bool) -> None:
    """Show the expected training time on this machine; measure the speed first if it is not known.

    ``is_needed``: the length depends on the speed.
    """
    known = speeds.find(root, config)
    if sentence := forecast.burden(root, config):
        st.warning(words.escape(sentence), icon=":material/warning:")
    if known:
        fewer, more = ("less than ", "more than ") if known.is_bound else ("", "")
        st.metric(
            "Expected time on this machine",
            f"{more}{words.duration(known.seconds)}",
            help="Measured with these networks and this batch size; excludes samples, scores and checkpoints.",
        )
        st.caption(
            f"{more}{words.duration(known.seconds_per_epoch)} per epoch · "
            f"{fewer}{words.number(known.images_per_second)} images/s · {words.count(known.threads, 'thread')} · {known.precision}"
        )
        return
    is_busy = any(listed.status().state in runs.UNDER_WAY for listed in index.read(root))
    asked = st.session_state.setdefault("train/measured", set())
    this = speeds.key(config)
    if speeds.is_measuring(root) or (this in asked and not st.session_state.get("train/patience", 0) > PATIENCE):
        st.session_state["train/patience"] = st.session_state.get("train/patience", 0) + 1
        st.markdown(_MEASURING)
        return
    if this in asked:
        hint = "Choose steps or epochs for the length." if is_needed else "Training can still be started."
        st.caption(f"The speed could not be measured. {hint}")
        return
    about = "Slows active runs down for about 5 seconds."
    if is_busy and not is_needed and not st.button("Measure speed", icon=":material/timer:", help=about):
        st.caption("Training time not known yet.")
        return
    asked.add(this)
    st.session_state["train/patience"] = 0
    if speeds.start_measuring(root, config) is None and speeds.is_measuring(root):
        asked.discard(this)  # another visitor was quicker, perhaps with other settings
    st.markdown(_MEASURING)


def brief(root: Path, config: RunConfig | None) -> str:
    """Return the expected time in a few words, for the bar on a phone."""
    told = ""
    if config and launches.has_limits():
        if sentence := launches.refusal(root, Asked([config])):
            return words.message(sentence)
        told = f". {launches.outlook(root, Asked([config]))}"
    if config is None or not (known := speeds.find(root, config)):
        return f"Expected time not known yet{told}"
    return f"{'More than' if known.is_bound else 'About'} {words.duration(known.seconds)} on this machine{told}"


def tell_queue(root: Path, config: RunConfig) -> None:
    """Show what trains now, who waits ahead, and about when a run launched now would start; nothing on an idle machine."""
    found = ahead.look(root, config)
    if not found.training and not found.waiting:
        return
    parts = []
    if found.training:
        parts.append(f"Training now: {_names(found.training)}")
    if found.waiting:
        verb = "waits" if len(found.waiting) == 1 else "wait"
        parts.append(f"{words.count(len(found.waiting), 'run')} {verb} ahead: {_names(found.waiting)}")
    if not launches.has_limits():  # a student reads place and start below
        start = "after that" if found.seconds is None else f"in about {words.duration(found.seconds)}"
        parts.append(f"yours starts {'at once' if found.seconds == 0 else start}")
    st.caption(":material/hourglass_empty: " + " · ".join(parts))


@frame.fragment(frame.SLOW_TICK)
def follow_queue(root: Path, config: RunConfig) -> None:
    """Show the queue, and how it moves on."""
    with frame.spoken_errors():
        tell_queue(root, config)


def _names(found: list[Run]) -> str:
    names = [
        name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
        for name in words.names(found[:_MOST_NAMED]).values()
    ]
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return words.escape(", ".join(names)) + more
