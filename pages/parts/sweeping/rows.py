"""What the table of a sweep shows of each variant, cached until the files of its runs change; no streamlit."""

from __future__ import annotations

import contextlib
import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gan.config import title as title_of
from gan.errors import InputError
from gan.judging import comparison, doctor, lines
from gan.judging.comparison import SEED, SOUND, Line
from gan.runs import Run, names
from gan.storage import models
from gan.storage.newest import newest
from gan.sweeps.launched import Member
from pages.parts import quick_scores
from pages.parts.evaluation.board import COLOURS
from pages.parts.evaluation.table import thumbnail

SCORES = ("fid", "inception_score")
JUDGING = "judging …"  # in place of verdicts that are still to come
FIRST_LOOK, AT_A_TIME = 0.05, 0.2  # seconds of judging when a page opens, and in each further rerun
_PICTURE = 96  # pixels of a thumbnail
Stamp = tuple[int, ...]

_boards: dict[Any, Board] = {}  # threads share both: entries are replaced whole
_judged: dict[Any, dict[str, str]] = {}


@dataclass(frozen=True, eq=False)
class Row:
    """One variant: its name, its ``members`` and existing ``runs``, and the values of the varied ``settings`` by title.

    ``values``: score → one value per scored seed; ``spreads``: score → spread over seeds or, of a single one, over draws. ``best``:
    scores in which no other row comes close. ``quick``: the newest FID in training; only without a real score.
    """

    name: str
    members: tuple[Member, ...]
    runs: tuple[Run, ...]
    settings: dict[str, Any]
    values: dict[str, list[float]] = field(default_factory=dict)
    spreads: dict[str, float | None] = field(default_factory=dict)
    best: frozenset[str] = frozenset()
    quick: float | None = None
    verdicts: dict[str, str] = field(default_factory=dict)  # title → colour of the badge
    picture: str | None = None

    def mean(self, score: str) -> float | None:
        """Return the mean of a score over seeds; None if no seed has it."""
        return statistics.fmean(found) if (found := self.values.get(score)) else None


@dataclass(frozen=True, eq=False)
class Board:
    """The rows of a sweep, those with the lowest FID first; ``line`` is one of the scores, None if there are none.

    ``is_whole``: all scored runs have been judged.
    """

    rows: tuple[Row, ...]
    line: Line | None
    is_whole: bool


@dataclass(frozen=True)
class _Facts:
    """What is read of one run."""

    settings: dict[str, Any]
    quick: float | None
    newest: tuple[Path, bool] | None  # newest samples, and whether they are a plot of points


def stamp(run: Run) -> Stamp:
    """Return a stamp that changes whenever anything that the table shows of a run changes, apart from its status."""
    return tuple(map(_changed, (run.config_path, run.changes_path, run.scores_path, run.samples_path, run.path / "label.json")))


def _changed(path: Path) -> int:
    return models.stamp(path)[1]


def board(root: Path, members: Sequence[Member], patience: float = AT_A_TIME) -> Board:
    """Return the table of a sweep with these members.

    Runs are judged for at most ``patience`` seconds and the time of one; further calls judge the others.
    """
    key = root, tuple(members), tuple(stamp(Run(root / member.run)) if member.run else () for member in members)
    if (known := _boards.get(key)) is None:
        known = _board(*key, patience)
        if known.is_whole:
            _keep(_boards, key, known, 16)
            doctor.keep(root)
    return known


def _keep(kept: dict[Any, Any], key: object, value: object, most: int) -> None:
    """Add an entry, in place of all others if there are too many."""
    if len(kept) >= most:
        kept.clear()
    kept[key] = value


