"""The moving part of the Compare page: slider, playback, samples and curves."""

from __future__ import annotations

import math

import streamlit as st

from gan.guests.guest import Guest
from gan.runs import Run
from pages.parts import pictures, vega, words
from pages.parts.charts import is_wide
from pages.parts.comparison import overlay, ranges, timeline
from pages.parts.comparison.timeline import Track

STOPS = 100  # slider positions
TEMPO = 0.8  # seconds between frames during playback
PACE = 4  # stops per frame


def stage(
    chosen: list[Track],
    names: dict[str, str],
    groups: tuple[str, ...],
    axis: str,
    smoothing: float,
    is_log: bool,
    curves: list[str],
) -> None:
    """Draw the slider, the play button, and the samples and curves they control."""
    title = timeline.AXES[axis][1]
    stops = stops_to(max(track.end for track in chosen))
    end = stops[-1]
    place_slider(axis, stops)
    is_playing = st.session_state.get("compare/playing", False)
    if is_playing:
        place = min(stops.index(st.session_state["at"]) + PACE, len(stops) - 1)
        st.session_state["at"] = stops[place]
        is_playing = st.session_state["compare/playing"] = place < len(stops) - 1

    def toggle() -> None:
        st.session_state["compare/playing"] = not is_playing
        if not is_playing and st.session_state.get("at", end) >= end:
            st.session_state["at"] = 0

    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="compare-place"):
        label, icon = ("Pause", ":material/pause:") if is_playing else ("Play", ":material/play_arrow:")
        st.button(
            label,
            icon=icon,
            key="play",
            on_click=toggle,
            help="Plays from the current position, or from the start if it is at the end.",
        )
        at = st.select_slider(
            title[:1].upper() + title[1:],
            stops,
            key="at",
            format_func="{:,}".format,
            help="Moves the samples, the dashed line in the curves, and the FIDs. Every snapshot uses the same latent vectors.",
        )
    keep_place(at, end)
    show_samples(chosen, names, at)
    show_curves(tuple(chosen), groups, axis, at, smoothing, is_log, curves)
    if is_playing != st.session_state.get("compare/shown", False):
        st.session_state["compare/shown"] = is_playing
        st.rerun()  # the refresh interval depends on whether playback is on


