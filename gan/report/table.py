"""The scores of several runs side by side: one table for each group of scores that may be compared, with the real images first.

Runs that differ in nothing but their seed are one row, because only several seeds tell a setting from chance.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gan import config as configs
from gan import forks, words
from gan.config import RunConfig
from gan.errors import InputError
from gan.runs import Run
from gan.scoring import lines
from gan.scoring.glossary import SCORES

Line = Mapping[str, Any]
Scored = tuple[Run, Line | None]

_USUAL_MEMORISED = 0.05  # by definition: the share of images that counts as near a training image
_SPREAD_DIGITS = 2  # of a spread that are written, and so of the value that has it
_MOST_DECIMALS = 6
_MOST_PAIRED = 3  # rows of which every two are compared; with more, each with the first
_SEED = "training.seed"
_UNTOLD = (_SEED, "training.length", "cadence.")  # rows say seeds and steps themselves; the others change no result
_BESIDE = ("inception_score", "modes", "high_quality")  # what stands beside the samples, after the distances
_KINDS = {"last": "Scores of the last checkpoints", "best": "Scores of the best checkpoints", "training": "Not scored yet"}


@dataclass(frozen=True)
class Row:
    """A variant: ``runs`` that differ in nothing but their ``seeds``, with the line of each; the real images where there are none.

    ``figures`` are what each run has, one value a run, and ``values`` value and spread: of one run as it was scored, of several
    the mean and the sample standard deviation. ``best`` are the figures in which the row is surely the best.
    """

    name: str
    runs: tuple[Run, ...]
    seeds: tuple[str, ...]
    lines: tuple[Line, ...]
    figures: Mapping[str, Sequence[float]]
    values: Mapping[str, tuple[float | None, float | None]]
    best: tuple[str, ...] = ()

    def text(self, key: str) -> str:
        """Return a figure with its spread as text, shares in per cent; a dash for what is not known."""
        times = 100 if SCORES[key].is_share else 1
        value, spread = self.values[key]
        return figure(None if value is None else times * value, None if spread is None else times * spread)

    @property
    def when(self) -> str:
        """When in the training its figures were made: "epoch 3.6, step 200"; of several runs each, where they differ."""
        each = {"epoch": [f"{line['epoch']:.1f}" for line in self.lines], "step": [f"{line['step']:,}" for line in self.lines]}
        told = {noun: list(dict.fromkeys(values)) for noun, values in each.items()}
        return ", ".join(f"{noun}{'s' * (len(values) > 1)} {', '.join(values)}" for noun, values in told.items() if values)


@dataclass(frozen=True)
class Table:
    """Rows that may be ranked against each other, the real images first.

    ``kind`` says what was scored: the "last" or the "best" checkpoints, or only generators in "training", or nothing (then there
    is no ``line``). The ``figures`` are those that some run has, ``main`` those that matter most. ``settings`` are those in which
    all chosen runs differ, by id (:func:`differences`); ``told`` are sentences on whether the rows differ by
    more than seeds do, and ``is_seeded`` says that some of all runs differ in nothing else.
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
        """One of the lines of scores; in what decides whether scores may be compared, all agree."""
        return next((line for row in self.rows for line in row.lines), None)

    @property
    def heading(self) -> str:
        """What the table is called."""
        return _KINDS[self.kind] + (": FID in training" if self.kind == "training" and self.line else "")

    @property
    def about(self) -> str:
        """What its figures were made from, and what their spread is over; empty where there are none."""
        made = " or ".join(dict.fromkeys(lines.made_from(line) for row in self.rows for line in row.lines))
        counts = sorted({len(row.runs) for row in self.rows if len(row.runs) > 1})
        if not made or not counts:
            return made and f"{made}."
        seeds = f"{counts[0]} to {counts[-1]} seeds" if len(counts) > 1 else words.count(counts[0], "seed")
        rest = "; where there is one, over draws" if any(len(row.runs) == 1 for row in self.rows) else ""
        return f"{made}. Mean ± standard deviation over {seeds} of the training{rest}."

    @property
    def bold(self) -> str:
        """What a figure in bold has to be."""
        more = "the seeds explain" if self.is_seeded else "both spreads over draws; other seeds may differ"
        return f"better than in every other row by more than {more}"

    def title(self, key: str) -> str:
        """Return what a figure is called here, with its unit."""
        title = lines.label(self.line) if key == "fid" and self.line else SCORES[key].title
        unit = " (%)" if SCORES[key].is_share else ""
        return f"{title}{' in training' if self.kind == 'training' else ''}{unit}"


def latest(run: Run) -> list[Line]:
    """Return the newest score of each checkpoint (last, then best) of a run with each extractor, the newest extractor last."""
    found: dict[tuple[bool, str], Line] = {}
    for line in run.scores():
        if lines.is_whole(line) and line["source"] == "checkpoint":
            key = line.get("checkpoint", "last") == "best", line["extractor_id"]
            found.pop(key, None)
            found[key] = line
    return sorted(found.values(), key=lambda line: line.get("checkpoint", "last") == "best")


