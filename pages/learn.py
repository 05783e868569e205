"""Learn page: lessons that are played, each with a bet before its answer."""

from __future__ import annotations

import streamlit as st

from gan.lessons.course import find
from pages.parts import frame
from pages.parts.learning import course, lesson

frame.begin("Learn")

st.html(course.LINKS)
chosen = None
if name := st.query_params.get("lesson"):
    with frame.spoken_errors():
        chosen = find(name)
if chosen is None:
    st.title("Learn")
    st.caption("One question each: bet on the answer, play, and see who is right.")
    course.show()
else:
    lesson.show(chosen)
    lesson.show_neighbours(chosen)
