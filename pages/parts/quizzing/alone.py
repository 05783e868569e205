"""The quiz of one person: kept in the server's memory under a random name, so that a reloaded page goes on with it."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field

import streamlit as st

from gan.quiz.questions import Quiz

#: URL parameter with the name of a quiz. The name is random: it cannot be guessed, and says nothing about the pictures.
PARAMETER = "alone"

_MOST = 100  # quizzes that are kept; the oldest is forgotten first
_ALONE = "quiz/alone"  # the quiz of this session


@dataclass
class Alone:
    """A quiz, and the answers so far."""

    token: str
    quiz: Quiz
    answers: dict[int, bool] = field(default_factory=dict)


_kept: dict[str, Alone] = {}
_lock = threading.Lock()


def begin(quiz: Quiz) -> None:
    """Let this session play a quiz."""
    alone = Alone(secrets.token_urlsafe(12), quiz)
    with _lock:
        _kept[alone.token] = alone
        while len(_kept) > _MOST:
            del _kept[next(iter(_kept))]
    st.session_state[_ALONE] = alone


def forget() -> None:
    """End the quiz of this session."""
    alone: Alone | None = st.session_state.pop(_ALONE, None)
    st.query_params.pop(PARAMETER, None)
    if alone:
        with _lock:
            _kept.pop(alone.token, None)


def current() -> Alone | None:
    """Return the quiz of this session, or after a reload the one that the URL names; None if there is none."""
    alone: Alone | None = st.session_state.get(_ALONE)
    token = st.query_params.get(PARAMETER)
    if token and (alone is None or alone.token != token):
        with _lock:
            alone = _kept.get(token)
        if alone is None:
            del st.query_params[PARAMETER]
            st.info("That quiz is no longer kept, as quizzes end with the server; start another one.", icon=":material/info:")
    if alone:
        st.session_state[_ALONE] = alone
        st.query_params[PARAMETER] = alone.token
    return alone
