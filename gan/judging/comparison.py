"""Comparison of scored runs: newest and quick scores, comparable groups, differing settings; torch-free.

Shared by reports and pages: the figures of real images, the distributions in a line, and figures and settings as text.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from gan import config as configs
from gan import words
from gan.catalogue import data_sets
from gan.errors import InputError
from gan.judging import doctor, lines
from gan.judging.doctor import Verdict
from gan.judging.glossary import SCORES
from gan.runs import Run, adopted, changes, checkpoints
from gan.runs.names import without_seed

Line = Mapping[str, Any]
Figures = dict[str, tuple[float | None, float | None]]  # key of ``glossary.SCORES`` → value and spread
T = TypeVar("T")

SOUND, UNKNOWN, NOT_SCORED = "no fault found", "not examined", "not scored"  # labels of runs without a fault
SEED, LENGTH = "training.seed", "training.length"
FORK = "fork"  # key in ``outcome`` next to the settings
_USUAL_MEMORISED = 0.05  # by definition, the share of real images that counts as near a training image
_MOST_CLASSES = 100  # more bars cannot be told apart
_MOST_COUNTED = 1e15  # images; a larger number means a damaged line
_LOOKS = ("brightness", "contrast", "saturation")


class Classes(NamedTuple):
    """Names of the classes, their shares (0 to 1) of generated and real images, and the indices of missing classes.

    ``spread`` is the sample standard deviation of the generated shares over draws; empty if unknown.
    """

    names: tuple[str, ...]
    fake: tuple[float, ...]
    real: tuple[float, ...]
    missing: tuple[int, ...]
    spread: tuple[float, ...]


class Look(NamedTuple):
    """Distribution of one property, such as brightness: shares of images (0 to 1) in equal bins from 0 to ``highest``.

    ``means`` states both means and the effect size as text.
    """

    name: str
    fake: tuple[float, ...]
    real: tuple[float, ...]
    highest: float
    means: str


def latest(run: Run) -> list[Line]:
    """Return the newest score per checkpoint (last, then best) and extractor of a run, with the newest extractor last."""
    found: dict[tuple[bool, str], Line] = {}
    for line in run.scores():
        if lines.is_whole(line) and line["source"] == "checkpoint":
            key = line.get("checkpoint", "last") == "best", line["extractor_id"]
            found.pop(key, None)
            found[key] = line
    return sorted(found.values(), key=lambda line: line.get("checkpoint", "last") == "best")


def is_scored(run: Run) -> bool:
    """Return whether the newest checkpoint of a run has been scored."""
    steps = checkpoints.steps(run.checkpoints_path)
    scored = [line.get("step") for line in run.scores() if line.get("source") == "checkpoint" and kind(line) == "last"]
    return bool(steps) and steps[-1] in scored


def most_comparable(chosen: Iterable[Run]) -> dict[str, Line]:
    """Return by run id the newest scores of last checkpoints, from the largest group of runs with comparable scores."""
    found = [(run.id, line) for run in chosen for line in reversed(latest(run)) if kind(line) == "last"]
    together: list[tuple[str, Line]] = max(groups(found, lambda pair: pair[1]), key=len) if found else []
    return dict(together)


def quick(run: Run) -> list[list[Line]]:
    """Return groups of comparable scores made during training, each in order of steps; the group with the newest score is last."""
    made = [line for line in run.scores() if lines.is_whole(line) and line["source"] == "training"]
    return [sorted(group, key=_when) for group in reversed(groups(reversed(made), lambda line: line))]


def _when(line: Line) -> float:
    """Return where in a training a line was scored: at a step or, of a guest whose steps are unknown, at an epoch."""
    found = lines.number(line, "step")
    return (lines.number(line, "epoch") or 0.0) if found is None else found


def groups(scored: Iterable[T], line_of: Callable[[T], Line | None]) -> list[list[T]]:
    """Return items in groups with comparable lines of scores, in order of appearance."""
    found: list[list[T]] = []
    for one in scored:
        group = next((group for group in found if _belong_together(line_of(one), line_of(group[0]))), None)
        if group is None:
            found.append(group := [])
        group.append(one)
    return found


def kind(line: Line | None) -> str:
    """Return what was scored: the "last" or "best" checkpoint, or a generator in "training" (also if there is no line)."""
    return "training" if line is None or line["source"] == "training" else str(line.get("checkpoint", "last"))


def _belong_together(one: Line | None, other: Line | None) -> bool:
    """Return whether two lines may share a group; missing lines belong together."""
    if one is None or other is None:
        return one is other
    return kind(one) == kind(other) and lines.is_comparable(one, other)


def outcome(run: Run) -> dict[str, Any] | None:
    """Return what determines the result of a run: its settings and, for a fork, its earlier ones; None if unreadable."""
    try:
        flat = changes.flat(run)
    except InputError:
        return None
    if found := adopted.read(run):  # its networks came from elsewhere
        flat = flat | {FORK: [found.step, {"guest": found.guest}]}
    origin = run.origin()
    before = {key: value for key, value in origin.before.items() if key != LENGTH} if origin and origin.step else {}
    return flat | {FORK: [origin.step, before]} if origin and before else flat


def variants(chosen: Iterable[Run], aside: str = "") -> dict[str, str]:
    """Return a text per run, by id, that is equal for runs that differ only in their seed and the setting ``aside``.

    ``aside`` is a key or a title.
    """
    found = {}
    for run in chosen:
        flat = outcome(run)
        if flat is not None:
            flat = {key: value for key, value in flat.items() if key != SEED}
        if flat is not None and aside:
            flat = {key: value for key, value in flat.items() if aside not in (key, _title(key))}
        found[run.id] = run.id if flat is None else json.dumps(flat, sort_keys=True)
    return found


def seeds(chosen: Iterable[Run]) -> dict[str, Hashable]:
    """Return the seed of the training of each run, by id; its id if its settings are unreadable."""
    return {run.id: (outcome(run) or {}).get(SEED, run.id) for run in chosen}


def per_seed(measured: Iterable[tuple[Hashable, float]]) -> list[float]:
    """Return one value per seed, from pairs of a seed and a value: repeated runs of a seed are no independent evidence."""
    found: dict[Hashable, list[float]] = {}
    for seed, value in measured:
        found.setdefault(seed, []).append(value)
    return [statistics.fmean(each) for each in found.values()]


def _title(key: str) -> str:
    """Return the title of the setting ``key`` ("networks.width"); empty for :data:`FORK`."""
    return "" if key == FORK else configs.title(key)


def readable(chosen: Iterable[Run]) -> dict[str, dict[str, Any]]:
    """Return the settings of runs by id (see :func:`gan.runs.changes.flat`), without unreadable ones."""
    found = {}
    for run in chosen:
        try:
            found[run.id] = changes.flat(run)
        except InputError:
            continue
    return found


def differences(chosen: Sequence[Run], untold: tuple[str, ...] = (LENGTH,)) -> dict[str, dict[str, Any]]:
    """Return for each run, by id, the :func:`settings` that differ between the runs, except keys with a prefix in ``untold``."""
    found = readable(chosen)
    keys = [key for key in configs.difference_of(list(found.values())) if not key.startswith(untold)]
    return {run.id: settings(found[run.id], keys) if run.id in found else {} for run in chosen}


def settings(flat: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Return the values of those ``keys`` ("networks.width") that flattened settings have, by title; lists become text."""
    found = {_title(key): flat[key] for key in keys if key in flat}
    return {name: text_of(value) if isinstance(value, list) else value for name, value in found.items()}


