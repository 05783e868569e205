"""The table of scores across runs, as plain data frames; no streamlit."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from gan.runs import Run
from gan.scoring import lines
from gan.scoring import results as core
from gan.scoring.glossary import SCORES, missing
from gan.scoring.results import clear_winner, text_of
from pages.parts import words
from pages.parts.columns import INTERVALS

Line = dict[str, Any]

_MOST_LISTED = 4  # values of runs in a folded row

#: What two lines must agree in to be compared → how it is called.
_GROUNDS = {
    "data": "data sets", "size": "image sizes", "images": "numbers of generated images", "real_images": "numbers of real images",
    "weights": "kinds of weights", "extractor_id": "features", "reals": "choices of real images",
}  # fmt: skip
_CONTENT = "real images (the same name, other content)"  # said where all other grounds are the same


def latest(run: Run, checkpoint: str = "last") -> dict[str, Line]:
    """Return the newest score of a run's last or best checkpoint for each extractor, by the extractor's id, in a lasting order."""
    found = {line["extractor_id"]: line for line in core.latest(run) if core.kind(line) == checkpoint}
    order = dict.fromkeys(str(line.get("extractor_id")) for line in run.scores())
    return {extractor: found[extractor] for extractor in order if extractor in found}


def quick(run: Run) -> list[Line]:
    """Return the quick scores of a training that may be compared with the newest one, in the order of steps."""
    return [line for found in core.quick(run)[-1:] for line in found if lines.number(line, "images_seen") is not None]


def unmeasured(run: Run) -> str:
    """Return why the newest scoring of a run ended without a FID; an empty text where it did not."""
    scored = [line for line in run.scores() if line.get("source") == "checkpoint"][-1:]
    return " ".join(missing(line)[0] for line in scored if lines.number(line, "fid") is None)


def snapshot(run: Run, line: Line | None) -> tuple[int, Path] | None:
    """Return step and file of the sample grid nearest to a line of scores and not after it; without a line, of the newest."""
    found = [(step, path) for step, path in run.samples().items() if line is None or step <= line["step"]]
    return found[-1] if found else None


def groups(scored: Sequence[Line]) -> list[Line]:
    """Return one line of each group of comparable ones, in order."""
    return [group[0] for group in core.groups(scored, lambda line: line)]


def apart(one_of_each: Sequence[Line]) -> str:
    """Return why groups of scores must not be ranked against each other: what they differ in, with the values."""
    told = []
    for key, noun in _GROUNDS.items():
        values = list(dict.fromkeys(text_of(line.get(key)) for line in one_of_each))
        if len(values) > 1:
            told.append(noun if key == "reals" else f"{noun} ({', '.join(values)})")
    alike = {tuple(text_of(line.get(key)) for key in _GROUNDS) for line in one_of_each}
    if len(alike) < len(one_of_each) and len({line.get("real_digest") for line in one_of_each}) > 1:
        told.append(_CONTENT)
    return " and ".join([", ".join(told[:-1]), told[-1]] if len(told) > 1 else told)


def table(chosen: Sequence[Run], extractor: str, checkpoint: str = "last") -> pd.DataFrame:
    """Return one row a run and, first, one row for the real images (the floor) of each group of comparable scores.

    Columns: ``name`` and ``run`` (empty for real images), the settings that differ by title, each of ``glossary.SCORES`` with
    its spread (NaN for what is not known), ``expected`` classes, what it was made from, ``variant`` (the same for runs that
    differ only in their seed), and ``group``: rows of different groups must not be ranked against each other (0: not scored).
    """
    lined = {run: latest(run, checkpoint).get(extractor) for run in chosen}
    found = dict(sorted(lined.items(), key=lambda pair: pair[1] is None))
    each = groups([line for line in found.values() if line])
    rows = [_floor_row(line, number, len(each)) for number, line in enumerate(each, 1)]
    shown, names, alike = core.differences(chosen), words.short(words.names(list(chosen))), core.variants(chosen)
    for run, line in found.items():
        group = next((n for n, other in enumerate(each, 1) if line and lines.is_comparable(line, other)), 0)
        row = {"name": names[run.id], "run": run.id, "group": group, "variant": alike[run.id], "minutes": run.status().seconds / 60}
        rows.append({**{title: value for title, value in shown[run.id].items() if title not in row}, **row, **_score_cells(line)})
    made = pd.DataFrame(rows)
    figures = [*SCORES, *(f"{name}_spread" for name in SCORES), *INTERVALS, "expected"]
    return made.assign(**{name: made[name].astype(float) if name in made else math.nan for name in figures})


def settings(made: pd.DataFrame) -> list[str]:
    """Return the titles of the settings among the columns of a :func:`table`."""
    return [column for column in made.columns if column not in _OURS]


def has_seeds(made: pd.DataFrame) -> bool:
    """Return whether some scored rows differ in nothing but their seed."""
    scored = made[(made["run"] != "") & (made["group"] > 0)]
    return bool(scored.duplicated(["group", "variant"]).any())


def fold(made: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return a table with one row for all comparable runs that agree in the column ``by``: "variant", or a setting's title.

    Measures become means over these runs with their sample standard deviation as spread, ``runs`` says over how many; what they
    differ in is listed, and ``variant`` is empty where that is more than their seed. A row of a single run keeps the spread over
    its draws. Real images and unscored runs stay as they are.
    """
    if by not in made.columns:
        return made
    columns, rows = settings(made), []
    keys = [(row["group"], row["run"] if not row["run"] or not row["group"] else text_of(row[by])) for _, row in made.iterrows()]
    for key in dict.fromkeys(keys):
        part = made[[other == key for other in keys]]
        row = part.iloc[0].to_dict()
        if len(part) > 1:
            noun = "seeds" if by == "variant" else "runs"
            row["name"] = core.common_name(list(part["name"])) if by == "variant" else f"{by}: {text_of(row[by])}"
            row |= {"runs": len(part), "over": f"{len(part)} {noun}"}
            for name in SCORES:
                row |= {name: part[name].mean(), f"{name}_spread": part[name].std(ddof=1)}
            for name in (*INTERVALS, "minutes", "epoch", "step", "images_seen"):
                row[name] = part[name].mean() if name in part else math.nan
            row |= {column: _merged(part[column]) for column in (*columns, "seed", "checkpoint") if column in part}
            row["variant"] = row["variant"] if part["variant"].nunique() == 1 else ""
            if "verdicts" in part:
                row["verdicts"] = list(dict.fromkeys(title for titles in part["verdicts"] for title in titles))
        rows.append(row)
    return pd.DataFrame(rows, columns=made.columns)


