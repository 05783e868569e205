"""Quiz page: real or generated? One person or a class against the discriminator."""

from __future__ import annotations

import streamlit as st

from pages.parts import frame
from pages.parts.quizzing import alone, asking, choosing, reveal, room
from pages.parts.quizzing.alone import Alone

root = frame.begin("Quiz")


def play(mine: Alone) -> None:
    """Ask one person about all pictures, then show the result."""
    if len(mine.answers) < len(mine.quiz.pictures):
        asking.ask(mine.quiz, lambda: mine.answers, mine.answers.setdefault)
        with st.container(horizontal_alignment="center"):
            st.button("Stop", key="quiz/stop", type="tertiary", on_click=alone.forget)
        return
    st.title("Quiz")
    reveal.show(mine.quiz, mine.answers)
    st.button("Another quiz", key="quiz/again", type="primary", on_click=alone.forget)


with frame.spoken_errors():
    if code := st.query_params.get("round"):
        room.show(root, code)
    elif mine := alone.current():
        play(mine)
    else:
        st.title("Quiz")
        choosing.show(root, alone.begin)