def quick(run: Run) -> dict[str, list[Line]]:
    """Return the quick scores that were made during training, by extractor, a line a step, in order."""
    found: dict[str, dict[float, Line]] = {}
    for line in run.scores():
        if lines.is_whole(line) and line["source"] == "training":
            found.setdefault(line["extractor_id"], {})[line["step"]] = line
    return {extractor: [by_step[step] for step in sorted(by_step)] for extractor, by_step in found.items()}


def tables(chosen: Sequence[Run]) -> list[Table]:
    """Return the scores of the chosen runs, a table for each checkpoint (last, best) and group of comparable scores.

    Runs that were not scored come after them, with the newest of the quick scores of their training.
    """
    scored: list[Scored] = [(run, line) for run in chosen for line in latest(run)]
    seen = {run for run, _ in scored}
    waiting: list[Scored] = [(run, _newest(run)) for run in chosen if run not in seen]
    shown, alike, settings = words.names(chosen), variants(chosen), differences(chosen)
    is_seeded = len(set(alike.values())) < len(alike)
    found = [_table(group, shown, alike, settings, is_seeded=is_seeded) for group in _grouped([*scored, *waiting])]
    return sorted(found, key=lambda table: (list(_KINDS).index(table.kind), table.line is None))


def variants(chosen: Sequence[Run]) -> dict[str, str]:
    """Return a text for each run, by id, that is the same for runs which differ in nothing but their seed."""
    found = {run.id: run.id for run in chosen}
    for run, config in _readable(chosen):
        rest = {key: value for key, value in configs.flatten(config).items() if key != _SEED}
        origin = run.origin()
        found[run.id] = json.dumps([rest, forks.describe(origin) if origin else ""], sort_keys=True)
    return found


def differences(chosen: Sequence[Run]) -> dict[str, dict[str, str]]:
    """Return for each run, by id, the settings in which the chosen runs differ: title → value as text.

    Left out are seed and length, and what only says how often things are written down.
    """
    found = {run.id: config for run, config in _readable(chosen)}
    keys = [key for key in configs.difference(list(found.values())) if not key.startswith(_UNTOLD)] if found else []
    return {run.id: settings(found[run.id], keys) if run.id in found else {} for run in chosen}


def settings(config: RunConfig, keys: Sequence[str]) -> dict[str, str]:
    """Return those settings of ``keys`` ("networks.width") that a configuration has, as title → value as text."""
    flat = configs.flatten(config)
    return {configs.field_info(config, key).title or key: text_of(flat[key]) for key in keys if key in flat}


def text_of(value: Any) -> str:
    """Return a setting as text; a dash for none."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(text_of, value)) or "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == "":
        return "–"
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def figure(value: float | None, spread: float | None) -> str:
    """Return "9.07 ± 0.18", with as many decimals as the spread deserves; a dash for what is not known."""
    if value is None or not math.isfinite(value):
        return "–"
    if spread is None or not math.isfinite(spread):
        return f"{value:.3g}"
    decimals = _SPREAD_DIGITS - 1 - math.floor(math.log10(spread)) if spread > 0 else _SPREAD_DIGITS
    decimals = min(max(decimals, 0), _MOST_DECIMALS)
    return f"{value:.{decimals}f} ± {spread:.{decimals}f}"


def _newest(run: Run) -> Line | None:
    """Return the newest of the quick scores of a run's training; None where there are none."""
    return max((scored[-1] for scored in quick(run).values()), key=lambda line: line["step"], default=None)


def _kind(line: Line | None) -> str:
    return "training" if line is None or line["source"] == "training" else str(line.get("checkpoint", "last"))


def _grouped(scored: Sequence[Scored]) -> list[list[Scored]]:
    """Return runs in groups whose scores may be compared; those without any are a group too."""
    groups: list[list[Scored]] = []
    for run, line in scored:
        group = next((group for group in groups if _belong_together(line, group[0][1])), None)
        if group is None:
            groups.append(group := [])
        group.append((run, line))
    return groups


def _belong_together(one: Line | None, other: Line | None) -> bool:
    if one is None or other is None:
        return one is other
    return _kind(one) == _kind(other) and lines.is_comparable(one, other)


def _table(
    group: Sequence[Scored], shown: Mapping[str, str], alike: Mapping[str, str], settings: Mapping[str, Mapping[str, str]], *,
    is_seeded: bool,
) -> Table:  # fmt: skip
    line = group[0][1]
    kind, rows = _kind(line), _rows(group, shown, alike)
    if line is None:
        return Table(kind, tuple(rows), (), (), settings, (), is_seeded)
    measured = [key for key in SCORES if any(row.figures[key] for row in rows)]
    distances = lines.main_scores(line) if lines.caution(line) else ("fid",)
    main = tuple(key for key in (*distances, *_BESIDE) if key in measured)
    if kind == "training":  # of few images, at steps that may differ: to be seen, not to be ranked
        main = tuple(key for key in main if key not in _BESIDE)
        return Table(kind, (_floor(line), *rows), main, main, settings, (), is_seeded)
    winners = {key: _winner(rows, key, is_seeded=is_seeded) for key in measured}
    rows = [dataclasses.replace(row, best=tuple(key for key, winner in winners.items() if winner is row)) for row in rows]
    figures = (*main, *(key for key in measured if key not in main))
    found = Table(kind, (_floor(line), *rows), figures, main, settings, (), is_seeded)
    return dataclasses.replace(found, told=tuple(_told(rows, main[0], found.title(main[0]))))


