"""The contents of a report, gathered from the run folders, independent of the output format."""

from __future__ import annotations

import os
import platform
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from gan import config as configs
from gan import words
from gan.config import RunConfig, presets
from gan.errors import InputError
from gan.guests.guest import Guest
from gan.judging import comparison, conditions, doctor, lines
from gan.judging.doctor import Verdict
from gan.judging.glossary import SCORES, Score
from gan.report import album, chart, drawings, reproduce, table
from gan.report.album import Album
from gan.report.chart import Mark, Series
from gan.report.reproduce import Recipe
from gan.report.table import Table
from gan.runs import Run, Status, adopted, changes, forks
from gan.runs.changes import Change
from gan.runs.columns import COLUMNS
from gan.runs.names import names

_PACKAGES = ("torch", "torchvision", "torchmetrics", "safetensors", "numpy", "pillow", "pydantic", "streamlit")
_IMAGES = COLUMNS["images_seen"].title

#: Chart title → logged columns. The order, and thus the colours, match the Watch page.
_CURVES = {"Loss": ("generator_loss", "discriminator_loss"), "Output of D": ("d_fake", "d_real")}


@dataclass(frozen=True)
class Entry:
    """One run in a report.

    ``complaints``: one sentence per missing or damaged part. ``curves``: SVG elements by title. ``changed``: settings that differ
    from the preset, by title. ``settings``: all settings, by key. Both hold values as text. ``made``: one sentence per change
    while the run trained. ``line``: the line of scores behind
    ``verdicts``, or None if the run has not been scored. ``evidence``: SVG elements by kind of evidence (``Verdict.evidence``), for
    distributions only. ``judged``: all lines in the tables, each with its verdicts.
    """

    run: Run
    name: str
    progress: str
    config: RunConfig | None
    changed: Mapping[str, str]
    settings: Mapping[str, str]
    preset: str
    origin: str
    made: Sequence[str]
    verdicts: Sequence[Verdict]
    line: Mapping[str, Any] | None
    evidence: Mapping[str, str]
    album: Album
    curves: Mapping[str, str]
    recipe: Recipe | None
    scoring: Sequence[str]
    judged: Sequence[tuple[Mapping[str, Any], Sequence[Verdict]]]
    complaints: Sequence[str]

    @property
    def summary(self) -> str:
        """Summary shown with the verdicts; see :func:`gan.judging.comparison.summarise`."""
        return comparison.summarise(self.line, self.verdicts)


@dataclass(frozen=True)
class Report:
    """A complete report: its runs, tables of their scores, and the versions used to make it."""

    made: str
    entries: Sequence[Entry]
    tables: Sequence[Table]
    curves: Mapping[str, str]
    definitions: Sequence[Score]
    machine: Mapping[str, str]

    @property
    def complaints(self) -> list[str]:
        """One sentence per missing or damaged part of a run."""
        return [f"{entry.name}: {sentence}" for entry in self.entries for sentence in entry.complaints]


def badges(entries: Sequence[Entry], told: Sequence[Mapping[str, Any]] = ()) -> dict[str, str]:
    """Return short verdicts on the runs of one variant with their kinds: "fault", "advice", "good" or "unknown".

    The verdicts belong to the lines in ``told``, or else to each run's own line. If a verdict does not apply to all runs, its text
    includes the number of runs to which it applies.
    """
    kinds: dict[str, str] = {}
    often: Counter[str] = Counter()
    for entry in entries:
        line, verdicts = next((one for one in entry.judged if one[0] in told), (entry.line, entry.verdicts))
        found: dict[str, str] = {verdict.title: verdict.kind for verdict in verdicts}
        if summary := comparison.summarise(line, verdicts):
            found[summary] = "good" if summary == comparison.SOUND else "unknown"
        often.update(list(found))
        kinds |= found
    order = sorted(kinds, key=lambda title: kinds[title] in ("fault", "advice"))
    share = {title: "" if often[title] == len(entries) else f" ({often[title]} of {len(entries)} seeds)" for title in order}
    return {f"{title}{share[title]}": kinds[title] for title in order}


def gather(chosen: Sequence[Run]) -> Report:
    """Return a report on the chosen runs; missing or damaged parts become complaints."""
    shown, pictures = names(chosen), album.albums(chosen)
    found = table.tables(chosen)
    measured = {key for one in found for key in one.figures}
    return Report(
        made=time.strftime("%Y-%m-%d %H:%M"),
        entries=[_entry(run, shown[run.id], pictures[run.id]) for run in chosen],
        tables=found,
        curves=_fid_curves(chosen, shown),
        definitions=[score for key, score in SCORES.items() if key in measured],
        machine=_machine(),
    )


