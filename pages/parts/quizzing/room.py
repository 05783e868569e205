"""A round for a class: the page of the teacher who opened it, and the page of a student."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import streamlit as st

from gan.access import addresses
from gan.errors import InputError, shown
from gan.quiz import rounds
from gan.quiz.results import Answers
from gan.quiz.rounds import Round, Standing
from pages.parts import actions, frame, words
from pages.parts.quizzing import asking, reveal

_FIRST_OPEN = "streamlit run dashboard.py --server.address 0.0.0.0"

_STYLE = """<style>
.st-key-quiz-code code, .st-key-quiz-link code {font-size: 1.5rem; font-weight: 650}
.st-key-quiz-code code {font-size: 3rem; letter-spacing: .15em}
</style>"""


def show(root: Path, code: str) -> None:
    """Show a round to the teacher, whose address holds the key, or to a student."""
    room = rounds.find(root, code)
    if key := _kept("key", room.code):
        if room.is_opened_by(key):
            _lead(room, key)
            return
        frame.complain("The key in this address does not belong to the round; you can take part as a student.")
    _take_part(room)


def _kept(parameter: str, code: str) -> str:
    """Return a parameter of the address, or the one that this session had for the round before it visited another page."""
    kept: dict[str, str] = st.session_state.setdefault(f"quiz/{parameter}", {})
    if parameter in st.query_params:
        kept[code] = st.query_params[parameter]
    elif code in kept:
        st.query_params[parameter] = kept[code]
    return kept.get(code, "")


def _lead(room: Round, key: str) -> None:
    """Show link, code and progress, and after the reveal the result of the class."""
    st.title("Quiz of the class")
    if room.standing().is_revealed:
        _show_result(room, None)
        return
    st.html(_STYLE)
    address, is_reachable = _link(room.code)
    left, right = st.columns(2, gap="large")
    with left:
        st.caption("Code")
        with st.container(key="quiz-code"):
            st.code(room.code, language=None)
    with right:
        st.caption("Link for the students")
        with st.container(key="quiz-link"):
            st.code(address, language=None, wrap_lines=True)
    if not is_reachable:
        st.warning(f"Other devices cannot reach this dashboard. Start it with `{_FIRST_OPEN}` and open the round again.")
    _watch(room)
    if actions.button("Reveal", lambda: room.reveal(key), key="quiz/reveal", type="primary", icon=":material/visibility:"):
        st.rerun()
    st.caption(
        "The reveal ends the round; later answers do not count. Keep the address of this page: only it can reveal the round."
    )


@frame.fragment(frame.TICK)
def _watch(room: Round) -> None:
    """Show how far the class is; run the page again after the reveal in another tab."""
    with frame.spoken_errors():
        standing, pictures = room.standing(), len(room.record().pictures)
        if standing.is_revealed:
            st.rerun()
        students = list(standing.students.values())
        finished = sum(len(student.answers) == pictures for student in students)
        with st.container(horizontal=True, gap="large"):
            st.metric("Students", len(students), width="content")
            st.metric("Answers", f"{standing.answers:,}", width="content")
            st.metric("Finished", f"{finished} of {len(students)}", width="content")
        expected = pictures * len(students)
        st.progress(standing.answers / expected if expected else 0.0, text=f"{pictures} pictures each")


def _take_part(room: Round) -> None:
    """Let a student join and answer; then wait for the reveal."""
    mine, standing = _kept("me", room.code), room.standing()
    if standing.is_revealed:
        st.title("Quiz")
        asking.complain()
        if mine not in standing.students:
            st.info(f"Round {room.code} has been revealed already; this is its result.")
        _show_result(room, mine)
    elif mine not in standing.students:
        _join(room)
    elif len(standing.students[mine].answers) < len(room.record().pictures):
        asking.ask(room.record(), lambda: _answers(room, mine), lambda place, is_real: room.answer(mine, place, is_real=is_real))
    else:
        st.title("Quiz")
        asking.complain()
        _wait(room)


def _answers(room: Round, token: str) -> Answers | None:
    """Return the answers of a student so far; None after the reveal."""
    standing = room.standing()
    student = standing.students.get(token)
    return None if standing.is_revealed or student is None else student.answers


def _join(room: Round) -> None:
    """Ask for a name, which is optional."""
    st.title("Quiz")
    record = room.record()
    st.markdown(
        f"You see {words.count(len(record.pictures), 'picture')} one after the other. Half of them are real, half are generated. "
        "Which are which? Answer with the buttons or the arrow keys."
    )
    with st.form("quiz/join", border=False, width=360):
        name = st.text_input("Name (optional)", max_chars=rounds.LONGEST_NAME, help="Shown with your result after the reveal.")
        is_asked = st.form_submit_button("Join", type="primary")
    if is_asked:
        with frame.spoken_errors():
            st.query_params["me"] = room.join(name)  # in the address, so that a reloaded page goes on
            st.rerun()


@frame.fragment(frame.TICK)
def _wait(room: Round) -> None:
    """Wait for the reveal."""
    with frame.spoken_errors():
        standing, pictures = room.standing(), len(room.record().pictures)
        if standing.is_revealed:
            st.rerun()
        finished = sum(len(student.answers) == pictures for student in standing.students.values())
        st.success("All pictures answered. The result appears here as soon as the round is revealed.")
        st.caption(f"{finished} of {words.count(len(standing.students), 'student')} finished")


def _show_result(room: Round, mine: str | None) -> None:
    """Show the result of a revealed round; ``mine`` is the token of a student."""
    record, standing = room.record(), room.standing()
    own = standing.students[mine].answers if mine in standing.students else None
    reveal.show(record, own, _named(standing))
    _tell_run(room.root, record.run)


def _named(standing: Standing) -> list[tuple[str, Answers]]:
    """Return name and answers of all students who answered."""
    students = enumerate(standing.students.values(), 1)
    return [
        (shown(student.name, rounds.LONGEST_NAME) or f"Student {number}", student.answers)
        for number, student in students
        if student.answers
    ]


def _tell_run(root: Path, run_id: str) -> None:
    """Say so if the run of a round no longer exists."""
    from gan import runs

    try:
        runs.find(root, run_id)
    except InputError:
        st.caption("The run of this round has been deleted; the round keeps its pictures and answers.")


def _link(code: str) -> tuple[str, bool]:
    """Return the address for students, and whether their devices can reach it."""
    parts = urlsplit(st.context.url or "")
    network = parts.netloc
    is_reachable = True
    if parts.hostname in addresses.LOCAL:
        found = [] if st.get_option("server.address") in addresses.LOCAL else addresses.own()
        host = next(iter(found), None)
        is_reachable = host is not None
        network = f"{host}:{parts.port}" if host else network
    return urlunsplit((parts.scheme, network, parts.path, f"round={code}", "")), is_reachable
