"""The score table across runs as plain data frames; no streamlit."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from gan.judging import comparison as core
from gan.judging import lines
from gan.judging.comparison import text_of
from gan.judging.glossary import SCORES, missing
from gan.runs import Run
from gan.storage.models import stamp
from gan.storage.newest import newest
from pages.parts import owning, words
from pages.parts.evaluation.columns import INTERVALS

Line = lines.Line

OWNER = "Owner"  # column of a class, treated like a setting: a table can be grouped and filtered by it
_MOST_LISTED = 4  # distinct values listed in a folded row

#: Key that comparable lines must agree in → wording.
_GROUNDS = {
    "data": "data set",
    "size": "image size",
    "images": "number of generated images",
    "real_images": "number of real images",
    "weights": "kind of weights",
    "extractor_id": "features",
    "reals": "choice of real images",
    "altered": "changes of the pictures before scoring",
}
_CONTENT = "real images (same name, different content)"  # used if all keys above agree


def latest(run: Run, checkpoint: str = "last") -> dict[str, Line]:
    """Return the newest score of the last or best checkpoint per extractor id, in a stable order."""
    found = {line["extractor_id"]: line for line in core.latest(run) if core.kind(line) == checkpoint}
    order = dict.fromkeys(str(line.get("extractor_id")) for line in run.scores())
    return {extractor: found[extractor] for extractor in order if extractor in found}


def quick(run: Run) -> list[Line]:
    """Return the quick scores of a run that are comparable with its newest one, in order of steps."""
    return [line for found in core.quick(run)[-1:] for line in found if lines.number(line, "images_seen") is not None]


def unmeasured(run: Run) -> str:
    """Return why the newest scoring of a run has no FID; empty if it has one."""
    scored = [line for line in run.scores() if line.get("source") == "checkpoint"][-1:]
    return " ".join(missing(line)[0] for line in scored if lines.number(line, "fid") is None)


def snapshot(run: Run, line: Line | None) -> tuple[int, Path] | None:
    """Return step and file of the last sample grid up to the step of a line; without a line, of the newest."""
    found = [(step, path) for step, path in run.samples().items() if line is None or line["step"] is None or step <= line["step"]]
    return found[-1] if found else None


def groups(scored: Sequence[Line]) -> list[Line]:
    """Return one line per group of comparable lines, in order."""
    return [group[0] for group in core.groups(scored, lambda line: line)]


def apart(one_of_each: Sequence[Line]) -> str:
    """Return why groups of scores must not be ranked together: what they differ in, with the values."""
    told = []
    for key, noun in _GROUNDS.items():
        values = list(dict.fromkeys(_ground(line, key) for line in one_of_each))
        if len(values) > 1:
            told.append(noun if key == "reals" else f"{noun} ({', '.join(values)})")
    alike = {tuple(text_of(line.get(key)) for key in _GROUNDS) for line in one_of_each}
    if len(alike) < len(one_of_each) and len({line.get("real_digest") for line in one_of_each}) > 1:
        told.append(_CONTENT)
    return " and ".join([", ".join(told[:-1]), told[-1]] if len(told) > 1 else told)


def _ground(line: Line, key: str) -> str:
    value = line.get(key)
    if key in ("images", "real_images") and isinstance(value, int):
        return f"{value:,}"
    return "none" if key == "altered" and not value else text_of(value)


def table(chosen: Sequence[Run], extractor: str, checkpoint: str = "last") -> pd.DataFrame:
    """Return one row per run, preceded by one row of real images (the floor) per group of comparable scores.

    Columns: ``name`` and ``run`` (empty for real images), the differing settings by title, each of ``glossary.SCORES`` with
    its spread (NaN if unknown), ``expected`` classes, facts about the scoring, ``variant`` (equal for runs that differ only
    in their seed) with its name ``kind``, ``twin`` (equal for runs that do not even differ in it), and ``group`` (0: not
    scored). Rows of different groups must not be ranked together.
    """
    lined = {run: latest(run, checkpoint).get(extractor) for run in chosen}
    found = dict(sorted(lined.items(), key=lambda pair: pair[1] is None))
    each = groups([line for line in found.values() if line])
    rows = [_floor_row(line, number, len(each)) for number, line in enumerate(each, 1)]
    shown, names, alike = core.differences(chosen), words.short(words.names(list(chosen))), core.variants(chosen)
    kinds, seeds = names_of_variants(chosen), core.seeds(chosen)
    for run, line in found.items():
        group = next((n for n, other in enumerate(each, 1) if line and lines.is_comparable(line, other)), 0)
        row = {"name": names[run.id], "kind": kinds[run.id], "run": run.id, "group": group, "variant": alike[run.id]}
        row["twin"] = f"{seeds[run.id]} {alike[run.id]}"
        row["minutes"] = run.status().seconds / 60 or None
        if owner := owning.of(run.owner()):
            row = {OWNER: owner} | row
        rows.append({**{title: value for title, value in shown[run.id].items() if title not in row}, **row, **_score_cells(line)})
    made = pd.DataFrame(rows)
    figures = [*SCORES, *(f"{name}_spread" for name in SCORES), *INTERVALS, "expected"]
    return made.assign(**{name: made[name].astype(float) if name in made else math.nan for name in figures})


def names_of_variants(chosen: Sequence[Run]) -> dict[str, str]:
    """Return for each run, by id, the name of its variant: one name for runs that differ only in their seed."""
    whole, alike = words.names(list(chosen)), core.variants(chosen)
    together: dict[str, list[str]] = {}
    for run_id, variant in alike.items():
        together.setdefault(variant, []).append(whole[run_id])
    named = words.short({variant: core.common_name(names) for variant, names in together.items()})
    return {run_id: named[variant] for run_id, variant in alike.items()}


def settings(made: pd.DataFrame) -> list[str]:
    """Return the columns of a :func:`table` that are settings."""
    return [column for column in made.columns if column not in _OURS]


def has_seeds(made: pd.DataFrame) -> bool:
    """Return whether some scored rows differ only in their seed."""
    scored = made[(made["run"] != "") & (made["group"] > 0)]
    return bool(scored.duplicated(["group", "variant"]).any())


def parts(made: pd.DataFrame, by: str) -> list[list[int]]:
    """Return the places of the rows that :func:`fold` merges, one list for each of its rows in their order."""
    names = made["run"]
    if by in made.columns:
        names = made[by].map(text_of).where((made["run"] != "") & (made["group"] > 0), names)
    found: dict[tuple[int, str], list[int]] = {}
    for place, key in enumerate(zip(made["group"], names, strict=True)):
        found.setdefault(key, []).append(place)
    return list(found.values())


def fold(made: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return the table with comparable runs merged if they agree in the column ``by``: "variant" or a setting's title.

    Measures become means with the sample standard deviation as spread, and ``runs`` counts the runs. Repeated runs of one seed
    are averaged first and count once, because copies are not independent evidence. Differing settings list their values, and
    ``variant`` is empty if the runs differ in more than their seed. A row of a single run keeps the spread over its draws. Real
    images and unscored runs are unchanged.
    """
    if by not in made.columns:
        return made
    columns, rows = settings(made), []
    for places in parts(made, by):
        part = made.iloc[places]
        row = part.iloc[0].to_dict()
        if by == "variant":
            row["name"] = row["kind"]
        if (count := part["twin"].nunique()) > 1:
            noun = "seeds" if by == "variant" else "runs"
            row["name"] = row["name"] if by == "variant" else f"{by}: {text_of(row[by])}"
            row |= {"runs": count, "over": f"{count} {noun}"}
            means = [*INTERVALS, "minutes", "epoch", "step", "images_seen"]
            each = part.groupby("twin", sort=False)[[name for name in (*SCORES, *means) if name in part]].mean()
            for name in SCORES:
                row |= {name: each[name].mean(), f"{name}_spread": each[name].std(ddof=1)}
            for name in means:
                row[name] = each[name].mean() if name in each else math.nan
            row |= {column: _merged(part[column]) for column in (*columns, "seed", "checkpoint") if column in part}
            row["variant"] = row["variant"] if part["variant"].nunique() == 1 else ""
            if "verdicts" in part:
                row["verdicts"] = list(dict.fromkeys(title for titles in part["verdicts"] for title in titles))
        rows.append(row)
    return pd.DataFrame(rows, columns=made.columns)


