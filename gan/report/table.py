"""The scores of several runs side by side: one table for each group of scores that may be compared, with the real images first."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gan import config as configs
from gan import words
from gan.config import RunConfig
from gan.errors import InputError
from gan.runs import Run
from gan.scoring import lines
from gan.scoring.glossary import SCORES

Line = Mapping[str, Any]

_USUAL_MEMORISED = 0.05  # by definition: the share of images that counts as near a training image
_SPREAD_DIGITS = 2  # of a spread that are written, and so of the value that has it
_MOST_DECIMALS = 6
_UNTOLD = ("training.length", "cadence.")  # the steps that were trained say the first; the others change no result


@dataclass(frozen=True)
class Row:
    """A scored run, or the real images where ``run`` is None: value and spread by figure, and the figures it is clearly best in."""

    name: str
    run: Run | None
    line: Line
    values: Mapping[str, tuple[float | None, float | None]]
    best: tuple[str, ...] = ()

    def text(self, key: str) -> str:
        """Return a figure with its spread as text, shares in per cent; a dash for what is not known."""
        times = 100 if SCORES[key].is_share else 1
        value, spread = self.values[key]
        return figure(None if value is None else times * value, None if spread is None else times * spread)


@dataclass(frozen=True)
class Table:
    """Rows that may be ranked against each other, the real images first.

    The ``figures`` are those that some run has, ``variants`` the settings in which the runs differ, by id (:func:`differences`).
    """

    rows: tuple[Row, ...]
    figures: tuple[str, ...]
    variants: Mapping[str, Mapping[str, str]]

    @property
    def line(self) -> Line:
        """One of the lines of scores; in what decides whether scores may be compared, all agree."""
        return self.rows[0].line

    def title(self, key: str) -> str:
        """Return what a figure is called here, with its unit."""
        title = lines.label(self.line) if key == "fid" else SCORES[key].title
        return f"{title} (%)" if SCORES[key].is_share else title


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
    """Return the scores of the chosen runs, a table for each checkpoint (last, best) and group of comparable scores."""
    groups: list[list[tuple[Run, Line]]] = []
    for run in chosen:
        for line in latest(run):
            for group in groups:
                if _belong_together(line, group[0][1]):
                    group.append((run, line))
                    break
            else:
                groups.append([(run, line)])
    shown = words.names(chosen)
    return [_table(group, shown) for group in sorted(groups, key=lambda group: _checkpoint(group[0][1]) == "best")]


def differences(chosen: Sequence[Run]) -> dict[str, dict[str, str]]:
    """Return for each run, by id, the settings in which the chosen runs differ: title → value as text.

    Left out are the length and what only says how often things are written down.
    """
    found = dict(_readable(chosen))
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


def _checkpoint(line: Line) -> str:
    return str(line.get("checkpoint", "last"))


def _belong_together(one: Line, other: Line) -> bool:
    return _checkpoint(one) == _checkpoint(other) and lines.is_comparable(one, other)


def _table(group: list[tuple[Run, Line]], shown: Mapping[str, str]) -> Table:
    measured = [{key: _value(line, key) for key in SCORES} for _, line in group]
    winners = {key: _clear_winner([(values[key]) for values in measured], score.better) for key, score in SCORES.items()}
    rows = [
        Row(shown[run.id], run, line, values, tuple(key for key, winner in winners.items() if winner == place))
        for place, ((run, line), values) in enumerate(zip(group, measured, strict=True))
    ]
    figures = tuple(key for key in SCORES if any(values[key][0] is not None for values in measured))
    return Table((_floor(group[0][1]), *rows), figures, differences([run for run, _ in group]))


def _floor(line: Line) -> Row:
    """Return the row of the real images."""
    values = {key: _value(line, score.floor) if score.floor else (None, None) for key, score in SCORES.items()}
    if lines.number(line, "memorised") is not None:
        values["memorised"] = (_USUAL_MEMORISED, None)
    counts = line.get("real_class_counts")
    if isinstance(counts, list) and lines.number(line, "classes_covered") is not None:
        values["classes_covered"] = (float(sum(isinstance(count, (int, float)) and count > 0 for count in counts)), None)
    return Row(f"Real images ({line['data']})", None, line, values)


def _value(line: Line, key: str) -> tuple[float | None, float | None]:
    return lines.number(line, key), lines.number(line, f"{key}_spread")


def _clear_winner(values: Sequence[tuple[float | None, float | None]], better: int) -> int | None:
    """Return the place of the best of at least two values, or None where another comes within both their spreads."""
    known = [(value * better, spread or 0.0, place) for place, (value, spread) in enumerate(values) if value is not None]
    if not better or len(known) < 2:
        return None
    first, spread, place = max(known, key=lambda one: one[0])
    is_clear = all(first - value > spread + other for value, other, where in known if where != place)
    return place if is_clear else None


def _readable(chosen: Sequence[Run]) -> Iterator[tuple[str, RunConfig]]:
    for run in chosen:
        try:
            yield run.id, run.config()
        except InputError:
            continue
