"""Sweeps: how far those that were launched are, what can be done with them, and their runs."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from gan import estimates, launcher, runs, sweeps
from gan.errors import InputError
from gan.runs import Run
from gan.sweeps import Progress, Sweep
from pages.parts import exports, frame, metrics, words

root = frame.begin("Sweeps")
st.title("Sweeps")

MOST_COMPARED = 12


def choose() -> Sweep | None:
    """Let a person choose a sweep; the URL names it."""
    found = {sweep.id: sweep for sweep in sweeps.list_sweeps(root)}
    wanted = st.query_params.get("sweep", "")
    if wanted and wanted not in found:
        with frame.spoken_errors():
            sweeps.find(root, wanted)
    if not found:
        st.info("No sweeps yet; plan one at the foot of the Train page.", icon=":material/info:")
        st.page_link("pages/train.py", label="Plan a sweep", icon=":material/account_tree:")
        return None
    if wanted in found and "sweeps/choice" not in st.session_state:
        st.session_state["sweeps/choice"] = wanted
    if st.session_state.get("sweeps/choice") not in found:
        st.session_state["sweeps/choice"] = next(iter(found))
    names = {sweep_id: name_of(sweep) for sweep_id, sweep in found.items()}
    chosen = st.selectbox("Sweep", list(found), key="sweeps/choice", format_func=names.get, label_visibility="collapsed")
    st.query_params["sweep"] = chosen
    return found[chosen]


def name_of(sweep: Sweep) -> str:
    """Return what a sweep is called, with the time at which it was launched."""
    moment = f"{sweep.id[:4]}-{sweep.id[4:6]}-{sweep.id[6:8]} {sweep.id[9:11]}:{sweep.id[11:13]}"
    try:
        return f"{sweep.record().name} · {moment}"
    except InputError:
        return f"damaged · {moment}"


def act(sweep: Sweep, progress: Progress) -> None:
    """Draw the buttons for what can be done."""
    with st.container(horizontal=True, gap="xsmall"):
        if not progress.is_over:
            label, icon = ("Go on", ":material/play_arrow:") if progress.is_paused else ("Pause", ":material/pause:")
            if st.button(label, icon=icon, key="pause", help="Holds back the runs that wait; those that train go on to their end."):
                launcher.pause(sweep, is_paused=not progress.is_paused)
                st.rerun()
            if st.button(
                "First", icon=":material/vertical_align_top:", key="first", help="Its runs go before all others that wait."
            ):
                launcher.move_first(root, sweep.runs())
                st.rerun()
            with st.popover("Cancel", icon=":material/cancel:"):
                st.markdown("Take the waiting runs out of the queue, and stop those that train? They can be retried.")
                if st.button("Cancel this sweep", type="primary", key="cancel"):
                    launcher.cancel(sweep)
                    st.rerun()
        bad = sum(progress.states.get(state, 0) for state in ("failed", "interrupted", "stopped", "missing"))
        if bad and st.button(f"Retry {bad}", icon=":material/replay:", key="retry",
                             help="Runs that failed, were interrupted or stopped go back into the queue."):  # fmt: skip
            launcher.retry(sweep, ("failed", "interrupted", "stopped"))
            st.rerun()
        done = [run for run in sweep.runs() if run.has_checkpoint and run.status().state not in runs.UNDER_WAY]
        is_busy = any(run.scoring().state == "running" for run in sweep.runs())
        label = "Scoring …" if is_busy else f"Score {words.count(len(done), 'run')}"
        if done and st.button(label, icon=":material/grading:",
                              key="score", disabled=is_busy, help="3 draws of 2,000 images each."):  # fmt: skip
            launcher.score(done)
            st.rerun()
        if progress.is_over:
            offer_removal(sweep)


def offer_removal(sweep: Sweep) -> None:
    """Draw what takes a sweep off the list."""
    with st.popover("Remove", icon=":material/delete:"):
        st.markdown("Take this sweep off the list? Its runs stay.")
        if st.button("Remove this sweep", type="primary", key="remove"):
            with frame.spoken_errors():
                sweeps.remove(sweep)
                del st.session_state["sweeps/choice"]
                st.query_params.pop("sweep", None)
                st.rerun(scope="app")


def show_links(sweep: Sweep) -> None:
    """Link to the pages that compare the runs."""
    chosen = [run.id for run in sweep.runs() if run.metrics_path.exists()]
    if not chosen:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.page_link("pages/compare.py", label="Compare side by side", icon=":material/compare:",
                     query_params={"runs": ",".join(chosen[:MOST_COMPARED])})  # fmt: skip
        st.page_link("pages/evaluate.py", label="Evaluate the scores", icon=":material/grading:",
                     query_params={"runs": ",".join(chosen)})  # fmt: skip
        exports.offer([Run(root / run_id) for run_id in chosen])
    if len(chosen) > MOST_COMPARED:
        st.caption(f"Compare begins with the first {MOST_COMPARED} of {len(chosen)} runs.")


def show_progress(sweep: Sweep, progress: Progress) -> None:
    """Show how far the whole is, with a time."""
    ended = sum(count for state, count in progress.states.items() if state in ("finished", "diverged", "stopped", "failed"))
    sentence = f"{ended} of {words.count(progress.runs, 'run')} ended"
    if progress.is_paused and not progress.is_over:
        sentence += " · paused: waiting runs are held back"
    elif not progress.is_over and launcher.lacks_room(sweep):
        sentence += " · waiting for room on the disk"
    elif progress.seconds_left is not None and not progress.is_over:
        sentence += f" · about {words.duration(progress.seconds_left)} left"
    st.progress(progress.share, text=sentence)
    with st.container(horizontal=True, gap="xsmall"):
        for state, count in sorted(progress.states.items()):
            label, icon, color = words.STATES.get(state, (state, ":material/pending:", "gray"))
            st.badge(f"{count} {label}", icon=icon, color=color)  # type: ignore[arg-type]


def show_scoring(sweep: Sweep) -> None:
    """Show how far the scoring of the runs is, with a time: what the one that is being scored takes, the others will take too."""
    all_of_them = [run for run in sweep.runs() if run.has_checkpoint]
    going = [scoring for run in all_of_them if (scoring := run.scoring()).state == "running"]
    if not going:
        return
    now = max(going, key=lambda scoring: scoring.progress)
    sentence = f"{words.count(len(going), 'run')} still to be scored · {words.escape(now.message)}"
    if now.seconds_left is not None and now.progress < 1:
        left = now.seconds_left * (1 + (len(going) - 1) / (1 - now.progress))
        sentence += f" · about {words.duration(left)} left"
    st.progress(1 - (len(going) - now.progress) / len(all_of_them), text=sentence)


def show_runs(sweep: Sweep) -> None:
    """Show the runs as a table, each with its state, how far it is, and its newest quick FID."""
    rows = []
    for member in sweep.record().members:
        run = Run(root / member.run) if member.run and (root / member.run).is_dir() else None
        row = {"Variant": member.variant, "Seed": member.seed, "State": "not made yet" if not member.run else "deleted"}
        if run is not None:
            status = run.status()
            quick = metrics.scores(run)["fid"].dropna()
            row |= {
                "State": words.STATES[status.state][0], "Progress": words.progress(status)[0],
                "FID in training": quick.iloc[-1] if len(quick) else None, "What happened": status.message,
                "Watch": f"watch?run={run.id}",
            }  # fmt: skip
        rows.append(row)
    column = st.column_config
    table = pd.DataFrame(rows).reindex(
        columns=["Variant", "Seed", "State", "Progress", "FID in training", "What happened", "Watch"]
    )
    st.dataframe(
        table, hide_index=True, placeholder="–", alt="Runs of the sweep",
        column_config={
            "Variant": column.TextColumn(pinned=True, width="medium"),
            "Progress": column.ProgressColumn(min_value=0, max_value=1, format="percent"),
            "FID in training": column.NumberColumn(format="%.3g", help="The newest quick score; runs are ranked on Evaluate."),
            "Watch": column.LinkColumn(display_text="open"),
        },
    )  # fmt: skip


def show(sweep: Sweep) -> bool:
    """Draw everything that changes while a sweep goes on; return whether nothing will change by itself any more."""
    progress = sweeps.progress(sweep, launcher.cores(), estimates.pace)
    show_progress(sweep, progress)
    show_scoring(sweep)
    act(sweep, progress)
    show_links(sweep)
    show_runs(sweep)
    return is_settled(sweep, progress)


def is_settled(sweep: Sweep, progress: Progress) -> bool:
    """Return whether nothing trains, waits, is being scored, or will be taken up again by itself."""
    return progress.is_over and not any(
        run.scoring().state == "running" or launcher.may_restart(run, run.status()) for run in sweep.runs()
    )


@st.fragment
def still(sweep: Sweep) -> None:
    with frame.spoken_errors():
        if not show(sweep):
            st.rerun()


@st.fragment(run_every=frame.TICK * 2)
def live(sweep: Sweep) -> None:
    with frame.spoken_errors():
        if show(sweep):
            st.rerun()


with frame.spoken_errors():
    if chosen := choose():
        try:
            is_over = is_settled(chosen, sweeps.progress(chosen, launcher.cores()))
        except InputError:
            offer_removal(chosen)
            raise
        (still if is_over else live)(chosen)
