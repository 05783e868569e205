"""The actions on the Watch page: stop, resume, train longer, rename, delete."""

from __future__ import annotations

import streamlit as st

from gan import runs
from gan.execution import queue
from gan.runs import Run, Status
from pages.parts import words


def act(run: Run, status: Status) -> None:
    """Draw the buttons for the actions available in this state."""
    with st.container(horizontal=True, horizontal_alignment="right", gap="xsmall"):
        if status.state in runs.UNDER_WAY:
            is_stopping = status.state != "queued" and run.control().stop
            label = "Stopping …" if is_stopping else "Stop"
            about = "Saves a checkpoint and stops. The run can be resumed."
            if st.button(label, icon=":material/stop:", key="stop", disabled=is_stopping, help=about):
                queue.stop(run)
                st.rerun()
        else:
            offer_to_go_on(run, status)
        if status.state == "queued" and st.button(
            "Move to front", icon=":material/vertical_align_top:", key="first", help="Queues it before all other waiting runs."
        ):
            queue.move_first(run.root, [run])
            st.rerun()
        with st.popover("Rename", icon=":material/edit:"):
            name = st.text_input("Name", value=run.label(), max_chars=120, key=f"name/{run.id}")
            if st.button("Save", type="primary", key="save-name"):
                run.rename(name)
                st.rerun()
        if status.state not in runs.UNDER_WAY:
            with st.popover("Delete", icon=":material/delete:"):
                st.markdown(f"Move “{words.escape(run.label())}” to the trash folder?")
                if st.button("Delete this run", type="primary", key="delete"):
                    runs.delete(run)
                    st.session_state["watch/deleted"] = run.id
                    st.query_params.pop("run", None)
                    st.rerun()


def offer_to_go_on(run: Run, status: Status) -> None:
    """Draw the buttons that continue a run."""
    is_unfinished = status.step < status.total_steps or status.state in ("interrupted", "failed")
    if is_unfinished and st.button(
        "Resume", icon=":material/play_arrow:", type="primary", key="resume", help="Continues from the last checkpoint."
    ):
        queue.resume(run)
        st.rerun()
    with st.popover("Train longer", icon=":material/more_time:"):
        more = st.number_input("More epochs", value=50, step=1, key="more")
        if st.button("Continue", type="primary", key="longer"):
            queue.extend(run, more)
            st.rerun()
