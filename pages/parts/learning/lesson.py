"""One lesson: the bet, what is done on the stage, the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping

import streamlit as st

from gan.catalogue.losses import LOSSES
from gan.judging.glossary import SCORES
from gan.lessons import LESSONS, Lesson
from gan.lessons.lesson import MINUTES
from pages.parts import losses, words
from pages.parts.learning import links, stages
from pages.parts.learning.stages import Seen

_BETS = "learn/bets"  # lesson → number of the choice
_DONE = "learn/done"  # lessons whose answer has been shown

#: Text and game share a wide page; on a narrow one the answer follows the game.
_STYLE = """<style>
.st-key-learn-text p {max-width: 60ch}
@media (min-width: 1000px) {
  .st-key-learn-lesson {display: grid; gap: 1rem 2rem;
    grid-template: "text stage" auto "answer stage" 1fr / minmax(17rem, 5fr) 11fr}
  .st-key-learn-lesson > :has(> .st-key-learn-text) {grid-area: text}
  .st-key-learn-lesson > :has(> .st-key-learn-stage) {grid-area: stage}
  .st-key-learn-lesson > :has(> .st-key-learn-answer) {grid-area: answer}
}
</style>"""


def done() -> set[str]:
    """Return the lessons that this visitor has finished."""
    found: set[str] = st.session_state.setdefault(_DONE, set())
    return found


def show(lesson: Lesson) -> None:
    """Draw a lesson as far as the visitor has come: the bet, then the stage, then the answer."""
    bet = st.session_state.setdefault(_BETS, {}).get(lesson.name)
    _show_heading(lesson)
    if bet is None:
        _ask(lesson)
        return
    st.html(_STYLE)
    with st.container(key="learn-lesson"):
        text, stage, answer = (st.container(key=f"learn-{part}") for part in ("text", "stage", "answer"))
        with text:
            st.markdown(words.escape(lesson.question))
            st.markdown(f"**Your bet:** {words.escape(lesson.choices[bet])}")
            st.markdown(f"**Now:** {words.escape(lesson.task)}")
        with stage:
            seen = stages.show(lesson)
        with answer:
            if seen is None and lesson.name not in done():
                if st.button("Show the answer", key="learn/answer", help="Without playing to the end."):
                    done().add(lesson.name)
                    st.rerun()
                return
            done().add(lesson.name)
            _answer(lesson, bet, seen)


def _show_heading(lesson: Lesson) -> None:
    number = list(LESSONS).index(lesson.name) + 1
    st.caption(
        f"Lesson {number} of {len(LESSONS)} · {sum(MINUTES)} minutes: bet {MINUTES[0]}, play {MINUTES[1]}, answer {MINUTES[2]}"
    )
    st.title(words.escape(lesson.title))


def _ask(lesson: Lesson) -> None:
    """Ask for the bet."""
    st.markdown(f"#### {words.escape(lesson.question)}")
    st.caption("Place your bet first; then play.")
    for index, choice in enumerate(lesson.choices):
        if st.button(words.escape(choice), key=f"learn/bet/{lesson.name}/{index}"):
            st.session_state[_BETS][lesson.name] = index
            st.rerun()


def _answer(lesson: Lesson, bet: int, seen: Seen | None) -> None:
    """Show whether the bet was right, the figures, the reason, the sentence to take home and its sources."""
    if bet == lesson.right:
        st.success("Your bet was right.", icon=":material/check:")
    else:
        st.error(f"Not this time. Right: {words.escape(lesson.choices[lesson.right])}.", icon=":material/close:")
    _tabulate(seen, stages.certain(lesson))
    st.markdown(words.escape(lesson.answer))
    with st.container(border=True):
        st.markdown(f"**To take home.** {words.escape(lesson.take_home)}")
    for paper in lesson.papers:
        st.markdown(f"[{words.escape(paper.title)}]({paper.url})")
    _explain(lesson)
    if st.button("Bet again", key="learn/again"):
        st.session_state[_BETS].pop(lesson.name)
        st.rerun()


def _tabulate(seen: Seen | None, certain: Seen) -> None:
    """Show what was measured here beside what holds for every seed."""
    rows: dict[str, Mapping[str, str]] = dict(seen or certain)
    lines = ["| | measured here | with every seed tried |", "| --- | --- | --- |"]
    for row, figures in rows.items():
        for title in figures:
            here = figures[title] if seen else "–"
            lines.append(f"| {words.escape(row)}: {words.escape(title)} | **{here}** | {certain.get(row, {}).get(title, '–')} |")
    st.markdown("\n".join(lines))


def _explain(lesson: Lesson) -> None:
    """Offer the texts of the glossary and of the catalogue of losses on the words of the lesson."""
    part = st.expander("The words used here", key=f"learn/words/{lesson.name}", on_change="rerun")
    if not part.open:
        return
    with part:
        for key in lesson.scores:
            score = SCORES[key]
            st.markdown(f"**{score.title}.** {words.escape(score.meaning)}")
            st.caption(f"{words.escape(score.formula)}, {score.range}. {words.escape(score.source)}")
        for key in lesson.losses:
            st.markdown(f"**{LOSSES[key].title} loss**")
            losses.explain(LOSSES[key])


def show_course() -> None:
    """Draw all lessons as cards, those that are done marked, and the share that is done."""
    finished = done() & set(LESSONS)
    st.progress(len(finished) / len(LESSONS), text=f"{len(finished)} of {len(LESSONS)} lessons done")
    with st.grid(3, min_column_width=260, gap="small") as grid:
        for number, lesson in enumerate(LESSONS.values(), 1):
            with grid.cell(), st.container(border=True, height="stretch"):
                links.link(lesson.name, f"**{number}. {words.escape(lesson.title)}**")
                st.caption(words.escape(re.split(r"(?<=[.?]) ", lesson.question)[-1]))
                if lesson.name in finished:
                    st.badge("done", icon=":material/check:", color="green")
                else:
                    st.badge(f"{sum(MINUTES)} minutes", icon=":material/schedule:", color="gray")


def show_neighbours(lesson: Lesson) -> None:
    """Draw links to the lessons before and after, and to the list."""
    names = list(LESSONS)
    place = names.index(lesson.name)
    with st.container(horizontal=True, horizontal_alignment="distribute", gap="small"):
        if place:
            links.link(names[place - 1], f"Previous: {LESSONS[names[place - 1]].title}", icon=":material/arrow_back:")
        st.page_link("pages/learn.py", label="All lessons", width="content", icon=":material/list:")
        if place + 1 < len(names):
            links.link(names[place + 1], f"Next: {LESSONS[names[place + 1]].title}", icon=":material/arrow_forward:")
