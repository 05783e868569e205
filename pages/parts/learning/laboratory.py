"""The stage of lessons on scores: the laboratory, and the scores of its cases in words."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace
from typing import Any

import streamlit as st

from gan import words
from gan.errors import InputError
from gan.judging import lines
from gan.judging.glossary import SCORES
from gan.lessons.laboratory import FEATURES, Laboratory
from gan.lessons.lesson import Claim, Lesson
from gan.runs import examples
from pages.parts import pictures
from pages.parts.learning.progress import Progress, Seen
from pages.parts.playing import component


def show(lesson: Lesson, so_far: Progress) -> None:
    """Draw the laboratory of a lesson; it is measured when each of its cases is."""
    stage: Laboratory = lesson.stage
    key = f"learn/{lesson.name}/{so_far.turn}"

    def reach() -> None:
        so_far.measured |= _read(component.answer("reached", key), stage)

    component.show_lab(stage, key, reach)


def preview(stage: Laboratory) -> None:
    """Draw what is measured before anything is done to it: real digits, or samples of the example that ships with the program."""
    with contextlib.suppress(InputError), st.container(width=400):
        run = examples.healthy()
        if stage.lab == "pictures":
            pictures.show(run.reals_path, "64 real digits", "Real digits.")
        else:
            pictures.show(list(run.samples().values())[-1], "64 generated digits", "What the generator draws with usual vectors.")


def certain(stage: Laboratory) -> Seen:
    """Return what the scores of each case are with every seed that was tried."""
    return {case.name: {_title(claim): _bounds(claim) for claim in case.claims} for case in stage.cases}


def _read(raw: Any, stage: Laboratory) -> Seen:
    """Return the scores that a browser sent, in words; nothing if they are not those of this stage."""
    cases = raw.get("cases") if isinstance(raw, dict) else None
    if not isinstance(cases, list) or len(cases) != len(stage.cases) or not all(isinstance(scores, dict) for scores in cases):
        return {}
    return {
        case.name: {_title(claim): _in_words(claim.figure, scores.get(claim.figure)) for claim in case.claims}
        for case, scores in zip(stage.cases, cases, strict=True)
    }


def _title(claim: Claim) -> str:
    if claim.figure == "fid":
        return lines.label({"extractor": FEATURES, "extractor_id": ""})
    return SCORES[claim.figure].title


def _in_words(figure: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return "–"
    return words.percent(value) if SCORES[figure].is_share else words.number(value)


def _bounds(claim: Claim) -> str:
    """Return a claim in words, shares as whole numbers of per cent: they are limits, not measurements."""
    if not SCORES[claim.figure].is_share:
        return str(claim)
    least, most = (limit and round(100 * limit) for limit in (claim.least, claim.most))
    return f"{replace(claim, least=least, most=most)} %"
