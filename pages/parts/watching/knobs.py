"""Settings changed while a run trains: the form, what became of requests, and the changes made, each with its undo."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import streamlit as st

from gan import config as configs
from gan.access import classroom
from gan.config import changing
from gan.errors import InputError
from gan.execution import forking
from gan.runs import Run, Status, changes, forks
from gan.runs.changes import LONGEST_WHO, Change
from pages.parts import actions, frame, owning, words
from pages.parts.planning import form
from pages.parts.watching import branches

_IN_VIEW = (
    "optimizer.generator_lr",
    "optimizer.discriminator_lr",
    "optimizer.discriminator_steps",
    "objective.label_smoothing",
    "augmentation.instance_noise",
    "augmentation.noise_fade",
)
_FOLDED = {"Penalties and clipping": tuple(key for key in changing.LIVE if key not in _IN_VIEW)}


def _key(run: Run, name: str = "") -> str:
    return f"knobs/{run.id}{name}"


def open_(run: Run) -> None:
    """Open the form."""
    st.session_state[_key(run)] = True


def offer(run: Run, status: Status) -> None:
    """Draw the form for changing settings, if it was opened and the run is training."""
    if status.state not in ("starting", "running") or not st.session_state.get(_key(run)):
        return
    part = st.expander("Change settings", icon=":material/tune:", key=_key(run), on_change="rerun")
    if part.open:
        with part, frame.spoken_errors():
            _ask(run)


def _ask(run: Run) -> None:
    st.caption("The trainer makes the change between two steps, after a checkpoint. It stays on record, and can be undone.")
    state, present = st.session_state, changes.config_at(run)
    seen = state.setdefault(_key(run, "/seen"), present)
    rounds = state.setdefault(_key(run, "/round"), 0)
    values = form.ask_some(seen, _key(run, f"/{rounds}"), _IN_VIEW, _FOLDED)
    before = configs.flatten(seen)
    wanted = {key: values[key] for key in changing.LIVE if key in values and values[key] != before[key]}
    if not wanted and seen != present:  # somebody else has changed a setting
        _renew(run)
        st.rerun()
    is_possible = False
    with frame.spoken_errors():
        is_possible = bool(wanted) and bool(changes.changed(seen, wanted))
    if is_possible or not wanted:
        st.markdown(words.escape(f"{changes.tell(wanted, before)}." if wanted else "Change a value above."))

    def send() -> None:
        try:
            changes.ask(run, wanted, seen={key: before[key] for key in wanted}, who=who)
        except InputError:
            if changes.config_at(run) != seen:  # somebody was faster: the form goes on from there with the values entered
                state[_key(run, "/is-behind")] = True
            raise
        _renew(run)

    row, below = st.container(horizontal=True, vertical_alignment="bottom", gap="small"), actions.place("knobs/refusal")
    with row:
        who = ""
        if not classroom.is_on():  # there, the change bears the name of who acts
            who = st.text_input(
                "Your name", key="knobs/who", max_chars=LONGEST_WHO, placeholder="Optional", persist_state="session", width=240
            )
        is_sent = actions.button(
            "Change now",
            send,
            icon=":material/tune:",
            type="primary",
            disabled=not is_possible,
            key="knobs/send",
            place=below,
            why_not=owning.why_not("change", run),
        )
    if state.pop(_key(run, "/is-behind"), False):
        _renew(run, wanted)
        st.rerun()
    if is_sent:
        st.rerun()
    fixed = {key: reason for key in before if (reason := changing.fixed_reason(present, key))}
    branches.explain_kept(fixed, "A fork can change many of these; a new run all of them.")


def _renew(run: Run, entered: Mapping[str, Any] | None = None) -> None:
    """Let the form begin anew with the present settings, and with the values ``entered`` so far."""
    state = st.session_state
    state.pop(_key(run, "/seen"), None)
    state[_key(run, "/round")] = rounds = state[_key(run, "/round")] + 1
    for key, value in (entered or {}).items():
        state[f"{_key(run, f'/{rounds}')}/{key}"] = value


def tell(run: Run, status: Status) -> None:
    """Show the refusals that nobody has read yet, the changes made and the requests that wait."""
    made, asked = changes.applied(run), changes.requests(run)
    if len(made) != st.session_state.setdefault(_key(run, "/made"), len(made)):
        st.session_state[_key(run, "/made")] = len(made)
        st.rerun()  # the form shows the new values
    for request in (one for one in asked if one.refusal):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.warning(words.message(f"{request.told()}{_by(request)}: {request.refusal}"), icon=":material/block:")
            why_not = owning.why_not("change", run)
            if actions.button("OK", partial(changes.withdraw, run, request), key=f"knobs/read/{request.id}", why_not=why_not):
                st.rerun()
    waiting = [one for one in asked if not one.refusal and one.id not in {change.id for change in made}]
    if not made and not waiting:
        return
    st.subheader("Changes while it trained")
    there = forks.checkpoints(run) if made else {}
    for change in made:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(words.escape(f"After step {change.step:,}: {change.told()}{_by(change)}."), width="content")
            actions.button(
                "Undo",
                partial(_undo, run, change),
                key=f"knobs/undo/{change.id}",
                icon=":material/undo:",
                type="tertiary",
                disabled=change.step not in there,
                help="Starts a new run from the checkpoint before this change, without it and those that followed. This run stays."
                if change.step in there
                else "The checkpoint before this change has been removed to save room.",
            )
    for request in waiting:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            when = f"after step {request.step:,}" if request.step > status.step else _when(status)
            st.markdown(words.escape(f"Waits, {when}: {request.told()}{_by(request)}."), width="content")
            if actions.button(
                "Withdraw",
                partial(changes.withdraw, run, request),
                key=f"knobs/withdraw/{request.id}",
                icon=":material/close:",
                type="tertiary",
                why_not=owning.why_not("change", run),
            ):
                st.rerun()


def _when(status: Status) -> str:
    return "for the next step" if status.state in ("starting", "running") else "until the run is resumed"


def _by(change: Change) -> str:
    return f" ({change.who})" if change.who else ""


def _undo(run: Run, change: Change) -> None:
    frame.go("pages/watch.py", run=forking.undo(run, change).id)
