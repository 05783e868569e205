"""The duel on the Watch page: real and generated images side by side, framed by what the discriminator thinks of them."""

from __future__ import annotations

import html
from collections.abc import Sequence
from functools import lru_cache

import streamlit as st

from gan.config import GRID, RunConfig
from gan.judging import doctor
from gan.palette import INDIGO, ORANGE
from gan.runs import Opinions, Run
from gan.storage import models
from gan.words import number
from pages.parts import pictures, words
from pages.parts.watching import classes

_GAP = 2  # pixels between images, before the grid is enlarged; see gan.training.pictures.grid
_BINS = 24  # of the histogram

_STYLE = """<style>
.st-key-duel-real, .st-key-duel-fake {position: relative}
.st-key-duel-real > :has(.duel-frames), .st-key-duel-fake > :has(.duel-frames)
  {position: absolute; inset: 0; pointer-events: none; z-index: 1}
.duel-frames {position: absolute; inset: 0}
.duel-frames i {position: absolute; box-sizing: border-box; border: clamp(2px, .35vw, 5px) solid; border-radius: 3px;
  pointer-events: auto}
.duel-frames i:hover::after {content: attr(data-opinion); position: absolute; left: 50%; top: 50%; transform: translate(-50%, -50%);
  padding: 0 .35rem; border-radius: .25rem; background: #111d; color: #fff; font: 600 .8rem/1.5 sans-serif; white-space: nowrap;
  z-index: 2}
</style>"""


def show(run: Run, step: int, config: RunConfig | None) -> None:
    """Show the real images and the samples of a step; without frames if nobody wrote the discriminator's opinions down."""
    opinions = run.opinions(step)
    is_framed = opinions is not None and config is not None and not config.data.is_points
    if is_framed:
        st.html(_STYLE)
    real, fake = st.columns(2, gap="small")
    with real:
        st.caption("**Real**")
        with st.container(key="duel-real"):
            pictures.show(run.reals_path, "Real images of the data set")
            if is_framed:
                assert opinions and config
                st.html(frames(opinions.real, GRID, config.data.size, opinions))
    with fake:
        st.caption(f"**Generated** · step {step:,}")
        if config:
            classes.name_columns(config)
        with st.container(key="duel-fake"):
            pictures.show(run.samples()[step], f"Samples at step {step}")
            if is_framed:
                assert opinions and config
                st.html(frames(opinions.fake, len(config.columns) or GRID, config.data.size, opinions))


def tell(run: Run, config: RunConfig) -> None:
    """Write one sentence on how the duel stands."""
    stamps = [models.stamp(path) for path in (run.metrics_path, run.scores_path, run.status_path)]
    if sentence := _told_now(run, config, *stamps):
        st.markdown(f"**{words.escape(sentence)}**")


@lru_cache(maxsize=64)
def _told_now(run: Run, config: RunConfig, *stamps: object) -> str:
    return doctor.tell(doctor.logged(run), run.scores(), config, has_diverged=run.status().state == "diverged")


