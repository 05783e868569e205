"""What a quiz is about: the run, the moments of its training, and the number of pictures; or the code of a round to join."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from gan import runs
from gan.errors import InputError
from gan.quiz import questions, rounds
from gan.quiz.questions import Quiz
from gan.runs import Run
from gan.runs import index as run_index
from gan.runs.listing import Listed
from pages.parts import actions, first_run, frame, owning, picking


def show(root: Path, start: Callable[[Quiz], object]) -> None:
    """Draw the choices; ``start`` gets the quiz of one person. A round for a class is opened here."""
    st.caption("Tell the pictures of a generator from real ones, and see whether you beat its discriminator.")
    with st.container(width=720):
        found = _with_pictures(root)
        if not found:
            first_run.offer(root, "No run with sample images yet. Train one; it can be asked about from its first samples on.")
        elif run := _pick(root, found):
            _offer(root, run, start)
        st.divider()
        _offer_joining(root)


def _with_pictures(root: Path) -> list[Listed]:
    """Return the runs of images that have samples, newest first."""
    return [listed for listed in run_index.read(root) if _has_pictures(listed)]


@run_index.while_over
def _has_pictures(run: Run) -> bool:
    with contextlib.suppress(InputError):
        return not run.config().data.is_points and bool(run.samples())
    return False


def _pick(root: Path, found: list[Listed]) -> Run | None:
    names = owning.names(found)

    def find(run_id: str) -> None:
        runs.find(root, run_id)
        raise InputError("This run has no sample images, which a quiz needs; choose another run.")

    chosen = picking.pick("Run", names, parameter="run", key="quiz/run", find=find)
    return next((listed.run for listed in found if listed.run.id == chosen), None)


def _offer(root: Path, run: Run, start: Callable[[Quiz], object]) -> None:
    """Draw the choice of moments and pictures, and the buttons."""
    steps = list(run.samples())
    if not steps:  # deleted meanwhile
        raise InputError("The samples of this run are missing; choose another run.")
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    chosen = left.multiselect(
        "Moments of the training",
        steps,
        default=questions.usual(steps),
        max_selections=questions.MOST_MOMENTS,
        format_func=lambda step: f"Step {step:,}",
        key=f"quiz/steps/{run.id}",
        placeholder="Choose up to four",
        help="The quiz goes from the earliest to the latest. Early samples are easy to tell from real images, later ones hard.",
    )
    size = right.segmented_control(
        "Pictures at each moment",
        questions.SIZES,
        default=questions.USUAL_SIZE,
        required=True,
        key="quiz/size",
        help="Half of them are real. More pictures make the result more certain.",
    )

    def open_round() -> None:
        opened, key = rounds.create(root, questions.draw(run, chosen, size or questions.USUAL_SIZE))
        st.query_params.from_dict({"round": opened.code, "key": key})

    place = actions.place("quiz/start")
    with st.container(horizontal=True, gap="small"):
        if actions.button(
            "Start",
            lambda: start(questions.draw(run, chosen, size or questions.USUAL_SIZE)),
            key="quiz/start",
            place=place,
            type="primary",
            icon=":material/play_arrow:",
        ):
            st.rerun()
        if actions.button(
            "Open a round for a class",
            open_round,
            key="quiz/open",
            place=place,
            icon=":material/groups:",
            help="Students answer on their own devices; you reveal the result.",
        ):
            st.rerun()


def _offer_joining(root: Path) -> None:
    """Ask for the code of a round, and lead back to those opened in this session."""
    for mine in st.session_state.get("quiz/key", {}):
        if st.button(f"Back to round {mine}", key=f"quiz/back/{mine}", icon=":material/undo:"):
            st.query_params["round"] = mine
            st.rerun()
    with st.form("quiz/code", border=False), st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        code = st.text_input("Code of a round", max_chars=20, placeholder="6 letters and digits", width=240)
        is_asked = st.form_submit_button("Join a round")
    if is_asked:
        with frame.spoken_errors():
            st.query_params.from_dict({"round": rounds.find(root, code).code})
            st.rerun()