def filtered(
    made: pd.DataFrame, text: str = "", verdicts: Sequence[str] = (), wanted: Mapping[str, Sequence[str]] | None = None
) -> pd.DataFrame:  # fmt: skip
    """Return the rows whose name holds a text, with one of the verdicts, and with one of the wanted values of each setting.

    Values are as text; what is empty chooses nothing out. Real images stay where a row that they belong to does.
    """
    is_run = made["run"] != ""
    keep = is_run & made["name"].str.casefold().str.contains(text.strip().casefold(), regex=False)
    if verdicts:
        keep &= made["verdicts"].map(lambda titles: bool(set(titles) & set(verdicts)))
    for title, values in (wanted or {}).items():
        if values and title in made:
            keep &= made[title].map(text_of).isin(values)
    return made[keep | (~is_run & made["group"].isin(set(made["group"][keep])))]


def values(made: pd.DataFrame, title: str) -> list[str]:
    """Return the values of a setting as text, each once, numbers in order."""
    found = list(dict.fromkeys(made[title][made["run"] != ""]))
    are_numbers = all(isinstance(value, (int, float)) for value in found)
    return list(dict.fromkeys(map(text_of, sorted(found) if are_numbers else found)))


def best(made: pd.DataFrame, order: Sequence[str] = tuple(SCORES)) -> list[list[str]]:
    """Return for each row in which measures (titles) it is the best of its group, by more than its own and the other's spread."""
    found: list[list[str]] = [[] for _ in range(len(made))]
    is_scored = (made["run"] != "") & (made["group"] > 0)
    for group in set(made["group"][is_scored]):
        part = made.reset_index(drop=True)
        part = part[(part["run"] != "") & (part["group"] == group)]
        for score in map(SCORES.__getitem__, order):
            name = score.key
            if score.better and (winner := clear_winner(part[name] * score.better, part[f"{name}_spread"])) is not None:
                found[part.index[winner]].append(score.title)
    return found


#: Columns of a table that are no settings.
_OURS = {
    "name", "run", "runs", "group", "variant", "verdicts", "best", "samples", "expected", "extractor", "images", "real_images",
    "draws",    "over", "weights", "checkpoint", "seed", "epoch", "step", "images_seen", "minutes",
    *SCORES, *(f"{name}_spread" for name in SCORES), *INTERVALS,
}  # fmt: skip


def _merged(column: pd.Series) -> Any:
    """Return the value that all rows have, or a list of the different ones as text."""
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
        **_cells(core.measured(line)), **{name: lines.number(line, name) for name in INTERVALS},
        "expected": core.expected(line), "runs": 1, "over": words.count(int(line["draws"]), "draw"),
        "checkpoint": str(line.get("checkpoint", "last")),
        **{key: line.get(key) for key in ("extractor", "images", "real_images", "draws", "weights", "seed", "step", "epoch")},
        "images_seen": lines.number(line, "images_seen"),
    }  # fmt: skip


def _floor_row(line: Line, number: int, count: int) -> dict[str, Any]:
    name = f"Real {core.noun(line)} ({line['data']})" + (f", group {number}" if count > 1 else "")
    return {
        "name": name, "run": "", "group": number, "variant": "",
        **_cells(core.floor(line)), "expected": core.expected(line),
        "extractor": line["extractor"], "images": line.get("floor_images"), "draws": line["draws"],
        "over": words.count(int(line["draws"]), "draw"),
    }  # fmt: skip


def thumbnail(path: Path, size: int = 136, *, is_plot: bool = False) -> str | None:
    """Return the upper left 4 × 4 images of a sample grid, or all of a plot of points, as a small data URL; None for damage."""
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            width, height = picture.size if is_plot else (picture.width // 2, picture.height // 2)
            small = picture.crop((0, 0, width, height)).convert("L" if picture.mode == "L" else "RGB")
            small = small.resize((size, size), Image.Resampling.BOX)
    except (OSError, SyntaxError, ValueError):  # what Pillow raises for damage
        return None
    buffer = io.BytesIO()
    small.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