def filtered(
    made: pd.DataFrame, text: str = "", verdicts: Sequence[str] = (), wanted: Mapping[str, Sequence[str]] | None = None
) -> pd.DataFrame:
    """Return the rows whose name contains ``text``, with one of the verdicts and one of the wanted values per setting.

    Values are compared as text; an empty filter matches everything. Real images stay if a row of their group does.
    """
    is_run = made["run"] != ""
    keep = is_run & made["name"].str.casefold().str.contains(text.strip().casefold(), regex=False)
    if verdicts:
        keep &= made["verdicts"].map(lambda titles: bool(set(titles) & set(verdicts)))
    for title, values in (wanted or {}).items():
        if values and title in made:
            keep &= made[title].map(text_of).isin(values)
    return made[keep | (~is_run & made["group"].isin(set(made["group"][keep])))]


def ordered(made: pd.DataFrame, score: str) -> pd.DataFrame:
    """Return the table with each group's real images first, then its rows from the best to the worst; unscored rows come last."""
    better = SCORES[score].better or 1

    def place(row: int) -> tuple[float, bool, bool, float]:
        value = made[score].iloc[row]
        return made["group"].iloc[row] or math.inf, made["run"].iloc[row] != "", bool(pd.isna(value)), -better * value

    return made.iloc[sorted(range(len(made)), key=place)].reset_index(drop=True)


