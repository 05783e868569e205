"""The table of scores across runs, as plain data frames; no streamlit."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from gan import config as configs
from gan.errors import InputError
from gan.runs import Run
from gan.scoring import lines
from pages.parts import evidence, words

Line = dict[str, Any]

#: Column → the figure of a line it shows, and the figure that real images get.
MEASURES = {
    "fid": ("fid", "floor_fid"),
    "is": ("inception_score", "real_inception_score"),
    "kid": ("kid", "floor_kid"),
    "precision": ("precision", "floor_precision"),
    "recall": ("recall", "floor_recall"),
    "density": ("density", "floor_density"),
    "coverage": ("coverage", "floor_coverage"),
    "duplicates": ("duplicates", "real_duplicates"),
    "ms_ssim": ("ms_ssim", "real_ms_ssim"),
    "classes": ("classes_covered", ""),
}


def latest(run: Run) -> dict[str, Line]:
    """Return the newest score of a run's checkpoints for each extractor, by the extractor's id."""
    return {line["extractor_id"]: line for line in run.scores() if _is_whole(line) and line["source"] == "checkpoint"}


def _is_whole(line: Line) -> bool:
    """Return whether a line, which may come from another version, has what the table needs."""
    numbers = ("fid", "floor_fid", "images", "real_images", "draws", "step", "epoch")
    texts = ("extractor", "extractor_id", "source", "data", "weights")
    return all(isinstance(line.get(key), (int, float)) for key in numbers) and all(isinstance(line.get(key), str) for key in texts)


def table(chosen: Sequence[Run], extractor: str) -> pd.DataFrame:
    """Return one row a run and, first, one row for the real images (the floor) of each group of comparable scores.

    Columns: the settings that differ, each of ``MEASURES`` with its spread (NaN for what is not known), ``expected`` classes,
    what it was made from, and ``group``: rows of different groups must not be ranked against each other.
    """
    found = {run: latest(run).get(extractor) for run in chosen}
    groups: list[Line] = []
    for line in found.values():
        if line and not any(lines.is_comparable(line, other) for other in groups):
            groups.append(line)
    rows = [_floor_row(line, number, len(groups)) for number, line in enumerate(groups, 1)]
    shown, names = differences(chosen), words.names(list(chosen))
    for run, line in found.items():
        group = next((n for n, other in enumerate(groups, 1) if line and lines.is_comparable(line, other)), 0)
        rows.append({"name": names[run.id], "run": run.id, "group": group, **shown[run.id], **_score_cells(line)})
    made = pd.DataFrame(rows)
    figures = [*MEASURES, *(f"{name}_spread" for name in MEASURES), "expected"]
    return made.assign(**{name: made[name].astype(float) if name in made else math.nan for name in figures})


def differences(chosen: Sequence[Run]) -> dict[str, dict[str, Any]]:
    """Return for each run the settings in which the chosen runs differ, by title."""
    readable = {}
    for run in chosen:
        try:
            readable[run.id] = run.config()
        except InputError:
            continue
    keys = [key for key in configs.difference(list(readable.values())) if key != "training.length"] if readable else []
    cells: dict[str, dict[str, Any]] = {run.id: {} for run in chosen}
    for run_id, config in readable.items():
        flat = configs.flatten(config)
        for key in keys:
            if key in flat:
                cells[run_id][configs.field_info(config, key).title or key] = flat[key]
    return cells


def _score_cells(line: Line | None) -> dict[str, Any]:
    if not line:
        return {}
    return {
        **{name: lines.number(line, key) for name, (key, _) in MEASURES.items()},
        **{f"{name}_spread": lines.number(line, f"{key}_spread") for name, (key, _) in MEASURES.items()},
        "expected": evidence.expected(line), "images": line["images"], "draws": line["draws"], "weights": line["weights"],
        "step": line["step"], "epoch": line["epoch"],
    }  # fmt: skip


def _floor_row(line: Line, number: int, groups: int) -> dict[str, Any]:
    name = f"Real images ({line['data']})" + (f", group {number}" if groups > 1 else "")
    expected = evidence.expected(line)
    return {
        "name": name, "run": "", "group": number,
        **{name: lines.number(line, key) for name, (_, key) in MEASURES.items()},
        **{f"{name}_spread": lines.number(line, f"{key}_spread") for name, (_, key) in MEASURES.items()},
        "classes": expected, "expected": expected, "images": line.get("floor_images"), "draws": line["draws"],
    }  # fmt: skip


def thumbnail(path: Path, size: int = 136) -> str | None:
    """Return the upper left 4 × 4 images of a sample grid as a small data URL, or None for a damaged file."""
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            small = picture.crop((0, 0, picture.width // 2, picture.height // 2)).convert("L" if picture.mode == "L" else "RGB")
            small = small.resize((size, size), Image.Resampling.BOX)
    except (OSError, SyntaxError, ValueError):  # what Pillow raises for damage
        return None
    buffer = io.BytesIO()
    small.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
