"""A data set of points on the Data page."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from gan.catalogue.data_sets import DataSet
from gan.data import imported, sources
from gan.data.rendered import points
from pages.parts import charts, phone, words
from pages.parts.data_sets import albums
from pages.parts.data_sets.images import HELP, is_plotted, offer_shuffle, plot_counts

MOST_DRAWN = 3000  # points in a plot


@st.cache_resource(max_entries=16, show_spinner=False)
def cloud(entry: DataSet, seed: int) -> tuple[go.Figure, int, dict[str, np.ndarray]]:
    """Return a plot of randomly drawn points, their number, and the mean and spread of all points along both axes."""
    values, _ = sources.points_of(entry)
    rows = np.random.Generator(np.random.PCG64(seed)).choice(len(values), min(MOST_DRAWN, len(values)), replace=False)
    return charts.points(values[rows]), len(rows), {"mean": values.mean(axis=0), "std": values.std(axis=0)}


def show_points(entry: DataSet) -> None:
    """Show a data set of points, its figures, and the number of points per mode."""
    left, right = st.columns([5, 3], gap="large")
    phone.first("data-news", "data-picture")
    with left, st.container(key="data-picture"):
        figure, shown, facts = cloud(entry, st.session_state["data/seed"])
        st.plotly_chart(figure, key="points", alt=f"Points of {entry.title}")
        offer_shuffle(f"{shown:,} of {words.count(entry.images, 'point')}")
    with right:
        with st.grid(2, min_column_width=150, gap="small"):
            known = points.modes(entry.name)
            st.metric("Points", f"{entry.images:,}", border=True)
            modes = f"{len(known.centres)}" if known else "unknown" if entry.origin == "own" else "none"
            st.metric("Modes", modes, help=HELP["modes"], border=True)
            for axis, mean, std in zip("xy", facts["mean"], facts["std"], strict=True):
                st.metric(axis, words.signed(f"{round(float(mean), 2) + 0.0:.2f} ± {std:.2f}"), help=HELP["axis"], border=True)
            if known:
                st.metric("Spread of a mode", f"{known.sigma:g}", help=HELP["sigma"], border=True)
        if columns := imported.describe(entry).get("columns"):
            st.caption(words.escape(columns))
        if is_plotted(entry):
            plot_counts(entry, "point", "mode" if known else "class")
        elif entry.classes:
            st.caption(albums.counts_in_words(entry.classes, entry.counts, "point"))
