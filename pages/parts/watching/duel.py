"""The duel on the Watch page: real and generated images side by side, framed by what the discriminator thinks of them."""

from __future__ import annotations

import html
from functools import lru_cache
from pathlib import Path

import streamlit as st

from gan.catalogue import data_sets
from gan.config import GRID, RunConfig
from gan.judging import doctor
from gan.judging.doctor import Standing
from gan.palette import INDIGO, ORANGE
from gan.runs import Opinions, Run, Status
from gan.runs.columns import COLUMNS
from gan.storage.models import stamp
from gan.storage.newest import newest
from gan.words import number, percent
from pages.parts import logged, pictures, words
from pages.parts.watching import classes

_GAP = 2  # pixels between images, before the grid is enlarged; see gan.training.pictures.grid
_BINS = 24  # of the histogram
_MOST_LINES = 400  # of the log that are judged, evenly spread

_STYLE = """<style>
.st-key-duel-real, .st-key-duel-fake {position: relative}
.st-key-duel-real > :has(.duel-frames), .st-key-duel-fake > :has(.duel-frames)
  {position: absolute; inset: 0; pointer-events: none; z-index: 1}
.duel-frames {position: absolute; inset: 0}
.duel-frames i {position: absolute; outline: clamp(1.5px, .2vw, 3px) solid; outline-offset: -1px; pointer-events: auto}
.duel-frames i:hover::after {content: attr(data-opinion); position: absolute; left: 50%; top: 50%; transform: translate(-50%, -50%);
  padding: 0 .35rem; border-radius: .25rem; background: #111d; color: #fff; font: 600 .8rem/1.5 sans-serif; white-space: nowrap;
  z-index: 2}
</style>"""


def show(run: Run, step: int, samples: Path, config: RunConfig | None, opinions: Opinions | None) -> None:
    """Show the real images and the ``samples`` of a step.

    Without frames if the discriminator's opinions are unknown, or the data set is gone, and with it the layout of the grids.
    """
    over_real, over_fake, reals = "", "", _reals(run)
    if opinions and config and config.data.name in data_sets.all_sets() and not config.data.is_points:
        over_real = frames(opinions.real, GRID, config.data.size, opinions) if reals.exists() else ""
        over_fake = frames(opinions.fake, len(config.columns) or GRID, config.data.size, opinions)
        st.html(_STYLE)
    with st.grid(2, min_column_width=140, gap="small", vertical_alignment="bottom"):  # pictures at one height, whatever is above
        real, fake = st.container(), st.container()
    with real:
        st.caption("**Real**")
        _show_under("real", reals, "Real images of the data set", over_real)
    with fake:
        st.caption(f"**Generated** · step {step:,}")
        if config:
            classes.name_columns(config)
        _show_under("fake", samples, f"Samples at step {step}", over_fake)


def _reals(run: Run) -> Path:
    """Return the picture of real images; a fork that has not begun has none yet, but the run that it continues has."""
    origin = run.origin()
    parent = Run(run.root / origin.run).reals_path if origin else run.reals_path
    return parent if parent.exists() and not run.reals_path.exists() else run.reals_path


def _show_under(side: str, picture: Path, about: str, over: str) -> None:
    """Show a picture under its frames, if any; the container's key is the one in ``_STYLE``."""
    with st.container(key=f"duel-{side}"):
        pictures.show(picture, about)
        if over:
            st.html(over)


def tell(run: Run, config: RunConfig) -> None:
    """Write one sentence on how the duel stands; its figures are one click away."""
    told = standing(run, config, run.status())
    if told.short:
        means = f"Means over the last fifth of the log: {told.full}" if told.full != told.short else None
        st.markdown(f"**{words.escape(told.short)}**", help=means and words.escape(means))


def standing(run: Run, config: RunConfig, status: Status) -> Standing:
    """Return how the duel stands."""
    table, has_diverged = logged.tail(run).table(), status.state == "diverged"
    last = float(table["step"].iloc[-1]) if len(table) else 0.0
    return _standing(run, len(table), last, stamp(run.scores_path), config, has_diverged=has_diverged)


