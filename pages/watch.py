"""Watch page: one run live, with its actions."""

from __future__ import annotations

import time

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gan import config as configs
from gan import runs
from gan.config import RunConfig
from gan.errors import InputError
from gan.execution import ahead
from gan.judging.comparison import text_of
from gan.runs import Run, Status, adopted, changes
from pages.parts import cards, engine_choice, exports, frame, owning, pictures, run_picker, words
from pages.parts.watching import branches, classes, duel, knobs, snapshots
from pages.parts.watching.actions import act, forget_deleted, offer_presentation, offer_undo
from pages.parts.watching.curves import show_curves, show_losses

root = frame.begin("Watch")

SILENCE = 120  # seconds without a heartbeat before a warning

#: For a projector: larger type, and nothing but the duel and the curves.
PRESENTED = """<style>
html {font-size: 135%}
header[data-testid="stHeader"], .st-key-watch-choice, [class*="st-key-whose-"] {display: none}
.stMainBlockContainer {padding: 1rem 2rem}
</style>"""


def choose() -> Run | None:
    """Offer to restore a run deleted just now, and draw the run picker. Return None if no run is chosen."""
    offer_undo(root)
    return run_picker.pick_one(root, "watch/choice", on_pick=forget_deleted)


def show_state(run: Run, status: Status) -> None:
    """Show state, progress and problems."""
    share, parts = words.progress(status)
    shown, more = ([parts[0], parts[-1]], parts[1:-1]) if status.seconds else (parts, [])
    sentence = " · ".join(shown)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        at = f" · {place}" if (place := engine_choice.where(status)) else ""
        gpu = f" (GPU {status.gpu})" if status.gpu else ""
        machine = f"{status.device}{gpu} · {status.precision} · {words.threads(status.threads, status.processes)}{at}"
        cards.badge(status, about=" · ".join([*more, machine]) if status.device else None)
        if owner := owning.by(run.owner()):
            st.caption(f"by {owner}", width="content")
        if status.state == "queued":
            st.caption(words.waiting(ahead.reasons(root).get(run.id, "")))
        elif status.state == "finished":
            st.caption(sentence)
    if status.state != "finished":
        st.progress(share, text=sentence)
    if status.message and status.state in ("failed", "diverged", "interrupted"):
        (st.warning if status.state == "interrupted" else st.error)(words.message(status.message))
    elif status.message and status.state in ("running", "starting", "stopped"):
        st.caption(words.message(status.message))
    if status.state == "running" and not runs.is_elsewhere(status.host) and time.time() - status.heartbeat > SILENCE:
        st.warning("No sign of life from the trainer for two minutes; the machine may be overloaded.")
    if status.state in ("failed", "diverged", "interrupted") and (tail := run.log_tail()):
        with st.expander("End of the log", icon=":material/article:", expanded=status.state == "failed"):
            st.code(tail, language=None, wrap_lines=True)


def config_of(run: Run) -> RunConfig | None:
    """Return the configuration of a run; None if it is damaged (:func:`show_rest` reports that)."""
    try:
        return run.config()
    except InputError:
        return None


def show_duel(run: Run, config: RunConfig | None) -> None:
    """Show real images and samples at the slider's step, by default the newest, and how the duel stands."""
    samples = run.samples()
    if not samples:
        show_parent(run, config)
        return
    steps = list(samples)
    snapshots.follow(run, steps)
    players, beside = st.columns([3, 2], gap="medium", vertical_alignment="center")
    step = st.session_state[snapshots.key(run)]
    opinions = run.opinions(step)
    with players:
        duel.show(run, step, samples[step], config, opinions)
    with beside:
        if opinions:
            st.html(duel.strip(opinions))
        if config and (is_presented() or run.status().state != "diverged"):  # the message above says so
            duel.tell(run, config)
        if len(steps) > 1:
            snapshots.choose(run, steps)
            if is_presented():
                snapshots.play(run, steps)


def show_parent(run: Run, config: RunConfig | None) -> None:
    """Show the last samples of the run that a fork continues, as long as it has none of its own."""
    origin = run.origin()
    parent = Run(run.root / origin.run) if origin else None
    if parent and (there := {step: path for step, path in parent.samples().items() if step <= origin.step or not origin.step}):  # type: ignore[union-attr]
        step = max(there)
        st.caption("Samples of the run it was forked from, until its own come.")
        with st.columns([3, 2])[0]:
            duel.show(parent, step, there[step], config, parent.opinions(step))
    elif run.status().state in runs.UNDER_WAY:
        st.caption("Samples appear once the networks are built.")


