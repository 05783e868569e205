"""The people of a class, for the teacher: who is there, their runs, personal codes, removal, and the codes of the class."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import streamlit as st

from gan.access.classroom import Classroom, State, Student, mode, new_teacher_code
from gan.access.leading import leading
from gan.execution import quotas
from gan.runs import index, owned
from pages.parts import actions, cards, frame, words

_NEW_CODE = "class/new-teacher-code"


def show(root: Path, present: Callable[[], Collection[str]]) -> None:
    """Draw the table, and what the teacher can do; ``present`` returns the ids of the people who have a page open."""
    classroom = Classroom(root)
    state = classroom.state()
    if mode() == "code" and not state.is_open:
        st.warning("The class has ended: students are shut out until you open it again.", icon=":material/lock:")
    if mode() == "code":
        _act_on_class(classroom)
    if mode() == "code" and state.students:
        _act_on_one(classroom, state.students)
    _table(root, present, state)


@frame.fragment(frame.SLOW_TICK)
def _table(root: Path, present: Callable[[], Collection[str]], shown: State) -> None:
    """Draw the table; draw the page again when codes or students have changed elsewhere."""
    with frame.spoken_errors():
        if Classroom(root).state() != shown:
            st.rerun()
        rows = table(root, present())
        if not rows:
            st.info("Nobody has joined yet. The projector view shows address and code.", icon=":material/info:")
            return
        here = sum(row["Here"] == "now" for row in rows)
        st.caption(f"{words.count(len(rows), 'student')}, {here} here now.")
        st.dataframe(
            rows,
            hide_index=True,
            key="class/people",
            width="content",
            height="content" if len(rows) <= 15 else 560,
            column_config={
                "Name": st.column_config.TextColumn(pinned=True, width=words.width_of(str(row["Name"]) for row in rows)),
                "Here": st.column_config.TextColumn(width=words.width_of(["removed"])),
                "Runs": st.column_config.NumberColumn(help="All runs of the student, without those in the trash."),
                "Waiting": st.column_config.NumberColumn(help="Runs in the queue."),
                "MB": st.column_config.NumberColumn(help="Disk space of these runs.", format="localized"),
            },
        )


def table(root: Path, present: Collection[str]) -> list[dict[str, object]]:
    """Return the rows of the table, one for each student and each other owner of runs; those who are there come first.

    ``present``: the ids of the people who have a page open.
    """
    found = {person.id: (person, listed) for person, listed in owned.by_owner(index.read(root)).items() if not person.is_teacher}
    others = {key: Student(name=person.name, code="") for key, (person, _) in found.items()}
    rows: list[dict[str, object]] = []
    for key, student in (others | Classroom(root).state().students).items():
        listed = found[key][1] if key in found else []
        states = [one.status().state for one in listed]
        rows.append(
            {
                "Name": student.name,
                "Here": "removed" if student.is_removed else "now" if key in present else "",
                "Joined": cards.date(student.joined_at),
                "Runs": len(listed),
                "Training": sum(state in ("starting", "running") for state in states),
                "Waiting": states.count("queued"),
                "MB": -(-sum(quotas.size(one.run) for one in listed) // 1_000_000),
            }
        )
    return sorted(rows, key=lambda row: (row["Here"] != "now", row["Here"] == "removed", str(row["Name"]).casefold()))


def _act_on_one(classroom: Classroom, students: Mapping[str, Student]) -> None:
    """Draw what can be done for one student."""
    order = sorted(students, key=lambda key: students[key].name.casefold())
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = st.selectbox(
            "Student", order, format_func=lambda key: students[key].name, key="class/student", width=260, placeholder="Name"
        )
        if chosen is None:
            return
        student = students[chosen]
        name = words.escape(student.name)
        with st.popover("Personal code", icon=":material/key:", key=f"class/code/{chosen}"):
            st.markdown(f"With this code, {name} can come back on another device, or join again:")
            st.code(student.code, language=None)
            st.caption(f"Joined {time.strftime('%Y-%m-%d %H:%M', time.localtime(student.joined_at))}")
        if student.is_removed:
            let_in = functools.partial(classroom.remove, chosen, is_removed=False)
            if actions.button("Let in again", let_in, key=f"class/let-in/{chosen}", icon=":material/person_add:"):
                st.rerun()
            return
        with actions.popover("Remove", f"class/remove/{chosen}", icon=":material/person_remove:"):
            st.markdown(
                f"Remove {name} from the class? Open pages of {name} close in seconds, and nobody can join as {name} until you "
                "let them in again. A new code also keeps them from joining under another name. Their runs stay, and go on."
            )
            remove = functools.partial(classroom.remove, chosen)
            if actions.button(f"Remove {name}", remove, key=f"class/remove/{chosen}/sure", type="primary"):
                actions.close(f"class/remove/{chosen}")
                st.rerun()


def _act_on_class(classroom: Classroom) -> None:
    """Draw what can be done for the whole class: new codes, its end, and opening it again."""
    state = classroom.state()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if not state.is_open:
            if actions.button("Open again", classroom.reopen, key="class/reopen", icon=":material/lock_open:", type="primary"):
                st.rerun()
            st.caption("Gives the class a new code, which all students have to enter.", width="content")
            return
        st.markdown(f"Code of the class: **{state.code}**", width="content")
        with actions.popover("New code", "class/new-code", icon=":material/autorenew:"):
            st.markdown(
                "Give the class a new code? All students have to enter it: their open pages close within a second and ask for it. "
                "Their runs go on."
            )
            if actions.button("Give it a new code", classroom.change_code, key="class/new-code/sure", type="primary"):
                actions.close("class/new-code")
                st.rerun()
        _offer_teacher_code(classroom)
        with actions.popover("End the class", "class/end", icon=":material/lock:"):
            st.markdown(
                "End the class? All students are shut out until you open it again; their open pages close in seconds. Their "
                "runs stay, and go on. To save their work or to make room, see “After class”."
            )

            def end() -> None:
                classroom.end()
                leading.end_leading()

            if actions.button("End the class", end, key="class/end/sure", type="primary"):
                actions.close("class/end")
                st.rerun()


def _offer_teacher_code(classroom: Classroom) -> None:
    """Draw the popover of the teacher's code. It shows the new one before it counts, because this page closes then, too."""
    part = actions.popover("Teacher's code", "class/teacher-code", icon=":material/school:")
    if not part.open:
        st.session_state.pop(_NEW_CODE, None)
        return
    with part:
        st.markdown("This code gives all rights of a teacher. Keep it off the projector.")
        st.code(classroom.state().teacher_code, language=None)
        new = st.session_state.setdefault(_NEW_CODE, new_teacher_code())
        st.markdown(
            "Give teachers this new code? All pages of teachers, this one too, close in seconds and ask for it, so write it "
            "down first. Students are not affected."
        )
        st.code(new, language=None)
        change = functools.partial(classroom.change_teacher_code, new)
        if actions.button("Use the new code", change, key="class/teacher-code/sure", type="primary"):
            actions.close("class/teacher-code")
            st.rerun()
