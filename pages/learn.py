"""Learn page: lessons that are played, each with a bet before its answer."""

from __future__ import annotations

import streamlit as st

from gan import lessons
from pages.parts import frame
from pages.parts.learning import lesson

frame.begin("Learn")

chosen = None
if name := st.query_params.get("lesson"):
    with frame.spoken_errors():
        chosen = lessons.find(name)
if chosen is None:
    st.title("Learn")
    lesson.show_course()
else:
    lesson.show(chosen)
    lesson.show_neighbours(chosen)