def show_ends(run: Run, pace: float | None) -> None:
    """Show the first five and the last five snapshots, again every ``pace`` seconds if given."""
    frame.fragment(pace)(_ends)(run)


def _ends(run: Run) -> None:
    samples = list(run.samples().items())
    if len(samples) < 2:
        return
    st.subheader("First five and last five snapshots" if len(samples) > 10 else "All snapshots")
    for chosen in (samples[:5], samples[max(5, len(samples) - 5) :]):
        with st.grid(5, min_column_width=60, gap="xsmall"):
            for step, path in chosen:
                pictures.show(path, f"Samples at step {step}", f"Step {step:,}")


def show_rest(run: Run, above: DeltaGenerator) -> None:
    """Show what does not change during training: relatives, drawing of a class, fork, export, settings.

    An open fork is shown ``above`` the duel, and what is wrong with a damaged run as well.
    """
    try:
        config = run.config()
        if found := adopted.read(run):
            st.caption(words.escape(adopted.describe(found)))
        branches.tree(run)
        classes.ask(run, config)
        with above if branches.is_open(run) else st.container():
            branches.offer(run, config)
        exports.offer_generator(run)
        settings = changes.flat(run)
    except InputError as error:
        above.error(words.message(error), icon=":material/error:")
        return
    part = st.expander("Settings and real images", icon=":material/tune:", key="watch/settings", on_change="rerun")
    if part.open:
        left, right = part.columns([3, 2])
        left.table({configs.title(key): text_of(value) for key, value in settings.items()})
        if run.reals_path.exists():
            with right:
                pictures.show(run.reals_path, "Real images of the data set", "Real images")


@st.fragment
def still(run: Run) -> None:
    show(run)


@frame.fragment(frame.SLOW_TICK)
def notice(run: Run, shown: str) -> None:
    """Rerun the page when the state was changed elsewhere: another tab, the command line, a killed process."""
    if run.status().state != shown:
        st.rerun()


@frame.fragment(frame.TICK)
def live(run: Run) -> None:
    show(run)
    if run.status().state not in runs.UNDER_WAY:
        st.rerun()


@frame.fragment(frame.QUICK_TICK)
def starting(run: Run) -> None:
    """Show a run that is about to train; the first samples and the first new step appear without delay."""
    show(run)
    if not is_starting(run, run.status()):
        st.rerun()


def is_starting(run: Run, status: Status) -> bool:
    """Return whether the trainer has been started but has nothing to show yet."""
    return status.state == "starting" or (status.state == "running" and not run.samples())


@frame.fragment(snapshots.TEMPO)
def playing(run: Run) -> None:
    """Show one snapshot after the other."""
    snapshots.go_on(run)
    show(run)


def is_presented() -> bool:
    """Return whether the page is shown for a projector."""
    return bool(st.session_state.get("present", st.query_params.get("present") == "true"))


def show(run: Run) -> None:
    """Draw everything that changes while a run is active."""
    with frame.spoken_errors():
        status, config = run.status(), config_of(run)
        if is_presented():
            with st.container():
                show_duel(run, config)
            show_losses(run, config)
            return
        with st.container():  # one place on the page, however many lines: charts below that change places lose their zoom
            show_state(run, status)
        with st.container():
            show_duel(run, config)
        if status.state in runs.UNDER_WAY or run.metrics_path.exists() or run.origin():
            show_curves(run, config)
        with st.container():
            knobs.tell(run, status)


with frame.spoken_errors():
    if is_presented():
        st.html(PRESENTED)
    chooser, actions = st.columns([4, 1] if is_presented() else [1, 2], vertical_alignment="center")
    with chooser:
        run = choose()
        if run and is_presented():
            st.title(words.escape(run.label()))
            if owner := owning.by(run.owner()):
                st.caption(f"by {owner}")
    if run:
        status = run.status()
        with actions:
            if is_presented():
                offer_presentation()
            else:
                act(run, status)
        above = st.container()
        if not is_presented():
            with above:
                knobs.offer(run, status)
        if snapshots.is_playing(run):
            playing(run)
        else:
            (starting if is_starting(run, status) else live if status.state in runs.UNDER_WAY else still)(run)
        if status.state not in runs.UNDER_WAY:
            notice(run, status.state)
        if not is_presented():
            show_ends(run, frame.SLOW_TICK if status.state in runs.UNDER_WAY else None)
            show_rest(run, above)
