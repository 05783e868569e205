"""All lessons as cards."""

from __future__ import annotations

import streamlit as st

from gan.lessons.course import LESSONS
from gan.lessons.lesson import MINUTES
from pages.parts import frame, words
from pages.parts.learning import drawings, links, progress

#: Links to other states of this page look like links, not like the entry of the present page in a menu.
LINKS = """<style>
:is(.st-key-learn-course, .st-key-learn-neighbours) [data-testid="stPageLink"] a {background: none; padding: .25rem 0}
:is(.st-key-learn-course, .st-key-learn-neighbours) [data-testid="stPageLink"] :is(a, span, p)
  {white-space: normal; overflow: visible}
</style>"""


def show() -> None:
    """Draw all lessons, those that are done marked, and the share that is done."""
    count = sum(progress.of(name).is_done for name in LESSONS)
    following = next((name for name in LESSONS if not progress.of(name).is_done), "")
    if following and st.button(f"Start: {LESSONS[following].title}", type="primary", key="learn/start", icon=":material/school:"):
        frame.go("pages/learn.py", lesson=following)
    st.progress(count / len(LESSONS), text=f"{count} of {len(LESSONS)} lessons done, {sum(MINUTES)} minutes each")
    with st.grid(3, min_column_width=260, gap="small", key="learn-course"):
        for number, lesson in enumerate(LESSONS.values(), 1):
            with st.container(border=True, height="stretch", gap="xsmall"):
                st.image(drawings.of(lesson.name), width="stretch", alt=lesson.title)
                links.link(lesson.name, f"**{number}. {words.escape(lesson.title)}**")
                st.caption(words.escape(lesson.summary))
                if progress.of(lesson.name).is_done:
                    st.badge("done", icon=":material/check:", color="green")
