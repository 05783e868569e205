"""One picture after the other, with the two answers as large buttons and keys."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import streamlit as st

from gan.errors import InputError
from gan.quiz.questions import Quiz
from gan.quiz.results import Answers
from pages.parts import frame

_REFUSAL = "quiz/refusal"  # why the latest answer could not be stored
_SIDE = 288  # pixels of a picture on the page: enlarged further, small pictures fall apart into squares

_STYLE = """<style>
.st-key-quiz-desk img {image-rendering: pixelated; border-radius: .4rem}
.st-key-quiz-answers > div {flex: 1 1 0}
.st-key-quiz-answers button {min-height: 4rem}
.st-key-quiz-answers button p {font-size: 1.15rem; font-weight: 600}
</style>"""


@frame.fragment(None)
def ask(quiz: Quiz, look: Callable[[], Answers | None], answer: Callable[[int, bool], object]) -> None:
    """Ask about the first picture without an answer.

    ``look`` returns the answers so far, or None if no more are taken; then, and after the last picture, the page is run again.
    ``answer`` stores the answer to the picture at a place: whether it was called real.
    """
    with frame.spoken_errors():
        answers = look()
        missing = [] if answers is None else [place for place in range(len(quiz.pictures)) if place not in answers]
        if not missing:
            st.rerun()
        place = missing[0]
        step = quiz.pictures[place].step
        moment = quiz.places(step)
        st.html(_STYLE)
        middle = st.container(horizontal_alignment="center")
        with middle.container(key="quiz-desk", width=400, horizontal_alignment="center"):
            st.markdown(f"**Real or generated?** · Step {step:,}")
            pixels = quiz.pictures[place].pixels()
            scale = -(-_SIDE // pixels.shape[1])
            large = np.repeat(np.repeat(pixels, scale, axis=0), scale, axis=1)
            st.image(large, width=_SIDE, output_format="PNG", alt=f"Picture {place + 1} of {len(quiz.pictures)}")
            complain()
            with st.container(key="quiz-answers", horizontal=True, gap="small"):
                for label, is_real, shortcut in (("Real", True, "Left"), ("Generated", False, "Right")):
                    # The key names the picture: a second click that was meant for this one never answers the next.
                    key = f"quiz/{label.lower()}/{place}"
                    st.button(label, key=key, shortcut=shortcut, width="stretch", on_click=_store, args=(answer, place, is_real))
            told = f"Moment {quiz.steps.index(step) + 1} of {len(quiz.steps)}, picture {moment.index(place) + 1} of {len(moment)}"
            st.progress(len(answers or ()) / len(quiz.pictures), text=told)


def complain() -> None:
    """Show why the latest answer could not be stored, if so."""
    if refusal := st.session_state.pop(_REFUSAL, None):
        frame.complain(refusal)


def _store(answer: Callable[[int, bool], object], place: int, is_real: bool) -> None:
    try:
        answer(place, is_real)
    except (InputError, OSError) as error:
        st.session_state[_REFUSAL] = frame.in_words(error)
