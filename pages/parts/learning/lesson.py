"""One lesson: the bet, what is done on the stage, the answer."""

from __future__ import annotations

import streamlit as st

from gan.catalogue.losses import LOSSES
from gan.judging.glossary import SCORES
from gan.lessons.course import LESSONS
from gan.lessons.lesson import MINUTES, Lesson
from pages.parts import losses, words
from pages.parts.learning import links, progress, stages
from pages.parts.learning.progress import Progress

#: Text and stage share a wide page; on a narrow one the answer follows the stage.
_STYLE = """<style>
ol.steps.steps {display: flex; flex-wrap: wrap; gap: .35rem .9rem; margin: 0; padding: 0; list-style: none; font-size: .875rem}
.steps li {margin: 0; padding: .1rem 0; border-bottom: 3px solid transparent; opacity: .7}
.steps li[aria-current] {border-color: var(--st-primary-color, #4f46e5); opacity: 1; font-weight: 600}
.st-key-learn-stage [data-testid="stImage"] img {border: 1px solid #88888855; border-radius: .6rem}
.st-key-learn-text p, .st-key-learn-answer p {max-width: 62ch}
@media (max-width: 999px) {.st-key-learn-stage [data-testid="stImage"] img {max-width: 13rem !important}
  .st-key-learn-stage [data-testid="stImageCaption"] {text-align: left}}
@media (min-width: 1000px) {
  .st-key-learn-lesson {display: grid; gap: 1rem 2rem;
    grid-template: "text stage" auto "answer stage" 1fr / minmax(19rem, 6fr) 11fr}
  .st-key-learn-lesson > :has(> .st-key-learn-text) {grid-area: text}
  .st-key-learn-lesson > :has(> .st-key-learn-stage) {grid-area: stage}
  .st-key-learn-lesson > :has(> .st-key-learn-answer) {grid-area: answer}
}
</style>"""


def show(lesson: Lesson) -> None:
    """Draw a lesson as far as the visitor has come: the bet, then the stage, then the answer."""
    so_far = progress.of(lesson.name)
    st.html(_STYLE)
    st.title(words.escape(lesson.title))
    _show_steps(lesson, so_far)
    with st.container(key="learn-lesson"):
        text, stage, answer = (st.container(key=f"learn-{part}") for part in ("text", "stage", "answer"))
        with text:
            st.markdown(f"**{words.escape(lesson.question)}**" if so_far.bet is None else words.escape(lesson.question))
            if so_far.bet is not None:
                st.markdown(f"**Your bet:** {words.escape(lesson.choices[so_far.bet])}")
                st.markdown(f"**Now:** {words.escape(lesson.task)}")
        with stage:
            if so_far.bet is None:
                stages.preview(lesson)
            else:
                stages.show(lesson, so_far)
        with answer:
            if so_far.bet is None:
                _ask(lesson, so_far)
            elif so_far.has_answer:
                _answer(lesson, so_far)
            elif st.button("Show the answer", key="learn/answer", type="tertiary", help="Without playing to the end."):
                so_far.is_shown = True
                st.rerun()


def _show_steps(lesson: Lesson, so_far: Progress) -> None:
    """Show the number of the lesson and its three parts with their minutes, the present one marked."""
    number = list(LESSONS).index(lesson.name) + 1
    now = 0 if so_far.bet is None else 2 if so_far.has_answer else 1
    parts = "".join(
        f"<li{' aria-current=step' if place == now else ''}>{part}, {minutes} min</li>"
        for place, (part, minutes) in enumerate(zip(("Bet", "Play", "Answer"), MINUTES, strict=True))
    )
    st.html(f'<ol class="steps"><li>Lesson {number} of {len(LESSONS)}</li>{parts}</ol>')


def _ask(lesson: Lesson, so_far: Progress) -> None:
    """Ask for the bet."""
    with st.container(key="learn-bets", gap="small"):
        st.caption("Place your bet, then play.")
        for index, choice in enumerate(lesson.choices):
            if st.button(words.escape(choice), key=f"learn/bet/{lesson.name}/{index}", width="stretch"):
                so_far.bet = index
                st.rerun()


def _answer(lesson: Lesson, so_far: Progress) -> None:
    """Show whether the bet was right, the figures, the reason, the sentence to take home and its sources."""
    so_far.is_done = True
    if so_far.bet == lesson.right:
        st.success("Your bet was right.", icon=":material/check:")
    else:
        st.error(f"Your bet was wrong. Right: {words.escape(lesson.choices[lesson.right])}.", icon=":material/close:")
    _tabulate(lesson, so_far)
    st.markdown(words.escape(lesson.answer))
    with st.container(border=True):
        st.markdown(f"**To take home.** {words.escape(lesson.take_home)}")
    st.markdown("  \n".join(f"[{words.escape(paper.title)}]({paper.url})" for paper in lesson.papers))
    _explain(lesson)
    if st.button("Begin again", key="learn/again", icon=":material/replay:"):
        so_far.again()
        st.rerun()


def _tabulate(lesson: Lesson, so_far: Progress) -> None:
    """Show what was measured here, if anything was, next to what holds with every seed."""
    certain = stages.certain(lesson)
    rows = so_far.measured | {name: so_far.measured.get(name, {}) for name in certain}
    titles = list(dict.fromkeys(title for name, here in rows.items() for title in {**certain.get(name, {}), **here}))
    cells: list[tuple[str, str, str]] = []  # what was measured here in the middle
    for title in titles:
        cells += [(f"**{words.escape(title)}**", "", "")] if cells else [(words.escape(title), "here", "every seed"), ("---",) * 3]
        for name, here in rows.items():
            if title in here or title in certain.get(name, {}):
                bounds = certain.get(name, {}).get(title, "–")
                cells.append((words.escape(name), f"**{here.get(title, '–')}**", words.escape(bounds)))
    if cells:
        shown = slice(None) if so_far.measured else slice(None, None, 2)
        st.markdown("\n".join(f"| {' | '.join(row[shown])} |" for row in cells))
        ours = "“Here” is yours; the" if so_far.measured else "The"
        st.caption(f"{ours} last column holds with every seed that was tried.")


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


def show_neighbours(lesson: Lesson) -> None:
    """Draw links to the lessons before and after, and to the list."""
    names = list(LESSONS)
    place = names.index(lesson.name)
    with st.container(horizontal=True, horizontal_alignment="distribute", gap="small", key="learn-neighbours"):
        if place:
            links.link(names[place - 1], f"Previous: {LESSONS[names[place - 1]].title}", icon=":material/arrow_back:")
        st.page_link("pages/learn.py", label="All lessons", width="content", icon=":material/list:")
        if place + 1 < len(names):
            links.link(names[place + 1], f"Next: {LESSONS[names[place + 1]].title}", icon=":material/arrow_forward:")
