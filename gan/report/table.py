"""Tables of the scores of several runs: one table per group of comparable scores, with the real images in the first row.

Runs that differ only in their seed share a row, because only several seeds separate the effect of a setting from chance.
"""

from __future__ import annotations

import dataclasses
import itertools
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gan import words
from gan.judging import comparison, lines
from gan.judging.comparison import Line
from gan.judging.glossary import SCORES
from gan.runs import Run
from gan.runs import names as run_names
from gan.runs.names import short

Scored = tuple[Run, Line | None]

_MOST_PAIRED = 3  # up to this number of rows, all pairs are compared; beyond it, each row with the first
_UNTOLD = (comparison.SEED, comparison.LENGTH, "cadence.")  # seeds and steps are shown in the rows; cadences do not affect results
_BESIDE = ("inception_score", "modes", "high_quality")  # shown in the main table after the distances
_KINDS = {"last": "Scores of the last checkpoints", "best": "Scores of the best checkpoints", "training": "Not scored yet"}


@dataclass(frozen=True)
class Row:
    """A variant: ``runs`` that differ only in their ``seeds``, with one line each. A row without runs is for the real images.

    ``figures``: one value per run. ``values``: value and spread, as scored for a single run, or mean and sample standard deviation
    over several runs. ``best``: keys of the scores in which the row is clearly the best.
    """

    name: str
    runs: tuple[Run, ...]
    seeds: tuple[str, ...]
    lines: tuple[Line, ...]
    figures: Mapping[str, Sequence[float]]
    values: Mapping[str, tuple[float | None, float | None]]
    best: tuple[str, ...] = ()

    def text(self, key: str) -> str:
        """Return a score with its spread as text: shares in per cent, a dash if unknown."""
        return words.figure(*self.values[key], is_share=SCORES[key].is_share)

    @property
    def when(self) -> str:
        """Epoch and step of the scores: "epoch 3.6, step 200"; several values if the runs differ."""
        each = {
            "epoch": [f"{line['epoch']:.1f}" for line in self.lines if line["epoch"] is not None],
            "step": [f"{line['step']:,}" for line in self.lines if line["step"] is not None],
        }
        told = {noun: list(dict.fromkeys(values)) for noun, values in each.items()}
        return ", ".join(f"{noun}{'s' * (len(values) > 1)} {', '.join(values)}" for noun, values in told.items() if values)


@dataclass(frozen=True)
class Table:
    """Rows of comparable scores, real images first.

    ``kind``: "last" or "best" checkpoints, or "training" for quick scores or no scores (then there is no ``line``).
    ``figures``: keys of the scores that at least one run has. ``main``: keys for the main table. ``settings``: the settings that
    differ between the chosen runs, by run id, as title → value as text. ``told``: sentences on whether rows differ by more than
    seeds do.
    ``is_seeded``: whether any of the chosen runs differ only in their seed.
    """

    kind: str
    rows: tuple[Row, ...]
    figures: tuple[str, ...]
    main: tuple[str, ...]
    settings: Mapping[str, Mapping[str, str]]
    told: tuple[str, ...]
    is_seeded: bool

    @property
    def line(self) -> Line | None:
        """Any of the lines of scores in the table; all of them are comparable. None if there are no scores."""
        return next((line for row in self.rows for line in row.lines), None)

    @property
    def heading(self) -> str:
        """Heading of the table."""
        return _KINDS[self.kind] + (": FID in training" if self.kind == "training" and self.line else "")

    @property
    def about(self) -> str:
        """How the scores were measured and what their spread covers; empty if there are no scores."""
        made = " or ".join(dict.fromkeys(lines.made_from(line) for row in self.rows for line in row.lines))
        counts = sorted({len(row.runs) for row in self.rows if len(row.runs) > 1})
        if not made or not counts:
            return made and f"{made}."
        seeds = f"{counts[0]} to {counts[-1]} seeds" if len(counts) > 1 else words.count(counts[0], "seed")
        rest = "; for a single seed, over draws" if any(len(row.runs) == 1 for row in self.rows) else ""
        return f"{made}. Mean ± standard deviation over {seeds} of the training{rest}."

    @property
    def bold(self) -> str:
        """Criterion for bold scores."""
        return comparison.criterion(is_seeded=self.is_seeded)

    def title(self, key: str) -> str:
        """Return the title of a score in this table, with its unit."""
        title = lines.label(self.line) if key == "fid" and self.line else SCORES[key].title
        unit = " (%)" if SCORES[key].is_share else ""
        return f"{title}{' in training' if self.kind == 'training' else ''}{unit}"


def tables(chosen: Sequence[Run]) -> list[Table]:
    """Return the scores of the chosen runs: one table per checkpoint (last, best) and group of comparable scores.

    Runs that have not been scored come last, with the latest quick scores of their training.
    """
    scored: list[Scored] = [(run, line) for run in chosen for line in comparison.latest(run)]
    seen = {run for run, _ in scored}
    waiting: list[Scored] = [(run, _newest(run)) for run in chosen if run not in seen]
    shown, alike = run_names.names(chosen), comparison.variants(chosen)
    settings = {run_id: texts(found) for run_id, found in comparison.differences(chosen, _UNTOLD).items()}
    is_seeded = len(set(alike.values())) < len(alike)
    groups = comparison.groups([*scored, *waiting], lambda pair: pair[1])
    found = [_table(group, shown, alike, settings, is_seeded=is_seeded) for group in groups]
    return sorted(found, key=lambda table: (list(_KINDS).index(table.kind), table.line is None))


