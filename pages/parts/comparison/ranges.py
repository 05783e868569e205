"""The range of a chart of many runs, which one diverged run must not flatten; no streamlit."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gan.storage.newest import newest
from pages.parts.comparison import timeline
from pages.parts.comparison.timeline import Track

_TAILS = (0.02, 0.98)  # quantiles of a curve between which it counts
_FENCE = 20.0  # a curve leaves the plot if it is more than this many spans of the others away from them
_LEAST_SPAN = 1.0  # nat, or unit of the discriminator's output: smaller differences never put a curve out of the plot
_FEW = 0.05  # a leaving curve with a smaller share of its values in the plot is not in it at all
_APART = ("FID", "images per second")  # FID has a log axis; a fast machine is no outlier


class Range(NamedTuple):
    """Lowest and highest value of a plot, and the curves that leave it."""

    ends: tuple[float, float]
    leaving: tuple[str, ...]


@newest(128)
def sane(tracks: tuple[Track, ...], name: str, smoothing: float, groups: tuple[str, ...]) -> Range | None:
    """Return the range of the chart of a curve (see :func:`timeline.charts`), or None if all of its values fit in one plot."""
    if name in _APART:
        return None
    table = next(iter(timeline.charts(tracks, name, smoothing, groups).values()), None)
    if table is None:
        return None
    curves, values = np.array(table["curve"].to_pylist()), np.array(table["value"].to_pylist(), dtype="float64")
    return of({curve: values[(curves == curve) & np.isfinite(values)] for curve in dict.fromkeys(curves.tolist())})


def of(curves: dict[str, np.ndarray]) -> Range | None:
    """Return the range of some curves, given their finite values, or None if no curve is far from the others.

    Each curve counts from its 2 % to its 98 % quantile. The half of the curves with the smallest spans, by the medians of their
    ends, says where values are to be expected; curves that reach farther than twenty spans from there leave the plot.
    """
    if len(curves) < 2:
        return None
    ends = {curve: np.quantile(values, _TAILS) for curve, values in curves.items()}
    calm = sorted(ends.values(), key=lambda end: float(end[1] - end[0]))[: (len(ends) + 1) // 2]
    low, high = np.median(calm, axis=0)
    span = max(float(high - low), 0.5 * max(abs(float(low)), abs(float(high))), _LEAST_SPAN)
    least, most = low - _FENCE * span, high + _FENCE * span
    leaving = tuple(curve for curve, end in ends.items() if end[0] < least or end[1] > most)
    if not leaving:
        return None
    kept = np.concatenate([np.clip(curves[curve], least, most) for curve in curves if curve not in leaving])
    return Range(_rounded(float(kept.min()), float(kept.max())), leaving)


def within(table: pa.Table, view: Range | None) -> pa.Table:
    """Return the table of a chart without the values of leaving curves outside its range, whose lines would cross it."""
    if view is None:
        return table
    values, curves, (low, high) = table["value"], table["curve"].cast(pa.string()), view.ends
    is_in = pc.and_(pc.greater_equal(values, low), pc.less_equal(values, high))
    for curve in view.leaving:
        is_it = pc.equal(curves, curve)
        is_seen = pc.and_(is_it, is_in)
        if pc.sum(is_seen).as_py() <= _FEW * pc.sum(is_it).as_py():
            is_seen = pa.scalar(value=False)
        values = pc.if_else(pc.or_(pc.invert(is_it), is_seen), values, pa.scalar(None, values.type))
    return table.set_column(table.schema.get_field_index("value"), "value", values)


def _rounded(low: float, high: float) -> tuple[float, float]:
    """Return a slightly larger range with round ends, so that the plot of a run under way rarely changes its axis."""
    step = 10.0 ** math.floor(math.log10(max(high - low, 1e-6))) / 5
    return math.floor(low / step) * step, math.ceil(high / step) * step