def _board(root: Path, members: tuple[Member, ...], stamps: tuple[Stamp, ...], patience: float) -> Board:
    until = time.monotonic() + patience
    there = [Run(root / member.run) if member.run and when[0] else None for member, when in zip(members, stamps, strict=True)]
    when_of = {run.id: when for run, when in zip(there, stamps, strict=True) if run}
    scored = comparison.most_comparable(run for run in there if run)
    grouped: dict[str, list[int]] = {}
    for place, member in enumerate(members):
        grouped.setdefault(member.variant, []).append(place)
    made = []
    for variant, places in grouped.items():
        runs = tuple(run for place in places if (run := there[place]))
        made.append(_row(variant, tuple(members[place] for place in places), runs, when_of, scored, until))
    called = names.of_variants([row.runs[0] for row in made if row.runs])
    varied = _varied([row.settings for row in made if row.runs])
    is_seeded = any(len(row.members) > 1 for row in made)
    winners = {score: _best(score, made, is_seeded=is_seeded) for score in SCORES}
    rows = [
        replace(
            row,
            name=called[row.runs[0].id] if row.runs else row.name,
            settings={title_of(key): _cell(row.settings[key], key, made) for key in varied if key in row.settings},
            best=frozenset(score for score, winner in winners.items() if winner == place),
        )
        for place, row in enumerate(made)
    ]
    ranked = sorted(rows, key=lambda row: (_or_last(row.mean("fid")), _or_last(row.quick)))
    is_whole = not any(JUDGING in row.verdicts for row in ranked)
    return Board(tuple(ranked), next(iter(scored.values()), None), is_whole)


def _row(
    variant: str,
    members: tuple[Member, ...],
    runs: tuple[Run, ...],
    when_of: dict[str, Stamp],
    scored: dict[str, Line],
    until: float,
) -> Row:
    facts = [_facts(run, when_of[run.id]) for run in runs]
    found = [(run, scored[run.id]) for run in runs if run.id in scored]
    values = {score: [value for _, line in found if (value := lines.number(line, score)) is not None] for score in SCORES}
    spreads = {
        score: lines.number(found[0][1], f"{score}_spread")
        if len(found) == 1
        else statistics.stdev(each)
        if len(each) > 1
        else None
        for score, each in values.items()
    }
    verdicts: dict[str, str] = {}
    for run, line in found:
        key = run, when_of[run.id], line["extractor_id"], line["step"]
        if key not in _judged and time.monotonic() < until:
            _keep(_judged, key, _verdicts(run, line["extractor_id"], line["step"]), 4096)
        verdicts |= _judged.get(key, {JUDGING: "gray"})
    if len(verdicts) > 1:
        verdicts.pop(SOUND, None)
    quick = [one.quick for one in facts if one.quick is not None]
    return Row(
        variant,
        members,
        runs,
        facts[0].settings if facts else {},
        values,
        spreads,
        quick=statistics.fmean(quick) if quick and not found else None,
        verdicts=verdicts,
        picture=next((thumbnail(one.newest[0], _PICTURE, is_plot=one.newest[1]) for one in facts if one.newest), None),
    )


@newest(4096, subject=1)
def _facts(run: Run, when: Stamp) -> _Facts:
    quick = [fid for _, fid in quick_scores.fids(run)[1] if math.isfinite(fid)]
    samples = list(run.samples().values())[-1:]
    is_plot = False
    with contextlib.suppress(InputError):
        is_plot = bool(samples) and run.config().data.is_points
    return _Facts(comparison.outcome(run) or {}, quick[-1] if quick else None, (samples[0], is_plot) if samples else None)


def _verdicts(run: Run, extractor: str, step: int) -> dict[str, str]:
    """Return the titles of the verdicts on a scored run with their colours, or its summary if there is no fault."""
    line = next(one for one in comparison.latest(run) if one["extractor_id"] == extractor and one["step"] == step)
    found = doctor.judge(run, line)
    summary = comparison.summarise(line, found)
    shown = {verdict.title: COLOURS[verdict.kind] for verdict in found}
    return ({summary: "green" if summary == SOUND else "gray"} if summary else {}) | shown


def _varied(settings: Sequence[dict[str, Any]]) -> list[str]:
    """Return the settings that differ between the variants."""
    keys = dict.fromkeys(key for one in settings for key in one if key != SEED)
    return [key for key in keys if len({repr(one.get(key)) for one in settings}) > 1 and title_of(key) != key]


def _cell(value: Any, key: str, rows: Sequence[Row]) -> Any:
    """Return a setting as a number if it is one in all rows, so that the column sorts; otherwise as text."""
    known = [row.settings[key] for row in rows if key in row.settings]
    are_numbers = all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in known)
    return value if are_numbers else comparison.text_of(value)


def _best(score: str, rows: Sequence[Row], *, is_seeded: bool) -> int | None:
    return comparison.best(
        score, [row.values.get(score, []) for row in rows], [row.spreads.get(score) for row in rows], is_seeded=is_seeded
    )


def _or_last(value: float | None) -> float:
    return math.inf if value is None else value
