"""Where the pictures and scores of a guest belong on the axes of the Compare page; no streamlit."""

from __future__ import annotations

import contextlib
from pathlib import Path

from gan.errors import InputError
from gan.guests.guest import Guest
from gan.judging import comparison, lines
from gan.judging.lines import Line

Points = tuple[tuple[float, float, int], ...]  # as in ``timeline``


def snapshots(guest: Guest, column: str) -> tuple[tuple[float, int, Path], ...]:
    """Return position, number and file of its pictures on the axis of a logged ``column``, as far as its names tell.

    Where they tell nothing, its last pictures stand at 0.
    """
    places: dict[int, float] = {}
    with contextlib.suppress(InputError):
        known = {place.number: guest.moment_of(place).get(column) for place in guest.facts().places}
        places = {number: float(at) for number, at in known.items() if at is not None}
    every = list(guest.samples().items())
    shots = sorted((places[number], number, path) for number, path in every if number in places)
    return tuple(shots or [(0.0, number, path) for number, path in every[-1:]])


def fids(guest: Guest, column: str) -> tuple[tuple[Line, Points], ...]:
    """Return its FIDs by position, per comparable kind with one of its lines; none on the axis of time."""
    found = []
    for quick in comparison.quick(guest) if column != "seconds" else []:
        known = ((lines.number(line, column), lines.number(line, "fid")) for line in quick)
        points = tuple((at, value, round(at)) for at, value in known if at is not None and value is not None)
        found += [(quick[0], points)] if points else []
    return tuple(found)