def texts(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return settings with their values as text."""
    return {title: comparison.text_of(value) for title, value in settings.items()}


def _newest(run: Run) -> Line | None:
    """Return the latest quick score of a run; None if there are none."""
    return max(
        (scored[-1] for scored in comparison.quick(run)),
        key=lambda line: (line["images_seen"] or 0, line["step"] or 0),
        default=None,
    )


def _table(
    group: Sequence[Scored],
    shown: Mapping[str, str],
    alike: Mapping[str, str],
    settings: Mapping[str, Mapping[str, str]],
    *,
    is_seeded: bool,
) -> Table:
    line = group[0][1]
    kind, rows = comparison.kind(line), _rows(group, shown, alike)
    if line is None:
        return Table(kind, tuple(rows), (), (), settings, (), is_seeded)
    floor = Row(f"Real images ({line['data']})", (), (), (line,), {}, comparison.floor(line))
    measured = [key for key in SCORES if any(row.figures[key] for row in rows)]
    distances = lines.main_scores(line) if lines.caution(line) else ("fid",)
    main = tuple(key for key in (*distances, *_BESIDE) if key in measured)
    if kind == "training":  # few images and possibly different steps: shown but not ranked
        main = tuple(key for key in main if key not in _BESIDE)
        return Table(kind, (floor, *rows), main, main, settings, (), is_seeded)
    winners = {
        key: comparison.best(key, [row.figures[key] for row in rows], [row.values[key][1] for row in rows], is_seeded=is_seeded)
        for key in measured
    }
    rows = [
        dataclasses.replace(row, best=tuple(key for key, winner in winners.items() if winner == place))
        for place, row in enumerate(rows)
    ]
    figures = (*main, *(key for key in measured if key not in main))
    found = Table(kind, (floor, *rows), figures, main, settings, (), is_seeded)
    return dataclasses.replace(found, told=tuple(_told(rows, main[0], found.title(main[0]))))


def _rows(group: Sequence[Scored], shown: Mapping[str, str], alike: Mapping[str, str]) -> list[Row]:
    """Return the rows of a group: runs that differ only in their seed share a row, at the same step or at their best steps."""
    parts: dict[tuple[Any, ...], list[Scored]] = {}
    often: Counter[tuple[Any, ...]] = Counter()
    seeds = {run_id: flat["training.seed"] for run_id, flat in comparison.readable(run for run, _ in group).items()}
    for run, line in group:
        key = alike[run.id], line["step"] if line and comparison.kind(line) != "best" else 0
        same = *key, seeds.get(run.id)
        parts.setdefault((*key, often[same]), []).append((run, line))  # a repeated seed does not count as a second seed
        often[same] += 1
    rows: list[Row] = []
    for part in parts.values():
        part.sort(key=lambda pair: seeds.get(pair[0].id, 0))
        found = [line for _, line in part if line]
        names = [shown[run.id] for run, _ in part]
        name = comparison.common_name(names)
        values = {key: [value for line in found if (value := lines.number(line, key)) is not None] for key in SCORES}
        rows.append(
            Row(
                names[0] if name in {row.name for row in rows} else name,
                tuple(run for run, _ in part),
                tuple(str(seeds.get(run.id, "unknown")) for run, _ in part),
                tuple(found),
                values,
                comparison.measured(found[0]) if len(found) == 1 else {key: _over(values[key]) for key in SCORES},
            )
        )
    return _shortened(rows)


def _shortened(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with the common parts of their names removed."""
    names = short({row.runs[0].id: row.name for row in rows})
    return [dataclasses.replace(row, name=name) for row, name in zip(rows, names.values(), strict=True)]


def _over(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Return mean and sample standard deviation over runs."""
    return statistics.fmean(values) if values else None, statistics.stdev(values) if len(values) > 1 else None


def _told(rows: Sequence[Row], key: str, title: str) -> list[str]:
    """Return sentences on whether rows differ in a score by more than seeds do: all pairs, or each row with the first if many."""
    from gan.judging import significance

    known = [row for row in rows if row.figures[key]]
    if len(known) < 2:
        return []
    if all(len(row.figures[key]) == 1 for row in known):
        return ["Each variant has only one seed, so the effect of chance is unknown; train at least two seeds per variant."]
    noise = significance.pool(row.figures[key] for row in known)
    pairs = itertools.combinations(known, 2) if len(known) <= _MOST_PAIRED else ((known[0], row) for row in known[1:])
    return [
        significance.tell(
            (one.name, other.name),
            (one.figures[key], other.figures[key]),
            title,
            is_lower_better=SCORES[key].better < 0,
            noise=noise,
        )
        for one, other in pairs
    ]
