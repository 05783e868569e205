"""Quiz page: real or generated? One person or a class against the discriminator."""

from __future__ import annotations

from dataclasses import dataclass, field

import streamlit as st

from gan.quiz.questions import Quiz
from pages.parts import frame
from pages.parts.quizzing import asking, choosing, reveal, room

root = frame.begin("Quiz")

_ALONE = "quiz/alone"  # the quiz of one person


@dataclass
class Alone:
    """The quiz of one person, kept in the session."""

    quiz: Quiz
    answers: dict[int, bool] = field(default_factory=dict)


def begin(quiz: Quiz) -> None:
    st.session_state[_ALONE] = Alone(quiz)


def forget() -> None:
    st.session_state.pop(_ALONE, None)


def play(alone: Alone) -> None:
    """Ask one person about all pictures, then show the result."""
    if len(alone.answers) < len(alone.quiz.pictures):
        asking.ask(alone.quiz, lambda: alone.answers, alone.answers.setdefault)
        with st.container(horizontal_alignment="center"):
            st.button("Stop", key="quiz/stop", type="tertiary", on_click=forget)
        return
    st.title("Quiz")
    reveal.show(alone.quiz, alone.answers)
    st.button("Another quiz", key="quiz/again", type="primary", on_click=forget)


with frame.spoken_errors():
    if code := st.query_params.get("round"):
        room.show(root, code)
    elif alone := st.session_state.get(_ALONE):
        play(alone)
    else:
        st.title("Quiz")
        choosing.show(root, begin)
