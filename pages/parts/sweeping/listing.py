"""The table of a sweep, one row a variant, and the links to pages that show the selected rows."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from gan.execution import ahead
from gan.judging import comparison, lines
from gan.judging.glossary import SCORES as GLOSSARY
from gan.runs import Run, Status
from gan.sweeps.launched import Record, Sweep
from gan.words import figure, number
from pages.parts import exports, phone, words
from pages.parts.evaluation.board import shortened
from pages.parts.evaluation.columns import WIDTHS
from pages.parts.sweeping import rows
from pages.parts.sweeping.rows import Board, Row

MOST_COMPARED = 12
_QUICK = "Quick FID"
_ROW, _HEAD, _HEIGHT = 66, 38, 640  # pixels; text wraps in rows higher than 64
_NAME, _SCORE, _STATE = 164, 110, 220  # pixels: name and FID are in view on a phone
_TITLES = {"progress": "Progress", "state": "State", "watch": "Watch"}


class Standing(NamedTuple):
    """How far the runs of a variant are: share of the steps, states in words, and the page of one of them."""

    progress: float
    state: str
    watch: str | None


def show(sweep: Sweep, record: Record, *, is_judging: bool) -> bool:
    """Draw the table of a sweep and, for the selected rows or all, the links to Compare, Evaluate and the report.

    Return whether all scored runs have been judged; if not, the table is to be drawn again soon, with ``is_judging``.
    """
    board = rows.board(sweep.root, record.members, rows.AT_A_TIME if is_judging else rows.FIRST_LOOK)
    statuses = {run.id: run.status() for row in board.rows for run in row.runs}
    waits = ahead.reasons(sweep.root) if any(status.state == "queued" for status in statuses.values()) else {}
    selected = draw(sweep, board, statuses, waits)
    chosen = [run for row in selected or board.rows for run in row.runs if run.metrics_path.exists()]
    if chosen:
        link(chosen, record, is_all=not selected)
    return board.is_whole


def draw(sweep: Sweep, board: Board, statuses: Mapping[str, Status], waits: Mapping[str, str]) -> list[Row]:
    """Draw the table; return the selected rows."""
    standings = tuple(standing(row, statuses, waits) for row in board.rows)
    table = styled(board, standings)
    phone.summary(f"sweep-{sweep.id}", ("Variant", titles_of(board)["fid"].replace(" · ", ", ")), summary(board, standings))
    order = zlib.crc32("\n".join(row.members[0].variant for row in board.rows).encode())
    event = st.dataframe(
        table,
        hide_index=True,
        placeholder="–",
        row_height=_ROW,
        height=min(_HEIGHT, _HEAD + _ROW * len(standings) + 2),
        key=f"sweeps/table/{sweep.id}/{order:x}",  # a selection holds places, so it ends when the order changes
        on_select="rerun",
        selection_mode="multi-row",
        alt="Variants of the sweep with their settings, scores and states",
        column_config=config_of(board),
    )
    if board.line and (care := lines.caution(board.line)):
        st.caption(f":material/info: {care}")
    return [board.rows[place] for place in event.selection.rows if place < len(board.rows)]  # type: ignore[attr-defined]


def standing(row: Row, statuses: Mapping[str, Status], waits: Mapping[str, str]) -> Standing:
    """Return how far the runs of a variant are."""
    known = [statuses[run.id] for run in row.runs]
    watched = next(
        (run for run in row.runs if statuses[run.id].state in ("starting", "running")), row.runs[0] if row.runs else None
    )
    return Standing(
        sum(map(words.share_done, known)) / len(row.members),
        state_of(row, statuses, waits),
        f"watch?run={watched.id}" if watched else None,
    )


def state_of(row: Row, statuses: Mapping[str, Status], waits: Mapping[str, str]) -> str:
    """Return in words how the runs of a variant stand; of several in the same state, the first reason counts."""
    there = {run.id for run in row.runs}
    states: dict[str, list[str]] = {}
    for member in row.members:
        if member.run in there:
            status = statuses[member.run]
            state = words.STATES[status.state][0]
            reason = waits.get(member.run, "") if status.state == "queued" else words.plain(status.message)
            reason = "" if status.state == "stopped" else reason
        else:
            state, reason = ("deleted" if member.run else "not created yet"), ""
        states.setdefault(state, []).append(reason)
    told: list[str] = []
    for state, reasons in states.items():
        all_of = "" if told else f"of {len(row.members)} "
        count = f"{len(reasons)} {all_of}" if len(row.members) > 1 else ""
        reason = next(filter(None, reasons), "")
        told.append(f"{count}{state}" + (f": {reason}" if reason else ""))
    return "; ".join(told)


def summary(board: Board, standings: Sequence[Standing]) -> list[phone.Line]:
    """Return name, state, verdicts and FID of each variant, in the order of the table; without a real FID, the quick one."""
    found = []
    for row, one in zip(board.rows, standings, strict=True):
        value = figure(row.mean("fid"), row.spreads.get("fid"))
        if row.quick is not None:
            value = f"quick {number(row.quick)}"
        note = " · ".join([*shortened(list(row.verdicts), row.verdicts), one.state])
        found.append(phone.Line(row.name, note, value, "fid" in row.best, row.picture))
    return found


@lru_cache(8)
def styled(board: Board, standings: tuple[Standing, ...]) -> Styler:
    """Return the table with scores as mean ± spread, the best in bold, and without empty columns."""
    titles = titles_of(board)
    table = pd.DataFrame(
        {
            "Variant": row.name,
            **{title: row.mean(score) for score, title in titles.items()},
            _QUICK: row.quick,
            "Samples": row.picture,
            "Verdicts": shortened(list(row.verdicts), row.verdicts),
            **one._asdict(),
            **row.settings,  # last: the name tells them too
        }
        for row, one in zip(board.rows, standings, strict=True)
    ).rename(columns=_TITLES)
    empty = [name for name in ("Samples", *titles.values(), _QUICK) if table[name].isna().all()]
    empty += [] if any(row.verdicts for row in board.rows) else ["Verdicts"]
    empty += [] if any(one.progress < 1 for one in standings) else ["Progress"]
    table = table.drop(columns=empty)
    figures = {score: title for score, title in titles.items() if title in table}
    settings = list(dict.fromkeys(title for row in board.rows for title in row.settings))
    shown = table.style.format(comparison.text_of, subset=settings)
    if _QUICK in table:
        shown = shown.format(words.number, subset=[_QUICK], na_rep="–")
    for score, title in figures.items():
        bold = ["font-weight: 700" if score in row.best else "" for row in board.rows]
        shown = shown.apply(lambda column, bold=bold: bold, subset=[title])
        for place, row in enumerate(board.rows):
            text = figure(row.mean(score), row.spreads.get(score))
            shown = shown.format(lambda value, text=text: text, subset=pd.IndexSlice[[place], [title]])
    return shown


def titles_of(board: Board) -> dict[str, str]:
    """Return the titles of the scores, with the features of FID."""
    label = lines.label(board.line) if board.line else GLOSSARY["fid"].title
    return {"fid": label, "inception_score": GLOSSARY["inception_score"].title}


def config_of(board: Board) -> dict[str, Any]:
    """Return the column configuration by title."""
    column = st.column_config
    colours = {title: colour for row in board.rows for title, colour in row.verdicts.items()}
    colours |= {more: "gray" for row in board.rows for more in shortened(list(row.verdicts), row.verdicts)[1:]}
    seeds = max((len(row.members) for row in board.rows), default=1)
    over = "seeds; of a single one, over draws" if seeds > 1 else "draws"
    return {
        "Variant": column.TextColumn(pinned=True, width=min(_NAME, words.width_of(row.name for row in board.rows))),
        "Samples": column.ImageColumn(width=_ROW + 16, help="Newest samples of the first seed."),
        **{
            title: column.NumberColumn(
                width=max(_SCORE, words.width_of([title])),
                help=f"{GLOSSARY[score].meaning} Mean ± standard deviation over {over}. Bold: better than every other row by more "
                "than chance explains.",
            )
            for score, title in titles_of(board).items()
        },
        _QUICK: column.NumberColumn(help="FID in training, of few images: only until the variant is scored, and not comparable."),
        "Verdicts": column.MultiselectColumn(options=list(colours), color=list(colours.values()), width=WIDTHS["first verdict"]),
        "Progress": column.ProgressColumn(min_value=0, max_value=1, format="percent", width="small"),
        "State": column.TextColumn(width=_STATE),
        "Watch": column.LinkColumn(display_text="open", width="small"),
    }


def link(chosen: Sequence[Run], record: Record, *, is_all: bool) -> None:
    """Link to the Compare and Evaluate pages with these runs, and offer the report on them."""
    ids = [run.id for run in chosen]
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        compared = {"runs": ",".join(ids[:MOST_COMPARED])}
        st.page_link("pages/compare.py", label="Compare runs", icon=":material/compare:", query_params=compared)
        st.page_link("pages/evaluate.py", label="Evaluate runs", icon=":material/grading:", query_params={"runs": ",".join(ids)})
        exports.offer(chosen)
    every, there = len(record.members), words.count(len(ids), "run")
    told = f"{there} selected."
    if is_all:
        told = f"All {there}; select rows for fewer." if len(ids) == every else f"{len(ids)} of {every} runs: all that have begun."
    if len(ids) > MOST_COMPARED:
        told += f" Compare opens with the first {MOST_COMPARED}."
    st.caption(told)
