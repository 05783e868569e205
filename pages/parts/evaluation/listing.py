"""The table of scores on the Evaluate page, and its downloads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from gan import config as configs
from gan.judging import comparison
from gan.judging.glossary import SCORES
from gan.judging.lines import noun
from gan.words import escape, percent
from pages.parts import phone
from pages.parts.evaluation import board, texts
from pages.parts.evaluation.board import Selection
from pages.parts.evaluation.columns import INTERVALS, PINNED, WIDTHS, about, facts, height_of_rows, width_of, width_of_names, wraps
from pages.parts.evaluation.selecting import choose_columns

TABLE_HEIGHT, HEAD_HEIGHT = 560, 38  # pixels
WRAPPING = 66  # pixels of a row from which names wrap


def show_table(selection: Selection) -> None:
    """Show the table with the columns that are chosen above it, its notes, and its downloads."""
    whole, made = selection.board, selection.table
    titles, line = whole.titles, whole.each[0]
    columns = choose_columns(selection)
    are_folded = len(selection.runs) > sum(selection.sizes.values()) + int((made["group"] == 0).sum())
    if are_folded and columns != tuple(selection.paper):
        columns = (*columns, "runs")
    is_pictured = "samples" in columns
    badges = {"verdicts": made["verdicts"] if is_pictured else [], "best": made["best"]}
    height = height_of_rows({name: badges[name] for name in badges if name in columns}, is_pictured=is_pictured)
    if any(map(wraps, made["name"])):
        height = max(height, WRAPPING)
    phone.summary("scores", ("Run", titles[whole.first].replace(" · ", ", ")), summary(selection))
    st.dataframe(
        board.display(selection, columns),
        row_height=height,
        height=min(TABLE_HEIGHT, HEAD_HEIGHT + height * len(made)),
        key="scores",
        placeholder="–",
        hide_index=True,
        column_config=config_of(selection, columns, height),
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
    if whole.checkpoint == "best" and whole.pictured and is_pictured:
        told = ", ".join(f"step {step:,} ({whole.names[run_id]})" for run_id, step in whole.pictured.items())
        st.caption(f"Samples shown are the last ones up to the best checkpoint: {escape(told)}.")
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
            lambda: texts.markdown(sheet_of(selection, columns)),
            "scores.md",
            "text/markdown",
            icon=":material/download:",
            key="markdown",
            on_click="ignore",
            help="The columns of the table without pictures, and a caption; “Paper” leaves out the verdicts.",
        )
        st.download_button(
            "Download LaTeX",
            lambda: texts.latex(sheet_of(selection, columns)),
            "scores.tex",
            "text/x-tex",
            icon=":material/download:",
            key="latex",
            on_click="ignore",
            help="The same as a table with caption and label; requires the packages booktabs and tabularx.",
        )


def summary(selection: Selection) -> list[phone.Line]:
    """Return name, verdicts and main distance of each row, in the order of the table."""
    whole, made, score = selection.board, selection.table, selection.board.first
    columns = (made["name"], made["verdicts"], made["best"], texts.figures(made, score))
    return [
        phone.Line(name, ", ".join(board.shortened(verdicts, whole.verdicts)), figure, SCORES[score].title in best)
        for name, verdicts, best, figure in zip(*columns, strict=True)
    ]


def sheet_of(selection: Selection, columns: Sequence[str]) -> texts.Sheet:
    """Return columns of the table as text with a caption; the preset "paper" without verdicts, and so that it fits a page."""
    whole, made = selection.board, selection.table
    told = texts.caption(made, whole.each, board.CHECKPOINTS[whole.checkpoint])
    if list(columns) != selection.paper:
        return texts.sheet(made, columns, whole.titles, told)
    titled = {configs.title(key): key for flat in comparison.readable(whole.chosen).values() for key in flat}
    keys = {title: titled.get(title, title) for title in whole.settings}
    return texts.fitted(made, [name for name in columns if name != "verdicts"], whole.titles, told, keys)


def config_of(selection: Selection, columns: Sequence[str], height: int) -> dict[str, Any]:
    """Return the configuration of columns by title; ``height`` is the row height in pixels."""
    number, text, badges = st.column_config.NumberColumn, st.column_config.TextColumn, st.column_config.MultiselectColumn
    whole = selection.board
    best = list(dict.fromkeys(title for found in selection.table["best"] for title in found))
    names = width_of_names(selection.table["name"])
    told = dict(whole.verdicts)
    if "samples" not in columns:
        told |= {title: "gray" for titles in selection.table["verdicts"] for title in board.shortened(titles, whole.verdicts)[1:]}
    shown: dict[str, Any] = {
        "name": text(pinned=names <= PINNED, width=names),
        "samples": st.column_config.ImageColumn(
            width=height + 6, help="Last samples up to the scored checkpoint; for runs without scores, the newest."
        ),
        "verdicts": badges(
            options=list(told),
            color=list(told.values()),
            width=WIDTHS["verdicts" if "samples" in columns else "first verdict"],
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
        "runs": number(help="Number of runs averaged in this row; repeated runs of one seed count once."),
    }
    for name in (name for name in columns if name in SCORES):  # building all of them takes milliseconds
        score = SCORES[name]
        spread = f"± is the standard deviation of {score.title}, √(Σ(x − x̄)² / (n − 1)); see “Spread over”."
        title = texts.unit_title(name, whole.titles[name])
        width = width_of(title, texts.figures(selection.table, name))
        shown[name] = number(title, width=width, help=f"{about(name)} {spread}")
    shown |= {name: number(help=explained) for name, (_, explained) in INTERVALS.items()}
    known = facts(noun(whole.each[0]))
    for name in (name for name in columns if name in known):
        _, pattern, explained = known[name]
        shown[name] = number(help=explained) if pattern else text(help=explained)
    return {whole.titles[name]: shown[name] for name in columns if name in shown}
