"""The logged curves on the Watch page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from gan.catalogue.losses import LOSSES, LossFacts
from gan.config import RunConfig
from gan.runs import Run
from gan.runs.columns import named
from pages.parts import charts, logged, marks, vega, words
from pages.parts.learning import links
from pages.parts.logged import Zoom
from pages.parts.marks import Marks

PRESENTED = 360  # pixels of a chart for a projector
SMOOTHING = 0.6  # unless the visitor chooses another

Thin = Callable[[dict[str, str], float, Zoom], object]

PLAYERS = named("generator_loss", "discriminator_loss")
OPINIONS = named("d_fake", "d_real")
PENALTY = named("penalty")
NORMS = named("generator_grad_norm", "discriminator_grad_norm")


def show_curves(run: Run, config: RunConfig | None) -> None:
    """Show the losses, a note on healthy values, and the outputs of the discriminator."""
    tail, before = logged.tail(run), _before(run)
    table = tail.table()
    if not before and table[list(PLAYERS.values())].isna().all(axis=None):
        st.caption("No values logged yet." if table.empty else "All logged losses are NaN or infinite, so there are no curves.")
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        smoothing = st.slider(
            "Smoothing",
            0.0,
            0.99,
            SMOOTHING,
            0.01,
            key="smoothing",
            persist_state="session",
            width=220,
            help="Exponential moving average: s ← a·s + (1 − a)·value. The faint line shows the logged values.",
        )
        is_log = st.toggle("Log scale", key="log-scale", persist_state="session")
    thin = partial(_with_parent, tail, *before) if before else tail.thin
    changed = marks.by_step(run)
    facts = _draw_players(run, config, thin, smoothing, changed, is_log=is_log)
    if facts and config:
        st.caption(f"**{facts.title}:** {words.escape(facts.good)}")
        links.offer(config.objective.loss)
    if table["penalty"].notna().any():
        draw(thin, PENALTY, "penalty", f"penalty/{run.id}", smoothing, is_log=is_log, changed=changed)
        st.caption("The penalty is added to the discriminator's loss; the loss above excludes it.")
    scores = logged.scores(run)
    with st.container():  # also before the first score, so that the charts below keep their places, and with them their zoom
        if not scores.empty:
            title, floor = f"{scores.attrs['label']} (during training)", scores.attrs["floor"]
            draw(
                partial(charts.thin, scores),
                {"FID": "fid"},
                title,
                f"fid/{run.id}",
                0.0,
                is_log=is_log,
                is_wide=charts.is_wide([*scores["fid"], floor]),
                rule=floor,
                rule_title="real images",
                has_points=True,
                changed=changed,
            )
    more = st.expander("Gradient norms", icon=":material/show_chart:", key="norms", on_change="rerun")
    if more.open:
        with more:
            draw(thin, NORMS, "gradient norm", f"norms/{run.id}", smoothing, is_log=is_log, changed=changed)
    if before:
        st.caption(f"The faint curve up to step {before[1]:,} is that of the run it was forked from.")
    with st.container(key="mouse-hint"):
        st.caption("Mouse: Ctrl + wheel zooms, dragging pans, double-click resets.")


def show_losses(run: Run, config: RunConfig | None) -> None:
    """Show the losses and the outputs of the discriminator, and nothing else."""
    tail = logged.tail(run)
    if not tail.table().empty:
        smoothing, changed = st.session_state.get("smoothing", SMOOTHING), marks.by_step(run)
        _draw_players(run, config, tail.thin, smoothing, changed, is_log=False, height=PRESENTED)


def _draw_players(
    run: Run, config: RunConfig | None, thin: Thin, smoothing: float, changed: Marks, *, is_log: bool, height: int = charts.HEIGHT
) -> LossFacts | None:
    """Draw the losses beside the outputs of the discriminator; return the facts on the loss, None if it is unknown."""
    facts = LOSSES[config.objective.loss] if config else None
    losses, judged = st.columns(2, gap="medium")
    with losses:
        draw(thin, PLAYERS, "loss", f"losses/{run.id}", smoothing, is_log=is_log, changed=changed, height=height)
    with judged:
        if facts and not facts.is_probability:
            title, key = "output of the discriminator", f"outputs/{run.id}"
            draw(thin, OPINIONS, title, key, smoothing, is_log=is_log, changed=changed, height=height)
        else:
            draw(
                thin,
                OPINIONS,
                "probability of “real”",
                f"probabilities/{run.id}",
                smoothing,
                domain=(0, 1),
                rule=0.5,
                changed=changed,
                height=height,
            )
    return facts


def _before(run: Run) -> tuple[logged.Tail, int] | None:
    """Return the logged lines of the run that a fork continues, and the step up to which they count; None if there are none.

    A fork that starts afresh has those of its parent, to the end, until it has logged its own.
    """
    origin = run.origin()
    if origin is None or not (parent := Run(run.root / origin.run)).metrics_path.exists():
        return None
    tail = logged.tail(parent)
    if origin.step or tail.table().empty:
        return (tail, origin.step) if origin.step else None
    return (tail, int(tail.table()["step"].iloc[-1])) if logged.tail(run).table().empty else None


def _with_parent(
    tail: logged.Tail, parent: logged.Tail, until: int, names: dict[str, str], smoothing: float, zoom: Zoom
) -> pa.Table:
    """Return the data of a chart with the curve of the parent up to the step ``until``, drawn only faintly."""
    shown, before = tail.thin(names, smoothing, zoom), parent.thin(names, smoothing, zoom)
    before = before.filter(pc.less_equal(before["step"], until))
    empty = pa.nulls(len(before), pa.float64())
    for name in names:
        before = before.set_column(before.column_names.index(name), name, empty)
    return pa.concat_tables([before, shown.cast(before.schema)])


def draw(
    thin: Thin,
    names: dict[str, str],
    title: str,
    key: str,
    smoothing: float,
    is_log: bool = False,
    is_wide: bool = False,
    domain: tuple[float, float] | None = None,
    rule: float | None = None,
    rule_title: str = "",
    has_points: bool = False,
    changed: Marks = (),
    height: int = charts.HEIGHT,
) -> None:
    """Draw one chart of curves (name → column); ``thin`` returns their data, given the smoothing and the zoom range."""
    zoom = (st.session_state.get(key) or {}).get("selection", {}).get("zoom", {}).get("step")
    shown = thin(names, smoothing, (zoom[0], zoom[1]) if zoom else None)
    look = {
        "is_log": is_log,
        "is_wide": is_wide,
        "domain": domain,
        "rule": rule,
        "rule_title": rule_title,
        "has_points": has_points,
        "marks": changed,
        "height": height,
    }
    spec = charts.curves(list(names), title, **look)  # type: ignore[arg-type]
    about = f"{title} over steps: " + " and ".join(names) + "".join(f"; {text} from step {step:,.0f}" for step, text in changed)
    st.vega_lite_chart(vega.with_data(spec, shown), key=key, on_select="rerun", selection_mode="zoom", alt=about)
