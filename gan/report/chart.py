"""Line and bar charts as SVG text, with axes, grid, legend and the colours of the page; no scripts or embedded fonts."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from gan import palette
from gan.runs.names import shorten
from gan.words import signed

_WIDTH, _HEIGHT = 560, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 12, 40
_LEGEND = 18  # height of a legend row
_LETTER = 6.6  # approximate width of a letter at font size 12, in pixels
_LONGEST_NAME = 44
_LONGEST_MARK = 34
_MOST_POINTS = 400  # pairs of minimum and maximum per line
_MOST_TICKS = 6


class Series(NamedTuple):
    """A line: name, points (x, y) in order of x, and index into ``palette.ON_WHITE`` (default: its position among the lines)."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: int | None = None


class Mark(NamedTuple):
    """A moment on the x axis, with its text, that belongs to all lines or to the one at place ``line``."""

    x: float
    text: str
    line: int | None = None


def lines(series: Sequence[Series], x_title: str, y_title: str, *, is_log: bool = False, marks: Sequence[Mark] = ()) -> str:
    """Return a line chart as an SVG element; empty if no line has two points.

    Points that are not finite are skipped. With ``is_log``, so are points with y ≤ 0. Marks beyond the lines are left out.
    """
    shown = [one._replace(points=_thinned([(x, y) for x, y in one.points if _fits(x, y, is_log=is_log)])) for one in series]
    shown = [one for one in shown if len(one.points) > 1]
    if not shown:
        return ""
    xs, ys = [x for one in shown for x, _ in one.points], [y for one in shown for _, y in one.points]
    x_ticks = _ticks(min(xs), max(xs))
    y_ticks = _powers(min(ys), max(ys)) if is_log else _ticks(min(ys), max(ys))
    low_x, high_x = min(xs), max(xs)
    low_y, high_y = min(*y_ticks, *ys), max(*y_ticks, *ys)
    legend, rows = _legend(shown)
    top = _TOP + rows * _LEGEND
    height = _HEIGHT + rows * _LEGEND

    def across(x: float) -> float:
        return _LEFT + (x - low_x) / ((high_x - low_x) or 1.0) * (_WIDTH - _LEFT - _RIGHT)

    def up(y: float) -> float:
        y, low, high = (math.log10(value) for value in (y, low_y, high_y)) if is_log else (y, low_y, high_y)
        return height - _BOTTOM - (y - low) / ((high - low) or 1.0) * (height - _BOTTOM - top)

    parts = [f'<rect width="{_WIDTH}" height="{height}" style="fill:var(--chart,#fff)"/>', *legend]
    for tick in y_ticks:
        parts.append(f'<path d="M{_LEFT} {up(tick):.1f}H{_WIDTH - _RIGHT}" style="stroke:var(--grid,#e3e5ec)"/>')
        parts.append(_text(_LEFT - 7, up(tick) + 4, _number(tick), "end"))
    for tick in x_ticks:
        if low_x <= tick <= high_x:
            parts.append(_text(across(tick), height - _BOTTOM + 17, _number(tick), "middle"))
    parts.append(f'<path d="M{_LEFT} {height - _BOTTOM}H{_WIDTH - _RIGHT}" style="stroke:var(--axis,#8b90a0)"/>')
    parts.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, height - 7, x_title, "middle"))
    middle = (top + height - _BOTTOM) / 2
    parts.append(_text(13, middle, y_title, "middle", f' transform="rotate(-90 13 {middle:.1f})"'))
    for place, one in enumerate(shown):
        path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in one.points)
        parts.append(
            f'<polyline points="{path}" style="fill:none;stroke:{_colour(one, place)};stroke-width:1.8;stroke-linejoin:round"/>'
        )
    told = []
    for mark in marks:
        if low_x <= mark.x <= high_x:
            x = across(mark.x)
            colour = "var(--axis,#8b90a0)" if mark.line is None else _colour(series[mark.line], mark.line)
            parts.append(f'<path d="M{x:.1f} {top}V{height - _BOTTOM}" style="stroke:{colour};stroke-dasharray:4 3"/>')
            turned = f' transform="rotate(-90 {x + 11:.1f} {top + 4})" font-size="10"'
            parts.append(_text(x + 11, top + 4, shorten(mark.text, _LONGEST_MARK), "end", turned))
            told.append(f"{mark.text} at {_number(mark.x)}")
    about = f"{y_title} over {x_title}" + (f"; changed: {'; '.join(told)}" if told else "")
    return _drawing(height, about, parts)