def frames(values: Sequence[float | None], columns: int, size: int, opinions: Opinions) -> str:
    """Return frames over a grid of images with ``size`` pixels to a side, ``columns`` of them in a row; one for each opinion."""
    columns = min(columns, len(values))
    rows = -(-len(values) // columns) if values else 0
    width, height = columns * (size + _GAP) - _GAP, rows * (size + _GAP) - _GAP
    cells = []
    for place, value in enumerate(values):
        left, top = place % columns * (size + _GAP) / width, place // columns * (size + _GAP) / height
        cells.append(
            f'<i data-opinion="{_told(value, opinions)}" style="left:{left:.2%};top:{top:.2%};width:{size / width:.2%};'
            f'height:{size / height:.2%};border-color:{_colour(value, opinions)}"></i>'
        )
    return f'<div class="duel-frames" aria-hidden="true">{"".join(cells)}</div>'


def strip(opinions: Opinions) -> str:
    """Return the summary of all opinions: shares taken for real, a histogram of both kinds, and the legend of the colours."""
    return (
        '<div style="display:flex;flex-wrap:wrap;align-items:center;gap:.25rem 1.5rem;font-size:.875rem">'
        f'<div style="flex:1 1 15rem">{_shares(opinions)}</div>'
        f'<div style="flex:1 1 15rem;max-width:30rem">{_histogram(opinions)}</div></div>'
    )


def _shares(opinions: Opinions) -> str:
    parts = []
    for title, values in (("Real", opinions.real), ("Generated", opinions.fake)):
        known = [value for value in values if value is not None]
        if not known:
            continue
        if opinions.is_probability:
            parts.append(f"{title}: <b>{sum(value > 0.5 for value in known) / len(known):.0%}</b> taken for real")
        else:
            parts.append(f"{title}: mean output <b>{sum(known) / len(known):.3g}</b>")
    return "<br>".join(parts)


def _histogram(opinions: Opinions) -> str:
    """Return the distributions of the opinions as SVG: real images upwards, generated ones downwards, over the colour scale."""
    low, high = _range(opinions)
    bars = []
    for values, is_up in ((opinions.real, True), (opinions.fake, False)):
        counts = [0] * _BINS
        for value in values:
            if value is not None:
                counts[min(_BINS - 1, int((value - low) / (high - low) * _BINS))] += 1
        most = max(counts) or 1
        for place, count in enumerate(counts):
            if count:
                tall = max(1.0, 26 * count / most)
                middle = low + (place + 0.5) / _BINS * (high - low)
                bars.append(
                    f'<rect x="{place * 10 + 1}" y="{30 - tall if is_up else 36:.1f}" width="8" height="{tall:.1f}" '
                    f'fill="{_colour(middle, opinions)}"/>'
                )
    stops = "".join(f'<stop offset="{share:.0%}" stop-color="{_mixed(share)}"/>' for share in (0, 0.25, 0.5, 0.75, 1))
    ends = ("0", "1") if opinions.is_probability else (f"{low:.3g}", f"{high:.3g}")
    texts = ((0, "start", f"{ends[0]} “generated”"), (_BINS * 10, "end", f"“real” {ends[1]}"))
    labels = "".join(f'<text x="{x}" y="78" text-anchor="{anchor}" font-size="11">{text}</text>' for x, anchor, text in texts)
    about = html.escape(_about(opinions))
    return (
        f'<svg viewBox="0 0 {_BINS * 10} 82" width="100%" role="img" aria-label="{about}" fill="currentColor">'
        f'<defs><linearGradient id="duel-scale">{stops}</linearGradient></defs>'
        f'<rect x="0" y="31" width="{_BINS * 10}" height="4" fill="url(#duel-scale)"/>{"".join(bars)}{labels}'
        '<text x="0" y="10" font-size="10" opacity=".7">real ↑</text>'
        '<text x="0" y="62" font-size="10" opacity=".7">generated ↓</text>'
        "</svg>"
    )


def _about(opinions: Opinions) -> str:
    what = "probability of “real”" if opinions.is_probability else "output of the discriminator"
    return f"Histogram of the {what}: real images above, generated images below"


def _range(opinions: Opinions) -> tuple[float, float]:
    """Return the ends of the colour scale: 0 and 1 for probabilities, else the smallest and the largest output."""
    if opinions.is_probability:
        return 0.0, 1.0
    known = [value for value in opinions.real + opinions.fake if value is not None] or [0.0]
    low, high = min(known), max(known)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _told(value: float | None, opinions: Opinions) -> str:
    """Return an opinion as text."""
    if value is None:
        return "not a number"
    return f"{value:.0%} real" if opinions.is_probability else number(value)


def _colour(value: float | None, opinions: Opinions) -> str:
    low, high = _range(opinions)
    return "#888" if value is None else _mixed((value - low) / (high - low))


def _mixed(share: float) -> str:
    """Return the colour of a share from 0 ("generated", orange) over ½ (grey) to 1 ("real", indigo)."""
    end, strength = (INDIGO, 2 * share - 1) if share > 0.5 else (ORANGE, 1 - 2 * share)
    mixed = (round(144 + (int(end[place : place + 2], 16) - 144) * min(1.0, strength)) for place in (1, 3, 5))
    return "#" + "".join(f"{value:02x}" for value in mixed)
