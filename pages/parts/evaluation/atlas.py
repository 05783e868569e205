"""Map of real and generated images or points, near duplicates, and samples next to their nearest training data."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from gan.errors import InputError
from gan.guests.guest import Guest
from gan.palette import GRAY, INDIGO, ORANGE
from gan.runs import Run, atlas
from gan.runs.atlas import Atlas, Dot, Place, Plane, Point, Sample
from pages.parts import charts, vega, words
from pages.parts.evaluation import poster

_NEAR = 0.95  # a sample nearer to a training image than this share of real images may be a copy

_WEBP = "data:image/webp;base64,"
#: Vega expression that enlarges a small picture: the browser, not the server, wraps it in an SVG.
_ENLARGED = (
    '\'data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" width="128" height="128">'
    f'<image width="128" height="128" style="image-rendering:pixelated" href="{_WEBP}\' + datum.picture + \'"/></svg>\''
).replace('"', "\\'")


def panel(run: Run) -> None:
    """Show the atlas of a run; a message if its file is damaged, nothing if it is missing."""
    try:
        shown, spec = _read(run)
    except InputError as error:
        st.caption(words.message(error))
        return
    except OSError:
        return
    if isinstance(shown, Plane):
        _show_plane(run.id, shown)
        return
    assert spec is not None  # only a plane has no map
    st.markdown("##### Map of the images")
    generated = "the guest's images" if isinstance(run, Guest) else f"images generated at step {shown.step:,}"
    st.caption(
        f"Real images, and {generated}, on the first two principal components of the "
        f"{words.escape(shown.extractor)} features of the real images (PCA, {sum(shown.explained):.0%} of the variance). "
        "Point at a dot or tap it to see its image. Grey without indigo: the generator misses these images. "
        "Dense indigo: it repeats nearly the same image."
    )
    _show_map(run.id, shown, spec)
    st.download_button(
        "Save map as PNG",
        lambda: poster.draw(shown),
        "gan-duel-map.png",
        "image/png",
        icon=":material/download:",
        key=f"atlas/png/{run.id}",
        on_click="ignore",
        help="Dots that do not overlap become pictures.",
    )
    if shown.pairs:
        st.markdown("##### Near duplicates")
        st.caption("Pairs of generated images. Simple real images also have near duplicates, so compare the shares.")
        st.html(couples(shown.pairs))
    if shown.samples:
        _show_samples(run.id, shown)


def of(run: Run, line: Mapping[str, Any]) -> Atlas | None:
    """Return the image atlas of a run if it belongs to this line of scores, otherwise None."""
    try:
        shown, _ = _read(run)
    except (InputError, OSError):
        return None
    if isinstance(shown, Plane):
        return None
    is_same = (shown.step, shown.extractor_id) == (line.get("step") or 0, line.get("extractor_id"))
    return shown if is_same else None


@st.fragment
def _show_plane(run_id: str, shown: Plane) -> None:
    """Show the map of points, and a selectable sample with its nearest training points."""
    st.markdown("##### Map of the points")
    outside = len(shown.generated) - sum(_is_inside(one, frame(shown.real)) for one in shown.generated) + shown.lost
    st.caption(
        f"Real points, and points generated at step {shown.step:,}. "
        + ("Crosses mark the centres of the modes. " if shown.centres else "")
        + "Grey without indigo: the generator misses these points."
        + (f" {outside:,} of {len(shown.generated) + shown.lost:,} generated points lie outside the plot." if outside else "")
    )
    sample, is_close = None, False
    if shown.samples:
        st.caption(_count(shown.samples, "point"))
        place = st.slider("Sample", 1, len(shown.samples), key=f"atlas/sample/{run_id}") if len(shown.samples) > 1 else 1
        sample = shown.samples[min(place, len(shown.samples)) - 1]
        is_close = st.toggle("Zoom in on the sample", key=f"atlas/zoom/{run_id}")
    about = f"Map of {len(shown.real)} real and {len(shown.generated)} generated points"
    st.plotly_chart(plot(shown, sample, is_close), key=f"atlas/plane/{run_id}", config=charts.camera("map"), alt=about)
    if sample:
        far = ", ".join(f"{one.distance:.3g}" for one in sample.neighbours)
        st.markdown(f"{closeness(sample, 'point')} The nearest are {far} away; the usual distance is {shown.usual:.3g}.")


def frame(real: Sequence[Place]) -> tuple[float, float, float]:
    """Return the centre (x, y) of the real points, and half the side of a square around them with a 25 % margin on each side."""
    ends = [(min(values), max(values)) for values in ([one.x for one in real], [one.y for one in real])]
    (left, right), (low, high) = ends
    return (left + right) / 2, (low + high) / 2, max(right - left, high - low) * 0.75 or 1.0


def _is_inside(one: Place, square: tuple[float, float, float]) -> bool:
    x, y, reach = square
    return abs(one.x - x) <= reach and abs(one.y - y) <= reach


def plot(plane: Plane, sample: Point | None, is_close: bool) -> go.Figure:
    """Return a plot of real and generated points, mode centres, and a sample with its nearest training points.

    Both axes share one scale. The plot shows the :func:`frame` of the real points, or a close-up of the sample.
    """
    beside = {"size": 8, "color": ORANGE, "symbol": "diamond-open", "line": {"width": 1.5}}
    kinds: list[tuple[str, Sequence[Place], dict[str, Any]]] = [
        ("real", plane.real, {"size": 4, "color": GRAY, "opacity": 0.6}),
        ("generated", plane.generated, {"size": 4, "color": INDIGO, "opacity": 0.6}),
        (
            "centre of a mode",
            plane.centres,
            {"size": 9, "color": GRAY, "symbol": "x-thin", "line": {"width": 1.5, "color": GRAY}},
        ),
    ]
    x, y, reach = frame(plane.real)
    if sample:
        kinds += [
            ("nearest training points", sample.neighbours, beside),
            ("sample", [sample], {"size": 18, "color": ORANGE, "symbol": "circle-open", "line": {"width": 2}}),
        ]
        if is_close:
            x, y, reach = sample.x, sample.y, 1.5 * max(plane.usual, *(one.distance for one in sample.neighbours)) or 1.0
    figure = go.Figure(
        [
            go.Scatter(
                x=[one.x for one in places],
                y=[one.y for one in places],
                name=name,
                mode="markers",
                marker=marker,
                hovertemplate=f"{name} (%{{x:.4g}}, %{{y:.4g}})<extra></extra>",
            )
            for name, places, marker in kinds
            if places
        ]
    )
    figure.update_layout(
        height=520,
        margin={"l": 10, "r": 10, "t": 70, "b": 30},
        dragmode=False,
        showlegend=True,
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0, "itemsizing": "constant"},
        xaxis={"zeroline": False, "constrain": "domain", "range": [x - reach, x + reach]},
        yaxis={"zeroline": False, "constrain": "domain", "scaleanchor": "x", "range": [y - reach, y + reach]},
    )
    return figure


@st.fragment
def _show_map(run_id: str, shown: Atlas, spec: dict[str, Any]) -> None:
    """Show the map, and the image of a tapped dot for devices that cannot hover."""
    about = f"Map of {len(shown.real)} real and {len(shown.generated)} generated images by their features"
    drawn = vega.with_data(spec, spec["data"]["values"])
    picked = st.vega_lite_chart(drawn, key=f"atlas/map/{run_id}", on_select="rerun", selection_mode="picked", alt=about)
    dots = [*shown.real, *shown.generated]
    number = next((dot.get("number") for dot in picked["selection"].get("picked", [])), None)
    if isinstance(number, int) and 0 <= number < len(dots):
        is_real = number < len(shown.real)
        colour, kind = (GRAY, "real") if is_real else (INDIGO, "generated")
        st.html(_row([(dots[number].picture, colour, kind, f"The {kind} image of this dot")]))


def _read(run: Run) -> tuple[Atlas, dict[str, Any]] | tuple[Plane, None]:
    """Return the atlas of a run, and the map if it has images. Raises OSError if missing, InputError if damaged."""
    found = run.atlas_path.stat()
    return _load(str(run.path), found.st_ino, found.st_mtime_ns, found.st_size)


@st.cache_resource(max_entries=16, show_spinner=False)
def _load(path: str, inode: int, changed: int, size: int) -> tuple[Atlas, dict[str, Any]] | tuple[Plane, None]:
    """Return the atlas of a run and its map, cached until the file changes."""
    found = atlas.read(Run(Path(path)))
    if found is None:
        raise FileNotFoundError(path)
    if isinstance(found, Plane):
        return found, None
    return found, chart(found.real, found.generated, found.explained)


def chart(real: Sequence[Dot], generated: Sequence[Dot], explained: tuple[float, float]) -> dict[str, Any]:
    """Return the Vega-Lite specification of the map; ``explained`` is the share of variance per axis."""
    kinds = ["real"] * len(real) + ["generated"] * len(generated)
    dots: list[dict[str, Any]] = [
        {"number": number, "kind": kind, **dot.model_dump()}
        for number, (kind, dot) in enumerate(zip(kinds, [*real, *generated], strict=True))
    ]
    axis = {"labels": False, "ticks": False, "grid": False, "domain": False}
    first, second = (
        {
            "field": field,
            "type": "quantitative",
            "title": f"{ordinal} component ({share:.0%})",
            "axis": axis,
            "scale": {"domain": [min(dot[field] for dot in dots), max(dot[field] for dot in dots)], "nice": False, "padding": 12},
        }
        for field, ordinal, share in zip("xy", ("first", "second"), explained, strict=True)
    )
    return {
        "data": {"values": dots},
        "height": 420,
        "transform": [{"calculate": _ENLARGED, "as": "image"}],
        "params": [{"name": "picked", "select": {"type": "point", "fields": ["number"], "toggle": False}}],
        "mark": {"type": "circle", "opacity": 0.65, "cursor": "pointer"},
        "encoding": {
            "x": first,
            "y": second,
            "color": {
                "field": "kind",
                "type": "nominal",
                "scale": {"domain": ["real", "generated"], "range": [GRAY, INDIGO]},
                "legend": {"orient": "top", "title": None, "symbolOpacity": 1},
            },
            "size": {"condition": {"param": "picked", "empty": False, "value": 260}, "value": 55},
            "tooltip": [{"field": "kind", "title": "title"}, {"field": "image", "title": "image"}],
        },
    }


@st.fragment
def _show_samples(run_id: str, shown: Atlas) -> None:
    """Show a selectable sample next to its nearest training images, and state how close they are."""
    st.markdown("##### Copies of training images?")
    st.caption(_count(shown.samples, "image"))
    place = st.slider("Sample", 1, len(shown.samples), key=f"atlas/sample/{run_id}") if len(shown.samples) > 1 else 1
    sample = shown.samples[min(place, len(shown.samples)) - 1]
    st.html(strip(sample, shown.usual, place))
    st.markdown(words.escape(closeness(sample)))


def _count(samples: Sequence[Sample | Point], noun: str) -> str:
    """State how many samples are close enough to a training image or point to be possible copies."""
    near = sum(sample.nearer >= _NEAR for sample in samples)
    return (
        f"{len(samples)} random generated {noun}s, sorted by distance to the nearest training {noun}. {near} of them "
        f"{'is' if near == 1 else 'are'} nearer than {_NEAR:.0%} of other real {noun}s; chance alone gives about "
        f"{(1 - _NEAR) * len(samples):.0f}."
    )


def strip(sample: Sample, usual: float, number: int) -> str:
    """Return HTML with a sample and its neighbours side by side, wrapping to the available width."""
    parts = [(sample.picture, INDIGO, "generated", f"Generated sample {number}")]
    for place, one in enumerate(sample.neighbours, 1):
        near = f"{one.distance / usual:.2f} × usual" if usual else f"{one.distance:.3g} away"
        parts.append((one.picture, GRAY, near, f"Nearest training image {place}, {near}"))
    return _row(parts)


def couples(pairs: Sequence[tuple[str, str]]) -> str:
    """Return HTML with pairs of pictures, wrapping to the available width."""
    cells = "".join(
        '<div style="display:flex;gap:2px">'
        + "".join(_image(one, INDIGO, f"Near duplicates, pair {place}, image {side}", 50) for side, one in enumerate(pair, 1))
        + "</div>"
        for place, pair in enumerate(pairs, 1)
    )
    columns = "grid-template-columns:repeat(auto-fill,minmax(8rem,1fr))"
    return f'<div style="display:grid;{columns};gap:0.75rem;max-width:47rem">{cells}</div>'


def _image(picture: str, colour: str, about: str, share: int = 100) -> str:
    """Return HTML of a framed picture; ``share`` is its width in per cent."""
    return (
        f'<img src="{_WEBP}{picture}" alt="{html.escape(about)}" style="width:{share}%;image-rendering:pixelated;display:block;'
        f'box-sizing:border-box;border:3px solid {colour};border-radius:6px">'
    )


def _row(parts: Sequence[tuple[str, str, str, str]]) -> str:
    """Return HTML of a row of pictures; each part is picture, frame colour, caption and alternative text."""
    figures = "".join(
        f'<figure style="margin:0">{_image(picture, colour, about)}'
        f'<figcaption style="font-size:0.875rem;opacity:0.75;padding-top:0.25rem">{html.escape(caption)}</figcaption></figure>'
        for picture, colour, caption, about in parts
    )
    columns = "grid-template-columns:repeat(auto-fill,minmax(6.25rem,1fr))"
    return f'<div style="display:grid;{columns};gap:0.75rem;max-width:47rem">{figures}</div>'


def closeness(sample: Sample | Point, noun: str = "image") -> str:
    """State how close a sample is to its nearest training image or point, compared with real ones."""
    if not sample.neighbours[0].distance:
        return f"By its features, this is a training {noun}."
    share = "more than 99%" if sample.nearer > 0.99 else "fewer than 1%" if sample.nearer < 0.01 else f"{sample.nearer:.0%}"
    told = f"It is nearer to a training {noun} than {share} of other real {noun}s"
    return f"{told}, so it may be a copy. Compare the two." if sample.nearer >= _NEAR else f"{told}, which is no sign of a copy."