def measured(line: Line) -> Figures:
    """Return the figures of a line, with their spreads."""
    return {key: _value(line, key) for key in SCORES}


def floor(line: Line) -> Figures:
    """Return the figures of real images that belong to a line."""
    found = {key: _value(line, score.floor) if score.floor else (None, None) for key, score in SCORES.items()}
    if lines.number(line, "memorised") is not None:
        found["memorised"] = (_USUAL_MEMORISED, None)
    return found | {"classes_covered": (expected(line), None)}


def _value(line: Line, key: str) -> tuple[float | None, float | None]:
    return lines.number(line, key), lines.number(line, f"{key}_spread")


def expected(line: Line) -> int | None:
    """Return how many classes are expected, or None if not counted.

    These are the chosen classes or, if all are used, those common among the real images. Earlier versions: all that occur.
    """
    if (known := lines.number(line, "classes_expected")) is not None:
        return int(known)
    real = _counts(line.get("real_class_counts"))
    return sum(count > 0 for count in real) if real else None


def classes(line: Line) -> Classes | None:
    """Return the classes of generated and real images; None if not counted or more than ``_MOST_CLASSES``."""
    fake, real = _counts(line.get("class_counts")), _counts(line.get("real_class_counts"))
    if not (fake and real) or len(fake) != len(real) or len(fake) > _MOST_CLASSES:
        return None
    numbers = tuple(one for one in missing_classes(line) if one < len(fake))
    per_draw = sum(fake) / (lines.number(line, "draws") or 1)
    spread = _counts(line.get("class_counts_spread"))
    around = tuple(one / per_draw for one in spread) if len(spread) == len(fake) else ()
    return Classes(_names(line, len(fake)), _shares(fake), _shares(real), numbers, around)


def missing_classes(line: Line) -> list[int]:
    """Return the numbers of the missing classes of a line, without those left out on purpose."""
    return lines.missing_classes(line, _names(line, len(_counts(line.get("class_counts")))))


def looks(line: Line) -> list[Look]:
    """Return the distributions of brightness, contrast and saturation, without those not measured or always 0."""
    found = []
    for name in _LOOKS:
        part = look(line, name)
        fake, real = _counts(part.get("fake_counts")), _counts(part.get("real_counts"))
        highest = lines.number(part, "highest")
        is_flat = not lines.number(part, "real_mean") and not lines.number(part, "fake_mean")  # e.g. the saturation of grey images
        if fake and real and len(fake) == len(real) and highest and highest > 0 and not is_flat:
            found.append(Look(name, _shares(fake), _shares(real), highest, _means(part)))
    return found


