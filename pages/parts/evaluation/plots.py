"""Plots of the Evaluate page, cached like the tables they show; no streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go

from gan.judging import comparison, lines
from gan.judging.comparison import LENGTH, variants
from gan.judging.glossary import SCORES
from gan.runs import Run
from gan.storage.newest import newest
from pages.parts import charts, marks
from pages.parts.evaluation import table as scores_table
from pages.parts.evaluation import texts
from pages.parts.evaluation.board import SEEDS, Part, plain
from pages.parts.evaluation.table import Line
from pages.parts.marks import Marks

MOST_FOLLOWED = 60  # most lines that stay readable in parallel coordinates
MOST_NAMED = 14  # most lines with names there
_KEPT = 64


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


@newest(_KEPT)
def plot_scores(part: Part, name: str) -> go.Figure:
    """Plot a score of each row as a dot with its spread."""
    rows = part.scored[part.scored[name].notna()]
    best = [SCORES[name].title in titles for titles in rows["best"]]
    shown = pd.DataFrame({"name": rows["name"], "value": rows[name], "spread": rows[f"{name}_spread"], "best": best})
    return charts.scores(shown, title_of(part, name), _floor(part, name), SCORES[name].better < 0, part.noun)


@newest(_KEPT, subject=2)
def plot_training(
    chosen: tuple[Run, ...], names: tuple[str, ...], stamps: tuple[str, ...]
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
    changed = {name: marks.by_images(run, quick[name]) for name, run in zip(names, chosen, strict=True) if quick[name]}
    return [_curves(found, one, kinds, changed) for one in each], list(dict.fromkeys(map(lines.made_from, each))), silent


def _curves(
    found: Sequence[tuple[str, list[Line]]], one: Line, kinds: Mapping[str, str], changed: Mapping[str, Marks]
) -> go.Figure:
    """Plot the runs whose quick scores are comparable with ``one``, those of one kind in one colour, with marks of changes."""
    alike = [(name, quick) for name, quick in found if lines.is_comparable(quick[-1], one)]
    first, second = lines.main_scores(one)
    score = first if all(lines.number(line, first) is not None for _, quick in alike for line in quick) else second
    curves = [(name, [line["images_seen"] for line in quick], [line[score] for line in quick]) for name, quick in alike]
    floor = lines.number(one, f"floor_{score}")
    figure = charts.training(curves, _label(one, score), floor, lines.noun(one), [kinds[name] for name, _ in alike])
    for name, _ in alike:
        charts.mark(figure, changed[name])
    return figure


def telling(part: Part, rows: pd.DataFrame | None = None) -> list[str]:
    """Return the settings in which the rows of a part differ, or those ``rows``. Some settings differ only between parts."""
    rows = part.scored if rows is None else rows
    return [title for title in part.board.settings if rows[title].map(comparison.text_of).nunique() > 1]


@newest(_KEPT)
def plot_against(part: Part, score: str, setting: str) -> go.Figure:
    """Plot a score over a setting or fact, with lines through rows that otherwise differ only in the seed."""
    rows = part.scored[part.scored[score].notna()]
    pairs = list(zip(rows["name"], map(plain, rows[setting]), rows[score], rows[f"{score}_spread"], strict=True))
    titles = part.board.titles
    alike = variants(part.board.chosen, setting if setting in part.board.settings else LENGTH)
    others = [alike[run_id] if variant else "" for run_id, variant in zip(rows["run"], rows["variant"], strict=True)]
    return charts.against(pairs, titles[setting], titles[score], _floor(part, score), part.noun, others)


@newest(_KEPT)
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


@newest(_KEPT)
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


@newest(_KEPT)
def folded(part: Part) -> pd.DataFrame:
    """Return the scored rows of a part, best first, with runs merged that differ only in their seed."""
    are_single = bool((part.scored["runs"] == 1).all())
    return scores_table.ordered(scores_table.fold(part.scored, SEEDS if are_single else ""), part.board.first)


def _floor(part: Part, name: str) -> float | None:
    """Return the score of real images, or None if it was not measured."""
    return None if pd.isna(part.floor[name]) else float(part.floor[name])
