"""A verdict of the doctor, and reading the figures that rules compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gan.judging import lines

Line = Mapping[str, Any]

UNCOVERED = 0.6  # of the floor's coverage, and of its recall: partial collapse; with more recall: not like real images
IMPRECISE = 0.5  # of the floor's precision: not like real images

#: Which picture shows the evidence: samples, pairs of near duplicates, precision against recall, images per class, the three
#: distributions of looks, the logged curves, FID over images seen, the nearest training images, points and their modes.
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
    """What is wrong: ``name`` for programs, ``title`` for a badge, a ``sentence`` with measurement and threshold, and what to do.

    ``curves`` names the columns of the logged lines in which it shows, where ``evidence`` is "curves". ``changes`` are settings
    for :func:`gan.config.replace` that put the ``remedy`` into effect, in a fork from the checkpoint of ``step`` (None: the
    newest); empty where there is none to set, or nobody said of which configuration. ``measured`` is what was held against
    ``threshold``, ``evidence`` one of ``EVIDENCE``, and ``kind`` whether it is a fault, or advice to a run without one.
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
    """Return a figure and what real images get; None where either is not known."""
    value, floor = lines.number(line, name), lines.number(line, usual or f"floor_{name}")
    return None if value is None or floor is None else (value, floor)


def is_below(line: Line, name: str, share: float, usual: str = "") -> bool:
    """Return whether a figure is below this share of what real images get."""
    pair = with_floor(line, name, usual)
    return pair is not None and pair[0] < share * pair[1]


def numbers(logged: Sequence[Line], name: str) -> list[float]:
    return [value for line in logged if (value := lines.number(line, name)) is not None]