def _rows(group: Sequence[Scored], shown: Mapping[str, str], alike: Mapping[str, str]) -> list[Row]:
    """Return the rows of a group: in one the runs that differ only in their seed, at the same step or each at its best."""
    parts: dict[tuple[Any, ...], list[Scored]] = {}
    often: Counter[tuple[Any, ...]] = Counter()
    seeds = {run.id: config.training.seed for run, config in _readable([run for run, _ in group])}
    for run, line in group:
        key = alike[run.id], line["step"] if line and _kind(line) != "best" else 0
        same = *key, seeds.get(run.id)
        parts.setdefault((*key, often[same]), []).append((run, line))  # the same seed twice is no second seed
        often[same] += 1
    rows: list[Row] = []
    for part in parts.values():
        part.sort(key=lambda pair: seeds.get(pair[0].id, 0))
        found = [line for _, line in part if line]
        names = [shown[run.id] for run, _ in part]
        name = _common(names)
        values = {key: [value for line in found if (value := lines.number(line, key)) is not None] for key in SCORES}
        rows.append(
            Row(
                names[0] if name in {row.name for row in rows} else name, tuple(run for run, _ in part),
                tuple(str(seeds.get(run.id, "unknown")) for run, _ in part), tuple(found), values,
                {key: _value(found[0], key) if len(found) == 1 else _over(values[key]) for key in SCORES},
            )
        )  # fmt: skip
    return rows


def _common(names: Sequence[str]) -> str:
    """Return one name for runs that differ in their seed: what stands before the seed, or the id, at the end; else the first."""
    starts = {name.rpartition(" · ")[0] for name in names}
    return starts.pop() or names[0] if len(names) > 1 and len(starts) == 1 else names[0]


def _over(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Return mean and sample standard deviation over runs."""
    return statistics.fmean(values) if values else None, statistics.stdev(values) if len(values) > 1 else None


def _floor(line: Line) -> Row:
    """Return the row of the real images."""
    values = {key: _value(line, score.floor) if score.floor else (None, None) for key, score in SCORES.items()}
    if lines.number(line, "memorised") is not None:
        values["memorised"] = (_USUAL_MEMORISED, None)
    counts = line.get("real_class_counts")
    if isinstance(counts, list) and lines.number(line, "classes_covered") is not None:
        values["classes_covered"] = (float(sum(isinstance(count, (int, float)) and count > 0 for count in counts)), None)
    return Row(f"Real images ({line['data']})", (), (), (line,), {}, values)


def _value(line: Line, key: str) -> tuple[float | None, float | None]:
    return lines.number(line, key), lines.number(line, f"{key}_spread")


def _winner(rows: Sequence[Row], key: str, *, is_seeded: bool) -> Row | None:
    """Return the row that is better in a figure than each other one by more than the seeds explain; None where that is not sure.

    Without several seeds of anything it has to be better by more than both spreads over draws, and these have to be known.
    """
    from gan.scoring import significance  # imports scipy, which no other command needs

    better, known = SCORES[key].better, [row for row in rows if row.figures[key]]
    if not better or len(known) < 2:
        return None
    first = max(known, key=lambda row: better * statistics.fmean(row.figures[key]))
    noise = significance.pool(row.figures[key] for row in known)

    def is_worse(row: Row) -> bool:
        if is_seeded:
            found = significance.compare(first.figures[key], row.figures[key], noise)
            return found is not None and found.is_sure
        (value, spread), (other, around) = first.values[key], row.values[key]
        return None not in (spread, around) and abs((value or 0.0) - (other or 0.0)) > (spread or 0.0) + (around or 0.0)

    return first if all(is_worse(row) for row in known if row is not first) else None


def _told(rows: Sequence[Row], key: str, title: str) -> list[str]:
    """Return sentences on whether rows differ in a figure by more than seeds do: every two, or with many each and the first."""
    from gan.scoring import significance

    known = [row for row in rows if row.figures[key]]
    if len(known) < 2:
        return []
    if all(len(row.figures[key]) == 1 for row in known):
        return ["Each variant has one seed, which does not show how much chance does; train at least two seeds of each."]
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


def _readable(chosen: Sequence[Run]) -> Iterator[tuple[Run, RunConfig]]:
    for run in chosen:
        try:
            yield run, run.config()
        except InputError:
            continue
