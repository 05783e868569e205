"""Verdicts of the doctor, and access to the figures that its rules compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gan.judging import lines

Line = Mapping[str, Any]

UNCOVERED = 0.6  # of the floor's coverage and recall; both below: partial collapse; coverage alone: unlike real images
IMPRECISE = 0.5  # of the floor's precision; below: unlike real images

#: Pictures that can show the evidence: samples, pairs of near duplicates, precision against recall, images per class, the three
#: distributions of looks, logged curves, FID over images seen, nearest training images, points with their modes.
EVIDENCE = (
    "samples",
    "duplicates",
    "neighbours",
    "classes",
    "brightness",
    "contrast",
    "saturation",
    "curves",
    "fid",
    "nearest",
    "modes",
)


@dataclass(frozen=True)
class Verdict:
    """A fault of a run, or advice, with the measurement behind it and a remedy.

    ``name``: identifier for programs. ``title``: text of the badge. ``sentence``: states measurement and threshold.
    ``changes``: settings for :func:`gan.config.replace` that apply the ``remedy`` in a fork from the checkpoint of ``step``
    (None: the newest); empty if the remedy has no settings or the configuration is unknown.
    ``measured`` and ``threshold``: the two numbers compared. ``evidence``: one of ``EVIDENCE``. ``curves``: columns of the logged
    lines to show, if ``evidence`` is "curves". ``kind``: a fault, or advice for a run without one.
    """

    name: str
    title: str
    sentence: str
    remedy: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    measured: float | None = None
    threshold: float | None = None
    evidence: str = "samples"
    curves: tuple[str, ...] = ()
    kind: Literal["fault", "advice"] = "fault"
    step: int | None = None


def with_floor(line: Line, name: str, usual: str = "") -> tuple[float, float] | None:
    """Return a figure and the same figure of real images (key ``usual``, by default the floor), or None if either is unknown."""
    value, floor = lines.number(line, name), lines.number(line, usual or f"floor_{name}")
    return None if value is None or floor is None else (value, floor)


def is_below(line: Line, name: str, share: float, usual: str = "") -> bool:
    """Return whether a figure is below ``share`` times the same figure of real images; False if either is unknown."""
    pair = with_floor(line, name, usual)
    return pair is not None and pair[0] < share * pair[1]


def numbers(logged: Sequence[Line], name: str) -> list[float]:
    """Return the known values of a column, in order."""
    return [value for line in logged if (value := lines.number(line, name)) is not None]
