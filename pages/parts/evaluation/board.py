"""Tables and plots of the Evaluate page, cached until the files of the runs change; no streamlit.

Boards, selections and parts are immutable and serve as cache keys. Building tables with pandas and plots with Plotly takes
longer than everything else on the page.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from pandas.io.formats.style import Styler

from gan import config as configs
from gan.config import RunConfig
from gan.errors import InputError
from gan.judging import comparison, doctor, lines
from gan.judging.comparison import LENGTH, NOT_SCORED, SEED, SOUND, summarise, variants
from gan.judging.glossary import SCORES
from gan.runs import Run
from gan.storage import models
from pages.parts import charts, words
from pages.parts.evaluation import table as scores_table
from pages.parts.evaluation import texts
from pages.parts.evaluation.columns import FACTS, INTERVALS, PAPER, PATTERNS
from pages.parts.evaluation.columns import reading as cell
from pages.parts.evaluation.table import Line

CHECKPOINTS = {"last": "last checkpoint", "best": "best checkpoint"}  # kind of checkpoint → label
COLOURS = {"fault": "red", "advice": "blue"}  # kind of verdict → badge colour
SEEDS = "variant"  # column with equal values for runs that differ only in their seed
_MOST_AHEAD = 5  # settings in front of the scores
MOST_FOLLOWED = 60  # most lines that stay readable in parallel coordinates
MOST_NAMED = 14  # most lines with names there
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


def stamp(run: Run) -> str:
    """Return a stamp that changes whenever anything shown of a run changes."""
    paths = (run.path, run.scores_path, run.metrics_path, run.status_path, run.samples_path)
    return " ".join(str(_changed(path)) for path in paths)


def _changed(path: Path) -> int:
    """Return the modification time of a file in nanoseconds; 0 if it is missing."""
    return models.stamp(path)[1]


@lru_cache(_KEPT)
def survey(chosen: tuple[Run, ...], stamps: tuple[str, ...]) -> Found:
    """Return the newest scores of the runs."""
    found: Found = {}
    for run in chosen:
        for checkpoint in CHECKPOINTS:
            for extractor, line in scores_table.latest(run, checkpoint).items():
                found.setdefault(checkpoint, {}).setdefault(extractor, {})[run.id] = line
    return found


@lru_cache(_KEPT)
def board(
    chosen: tuple[Run, ...], stamps: tuple[str, ...], extractor: str, checkpoint: str, busy: frozenset[str] = frozenset()
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
    found = _diagnose(run, when, line["extractor_id"], str(line.get("checkpoint", "last")))
    shown = {verdict.title: COLOURS[verdict.kind] for verdict in found}
    summary = summarise(line, found)
    return ({summary: "green" if summary == SOUND else "gray"} if summary else {}) | shown


def _unscored(run: Run, checkpoint: str, when: str, *, is_busy: bool) -> dict[str, str]:
    """Return badges for a run without scores here: the reason, and verdicts based on its curves alone."""
    shown = {verdict.title: COLOURS[verdict.kind] for verdict in _diagnose(run, when, "", "")}
    if scores_table.latest(run, checkpoint):
        return {"other features": "gray"} | shown
    if is_busy:
        return {"being scored": "gray"} | shown
    others = any(scores_table.latest(run, other) for other in CHECKPOINTS)
    return {"other checkpoint" if others else NOT_SCORED: "gray"} | shown


def verdicts(board: Board, run: Run) -> list[doctor.Verdict]:
    """Return the verdicts on a run of a board; without scores there, those based on its curves."""
    return _diagnose(run, stamp(run), board.extractor, board.checkpoint) if run.id in board.explained else on_curves(run)


def on_curves(run: Run) -> list[doctor.Verdict]:
    """Return the verdicts on a run based on its curves alone."""
    return _diagnose(run, stamp(run), "", "")


@lru_cache(1024)
def _diagnose(run: Run, when: str, extractor: str, checkpoint: str) -> list[doctor.Verdict]:
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
    return [_thumbnail(one[0], _changed(one[0]), one[1]) if one else None for one in found]


def _draws_points(run: Run, line: Line | None) -> bool:
    """Return whether the samples of a run are plots of points. Scores tell even if the data set was removed."""
    if line:
        return lines.noun(line) == "points"
    try:
        return run.config().data.is_points
    except InputError:
        return False


@lru_cache(512)
def _thumbnail(path: Path, changed: int, is_plot: bool) -> str | None:
    return scores_table.thumbnail(path, is_plot=is_plot)


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
    every = ["name", "samples", *first_ones, "verdicts", "best", *settings, *figures, *intervals, *FACTS]
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


@lru_cache(_KEPT)
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
    return Selection(board, table, frozenset(left["run"]) - {""}, counted, _paper(board, table, by))


@lru_cache(_KEPT)
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
    )


@lru_cache(_KEPT)
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
        shown["verdicts"] = shown["verdicts"].map(partial(shortened, selection.board))
    bold = pd.DataFrame("", shown.index, shown.columns)
    for name in scores:
        bold.loc[[SCORES[name].title in best for best in found["best"]], name] = "font-weight: 700"
    named = shown.rename(columns=titles)
    return named.style.format(reading).apply(lambda _: bold.set_axis(named.columns, axis=1), axis=None)


def shortened(board: Board, verdicts: Sequence[str]) -> list[str]:
    """Return the first verdict, if possible a fault, and the number of others."""
    first = next((one for one in verdicts if board.verdicts[one] == COLOURS["fault"]), *verdicts[:1] or [""])
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


def shown_scores(part: Part) -> list[str]:
    """Return the scores to plot; KID comes first if FID needs caution."""
    wanted = ["modes", "fid", "inception_score"] if part.main[0] == "fid" else [*part.main, "inception_score"]
    known = [name for name in wanted if part.scored[name].notna().any()]
    return [*known, "kid"] if len(known) < 2 and "kid" in part.main else known


def title_of(part: Part, name: str) -> str:
    """Return the title of a score with its features."""
    return _label(part.line, name)


def _label(line: Line, name: str) -> str:
    return lines.label(line) if name == "fid" else f"{SCORES[name].title} · {line['extractor']}"


@lru_cache(_KEPT)
def plot_scores(part: Part, name: str) -> go.Figure:
    """Plot a score of each row as a dot with its spread."""
    rows = part.scored[part.scored[name].notna()]
    best = [SCORES[name].title in titles for titles in rows["best"]]
    shown = pd.DataFrame({"name": rows["name"], "value": rows[name], "spread": rows[f"{name}_spread"], "best": best})
    return charts.scores(shown, title_of(part, name), _floor(part, name), SCORES[name].better < 0, part.noun)


@lru_cache(_KEPT)
def plot_training(
    chosen: tuple[Run, ...], stamps: tuple[str, ...], names: tuple[str, ...]
) -> tuple[list[go.Figure], list[str], list[str]]:
    """Plot the quick scores of runs over images seen; also return how they were made, and the names of runs without any.

    One figure per group of comparable quick scores, with FID, or KID if it is more meaningful. Runs that differ only in their seed
    share a colour.
    """
    quick = {name: scores_table.quick(run) for name, run in zip(names, chosen, strict=True)}
    found = [(name, scored) for name, scored in quick.items() if scored]
    each = scores_table.groups([scored[-1] for _, scored in found])
    named = scores_table.names_of_variants(chosen)
    kinds = {name: named[run.id] for name, run in zip(names, chosen, strict=True)}
    silent = [name for name, scored in quick.items() if not scored]
    return [_curves(found, one, kinds) for one in each], list(dict.fromkeys(map(lines.made_from, each))), silent


def _curves(found: Sequence[tuple[str, list[Line]]], one: Line, kinds: Mapping[str, str]) -> go.Figure:
    """Plot the runs whose quick scores are comparable with ``one``; those of one kind in one colour."""
    alike = [(name, quick) for name, quick in found if lines.is_comparable(quick[-1], one)]
    first, second = lines.main_scores(one)
    score = first if all(lines.number(line, first) is not None for _, quick in alike for line in quick) else second
    curves = [(name, [line["images_seen"] for line in quick], [line[score] for line in quick]) for name, quick in alike]
    floor = lines.number(one, f"floor_{score}")
    return charts.training(curves, _label(one, score), floor, lines.noun(one), [kinds[name] for name, _ in alike])


def telling(part: Part, rows: pd.DataFrame | None = None) -> list[str]:
    """Return the settings in which the rows of a part differ, or those ``rows``. Some settings differ only between parts."""
    rows = part.scored if rows is None else rows
    return [title for title in part.board.settings if rows[title].map(comparison.text_of).nunique() > 1]


@lru_cache(_KEPT)
def plot_against(part: Part, score: str, setting: str) -> go.Figure:
    """Plot a score over a setting or fact, with lines through rows that otherwise differ only in the seed."""
    rows = part.scored[part.scored[score].notna()]
    pairs = list(zip(rows["name"], map(plain, rows[setting]), rows[score], rows[f"{score}_spread"], strict=True))
    titles = part.board.titles
    alike = variants(part.board.chosen, setting if setting in part.board.settings else LENGTH)
    others = [alike[run_id] if variant else "" for run_id, variant in zip(rows["run"], rows["variant"], strict=True)]
    return charts.against(pairs, titles[setting], titles[score], _floor(part, score), part.noun, others)


@lru_cache(_KEPT)
def plot_neighbours(part: Part) -> go.Figure | None:
    """Plot precision over recall; None if they were not measured."""
    rows = part.scored[part.scored["precision"].notna() & part.scored["recall"].notna()]
    if rows.empty:
        return None
    precision, recall = _floor(part, "precision"), _floor(part, "recall")
    floor = None if precision is None or recall is None else (precision, recall)
    figures = ("precision", "recall", "precision_spread", "recall_spread")
    shown = list(zip(rows["name"], *(rows[name] for name in figures), strict=True))
    return charts.neighbours(shown, floor, part.noun)


@lru_cache(_KEPT)
def plot_parallel(part: Part, settings: tuple[str, ...]) -> go.Figure:
    """Plot parallel coordinates of settings and main scores, one line for each of the first ``MOST_FOLLOWED`` variants."""
    rows = folded(part)
    rows = rows[rows[part.main[0]].notna()].head(MOST_FOLLOWED)
    scores = [part.main[0], *(name for name in ("precision", "recall") if rows[name].notna().all())]
    titles = part.board.titles
    names = [("Run", list(rows["name"]))] if len(rows) <= MOST_NAMED else []
    shown = [(titles[name], list(map(plain, rows[name]))) for name in settings]
    times = {name: 100 if SCORES[name].is_share else 1 for name in scores}
    return charts.parallel(
        [*names, *shown], [(texts.unit_title(name, titles[name]), list(times[name] * rows[name])) for name in scores]
    )


@lru_cache(_KEPT)
def folded(part: Part) -> pd.DataFrame:
    """Return the scored rows of a part, best first, with runs merged that differ only in their seed."""
    are_single = bool((part.scored["runs"] == 1).all())
    return scores_table.ordered(scores_table.fold(part.scored, SEEDS if are_single else ""), part.board.first)


def _floor(part: Part, name: str) -> float | None:
    """Return the score of real images, or None if it was not measured."""
    return None if pd.isna(part.floor[name]) else float(part.floor[name])