def values(made: pd.DataFrame, title: str) -> list[str]:
    """Return the distinct values of a setting as text; numbers are sorted."""
    found = list(dict.fromkeys(made[title][made["run"] != ""]))
    are_numbers = all(isinstance(value, (int, float)) for value in found)
    return list(dict.fromkeys(map(text_of, sorted(found) if are_numbers else found)))


def best(made: pd.DataFrame, order: Sequence[str] = tuple(SCORES), by: str = "") -> list[list[str]]:
    """Return for each row of the table folded ``by`` a column the titles of measures in which it is clearly the best of its group.

    ``made`` is the table before folding; see :func:`gan.judging.comparison.best`.
    """
    rows, groups, runs, twins = parts(made, by), list(made["group"]), list(made["run"]), list(made["twin"])
    columns = {key: (list(made[key]), list(made[f"{key}_spread"])) for key in order}
    found: list[list[str]] = [[] for _ in rows]
    for group in dict.fromkeys(groups):
        places = [place for place, (first, *_) in enumerate(rows) if group and groups[first] == group and runs[first]]
        is_seeded = any(len({twins[row] for row in rows[place]}) > 1 for place in places)
        for key, (values, spreads) in columns.items():
            measured = [[(twins[row], values[row]) for row in rows[place] if not math.isnan(values[row])] for place in places]
            known = list(map(core.per_seed, measured))
            winner = core.best(key, known, [spreads[rows[place][0]] for place in places], is_seeded=is_seeded)
            if winner is not None:
                found[places[winner]].append(SCORES[key].title)
    return found


#: Columns of a table that are not settings.
_OURS = {
    "name",
    "kind",
    "run",
    "runs",
    "group",
    "variant",
    "twin",
    "verdicts",
    "best",
    "samples",
    "expected",
    "extractor",
    "images",
    "real_images",
    "draws",
    "over",
    "weights",
    "checkpoint",
    "seed",
    "epoch",
    "step",
    "images_seen",
    "minutes",
    *SCORES,
    *(f"{name}_spread" for name in SCORES),
    *INTERVALS,
}


def _merged(column: pd.Series) -> Any:
    """Return the common value of all rows, or the distinct values as text."""
    found = list(dict.fromkeys(map(text_of, column)))
    if len(found) == 1:
        return column.iloc[0]
    return ", ".join(found) if len(found) <= _MOST_LISTED else "varied"


def _cells(figures: core.Figures) -> dict[str, float | None]:
    spreads = {f"{name}_spread": spread for name, (_, spread) in figures.items()}
    return {name: value for name, (value, _) in figures.items()} | spreads


def _score_cells(line: Line | None) -> dict[str, Any]:
    if not line:
        return {}
    return {
        **_cells(core.measured(line)),
        **{name: lines.number(line, name) for name in INTERVALS},
        "expected": core.expected(line),
        "runs": 1,
        "over": words.count(int(line["draws"]), "draw"),
        "checkpoint": str(line.get("checkpoint", "last")),
        **{key: line.get(key) for key in ("extractor", "images", "real_images", "draws", "weights", "seed", "step", "epoch")},
        "images_seen": lines.number(line, "images_seen"),
    }


def _floor_row(line: Line, number: int, count: int) -> dict[str, Any]:
    name = f"Real {lines.noun(line)} ({line['data']})" + (f", group {number}" if count > 1 else "")
    return {
        "name": name,
        "kind": name,
        "run": "",
        "group": number,
        "variant": "",
        "twin": "",
        **_cells(core.floor(line)),
        "expected": core.expected(line),
        "extractor": line["extractor"],
        "images": line.get("floor_images"),
        "draws": line["draws"],
        "over": words.count(int(line["draws"]), "draw"),
    }


def thumbnail(path: Path, size: int = 136, *, is_plot: bool = False) -> str | None:
    """Return the upper left 4 × 4 images of a sample grid, or a whole plot of points, as a small data URL; None if damaged.

    Kept until the file changes, or one with another name in its folder is asked for.
    """
    return _small(path.parent, size, is_plot, path.name, stamp(path))


@newest(512, subject=3)
def _small(folder: Path, size: int, is_plot: bool, name: str, when: tuple[int, ...]) -> str | None:
    try:
        with Image.open(folder / name, formats=("PNG",)) as picture:
            width, height = picture.size if is_plot else (picture.width // 2, picture.height // 2)
            mode = "RGBA" if "transparency" in picture.info else "L" if picture.mode == "L" else "RGB"
            small = picture.crop((0, 0, width, height)).convert(mode)
            small = small.resize((size, size), Image.Resampling.BOX)
    except (OSError, SyntaxError, ValueError):  # raised by Pillow for damaged files
        return None
    buffer = io.BytesIO()
    small.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