@newest(256, subject=1)
def _standing(run: Run, lines: int, last: float, scored: object, config: RunConfig, *, has_diverged: bool) -> Standing:
    """Return how a run with so many logged lines up to the step ``last`` stands; ``scored`` changes with its scores."""
    table = logged.tail(run).table()
    every = max(1, len(table) // _MOST_LINES)
    chosen = table.iloc[(len(table) - 1) % every :: every] if len(table) else table
    curve = [dict(zip(COLUMNS, values, strict=True)) for values in chosen.to_numpy().tolist()]
    return doctor.tell(curve, run.scores(), config, has_diverged=has_diverged)


@lru_cache(maxsize=256)
def frames(values: tuple[float | None, ...], columns: int, size: int, opinions: Opinions) -> str:
    """Return frames over a grid of images with ``size`` pixels to a side, ``columns`` of them in a row; one for each opinion."""
    columns = min(columns, len(values))
    rows = -(-len(values) // columns) if values else 0
    width, height = columns * (size + _GAP) - _GAP, rows * (size + _GAP) - _GAP
    scale, cells = _range(opinions), []
    for place, value in enumerate(values):
        left, top = place % columns * (size + _GAP) / width, place // columns * (size + _GAP) / height
        cells.append(
            f'<i data-opinion="{_told(value, opinions)}" style="left:{left:.2%};top:{top:.2%};width:{size / width:.2%};'
            f'height:{size / height:.2%};outline-color:{_colour(value, *scale)}"></i>'
        )
    return f'<div class="duel-frames" aria-hidden="true">{"".join(cells)}</div>'


@lru_cache(maxsize=256)
def strip(opinions: Opinions) -> str:
    """Return the summary of all opinions: shares taken for real, a histogram of both kinds, and the legend of the colours."""
    if all(value is None for value in opinions.real + opinions.fake):
        return "<div style='font-size:.875rem'>The discriminator's outputs are not numbers at this step.</div>"
    return (
        f'<div style="font-size:.875rem"><div style="margin-bottom:.5rem">{_shares(opinions)}</div>'
        f'<div style="font-size:.75rem;opacity:.85">{_histogram(opinions)}</div></div>'
    )


def _shares(opinions: Opinions) -> str:
    parts = []
    for title, values in (("Real", opinions.real), ("Generated", opinions.fake)):
        known = [value for value in values if value is not None]
        if not known:
            continue
        if opinions.is_probability:
            parts.append(f"{title}: <b>{percent(sum(value > 0.5 for value in known) / len(known))}</b> taken for real")
        else:
            parts.append(f"{title}: mean output <b>{number(sum(known) / len(known))}</b>")
    return "<br>".join(parts)


def _histogram(opinions: Opinions) -> str:
    """Return the distributions of the opinions as bars: real images upwards, generated ones downwards, over the colour scale."""
    low, high = _range(opinions)
    halves = []
    for values, side in ((opinions.real, "end"), (opinions.fake, "start")):
        counts = [0] * _BINS
        for value in values:
            if value is not None:
                counts[min(_BINS - 1, int(_share(value, low, high) * _BINS))] += 1
        bars = "".join(
            f'<span style="flex:1;background:{_mixed((place + 0.5) / _BINS)};border-radius:2px;'
            f'height:{max(4, 100 * count / max(counts)) if count else 0:.0f}%"></span>'
            for place, count in enumerate(counts)
        )
        halves.append(f'<div style="display:flex;gap:2px;height:2.25rem;align-items:flex-{side}">{bars}</div>')
    scale = ",".join(_mixed(share) for share in (0, 0.5, 1))
    ends = ("0", "1") if opinions.is_probability else (number(low), number(high))
    return (
        f'<div role="img" aria-label="{html.escape(_about(opinions))}"><div>real</div>{halves[0]}'
        f'<div style="height:4px;margin:2px 0;border-radius:2px;background:linear-gradient(90deg,{scale})"></div>{halves[1]}'
        f'<div>generated</div><div style="display:flex;justify-content:space-between"><span>← {ends[0]}: looks generated'
        f"</span><span>{ends[1]}: looks real →</span></div></div>"
    )


def _about(opinions: Opinions) -> str:
    what = "probability of “real”" if opinions.is_probability else "output of the discriminator"
    return f"Histogram of the {what}: real above, generated below"


def _range(opinions: Opinions) -> tuple[float, float]:
    """Return the ends of the colour scale: 0 and 1 for probabilities, else the smallest and the largest output."""
    if opinions.is_probability:
        return 0.0, 1.0
    known = [value for value in opinions.real + opinions.fake if value is not None] or [0.0]
    low, high = min(known), max(known)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _share(value: float, low: float, high: float) -> float:
    """Return the place of a value on the colour scale, from 0 to 1."""
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _told(value: float | None, opinions: Opinions) -> str:
    """Return an opinion as text."""
    if value is None:
        return "not a number"
    return f"{percent(value)} real" if opinions.is_probability else number(value)


def _colour(value: float | None, low: float, high: float) -> str:
    return "#888" if value is None else _mixed(_share(value, low, high))


def _mixed(share: float) -> str:
    """Return the colour of a share from 0 ("generated", orange) over ½ (grey) to 1 ("real", indigo)."""
    end, strength = (INDIGO, 2 * share - 1) if share > 0.5 else (ORANGE, 1 - 2 * share)
    mixed = (round(144 + (int(end[place : place + 2], 16) - 144) * min(1.0, strength) ** 0.6) for place in (1, 3, 5))
    return "#" + "".join(f"{value:02x}" for value in mixed)
