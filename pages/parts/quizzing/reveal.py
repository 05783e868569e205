"""The result of a quiz: the pictures with right and wrong answers, points next to the discriminator's curve, and figures."""

from __future__ import annotations

import html
from collections.abc import Sequence

import streamlit as st

from gan.quiz import results
from gan.quiz.questions import Quiz
from gan.quiz.results import Answers, Point
from gan.quiz.roc import Interval
from gan.words import percent
from pages.parts import charts, words
from pages.parts.charts import CLASS, DISCRIMINATOR, YOU

_STYLE = """<style>
.quiz-pictures {display: grid; grid-template-columns: repeat(auto-fill, minmax(3.6rem, 1fr)); gap: .5rem}
.quiz-pictures figure {margin: 0; text-align: center; font-size: .8rem; line-height: 1.5}
.quiz-pictures img {width: 100%; image-rendering: pixelated; display: block; border-radius: .25rem; outline: 3px solid #12b886}
.quiz-pictures .quiz-wrong img {outline: 3px dashed #f76707}
</style>"""

_HELP = (
    "Each point shows the shares of the real pictures (up) and of the generated ones (right) that were taken for real. The upper "
    "left corner is perfect; guessing lies on the diagonal. Bars are 95 % intervals (Wilson; for a class, with the spread between "
    "students). The curve shows all thresholds on the discriminator's output. AUC, with Newcombe's 95 % interval, is the "
    "probability that of a real and a generated picture the real one has the higher output."
)


def show(quiz: Quiz, mine: Answers | None, students: Sequence[tuple[str, Answers]] = ()) -> None:
    """Show the result of one person (``mine``), of a class (name and answers of each student), or of both."""
    everyone = [answers for _, answers in students]
    groups = ({YOU: [mine]} if mine else {}) | ({CLASS: everyone} if everyone else {})
    if not groups:
        st.info("No answers were given; there is no result.")
    for who, answers in groups.items():
        st.markdown(f"**{words.escape(results.tell(results.point(quiz, answers), _name(who)))}**")
    if missing := results.tell_alone(quiz):
        st.caption(words.escape(missing))
    _show_pictures(quiz, mine, everyone)
    if not groups:
        return
    st.subheader("Against the discriminator", help=_HELP)
    found = {step: {who: results.point(quiz, answers, step) for who, answers in groups.items()} for step in quiz.steps}
    with st.grid(len(quiz.steps), min_column_width=270, gap="small"):
        for step in quiz.steps:
            with st.container():
                _show_moment(quiz, step, found[step], students)
    if len(quiz.steps) > 1:
        st.subheader(
            "Over the training",
            help="The discriminator's accuracy: as many pictures as are real, those with the highest outputs, are called real.",
        )
        lines = {who: [_accuracy(found[step][who]) for step in quiz.steps] for who in groups} | _rival_line(quiz)
        about = "Share of right answers at each step, with 95 % intervals"
        st.plotly_chart(charts.accuracies(quiz.steps, lines), key="quiz/accuracies", alt=about, config=charts.camera("quiz"))
    with st.expander("Figures", icon=":material/table:"):
        st.table([_row(quiz, step, found[step]) for step in quiz.steps])


def _name(who: str) -> str:
    return "You" if who == YOU else "The class"


def _show_pictures(quiz: Quiz, mine: Answers | None, everyone: Sequence[Answers]) -> None:
    """Show all pictures by moment, real ones first, each with your answer and the share of the class that was right."""
    shares = results.shares_right(quiz, everyone)
    st.html(_STYLE)
    for step in quiz.steps:
        st.markdown(f"**Step {step:,}**")
        for column, is_real in zip(st.columns(2, gap="medium"), (True, False), strict=True):
            places = [place for place in quiz.places(step) if quiz.pictures[place].is_real == is_real]
            cells = "".join(_cell(quiz, place, mine, shares[place]) for place in places)
            column.caption("Real" if is_real else "Generated")
            column.html(f'<div class="quiz-pictures">{cells}</div>')


def _cell(quiz: Quiz, place: int, mine: Answers | None, share: tuple[int, int]) -> str:
    """Return one picture with its marks as HTML."""
    picture, (right, answers) = quiz.pictures[place], share
    told, about, is_wrong = [], ["Real" if picture.is_real else "Generated"], answers > 0 and 2 * right < answers
    if mine is not None:
        if place in mine:
            is_wrong = mine[place] != picture.is_real
            told.append("✗" if is_wrong else "✓")
            about.append(f"you said {'real' if mine[place] else 'generated'}")
        else:
            is_wrong = False
            told.append("–")
    if answers:
        told.append(percent(right / answers))
        about.append(f"{right} of {answers} right")
    kind = ' class="quiz-wrong"' if is_wrong else ""
    image = f'<img src="data:image/png;base64,{picture.thumbnail()}" alt="{html.escape(", ".join(about))}">'
    return f"<figure{kind}>{image}<figcaption>{' · '.join(told)}</figcaption></figure>"


def _show_moment(quiz: Quiz, step: int, points: dict[str, Point], students: Sequence[tuple[str, Answers]]) -> None:
    """Show one moment: the chart, and in a sentence each how the discriminator and the others did."""
    rival = results.rival(quiz, step)
    each = [(name, results.point(quiz, [answers], step)) for name, answers in students]
    st.markdown(f"**Step {step:,}**")
    st.plotly_chart(
        charts.detection(rival, points, each),
        key=f"quiz/roc/{step}",
        alt=f"Share of real against share of generated pictures taken for real at step {step:,}",
        config=charts.camera(f"quiz-{step}"),
    )
    if rival:
        told = [results.tell_rival(rival, step)]
        told += [results.compare(point, rival, _name(who)) for who, point in points.items() if point.is_whole]
        st.caption(words.escape(" ".join(told)))


def _accuracy(point: Point) -> tuple[float, Interval] | None:
    return (point.accuracy, point.interval()) if point.answered else None


def _rival_line(quiz: Quiz) -> dict[str, list[tuple[float, Interval] | None]]:
    """Return the accuracy of the discriminator at each moment, if it is known at any."""
    found = [results.rival(quiz, step) for step in quiz.steps]
    return {DISCRIMINATOR: [(one.accuracy, one.interval()) if one else None for one in found]} if any(found) else {}


def _row(quiz: Quiz, step: int, points: dict[str, Point]) -> dict[str, str]:
    """Return the figures of a moment as text."""
    row = {"Step": f"{step:,}"}
    for who, point in points.items():
        row[f"{who}: right"] = f"{point.right} of {point.answered}" + (
            f" ({results.spoken(point.interval())})" if point.answered else ""
        )
        if point.is_whole:
            row[f"{who}: real taken for real"] = f"{percent(point.hit_rate)} ({results.spoken(point.hit_interval())})"
            row[f"{who}: generated taken for real"] = f"{percent(point.alarm_rate)} ({results.spoken(point.alarm_interval())})"
    if rival := results.rival(quiz, step):
        low, high = rival.area_interval()
        row["discriminator: AUC"] = f"{rival.area:.2f} ({low:.2f} to {high:.2f})"
        row["discriminator: right"] = f"{percent(rival.accuracy)} ({results.spoken(rival.interval())})"
    return row
