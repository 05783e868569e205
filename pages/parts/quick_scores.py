"""Scores made during a training. Cards show them, and do without pandas, which the table of logged lines needs."""

from __future__ import annotations

import math
from typing import Any

from gan.judging.lines import label, number
from gan.runs import Run


def fids(run: Run) -> tuple[str, list[tuple[int, float]]]:
    """Return the FID label of the scores, and their (step, FID) pairs in order of steps; an unknown FID is NaN."""
    found = by_step(run)
    values = [(step, number(line, "fid")) for step, line in sorted(found.items())]
    told = label(next(reversed(found.values()))) if found else ""
    return told, [(step, math.nan if value is None else value) for step, value in values]


def by_step(run: Run) -> dict[int, dict[str, Any]]:
    """Return the lines of the scores by step, in the order of the file."""
    return {line["step"]: line for line in run.scores() if line.get("source") == "training" and isinstance(line.get("step"), int)}
