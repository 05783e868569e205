"""Tables of the Evaluate page, cached until the files of the runs change; no streamlit.

Boards, selections and parts are immutable and serve as cache keys. Building them with pandas takes longer
than everything else on the page but its plots (:mod:`pages.parts.evaluation.plots`).
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.io.formats.style import Styler

from gan import config as configs
from gan.config import RunConfig
from gan.errors import InputError
from gan.judging import comparison, doctor, lines
from gan.judging.comparison import NOT_SCORED, SEED, SOUND, summarise
from gan.judging.glossary import SCORES
from gan.runs import Run
from gan.storage import models
from gan.storage.newest import newest
from pages.parts import words
from pages.parts.evaluation import table as scores_table
from pages.parts.evaluation import texts
from pages.parts.evaluation.columns import FACTS, INTERVALS, PAPER, PATTERNS
from pages.parts.evaluation.columns import reading as cell
from pages.parts.evaluation.table import Line

CHECKPOINTS = {"last": "last checkpoint", "best": "best checkpoint"}  # kind of checkpoint → label
COLOURS = {"fault": "red", "advice": "blue"}  # kind of verdict → badge colour
SEEDS = "variant"  # column with equal values for runs that differ only in their seed
_MOST_AHEAD = 5  # settings in front of the scores
_KEPT = 64

#: Kind of checkpoint → extractor id → run id → line of scores.
Found = dict[str, dict[str, dict[str, Line]]]


@dataclass(frozen=True, eq=False)
class Board:
    """The score table of the chosen runs (``table.table`` plus ``samples`` and ``verdicts``) and facts about it."""

    chosen: tuple[Run, ...]
    extractor: str
    checkpoint: str
    explained: dict[str, Line]  # run id → line of scores
    each: list[Line]  # one line per group of comparable lines
    table: pd.DataFrame
    names: dict[str, str]
    titles: dict[str, str]  # column → title
    settings: dict[str, list[str]]  # column → values as text
    verdicts: dict[str, str]  # title → badge colour
    first: str  # the distance to rank by: "fid", or "kid" if FID needs caution
    every: list[str]  # available columns, in order; spreads share the cells of their scores
    has_seeds: bool
    pictured: dict[str, int]  # scored run id → step of its samples
    key: str  # equal for boards with the same columns

    @cached_property
    def subject(self) -> str:
        """What this is a version of, see :func:`gan.storage.newest.newest`; as text, which is compared and hashed fast."""
        return " ".join((self.extractor, self.checkpoint, *(str(run.path) for run in self.chosen)))


@dataclass(frozen=True, eq=False)
class Selection:
    """Rows of a board after filtering and folding, best first, with column ``best``; ``sizes`` maps groups to row counts.

    ``paper``: the columns of the preset "paper".
    """

    board: Board
    table: pd.DataFrame
    runs: frozenset[str]
    sizes: dict[int, int]
    paper: list[str]
    subject: tuple[Any, ...]  # what this is a version of


@dataclass(frozen=True, eq=False)
class Part:
    """One group of comparable rows: the ``scored`` rows, the ``floor`` of real images, one line of scores, and their basis."""

    board: Board
    scored: pd.DataFrame
    floor: pd.Series
    line: Line
    basis: str
    main: list[str]  # main scores, the more meaningful one first
    noun: str  # "images" or "points"
    subject: tuple[Any, ...]  # what this is a version of


def stamp(run: Run) -> str:
    """Return a stamp that changes whenever anything shown of a run changes."""
    paths = (run.path, run.changes_path, run.scores_path, run.metrics_path, run.status_path, run.samples_path)
    return " ".join(str(_changed(path)) for path in paths)


def _changed(path: Path) -> int:
    """Return the modification time of a file in nanoseconds; 0 if it is missing."""
    return models.stamp(path)[1]


@newest(_KEPT, subject=1)
def survey(chosen: tuple[Run, ...], stamps: tuple[str, ...]) -> Found:
    """Return the newest scores of the runs."""
    found: Found = {}
    for run in chosen:
        for checkpoint in CHECKPOINTS:
            for extractor, line in scores_table.latest(run, checkpoint).items():
                found.setdefault(checkpoint, {}).setdefault(extractor, {})[run.id] = line
    return found


@newest(_KEPT, subject=3)
def board(
    chosen: tuple[Run, ...], extractor: str, checkpoint: str, stamps: tuple[str, ...], busy: frozenset[str] = frozenset()
) -> Board:
    """Return the board for an extractor and a kind of checkpoint; at least one run must have such scores.

    ``busy``: ids of the runs that are being scored.
    """
    explained = survey(chosen, stamps)[checkpoint][extractor]
    each = scores_table.groups(list(explained.values()))
    table = scores_table.table(chosen, extractor, checkpoint)
    badges = {
        run.id: _badges(run, explained[run.id], when)
        if run.id in explained
        else _unscored(run, checkpoint, when, is_busy=run.id in busy)
        for run, when in zip(chosen, stamps, strict=True)
    }
    pictures = {run.id: found for run in chosen if (found := scores_table.snapshot(run, explained.get(run.id)))}
    for root in {run.root for run in chosen}:
        doctor.keep(root)
    table = table.assign(
        samples=_samples(chosen, table, pictures, explained), verdicts=[list(badges.get(run_id, ())) for run_id in table["run"]]
    )
    settings = {title: scores_table.values(table, title) for title in scores_table.settings(table)}
    first = "kid" if any(lines.main_scores(line)[0] == "kid" for line in each) else "fid"
    titles = texts.titles_of(table, lines.label(each[0]), first, lines.noun(each[0]))
    every = _columns(table, titles, first)
    return Board(
        chosen,
        extractor,
        checkpoint,
        explained,
        each,
        table,
        words.short(words.names(list(chosen))),
        titles,
        settings,
        {title: colour for found in badges.values() for title, colour in found.items()},
        first,
        every,
        scores_table.has_seeds(table),
        {run_id: step for run_id, (step, _) in pictures.items() if run_id in explained},
        f"{zlib.crc32(repr(every).encode()):x}",
    )


def _badges(run: Run, line: Line, when: str) -> dict[str, str]:
    """Return verdict titles of a run with their colours, plus a summary badge if there is no fault."""
    found = _diagnose(run, line["extractor_id"], str(line.get("checkpoint", "last")), when)
    shown = {verdict.title: COLOURS[verdict.kind] for verdict in found}
    summary = summarise(line, found)
    return ({summary: "green" if summary == SOUND else "gray"} if summary else {}) | shown


def _unscored(run: Run, checkpoint: str, when: str, *, is_busy: bool) -> dict[str, str]:
    """Return badges for a run without scores here: the reason, and verdicts based on its curves alone."""
    shown = {verdict.title: COLOURS[verdict.kind] for verdict in _diagnose(run, "", "", when)}
    if scores_table.latest(run, checkpoint):
        return {"other features": "gray"} | shown
    if is_busy:
        return {"being scored": "gray"} | shown
    others = any(scores_table.latest(run, other) for other in CHECKPOINTS)
    return {"other checkpoint" if others else NOT_SCORED: "gray"} | shown


def verdicts(board: Board, run: Run) -> list[doctor.Verdict]:
    """Return the verdicts on a run of a board; without scores there, those based on its curves."""
    return _diagnose(run, board.extractor, board.checkpoint, stamp(run)) if run.id in board.explained else on_curves(run)


def on_curves(run: Run) -> list[doctor.Verdict]:
    """Return the verdicts on a run based on its curves alone."""
    return _diagnose(run, "", "", stamp(run))


@newest(1024, subject=3)
def _diagnose(run: Run, extractor: str, checkpoint: str, when: str) -> list[doctor.Verdict]:
    """Diagnose a run as the command line does; without an extractor, ignore scores."""
    return doctor.judge(run, scores_table.latest(run, checkpoint)[extractor] if extractor else {})


def _samples(
    chosen: Sequence[Run], table: pd.DataFrame, pictures: Mapping[str, tuple[int, Path]], explained: Mapping[str, Line]
) -> list[str | None]:
    """Return a thumbnail per row: ``pictures`` of runs; for a floor, real images of the first run in its group that has some."""
    are_points = {run.id: _draws_points(run, explained.get(run.id)) for run in chosen}
    shown = {run_id: (path, are_points[run_id]) for run_id, (_, path) in pictures.items()}
    reals = {run.id: (run.reals_path, are_points[run.id]) for run in chosen if run.reals_path.exists()}
    floors: dict[int, tuple[Path, bool]] = {}
    for group, run_id in zip(table["group"], table["run"], strict=True):
        if run_id in reals:
            floors.setdefault(group, reals[run_id])
    found = [shown.get(run_id) if run_id else floors.get(group) for group, run_id in zip(table["group"], table["run"], strict=True)]
    return [scores_table.thumbnail(one[0], is_plot=one[1]) if one else None for one in found]


def _draws_points(run: Run, line: Line | None) -> bool:
    """Return whether the samples of a run are plots of points. Scores tell even if the data set was removed."""
    if line:
        return lines.noun(line) == "points"
    try:
        return run.config().data.is_points
    except InputError:
        return False


def _columns(table: pd.DataFrame, titles: Mapping[str, str], first: str) -> list[str]:
    """Return all available columns in order: the settings, the scores of papers, the verdicts, then everything else.

    Many settings come after the verdicts, so that the scores stay in view.
    """
    of_runs = table[table["run"] != ""]
    figures = [name for name in titles if name in SCORES and of_runs[name].notna().any()]
    main = [name for name in (first, "fid", *PAPER) if name in figures]
    intervals = [name for name in INTERVALS if table[name].notna().any()]
    settings = scores_table.settings(table)
    first_ones = [*settings, *main] if len(settings) <= _MOST_AHEAD else main
    owner = [scores_table.OWNER] if scores_table.OWNER in settings else []
    every = ["name", *owner, "samples", *first_ones, "verdicts", "best", *settings, *figures, *intervals, *FACTS]
    return list(dict.fromkeys(every))


def _paper(board: Board, table: pd.DataFrame, by: str) -> list[str]:
    """Return the columns for a paper: name, settings, main scores and verdicts.

    No seeds if rows average over them, and no cadences, which do not affect results. What a spread covers has a column only if rows
    differ in it.
    """
    untold = {configs.title(key) for key in configs.flatten(RunConfig()) if key.startswith("cadence.")}
    untold |= {configs.title(SEED)} if by == SEEDS else set()
    shown = {"name", board.first, "fid", *PAPER, "verdicts", *board.settings} - untold
    if table["over"][(table["run"] != "") & (table["group"] > 0)].nunique() > 1:
        shown.add("over")
    return [name for name in board.every if name in shown]


@newest(_KEPT)
def select(
    board: Board, text: str, wanted_verdicts: tuple[str, ...], wanted: tuple[tuple[str, tuple[str, ...]], ...], by: str
) -> Selection:
    """Return the rows that pass a filter (see ``table.filtered``), folded by the column ``by`` unless it is empty."""
    left = scores_table.filtered(board.table, text, wanted_verdicts, dict(wanted))
    table = scores_table.fold(left, by)
    table = table.assign(best=scores_table.best(left, [name for name in board.every if name in SCORES], by))
    table = scores_table.ordered(table, board.first)
    sizes = table[(table["run"] != "") & (table["group"] > 0)]["group"].value_counts(sort=False)
    counted = {int(group): int(size) for group, size in sizes.items()}
    return Selection(
        board,
        table,
        frozenset(left["run"]) - {""},
        counted,
        _paper(board, table, by),
        (board.subject, text, wanted_verdicts, wanted, by),
    )


@newest(_KEPT)
def part(selection: Selection, group: int) -> Part:
    """Return one group of comparable rows of a selection."""
    table, line = selection.table[selection.table["group"] == group], selection.board.each[group - 1]
    scored = table[table["run"] != ""].reset_index(drop=True)
    floor = table[table["run"] == ""].iloc[0]
    over = " or ".join(dict.fromkeys(scored["over"]))
    basis = f"{lines.made_from(line)}; ± over {over}. {lines.caution(line)}".rstrip()
    return Part(
        selection.board,
        scored,
        floor,
        line,
        basis,
        [name for name in lines.main_scores(line) if scored[name].notna().any()],
        lines.noun(line),
        (selection.subject, group),
    )


@newest(_KEPT)
def display(selection: Selection, columns: tuple[str, ...]) -> Styler:
    """Return columns of a selection under their titles, scores as numbers that read "592 ± 5"; the clearly best ones are bold.

    Numbers remain numbers, so that a click on a column's title sorts by them. Without pictures, rows are low and have room for one
    verdict.
    """
    found, titles = selection.table, selection.board.titles
    scores = [name for name in columns if name in SCORES]
    told = {name: texts.figures(found, name) for name in scores}
    shown = found[list(columns)].assign(
        **{title: _uniform(found[title]) for title in selection.board.settings if title in columns},
        **{name: _distinct(found[name], told[name]) for name in scores},
    )
    reading: dict[str, Any] = {titles[name]: dict(zip(shown[name], told[name], strict=True)).get for name in scores}
    reading |= {titles[title]: comparison.text_of for title in selection.board.settings if title in columns}
    reading |= {titles[name]: partial(cell, name) for name in (*FACTS, *PATTERNS) if name in columns}
    if "samples" in columns:
        reading[titles["samples"]] = lambda picture: ""  # would be sent twice
    elif "verdicts" in columns:
        shown["verdicts"] = shown["verdicts"].map(partial(shortened, colours=selection.board.verdicts))
    bold = pd.DataFrame("", shown.index, shown.columns)
    for name in scores:
        bold.loc[[SCORES[name].title in best for best in found["best"]], name] = "font-weight: 700"
    named = shown.rename(columns=titles)
    return named.style.format(reading).apply(lambda _: bold.set_axis(named.columns, axis=1), axis=None)


def shortened(verdicts: Sequence[str], colours: Mapping[str, str]) -> list[str]:
    """Return the first verdict, if possible a fault, and the number of others; ``colours`` are those of the badges by title."""
    first = next((one for one in verdicts if colours[one] == COLOURS["fault"]), *verdicts[:1] or [""])
    return [first, f"+{len(verdicts) - 1}"] if len(verdicts) > 1 else list(verdicts)


def _distinct(values: pd.Series, told: Sequence[str]) -> pd.Series:
    """Return values of which each is told in one way: equal ones with different spreads are moved apart by the least amount."""
    ways: dict[float, str] = {}
    found = []
    for moved, text in zip(map(float, values), told, strict=True):
        while ways.setdefault(moved, text) != text:
            moved = math.nextafter(moved, math.inf)  # noqa: PLW2901
        found.append(moved)
    return pd.Series(found, values.index, dtype=float)


def _uniform(column: pd.Series) -> pd.Series:
    return (
        column
        if column.dtype.kind in "if"
        else column.map(lambda value: None if plain(value) is None else comparison.text_of(value))
    )


def plain(value: Any) -> Any:
    """Return a cell value with NaN replaced by None."""
    return None if isinstance(value, float) and pd.isna(value) else value
