"""Compare page: runs side by side on one axis; one slider moves the samples, the cursor in the curves and the scores."""

from __future__ import annotations

import contextlib

import streamlit as st

from gan import palette, runs
from gan.errors import InputError
from gan.guests.guest import Guest
from gan.judging import comparison, conditions
from gan.runs import Run
from pages.parts import cards, exports, frame, phone, run_picker, words
from pages.parts.comparison import timeline
from pages.parts.comparison.differences import different, marked, show_table
from pages.parts.comparison.significance import show_significance
from pages.parts.comparison.stage import TEMPO, stage, tell_bands

root = frame.begin("Compare")


st.title("Compare")

MOST = len(palette.SERIES)  # runs whose colours are still distinguishable

FEW, LOOKED_AT = 4, 100  # runs chosen unless others are, and newest runs among which these are looked for

USUAL = ("generator loss", "discriminator loss", "FID")

ALONE = "each run"


def choose() -> list[Run]:
    """Draw the run picker; the session keeps the selection for a return from another page."""
    return run_picker.pick_several(
        root,
        "compare/runs",
        placeholder="Choose 2 to 12 runs",
        usual=usual,
        most=MOST,
    )


def usual(found: list[Run]) -> list[Run]:
    """Return the newest runs with samples of one data set: of the newest that has two such runs."""
    by_data: dict[str, list[Run]] = {}
    for run in found[:LOOKED_AT]:
        with contextlib.suppress(InputError):
            if run.samples():
                by_data.setdefault(run.config().data.name, []).append(run)
    alike = list(by_data.values())
    return next((each for each in alike if len(each) > 1), alike[0] if alike else found)[:FEW]


def choose_view(titles: dict[str, str]) -> tuple[str, str, float, bool, list[str]]:
    """Draw the view controls; the URL keeps them. Return axis, grouping, smoothing, log scale and curves."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        axis = st.segmented_control(
            "Align by",
            list(timeline.AXES),
            default="images",
            required=True,
            key="axis",
            bind="query-params",
            help="Images seen is fairest when batch sizes differ. Time compares the cost on this machine.",
        )
        settings = {"": ALONE, timeline.SEEDS: "seeds of the same settings"}
        settings |= {key: title for key, title in titles.items() if key != "training.seed"}
        by = st.selectbox(
            "Group by",
            list(settings),
            format_func=settings.__getitem__,
            key="group",
            bind="query-params",
            width=180,
            help="Each group becomes one curve: the mean of its runs ± one standard deviation.",
        )
        curves = st.multiselect("Curves", list(timeline.CURVES), default=list(USUAL), key="curves", bind="query-params", width=410)
        smoothing = st.slider(
            "Smoothing",
            0.0,
            0.95,
            0.5,
            0.05,
            key="smooth",
            bind="query-params",
            width=140,
            help="Exponential moving average: s ← a·s + (1 − a)·value.",
        )
        is_log = st.toggle("Log scale", key="log", bind="query-params")
    return axis, by, smoothing, is_log, curves


def warn(chosen: list[Run]) -> None:
    """Warn if the runs use different data sets, so their scores cannot be ranked, and of unfair conditions of guests."""
    data = {}
    for run in chosen:
        try:
            data[run.id] = run.facts().data if isinstance(run, Guest) else run.config().data.name
        except InputError:
            continue
    if len(set(data.values())) > 1:
        st.info(
            f"These runs use different data sets ({words.escape(', '.join(sorted(set(data.values()))))}), "
            "so their scores are not comparable.",
            icon=":material/balance:",
        )
    for guest in (run for run in chosen if isinstance(run, Guest)):
        told = [sentence for line in comparison.latest(guest)[-1:] for sentence in conditions.warnings(line)]
        if told:
            st.caption(words.escape(f"{guest.label()}: {' '.join(told)}"))


with frame.spoken_errors():
    picked = choose()
    if len(picked) == 1:
        st.caption("Choose a second run to compare.")
    if picked:
        st.html(cards.WRAPPING)
        phone.first("compare-samples", "compare-place")
        names = words.short(words.names(picked))
        warn(picked)
        titles = different(picked)
        axis, by, smoothing, is_log, curves = choose_view(titles)
        pinned, hidden = marked("pin", picked), marked("hide", picked)
        visible = sorted((run for run in picked if run.id not in hidden), key=lambda run: run.id not in pinned)
        if visible:
            group_of = timeline.groups(picked, by, names)
            is_live = any(run.status().state in runs.UNDER_WAY for run in visible)
            pace = TEMPO if st.session_state.get("compare/playing") else frame.TICK * 2 if is_live else None

            @frame.fragment(pace)
            def moving() -> None:
                with frame.spoken_errors():
                    laid = [timeline.track(run, axis) for run in visible]
                    stage(laid, names, tuple(group_of[run.id] for run in visible), axis, smoothing, is_log, curves)

            moving()
            tell_bands(visible, group_of)
        else:
            st.info("All chosen runs are hidden. Untick “Hide” in the table.", icon=":material/visibility_off:")
        show_table(picked, names, titles)
        if len(picked) > 1 and visible:
            show_significance(visible, names, by, titles.get(by, by))
        exports.offer(picked)
