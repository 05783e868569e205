"""The logged curves on the Watch page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from gan.catalogue.losses import LOSSES
from gan.config import RunConfig
from gan.runs import Run
from gan.runs.columns import named
from pages.parts import charts, logged, words
from pages.parts.logged import Zoom

PLAYERS = named("generator_loss", "discriminator_loss")
OPINIONS = named("d_fake", "d_real")
PENALTY = named("penalty")
NORMS = named("generator_grad_norm", "discriminator_grad_norm")


def show_curves(run: Run, config: RunConfig | None) -> None:
    """Show the losses, a note on healthy values, and the outputs of the discriminator."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        smoothing = st.slider(
            "Smoothing",
            0.0,
            0.99,
            0.6,
            0.01,
            key="smoothing",
            persist_state="session",
            width=220,
            help="Exponential moving average: s ← a·s + (1 − a)·value. The faint line shows the logged values.",
        )
        is_log = st.toggle("Log scale", key="log-scale", persist_state="session")
    tail = logged.tail(run)
    table = tail.table()
    if table.empty:
        st.caption("No values logged yet.")
        return
    facts = LOSSES[config.objective.loss] if config else None
    losses, judged = st.columns(2, gap="medium")
    with losses:
        draw(tail.thin, PLAYERS, "loss", f"losses/{run.id}", smoothing, is_log=is_log)
    with judged:
        if facts and not facts.is_probability:
            draw(tail.thin, OPINIONS, "output of the discriminator", f"outputs/{run.id}", smoothing, is_log=is_log)
        else:
            draw(tail.thin, OPINIONS, "probability of “real”", f"probabilities/{run.id}", smoothing, domain=(0, 1), rule=0.5)
    if facts:
        st.caption(f"**{facts.title}:** {words.escape(facts.good)}")
    if table["penalty"].notna().any():
        draw(tail.thin, PENALTY, "penalty", f"penalty/{run.id}", smoothing, is_log=is_log)
        st.caption("The penalty is added to the discriminator's loss; the loss above excludes it.")
    scores = logged.scores(run)
    with st.container():  # also before the first score, so that the charts below keep their places, and with them their zoom
        if not scores.empty:
            title = f"{scores.attrs['label']} (during training)"
            draw(partial(charts.thin, scores), {"FID": "fid"}, title, f"fid/{run.id}", 0.0, is_log=is_log, has_points=True)
    more = st.expander("Gradient norms", icon=":material/show_chart:", key="norms", on_change="rerun")
    if more.open:
        with more:
            draw(tail.thin, NORMS, "gradient norm", f"norms/{run.id}", smoothing, is_log=is_log)
    st.caption("Mouse: Ctrl + wheel zooms, dragging pans, double-click resets.")


def draw(
    thin: Callable[[dict[str, str], float, Zoom], object],
    names: dict[str, str],
    title: str,
    key: str,
    smoothing: float,
    is_log: bool = False,
    domain: tuple[float, float] | None = None,
    rule: float | None = None,
    has_points: bool = False,
) -> None:
    """Draw one chart of curves (name → column); ``thin`` returns their data, given the smoothing and the zoom range."""
    zoom = (st.session_state.get(key) or {}).get("selection", {}).get("zoom", {}).get("step")
    shown = thin(names, smoothing, (zoom[0], zoom[1]) if zoom else None)
    spec = charts.curves(list(names), title, is_log=is_log, domain=domain, rule=rule, has_points=has_points)
    about = f"{title} over steps: " + " and ".join(names)
    st.vega_lite_chart(shown, spec, key=key, on_select="rerun", selection_mode="zoom", alt=about)
