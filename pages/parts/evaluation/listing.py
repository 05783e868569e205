"""The table of scores on the Evaluate page, and its downloads."""

from __future__ import annotations

from typing import Any

import streamlit as st

from gan.judging.glossary import SCORES
from gan.judging.lines import noun
from gan.words import escape, percent
from pages.parts.evaluation import board, texts
from pages.parts.evaluation.board import Selection
from pages.parts.evaluation.columns import FORMATS, INTERVALS, WIDTHS, about, facts, height_of_rows

TABLE_HEIGHT, HEAD_HEIGHT = 560, 38  # pixels


def show_table(selection: Selection, columns: list[str]) -> None:
    """Show the table with the chosen columns, and its downloads."""
    whole, made = selection.board, selection.table
    titles, line = whole.titles, whole.each[0]
    are_folded = len(selection.runs) > sum(selection.sizes.values()) + int((made["group"] == 0).sum())
    columns = [*columns, "runs"] if are_folded else columns
    height = height_of_rows({name: made[name] for name in WIDTHS})
    st.dataframe(
        board.display(selection),
        row_height=height,
        height=min(TABLE_HEIGHT, HEAD_HEIGHT + height * len(made)),
        key="scores",
        placeholder="–",
        column_order=[titles[name] for name in columns],
        column_config=config_of(selection, height),
        alt="Scores of the chosen runs and the settings that differ",
    )
    accuracy = line.get("extractor_accuracy")
    if isinstance(accuracy, float):
        st.caption(
            f"Features: {line['extractor']}, a small classifier trained on this data set's labels ({percent(accuracy)} accuracy on "
            "held-out images). Its FID is not comparable with an Inception FID."
        )
    for note in dict.fromkeys(one["extractor_note"] for one in whole.each if one.get("extractor_note")):
        st.caption(escape(str(note)))
    with st.container(horizontal=True, gap="small"):
        st.download_button(
            "Download CSV",
            lambda: texts.csv(made, titles),
            "scores.csv",
            "text/csv",
            icon=":material/download:",
            key="csv",
            on_click="ignore",
            help="All columns, including hidden ones, at full precision.",
        )
        st.download_button(
            "Download Markdown",
            lambda: texts.markdown(texts.written(made, columns, titles)),
            "scores.md",
            "text/markdown",
            icon=":material/download:",
            key="markdown",
            on_click="ignore",
            help="The visible columns without pictures; scores as mean ± spread.",
        )
        st.download_button(
            "Download LaTeX",
            lambda: texts.latex(texts.written(made, columns, titles)),
            "scores.tex",
            "text/x-tex",
            icon=":material/download:",
            key="latex",
            on_click="ignore",
            help="The visible columns as a tabular; requires the package booktabs.",
        )


def config_of(selection: Selection, height: int) -> dict[str, Any]:
    """Return the column configuration by title; ``height`` is the row height in pixels."""
    number, text, badges = st.column_config.NumberColumn, st.column_config.TextColumn, st.column_config.MultiselectColumn
    whole = selection.board
    best = list(dict.fromkeys(title for found in selection.table["best"] for title in found))
    shown: dict[str, Any] = {
        "name": text(pinned=True, width=130),
        "samples": st.column_config.ImageColumn(
            width=height + 6, help="Last samples up to the scored checkpoint; for runs without scores, the newest."
        ),
        "verdicts": badges(
            options=list(whole.verdicts),
            color=list(whole.verdicts.values()),
            width=WIDTHS["verdicts"],
            help="Problems found in the measurements. “Why?” below the table shows evidence and remedies. "
            "Rows without scores are judged by their training curves alone.",
        ),
        "best": badges(
            options=best,
            color="green",
            width=WIDTHS["best"],
            help="Scores in which this row beats every comparable row: rows of several runs by more than their differences explain "
            "(95 % interval), rows of one run by more than the sum of both spreads. Rows with other data, features or counts are "
            "not comparable.",
        ),
        "runs": number(help="Number of runs averaged in this row."),
    }
    expected = whole.table["expected"].dropna().unique()
    for name, form in FORMATS.items():
        is_counted = name == "classes_covered" and len(expected) == 1
        shown[name] = number(format=f"%.3g of {expected[0]:.0f}" if is_counted else form, help=about(name))
        spread = "percent" if form == "percent" else "%.2g"
        shown[f"{name}_spread"] = number(
            "±",
            format=spread,
            width=72,
            help=f"Standard deviation of {SCORES[name].title}, √(Σ(x − x̄)² / (n − 1)); see “Spread over”.",
        )
    shown |= {name: number(format=FORMATS["kid"], help=told) for name, (_, told) in INTERVALS.items()}
    for name, (_, pattern, told) in facts(noun(whole.each[0])).items():
        shown[name] = number(format=pattern, help=told) if pattern else text(help=told)
    return {whole.titles[name]: shown[name] for name in (*whole.every, "runs") if name in shown}
