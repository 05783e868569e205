"""Links from words on other pages to the lessons on them."""

from __future__ import annotations

import streamlit as st

from gan.lessons import course


def offer(*keys: str) -> None:
    """Draw a link to each lesson on any of some words: keys of scores or losses, names of verdicts; nothing if there is none."""
    if found := course.about(*keys):
        with st.container(horizontal=True, gap="small"):
            for lesson in found:
                link(lesson.name, f"Lesson: {lesson.title}", icon=":material/school:")


def link(name: str, label: str, **look: str) -> None:
    """Draw a link to a lesson."""
    st.page_link("pages/learn.py", label=label, query_params={"lesson": name}, width="content", **look)  # type: ignore[arg-type]
