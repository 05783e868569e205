"""Learn page: lessons that are played, each with a bet before its answer."""

from __future__ import annotations

import streamlit as st

from gan.lessons.course import find
from pages.parts import frame
from pages.parts.learning import course, lesson

frame.begin("Learn")

st.html(course.LINKS)
# A link to the page that is shown leaves the address of the browser as it is (Streamlit 1.67), so the page writes it.
chosen = None
if name := st.query_params.get("lesson"):
    with frame.spoken_errors():
        chosen = find(name)
if chosen is None:
    if not name:
        st.query_params.clear()
    st.title("Learn")
    st.caption("One question each: bet on the answer, play, and see who is right.")
    course.show()
else:
    st.query_params["lesson"] = chosen.name
    lesson.show(chosen)
    lesson.show_neighbours(chosen)
