"""Watch: one run live, and what can be done with it."""

import time

import pandas as pd
import streamlit as st

from gan import config as configs
from gan import launcher, runs
from gan.config import RunConfig
from gan.errors import InputError
from gan.objective.catalogue import LOSSES
from gan.runs import Run, Status
from pages.parts import branches, cards, charts, classes, exports, frame, metrics, pictures, words

root = frame.begin("Watch")

PLAYERS = {"generator": "generator_loss", "discriminator": "discriminator_loss"}
OPINIONS = {"D(fake)": "d_fake", "D(real)": "d_real"}
PENALTY = {"penalty": "penalty"}
SILENCE = 120  # seconds without a heartbeat after which to worry

NORMS = {"generator": "generator_grad_norm", "discriminator": "discriminator_grad_norm"}


def choose() -> Run | None:
    """Let a person choose a run; the URL names it."""
    found = {run.id: run for run in runs.list_runs(root)}
    if deleted := st.session_state.get("watch/deleted"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.info("The run lies in the trash folder now.", icon=":material/delete:")
            if st.button("Undo", icon=":material/undo:", key="undo"):
                runs.restore(root, deleted)
                del st.session_state["watch/deleted"]
                st.query_params["run"] = deleted
                st.rerun()
    wanted = st.query_params.get("run")
    if wanted and wanted not in found:
        with frame.spoken_errors():
            runs.find(root, wanted)
    if not found:
        st.info("No runs yet; start one on the Home or the Train page.", icon=":material/info:")
        return None
    if wanted in found:
        st.session_state["watch/choice"] = wanted
    elif st.session_state.get("watch/choice") not in found:
        st.session_state["watch/choice"] = next(iter(found))
    names = words.names(list(found.values()))

    def follow() -> None:
        st.query_params["run"] = st.session_state["watch/choice"]
        st.session_state.pop("watch/deleted", None)

    chosen = st.selectbox(
        "Run", list(found), key="watch/choice", format_func=names.get, on_change=follow, label_visibility="collapsed"
    )
    st.query_params["run"] = chosen
    return found[chosen]


def act(run: Run, status: Status) -> None:
    """Draw the buttons for what can be done in this state."""
    with st.container(horizontal=True, horizontal_alignment="right", gap="xsmall"):
        if status.state in runs.UNDER_WAY:
            is_stopping = status.state != "queued" and run.control().stop
            label = "Stopping …" if is_stopping else "Stop"
            about = "Writes a checkpoint and ends; it can be resumed."
            if st.button(label, icon=":material/stop:", key="stop", disabled=is_stopping, help=about):
                launcher.stop(run)
                st.rerun()
        else:
            offer_to_go_on(run, status)
        if status.state == "queued" and st.button(
            "First", icon=":material/vertical_align_top:", key="first", help="It goes before all others that wait."
        ):
            launcher.move_first(root, [run])
            st.rerun()
        with st.popover("Rename", icon=":material/edit:"):
            name = st.text_input("Name", value=run.label(), max_chars=120, key=f"name/{run.id}")
            if st.button("Save", type="primary", key="save-name"):
                run.rename(name)
                st.rerun()
        if status.state not in runs.UNDER_WAY:
            with st.popover("Delete", icon=":material/delete:"):
                st.markdown(f"Move “{words.escape(run.label())}” to the trash folder?")
                if st.button("Delete this run", type="primary", key="delete"):
                    runs.delete(run)
                    st.session_state["watch/deleted"] = run.id
                    st.query_params.pop("run", None)
                    st.rerun()


def offer_to_go_on(run: Run, status: Status) -> None:
    """Draw the buttons that train a run further."""
    is_unfinished = status.step < status.total_steps or status.state in ("interrupted", "failed")
    if is_unfinished and st.button(
        "Resume", icon=":material/play_arrow:", type="primary", key="resume", help="Goes on from the last checkpoint."
    ):
        launcher.resume(run)
        st.rerun()
    with st.popover("Train longer", icon=":material/more_time:"):
        more = st.number_input("More epochs", value=50, step=1, key="more")
        if st.button("Go on", type="primary", key="longer"):
            launcher.extend(run, more)
            st.rerun()


def show_state(run: Run, status: Status) -> None:
    """Show state, progress, and what went wrong."""
    share, sentence = words.progress(status)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        cards.badge(status)
        if status.state == "queued":
            st.caption(words.place_in_queue(run, launcher.queue(root)))
        elif status.device:
            st.caption(f"{status.device} · {status.precision} · {words.count(status.threads, 'thread')}")
    st.progress(share, text=sentence)
    if status.message and status.state in ("failed", "diverged", "interrupted"):
        (st.warning if status.state == "interrupted" else st.error)(words.escape(status.message))
    elif status.message and status.state in ("running", "starting", "stopped"):
        st.caption(words.escape(status.message))
    if status.state == "running" and time.time() - status.heartbeat > SILENCE:
        st.warning("The trainer has not reported for two minutes; the machine may be overloaded.")
    if status.state in ("failed", "diverged", "interrupted") and (tail := run.log_tail()):
        with st.expander("End of the log", icon=":material/article:", expanded=status.state == "failed"):
            st.code(tail, language=None, wrap_lines=True)


def config_of(run: Run) -> RunConfig | None:
    """Return what a run was asked to do; None when that is damaged, which the page says at its end."""
    try:
        return run.config()
    except InputError:
        return None


def show_curves(run: Run, config: RunConfig | None) -> None:
    """Show the losses, what good ones look like, and what the discriminator thinks."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        smoothing = st.slider("Smoothing", 0.0, 0.99, 0.6, 0.01, key="smoothing", persist_state="session", width=220,
                              help="Exponential average: s ← a·s + (1 − a)·value. The faint line is what was logged.")  # fmt: skip
        is_log = st.toggle("Log scale", key="log-scale", persist_state="session")
    table = metrics.read(run)
    if table.empty:
        st.caption("The curves begin with the first logged line.")
        return
    draw(table, PLAYERS, "loss", f"losses/{run.id}", smoothing, is_log=is_log)
    facts = LOSSES[config.objective.loss] if config else None
    if facts:
        st.caption(f"**{facts.title}:** {words.escape(facts.good)}")
    if facts and not facts.is_probability:
        draw(table, OPINIONS, "output of the discriminator", f"outputs/{run.id}", smoothing, is_log=is_log)
    else:
        draw(table, OPINIONS, "probability of “real”", f"probabilities/{run.id}", smoothing, domain=(0, 1), rule=0.5)
    if table["penalty"].notna().any():
        draw(table, PENALTY, "penalty", f"penalty/{run.id}", smoothing, is_log=is_log)
        st.caption("The penalty comes on top of the discriminator's loss, which is shown without it.")
    scores = metrics.scores(run)
    if not scores.empty:
        title = f"{scores.attrs['label']} (during training)"
        draw(scores, {"FID": "fid"}, title, f"fid/{run.id}", 0.0, is_log=is_log, has_points=True)
    more = st.expander("Gradient norms", icon=":material/show_chart:", key="norms", on_change="rerun")
    if more.open:
        with more:
            draw(table, NORMS, "gradient norm", f"norms/{run.id}", smoothing, is_log=is_log)
    st.caption("With a mouse: Ctrl + wheel zooms, dragging moves, a double click shows everything again.")


def draw(
    table: pd.DataFrame, names: dict[str, str], title: str, key: str, smoothing: float,
    is_log: bool = False, domain: tuple[float, float] | None = None, rule: float | None = None, has_points: bool = False,
) -> None:  # fmt: skip
    """Draw one chart of curves (name → column), thinned to what its zoom shows."""
    zoom = (st.session_state.get(key) or {}).get("selection", {}).get("zoom", {}).get("step")
    shown = charts.thin(table, names, smoothing, tuple(zoom) if zoom else None)
    spec = charts.curves(list(names), title, is_log=is_log, domain=domain, rule=rule, has_points=has_points)
    about = f"{title} over steps: " + " and ".join(names)
    st.vega_lite_chart(shown, spec, key=key, on_select="rerun", selection_mode="zoom", alt=about)


def show_samples(run: Run, config: RunConfig | None) -> None:
    """Show the newest samples, or those of the moment that the slider is at."""
    samples = run.samples()
    if not samples:
        st.caption("The first samples appear when the networks are built.")
        return
    steps = list(samples)
    key = f"snapshot/{run.id}"
    if st.session_state.get(key) not in steps:  # the slider is new, or was gone with its page
        st.session_state[f"{key}/follow"] = True
    if st.session_state.get(f"{key}/follow", True):
        st.session_state[key] = steps[-1]

    def moved() -> None:
        st.session_state[f"{key}/follow"] = st.session_state[key] == steps[-1]

    step = st.session_state[key]
    if config:
        classes.name_columns(config)
    pictures.show(samples[step], f"Samples of step {step}")
    if len(steps) > 1:
        st.select_slider(
            "Step", steps, key=key, on_change=moved, format_func=lambda step: f"{step:,}",
            help="All snapshots, of always the same latent vectors. At the right end it follows the newest.",
        )  # fmt: skip


def show_ends(run: Run) -> None:
    """Show the first five snapshots against the last five, and the real images."""
    samples = list(run.samples().items())
    if len(samples) < 2:
        return
    st.subheader("First five against last five")
    for chosen in (samples[:5], samples[max(5, len(samples) - 5) :]):
        with st.grid(5, min_column_width=60, gap="xsmall"):
            for step, path in chosen:
                with st.container():
                    pictures.show(path, f"Samples of step {step}")
                    st.caption(f"step {step:,}")


@st.fragment
def still(run: Run) -> None:
    show(run)


@st.fragment(run_every=5.0)
def notice(run: Run, shown: str) -> None:
    """Start over when the run has changed its state by other hands: another tab, the command line, a kill."""
    if run.status().state != shown:
        st.rerun()


@st.fragment(run_every=frame.TICK)
def live(run: Run) -> None:
    show(run)
    if run.status().state not in runs.UNDER_WAY:
        st.rerun()


def show(run: Run) -> None:
    """Draw everything that changes while a run goes on."""
    with frame.spoken_errors():
        status, config = run.status(), config_of(run)
        show_state(run, status)
        samples, curves = st.columns([2, 3], gap="large")
        with samples:
            show_samples(run, config)
        with curves:
            show_curves(run, config)
        show_ends(run)


with frame.spoken_errors():
    chooser, actions = st.columns([3, 4], vertical_alignment="center")
    with chooser:
        run = choose()
    if run:
        status = run.status()
        with actions:
            act(run, status)
        (live if status.state in runs.UNDER_WAY else still)(run)
        if status.state not in runs.UNDER_WAY:
            notice(run, status.state)
        try:
            config = run.config()
            branches.tree(run)
            classes.ask(run, config)
            branches.offer(run, config)
            exports.offer_generator(run)
            settings = configs.flatten(config)
        except InputError as error:
            st.error(words.escape(str(error)), icon=":material/error:")
        else:
            with st.expander("Settings and real images", icon=":material/tune:"):
                left, right = st.columns([3, 2])
                left.table({key: str(value) for key, value in settings.items()})
                if run.reals_path.exists():
                    with right:
                        pictures.show(run.reals_path, "Real images of the data set", "Real images")