def _entry(run: Run, name: str, pictures: Album) -> Entry:
    complaints: list[str] = []
    config: RunConfig | None = None
    recipe: Recipe | None = None
    preset, origin = "", ""
    flat: dict[str, Any] = {}
    changed: dict[str, str] = {}
    made: list[str] = []
    try:
        config = run.config()
        recipe = reproduce.recipe(run)
        known = presets.PRESETS.get(config.preset)
        start = known.config if known else presets.find(presets.DEFAULT).config
        preset = known.title if known else f"none; compared with “{presets.find(presets.DEFAULT).title}”"
        flat = changes.flat(run)
        changed = _changed(start, flat)
        made = [f"Changed after step {one.step:,}{by(one)}: {one.told()}." for one in changes.applied(run)]
    except InputError as error:
        if not isinstance(run, Guest):
            complaints.append(str(error))
    if found := run.origin():
        origin = f"Forked from run {found.run} {forks.describe(found)}."
    elif came := adopted.read(run):
        origin = adopted.describe(came)
    scored, logged = comparison.latest(run), run.metrics()
    judged = next(reversed([line for line in scored if line.get("checkpoint", "last") == "last"] or scored), None)
    if judged is None:
        complaints.append(f"The run has not been scored; score it with: python -m gan score {run.id}")
    elif isinstance(run, Guest):
        made += conditions.tell(judged)
    if pictures.newest is None and not pictures.damaged:
        complaints.append("The run has no samples yet.")
    if pictures.damaged:
        complaints.append(
            f"{pictures.damaged} of its sample grids cannot be read and {'is' if pictures.damaged == 1 else 'are'} left out."
        )
    if not logged and not isinstance(run, Guest):
        complaints.append("The run has no logged lines, so there are no curves.")
    curve = doctor.logged(run)
    diagnosed = [(line, doctor.diagnose(run, line, curve, run.scores())) for line in scored]
    verdicts: list[Verdict] = []
    if judged is not None:
        verdicts = next(found for line, found in diagnosed if line is judged)
    elif config is not None:
        verdicts = doctor.examine_curves(curve, config, has_diverged=run.status().state == "diverged")
    return Entry(
        run,
        name,
        _about_guest(run) if isinstance(run, Guest) else _progress(run.status()),
        config,
        changed,
        table.texts(flat),
        preset,
        origin,
        made,
        verdicts,
        judged,
        drawings.drawings(judged) if judged else {},
        pictures,
        _curves(logged, _marks(run, logged)),
        recipe,
        [reproduce.score(run, line) for line in scored],
        diagnosed,
        complaints,
    )


def _about_guest(guest: Guest) -> str:
    """Describe where a guest comes from."""
    try:
        facts = guest.facts()
    except InputError:
        return "Guest: made elsewhere"
    at = f" at {len(facts.places)} {facts.unit}s" if len(facts.places) > 1 else ""
    return f"Guest: {words.count(facts.images, 'picture')}{at} made elsewhere, from “{facts.source}”, scored against {facts.data}"


def _changed(start: RunConfig, wanted: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings ``wanted`` that differ from ``start``, by title."""
    begun = configs.flatten(start)
    keys = [key for key, value in wanted.items() if key not in begun or begun[key] != value]
    return table.texts(comparison.settings(wanted, keys))


def _progress(status: Status) -> str:
    """Describe the progress, duration, device and software of a run."""
    parts = [f"{status.state.capitalize()} at step {status.step:,} of {status.total_steps:,} ({status.epoch:.1f} epochs)"]
    if status.seconds:
        parts.append(f"{words.duration(status.seconds)} of training")
    if status.device:
        threads = f", {words.threads(status.threads, status.processes)}" if status.threads else ""
        parts.append(f"on {status.device} in {status.precision}{threads}")
    if status.software:
        parts.append(f"with {status.software}")
    return ", ".join(parts)


def by(change: Change) -> str:
    """Return who asked for a change, as a part of a sentence; empty if unknown."""
    return f" by {change.who}" if change.who else ""


def _marks(run: Run, logged: Sequence[Mapping[str, Any]]) -> list[Mark]:
    """Return the changes of a run while it trained, at the images seen by then."""
    seen = {line["step"]: lines.number(line, "images_seen") for line in logged}
    found = []
    for changed, text in changes.marks(changes.applied(run)):
        at = next((images for step, images in seen.items() if step >= changed and images is not None), None)
        found += [] if at is None else [Mark(at, text)]
    return found


def _curves(logged: Sequence[Mapping[str, Any]], marks: Sequence[Mark]) -> dict[str, str]:
    found = {}
    for title, fields in _CURVES.items():
        series = [Series(COLUMNS[field].short.capitalize(), _points(logged, field), place) for place, field in enumerate(fields)]
        if drawn := chart.lines(series, _IMAGES, title, marks=marks):
            found[title] = drawn
    return found


def _fid_curves(chosen: Sequence[Run], shown: Mapping[str, str]) -> dict[str, str]:
    """Return charts of FID over images seen, by title: one per group of comparable quick scores."""
    curves = [(run, scored) for run in chosen for scored in comparison.quick(run)]
    found: dict[str, str] = {}
    for group in comparison.groups(curves, lambda curve: curve[1][-1]):
        line = group[0][1][-1]
        series = [Series(shown[run.id], _points(scored, "fid")) for run, scored in group]
        marks = [mark._replace(line=place) for place, (run, _) in enumerate(group) for mark in _marks(run, run.metrics())]
        if drawn := chart.lines(series, _IMAGES, lines.label(line), is_log=True, marks=marks):
            found[f"{lines.label(line)}, {line['images']:,} images of {line['data']}"] = drawn
    return found


def _points(logged: Sequence[Mapping[str, Any]], field: str) -> list[tuple[float, float]]:
    """Return (images seen, field) for each logged line; lines without both numbers are left out."""
    pairs = ((lines.number(line, "images_seen"), lines.number(line, field)) for line in logged)
    return [(x, y) for x, y in pairs if x is not None and y is not None]


def _machine() -> dict[str, str]:
    """Return the versions and the machine used to make the report."""
    found = {"Python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found | {
        "System": platform.platform(terse=True),
        "Processor": platform.machine(),
        "Cores": str(os.cpu_count() or "unknown"),
    }