def stops_to(end: float) -> list[int]:
    """Return about ``STOPS`` positions at equal distances from 0, and the end, which no distance may miss or exceed."""
    last = max(1, math.ceil(end))
    return [*range(0, last, max(1, last // STOPS)), last]


def place_slider(axis: str, stops: list[int]) -> None:
    """Set the slider: initially from the URL; after a change of axis to the same fraction; at the end it stays at the end."""
    end = stops[-1]
    known, last = st.session_state.get("compare/axis", (axis, end))
    st.session_state["compare/axis"] = axis, end
    if "at" not in st.session_state:
        wanted = st.query_params.get("at", "")[:15]
        at = int(wanted) if wanted.isdecimal() else end
    elif (at := st.session_state["at"]) >= last:
        at = end
    elif known != axis:
        at = at / last * end
    st.session_state["at"] = min(stops, key=lambda stop: abs(stop - at))


def keep_place(at: int, end: int) -> None:
    """Write the slider position to the URL. A bound slider would jump back to it whenever its range grows."""
    if at == end:
        st.query_params.pop("at", None)
    elif st.query_params.get("at") != str(at):
        st.query_params["at"] = str(at)


def show_samples(chosen: list[Track], names: dict[str, str], at: float) -> None:
    """Show the samples of all runs at one slider position, with step and FID."""
    columns = len(chosen) if len(chosen) <= 6 else -(-len(chosen) // 2)
    with st.grid(columns, min_column_width=150, gap="small", key="compare-samples"):
        for track in chosen:
            with st.container(gap="xxsmall"):
                name = names[track.run.id]
                page, icon, query = "pages/watch.py", ":material/play_circle:", {"run": track.run.id}
                if isinstance(track.run, Guest):
                    page, icon, query = "pages/evaluate.py", ":material/group:", {"runs": track.run.id}
                st.page_link(page, label=f"**{words.escape(name)}**", icon=icon, query_params=query)
                shot, fid = track.snapshot(at), track.fid(at)
                if shot is None:
                    st.caption("No samples yet")
                else:
                    score = f" · {words.escape(track.label)} {words.number(fid)}" if fid is not None else ""
                    when = track.run.moment(shot[0]) if isinstance(track.run, Guest) else f"Step {shot[0]:,}"
                    pictures.show(shot[1], f"Samples of {name} at {words.lowered(when)}", f"{when}{score}")


def show_curves(
    chosen: tuple[Track, ...], groups: tuple[str, ...], axis: str, at: float, smoothing: float, is_log: bool, curves: list[str]
) -> None:
    """Show one chart per selected curve, side by side if there is room."""
    title = timeline.AXES[axis][1]
    made = {name: timeline.charts(chosen, name, smoothing, groups) for name in curves}
    drawn = [(name, label, table) for name, tables in made.items() for label, table in tables.items()]
    if drawn:
        each = list(dict.fromkeys(groups))
        st.html(overlay.legend(each))
        views = {} if is_log else fit({name: ranges.sane(chosen, name, smoothing, groups) for name in curves})
        marks = [(place, f"{group}: {text}") for track, group in zip(chosen, groups, strict=True) for place, text in track.marks]
        with st.grid(min(3, len(drawn)), min_column_width=320, gap="medium"):
            for name, label, table in drawn:
                there = table["curve"].unique().to_pylist()
                is_fid = name == "FID"
                wide = is_fid and is_wide(table["value"].to_pylist())
                options = {"is_log": is_log, "is_wide": wide, "has_points": is_fid, "is_whole": axis != "time"}
                view = views.get(name)
                spec = overlay.chart(each, label, title, marks=marks, ends=view and view.ends, **options)
                about = f"{label} over {title}, one curve each for: {', '.join(there)}"
                about += "".join(f"; {text} changed at {place:,.0f}" for place, text in marks)
                shown = overlay.with_cursor(ranges.within(table, view), at)
                st.vega_lite_chart(vega.with_data(spec, shown), key=f"curve/{label}", alt=about)
    tell_cuts(timeline.cut_off(chosen, tuple(curves), groups), axis)
    scored = dict.fromkeys(group for track, group in zip(chosen, groups, strict=True) if track.fids)
    plotted = {group for table in made.get("FID", {}).values() for group in table["curve"].unique().to_pylist()}
    if apart := [f"“{group}”" for group in scored if "FID" in curves and group not in plotted]:
        st.caption(words.escape(f"No mean FID, because the runs were scored at different points: {', '.join(apart)}."))
    if missing := [name for name in curves if not made[name] and not (name == "FID" and scored)]:
        st.caption(f"Not logged by these runs: {', '.join(missing)}.")
    if len(made.get("FID", {})) > 1:
        st.caption("FIDs computed differently are not comparable and have separate charts.")


def fit(found: dict[str, ranges.Range | None]) -> dict[str, ranges.Range]:
    """Say which curves leave the plots, and offer to show all values; return the ranges of the plots that do not."""
    views = {name: view for name, view in found.items() if view}
    if views:
        plots: dict[tuple[str, ...], list[str]] = {}
        for name, view in views.items():
            plots.setdefault(view.leaving, []).append(name)
        told = "; ".join(f"{', '.join(f'“{group}”' for group in those)} in {' and '.join(names)}" for those, names in plots.items())
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            st.caption(words.escape(f"Far outside: {told}."), width="content")
            if st.toggle("All values", key="whole", bind="query-params"):
                return {}
    return views


def tell_cuts(cuts: list[timeline.Cut], axis: str) -> None:
    """Say which means end before the longest run of their group."""
    ends = [f"“{cut.group}” at {place(cut.end, axis)} ({go_on(cut)})" for cut in cuts if cut.end is not None]
    if ends:
        st.caption(words.escape(f"A mean ends with the first of its runs: {', '.join(ends)}."))
    if none := [f"“{cut.group}”" for cut in cuts if cut.end is None]:
        st.caption(words.escape(f"No mean, because some runs begin after others have ended: {', '.join(none)}."))


def place(at: float, axis: str) -> str:
    """Return a position on an axis in words."""
    if axis == "time":
        return words.duration(at)
    return words.count(round(at), "image") if axis == "images" else f"step {at:,.0f}"


def go_on(cut: timeline.Cut) -> str:
    """Say how many runs of a group are longer than its mean, e.g. "1 of 2 runs goes on"."""
    return f"{cut.longer} of {words.count(cut.runs, 'run')} {'goes' if cut.longer == 1 else 'go'} on"


def tell_bands(chosen: list[Run], group_of: dict[str, str]) -> None:
    """Explain what the bands around grouped curves cover."""
    if len({group_of[run.id] for run in chosen}) == len(chosen):
        return
    if several := timeline.mixed(chosen, group_of):
        which = words.escape(", ".join(f"“{group}”" for group in several))
        st.caption(
            "Bands: mean ± one standard deviation over runs. "
            f"The runs in {which} differ in more than the seed, so their bands are not pure seed noise."
        )
    else:
        st.caption("Bands: mean ± one standard deviation over seeds.")
