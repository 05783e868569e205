"""Class page: the newest pictures of everybody; for the teacher, the projector view, people, limits and after class."""

from __future__ import annotations

import streamlit as st

from gan.access import people, rules
from gan.access.classroom import Classroom, is_on
from pages.parts import frame
from pages.parts.classroom import after, attendance, board, limits, members, projector

root = frame.begin("Class")

if not is_on():  # a link from a class, opened in a dashboard without one
    frame.go("pages/home.py")

#: Views of the teacher, by the value of the URL parameter ``view``.
VIEWS = {"board": "Board", "people": "People", "limits": "Limits", "after": "After class"}


def choose() -> str:
    """Draw title and choice of the view for the teacher, and return the choice."""
    wanted = st.query_params.get("view", "")
    if wanted == "projector":
        return wanted
    st.session_state["class/view"] = wanted if wanted in VIEWS else "board"
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.title("Class", width="content")
        chosen = st.segmented_control(
            "View",
            list(VIEWS),
            format_func=VIEWS.__getitem__,
            key="class/view",
            label_visibility="collapsed",
            required=True,
            on_change=lambda: st.query_params.update(view=st.session_state["class/view"]),
        )
        if st.button("Projector view", icon=":material/cast_for_education:", key="class/projector"):
            st.query_params["view"] = "projector"
            st.rerun()
    return str(chosen)


def show_teacher() -> None:
    """Show the chosen view."""
    view = choose()
    if view == "projector":
        projector.show(root)
    elif view == "people":
        members.show(root, attendance.ids)
    elif view == "limits":
        limits.draw(root)
    elif view == "after":
        after.show(root)
    else:
        board.show(root)


with frame.spoken_errors():
    who = people.current()
    if refused := rules.refusal(who, "see"):
        st.title("Class")
        st.info(refused, icon=":material/info:")
    elif not Classroom(root).path.exists():
        st.title("Class")
        st.info("No class has been opened in this folder. Start one with `python -m gan class`.", icon=":material/info:")
    elif who.is_teacher:
        show_teacher()
    else:
        st.title("Class")
        board.greet(root)
        board.show(root)
