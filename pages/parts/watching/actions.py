"""The actions on the Watch page: stop, resume, train longer, rename, delete, undo."""

from __future__ import annotations

import contextlib
from pathlib import Path

import streamlit as st

from gan import runs
from gan.config import schedules
from gan.errors import InputError
from gan.execution import queue
from gan.runs import Run, Status, checkpoints
from pages.parts import actions, words

_DELETED = "watch/deleted"  # id of the run that this session has deleted last


def act(run: Run, status: Status) -> None:
    """Draw the buttons for the actions available in this state; errors of those without a popover appear below the row."""
    row, below = st.container(horizontal=True, horizontal_alignment="right", gap="xsmall"), st.container()
    with row:
        if status.state in runs.UNDER_WAY:
            is_stopping = status.state != "queued" and run.control().stop
            label = "Stopping …" if is_stopping else "Stop"
            about = "Saves a checkpoint and stops. The run can be resumed."
            is_asked = st.button(label, icon=":material/stop:", key="stop", disabled=is_stopping, help=about)
            if is_asked and actions.done(queue.stop, run, place=below):
                st.rerun()
        else:
            is_unfinished = status.step < status.total_steps or status.state in ("interrupted", "failed")
            is_asked = is_unfinished and st.button(
                "Resume", icon=":material/play_arrow:", type="primary", key="resume", help="Continues from the last checkpoint."
            )
            if is_asked and actions.done(queue.resume, run, place=below):
                st.rerun()
            offer_more(run, status)
            if change := checkpoints.changed_data(run):
                below.warning(words.escape(change), icon=":material/warning:")
        if status.state == "queued":
            about = "Queues it before all other waiting runs."
            is_asked = st.button("Move to front", icon=":material/vertical_align_top:", key="first", help=about)
            if is_asked and actions.done(queue.move_first, run.root, [run], place=below):
                st.rerun()
        offer_renaming(run)
        if status.state not in runs.UNDER_WAY:
            offer_deletion(run)


def offer_more(run: Run, status: Status) -> None:
    """Draw the popover that makes a run longer, with what that does to decayed learning rates."""
    with actions.popover("Train longer", f"longer/{run.id}", icon=":material/more_time:"):
        more = st.number_input("More epochs", value=50, step=1, key="more")
        with contextlib.suppress(InputError):
            longer = status.total_steps + more * status.steps_per_epoch
            if change := schedules.after_prolonging(run.config(), status.step, status.total_steps, longer):
                st.caption(words.escape(change))
        if st.button("Continue", type="primary", key="longer") and actions.done(queue.extend, run, more):
            st.rerun()


def offer_renaming(run: Run) -> None:
    """Draw the popover that renames a run; its field follows a name that was given elsewhere."""
    key, field, label = f"rename/{run.id}", f"name/{run.id}", run.label()
    if st.session_state.get(f"{field}/shown") != label or field not in st.session_state:
        st.session_state.update({field: label, f"{field}/shown": label})
    with actions.popover("Rename", key, icon=":material/edit:"):
        name = st.text_input("Name", max_chars=120, key=field)
        if st.button("Save", type="primary", key="save-name") and actions.done(run.rename, name):
            actions.close(key)
            st.rerun()


def offer_deletion(run: Run) -> None:
    """Draw the popover that moves a run to the trash after a confirmation."""
    with actions.popover("Delete", f"delete/{run.id}", icon=":material/delete:"):
        st.markdown(f"Move “{words.escape(run.label())}” to the trash?")
        if st.button("Delete this run", type="primary", key=f"delete/{run.id}/sure") and actions.done(runs.delete, run):
            st.session_state[_DELETED] = run.id
            st.query_params.pop("run", None)
            st.rerun()


def offer_undo(root: Path) -> None:
    """Offer to restore the run that was deleted just now."""
    if deleted := st.session_state.get(_DELETED):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.info("Run moved to the trash, which is on the Home page.", icon=":material/delete:")
            if st.button("Undo", icon=":material/undo:", key="undo") and actions.done(runs.restore, root, deleted):
                forget_deleted()
                st.query_params["run"] = deleted
                st.rerun()


def forget_deleted() -> None:
    """Stop offering to restore the run that was deleted last."""
    st.session_state.pop(_DELETED, None)