def _means(part: Line) -> str:
    """Return the means of a look and Cohen's d as text: "generated 27.1 ± 0.3, real 33.4; d = −0.80 ± 0.02"."""
    generated = words.figure(lines.number(part, "fake_mean"), lines.number(part, "fake_mean_spread"))
    told = f"generated {generated}, real {words.figure(lines.number(part, 'real_mean'), None)}"
    effect = lines.number(part, "effect")
    return told if effect is None else f"{told}; d = {words.figure(effect, lines.number(part, 'effect_spread'))}"


def look(line: Line, name: str) -> Line:
    """Return the part of a line about one look; empty if it was not measured."""
    parts = line.get("looks")
    part = parts.get(name) if isinstance(parts, dict) else None
    return part if isinstance(part, dict) else {}


def _names(line: Line, count: int) -> tuple[str, ...]:
    """Return the names of a data set's classes; their indices if the data set is gone or the extractor has other classes."""
    try:
        found = data_sets.find(str(line.get("data"))).classes
    except InputError:
        found = ()
    return found if len(found) == count else tuple(str(index) for index in range(count))


def _shares(counts: list[float]) -> tuple[float, ...]:
    total = sum(counts)
    return tuple(count / total for count in counts)


def _counts(value: object) -> list[float]:
    """Return a valid list of counts as floats; an empty list for anything else or if all counts are 0."""
    if not isinstance(value, list) or any(isinstance(one, bool) or not isinstance(one, (int, float)) for one in value):
        return []
    is_sound = all(0 <= one <= _MOST_COUNTED for one in value)  # also not NaN
    return [float(one) for one in value] if is_sound and sum(value) > 0 else []


def summarise(line: Line | None, verdicts: Iterable[Verdict]) -> str:
    """Return the label of a run without a fault: no fault found, not examined or not scored.

    Empty if there is a fault, or if the run is too young for the absence of faults to be meaningful.
    """
    if line is None:
        return NOT_SCORED
    if any(verdict.kind == "fault" or verdict.name in doctor.EARLY for verdict in verdicts):
        return ""
    return SOUND if doctor.is_examined(line) else UNKNOWN


def clear_winner(values: Iterable[float | None], spreads: Iterable[float | None]) -> int | None:
    """Return the index of the highest of at least two values, or None unless its lead over each other exceeds both spreads.

    An unknown spread (None or NaN, as for a single draw) counts as too large. Unknown values are ignored.
    """
    pairs = [[math.nan if one is None else one for one in pair] for pair in zip(values, spreads, strict=True)]
    known = {place: pair for place, pair in enumerate(pairs) if not math.isnan(pair[0])}
    if len(known) < 2:
        return None
    first = max(known, key=lambda place: known[place][0])
    value, around = known.pop(first)
    return first if all(value - other > around + spread for other, spread in known.values()) else None  # NaN: False


def best(key: str, values: Sequence[Sequence[float]], spreads: Sequence[float | None], *, is_seeded: bool) -> int | None:
    """Return the index of the row that is clearly the best in the score ``key``, or None. Reports and pages share this rule.

    ``values``: per row one known value per run; ``spreads``: per row the spread over draws. If ``is_seeded`` (some row averages
    several runs, or could), the row has to beat each other one by more than seeds explain (:mod:`gan.judging.significance`),
    otherwise by more than both spreads (:func:`clear_winner`). A score without a better direction has no best row.
    """
    better, known = SCORES[key].better, [place for place, each in enumerate(values) if each]
    if not better or len(known) < 2:
        return None
    if not is_seeded:
        winner = clear_winner((better * values[place][0] for place in known), (spreads[place] for place in known))
        return None if winner is None else known[winner]
    from gan.judging import significance  # imports scipy, which few commands need

    first = max(known, key=lambda place: better * statistics.fmean(values[place]))
    noise = significance.pool(values[place] for place in known)
    differences = (significance.compare(values[first], values[place], noise) for place in known if place != first)
    return first if all(found is not None and found.is_sure for found in differences) else None


def criterion(*, is_seeded: bool) -> str:
    """Return what a row has to be to be the :func:`best`, as text."""
    more = "the seeds explain" if is_seeded else "both spreads over draws; other seeds may differ"
    return f"better than in every other row by more than {more}"


def common_name(names: Sequence[str]) -> str:
    """Return one name for runs that differ in their seed: the part before the final seed or id if common, else the first name."""
    for starts in ({without_seed(name) for name in names}, {name.rpartition(" · ")[0] or name for name in names}):
        if len(names) > 1 and len(starts) == 1:
            return starts.pop()
    return names[0]


def text_of(value: Any) -> str:
    """Return a setting as text; a dash if empty."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(text_of, value)) or "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:g}"
    return "–" if value is None or value == "" else str(value)