def bars(series: Sequence[Series], names: Sequence[str], y_title: str) -> str:
    """Return a bar chart as an SVG element: grouped bars from 0 to y, one group per name and one bar per series."""
    ticks = _ticks(0.0, max((y for one in series for _, y in one.points), default=1.0) or 1.0)
    legend, rows = _legend(series)
    top, height = _TOP + rows * _LEGEND, _HEIGHT + rows * _LEGEND
    foot, slot = height - _BOTTOM, (_WIDTH - _LEFT - _RIGHT) / max(1, len(names))
    width = 0.8 * slot / max(1, len(series))

    def up(y: float) -> float:
        return foot - y / ticks[-1] * (foot - top)

    parts = [f'<rect width="{_WIDTH}" height="{height}" style="fill:var(--chart,#fff)"/>', *legend]
    for tick in ticks:
        parts.append(f'<path d="M{_LEFT} {up(tick):.1f}H{_WIDTH - _RIGHT}" style="stroke:var(--grid,#e3e5ec)"/>')
        parts.append(_text(_LEFT - 7, up(tick) + 4, _number(tick), "end"))
    every = math.ceil(max((len(name) for name in names), default=1) * _LETTER / slot)
    for place, name in enumerate(names):
        if place % every == 0:
            parts.append(_text(_LEFT + (place + 0.5) * slot, foot + 17, name, "middle"))
    for place, one in enumerate(series):
        for index, (_, y) in enumerate(one.points):
            left = _LEFT + (index + 0.1) * slot + place * width
            size = f'x="{left:.1f}" y="{up(y):.1f}" width="{width:.1f}" height="{foot - up(y):.1f}"'
            parts.append(f'<rect {size} style="fill:{_colour(one, place)}"/>')
    middle = (top + foot) / 2
    parts.append(_text(13, middle, y_title, "middle", f' transform="rotate(-90 13 {middle:.1f})"'))
    return _drawing(height, y_title, parts)


def _drawing(height: float, about: str, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(about)}" '
        f'font-family="system-ui,sans-serif" font-size="12">{"".join(parts)}</svg>'
    )


def _fits(x: float, y: float, *, is_log: bool) -> bool:
    return math.isfinite(x) and math.isfinite(y) and abs(x) < 1e300 and abs(y) < 1e300 and (y > 0 or not is_log)


def _colour(one: Series, place: int) -> str:
    """Return the colour of a line: the CSS variable of the page (``--line-0`` …), with the colour on white as fallback."""
    colour = (place if one.colour is None else one.colour) % len(palette.ON_WHITE)
    return f"var(--line-{colour},{palette.ON_WHITE[colour]})"


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more} style="fill:var(--muted,#5b6072)">{escape(text)}</text>'


def _legend(series: Sequence[Series]) -> tuple[list[str], int]:
    """Return the legend (mark and name of each line) and its number of rows."""
    parts, x, row = [], float(_LEFT), 0
    for place, one in enumerate(series):
        text = shorten(one.name, _LONGEST_NAME)
        width = 22 + 18 + _LETTER * len(text)
        if x > _LEFT and x + width > _WIDTH:
            x, row = float(_LEFT), row + 1
        y = _TOP + row * _LEGEND + 3
        parts.append(f'<path d="M{x:.1f} {y}h16" style="stroke:{_colour(one, place)};stroke-width:3"/>')
        parts.append(_text(x + 22, y + 4, text, "start"))
        x += width
    return parts, row + 1


def _thinned(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """Thin out long lines to the minimum and maximum of each stretch, so that no peak is lost."""
    size = math.ceil(len(points) / _MOST_POINTS)
    if size < 3:
        return points
    kept = []
    for start in range(0, len(points), size):
        part = points[start : start + size]
        kept += sorted({min(part, key=lambda point: point[1]), max(part, key=lambda point: point[1])})
    return kept


def _ticks(low: float, high: float) -> list[float]:
    """Return round numbers from at most ``low`` to at least ``high``, spaced by 1, 2 or 5 times a power of ten."""
    span = (high - low) or abs(high) or 1.0
    rough = max(span / _MOST_TICKS, sys.float_info.min)  # a smaller step would be rounded to 0
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(times * power for times in (1, 2, 5, 10) if times * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [place * step for place in range(first, max(last, first + 1) + 1)]


def _powers(low: float, high: float) -> list[float]:
    """Return ticks of a logarithmic axis: powers of ten, plus their multiples by 2 and 5 on short axes."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = max(1, math.ceil((last - first) / _MOST_TICKS))
    if last - first > 2:
        return [10.0**power for power in range(first, last + every, every)]
    found = [times * 10.0**power for power in range(first, last + 1) for times in (1, 2, 5)]
    start = max(place for place, tick in enumerate(found) if tick <= low * 1.0001)
    end = min((place for place, tick in enumerate(found) if tick >= high * 0.9999), default=len(found) - 1)
    return found[start : max(end, start + 1) + 1]


def _number(value: float) -> str:
    """Return an axis label: 20k, 1.5M, 0.02."""
    if value == 0:
        return "0"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size <= abs(value) < 1e12:
            return signed(f"{value / size:.4g}{unit}")
    return signed(f"{value:.4g}")
