"""Settings changed while a run trains: the form, what became of requests, and the changes made, each with its undo."""

from __future__ import annotations

from functools import partial

import streamlit as st

from gan import config as configs
from gan.config import changing
from gan.execution import queue
from gan.runs import Run, Status, changes, forks
from gan.runs.changes import LONGEST_WHO, Change
from pages.parts import actions, frame, words
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
    st.markdown(words.escape(f"{changes.tell(wanted, before)}." if wanted else "Change a value above."))

    def send() -> None:
        request = changes.ask(run, wanted, seen={key: before[key] for key in wanted}, who=who)
        state.setdefault(_key(run, "/sent"), []).append(request)
        _renew(run)

    row, below = st.container(horizontal=True, vertical_alignment="bottom", gap="small"), actions.place("knobs/refusal")
    with row:
        who = st.text_input(
            "Your name", key="knobs/who", max_chars=LONGEST_WHO, placeholder="Optional", persist_state="session", width=240
        )
        is_sent = actions.button(
            "Change now", send, icon=":material/tune:", type="primary", disabled=not wanted, key="knobs/send", place=below
        )
    if is_sent:
        st.rerun()
    fixed = {key: reason for key in before if (reason := changing.fixed_reason(present, key))}
    branches.explain_kept(fixed, "A fork can change many of these; a new run all of them.")


def _renew(run: Run) -> None:
    """Let the form begin with the present settings again."""
    st.session_state.pop(_key(run, "/seen"), None)
    st.session_state[_key(run, "/round")] += 1


def tell(run: Run, status: Status) -> None:
    """Show what became of this visitor's requests, the requests that wait, and the changes made."""
    for request in list(st.session_state.get(_key(run, "/sent"), [])):
        _tell_answer(run, request)
    made, waiting = changes.applied(run), [one for one in changes.requests(run) if not one.refusal]
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
                help="Starts a new run from the checkpoint before this change, with the settings of then. This run stays as it is."
                if change.step in there
                else "The checkpoint before this change has been removed to save room.",
            )
    for request in waiting:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            when = f"after step {request.step:,}" if request.step > status.step else _when(status)
            st.markdown(words.escape(f"Waits, {when}: {request.told()}{_by(request)}."), width="content")
            actions.button(
                "Withdraw",
                partial(changes.withdraw, run, request),
                key=f"knobs/withdraw/{request.id}",
                icon=":material/close:",
                type="tertiary",
            )


def _tell_answer(run: Run, request: Change) -> None:
    """Show the refusal of a request until it is dismissed; forget a request that was granted."""
    answer, sent = changes.answered(run, request), st.session_state[_key(run, "/sent")]
    if answer is None:
        return
    if not answer.refusal:
        sent.remove(request)
        st.rerun()  # the form shows the new values
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.warning(words.message(answer.refusal), icon=":material/block:")
        if st.button("OK", key=f"knobs/read/{request.id}"):
            sent.remove(request)
            changes.withdraw(run, request)
            st.rerun()


def _when(status: Status) -> str:
    return "for the next step" if status.state in ("starting", "running") else "until the run is resumed"


def _by(change: Change) -> str:
    return f" ({change.who})" if change.who else ""


def _undo(run: Run, change: Change) -> None:
    child = forks.undo(run, change)
    queue.advance(run.root)
    frame.go("pages/watch.py", run=child.id)
