"""Compare page: runs side by side on one axis; one slider moves the samples, the cursor in the curves and the scores."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from gan import config as configs
from gan import runs
from gan.errors import InputError
from gan.judging import lines, significance
from gan.judging.glossary import SCORES
from gan.runs import Run
from pages.parts import exports, frame, pictures, words
from pages.parts.comparison import overlay, timeline
from pages.parts.comparison.timeline import Track

root = frame.begin("Compare")
st.title("Compare")

MOST = 12  # runs whose colours are still distinguishable
STOPS = 100  # slider positions
TEMPO = 0.8  # seconds between frames during playback
PACE = 4  # stops per frame
USUAL = ("generator loss", "discriminator loss", "FID")
MOST_PAIRS = 10  # sentences shown before the rest is folded away
ALONE = "each run"


def choose() -> list[Run]:
    """Draw the run picker. The selection is kept in the URL, and in the session for a return from another page."""
    found = {run.id: run for run in runs.list_runs(root)}
    if not found:
        st.info("No runs yet. Train at least two first.", icon=":material/info:")
        return []
    kept = st.query_params.get("runs", st.session_state.get("compare/chosen", ""))
    wanted = [run_id for run_id in kept.split(",") if run_id]
    if "compare/runs" not in st.session_state:
        for run_id in wanted:
            with frame.spoken_errors():
                runs.find(root, run_id)
        st.session_state["compare/runs"] = [run_id for run_id in wanted if run_id in found][:MOST] or list(found)[:4]
    st.session_state["compare/runs"] = [run_id for run_id in st.session_state["compare/runs"] if run_id in found]
    names = words.names(list(found.values()))
    chosen = st.multiselect(
        "Runs", list(found), key="compare/runs", format_func=names.get, max_selections=MOST, placeholder="Choose 2 to 12 runs"
    )
    st.query_params["runs"] = st.session_state["compare/chosen"] = ",".join(chosen)
    return [found[run_id] for run_id in chosen]


def marked(name: str, chosen: Sequence[Run]) -> list[str]:
    """Return the ids of the chosen runs listed in the URL parameter ``name`` ("pin" or "hide")."""
    return [run_id for run_id in st.query_params.get(name, "").split(",") if run_id in {run.id for run in chosen}]


def choose_view(titles: dict[str, str]) -> tuple[str, str, float, bool, list[str]]:
    """Draw the view controls; the URL keeps them. Return axis, grouping, smoothing, log scale and curves."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
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
            format_func=settings.get,
            key="group",
            bind="query-params",
            width=210,
            help="Each group becomes one curve: the mean of its runs ± one standard deviation.",
        )
        curves = st.multiselect("Curves", list(timeline.CURVES), default=list(USUAL), key="curves", bind="query-params", width=320)
        smoothing = st.slider(
            "Smoothing",
            0.0,
            0.95,
            0.5,
            0.05,
            key="smooth",
            bind="query-params",
            width=150,
            help="Exponential moving average: s ← a·s + (1 − a)·value.",
        )
        is_log = st.toggle("Log scale", key="log", bind="query-params")
    return axis, by, smoothing, is_log, curves


def different(chosen: Sequence[Run]) -> dict[str, str]:
    """Return the settings in which the runs differ (key → title)."""
    found = {}
    for run in chosen:
        try:
            found[run.id] = run.config()
        except InputError as error:
            st.warning(f"{words.escape(run.label())}: {words.escape(str(error))}")
    titles = {}
    for key in configs.difference(list(found.values())) if found else []:
        for config in found.values():
            if key in configs.flatten(config):
                titles.setdefault(key, configs.field_info(config, key).title or key)
    return titles


def warn(chosen: list[Run]) -> None:
    """Warn if the runs use different data sets, so their scores cannot be ranked."""
    data = {}
    for run in chosen:
        try:
            data[run.id] = run.config().data.name
        except InputError:
            continue
    if len(set(data.values())) > 1:
        st.info(
            f"These runs use different data sets ({words.escape(', '.join(sorted(set(data.values()))))}), "
            "so their scores are not comparable.",
            icon=":material/balance:",
        )


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
    end = max(1, round(max(track.end for track in chosen)))
    step = max(1, end // STOPS)
    end = -(-end // step) * step
    place_slider(axis, end, step)
    is_playing = st.session_state.get("compare/playing", False)
    if is_playing:
        at = st.session_state["at"] + step * PACE
        is_playing = st.session_state["compare/playing"] = at < end
        st.session_state["at"] = min(at, end)

    def toggle() -> None:
        st.session_state["compare/playing"] = not is_playing
        if not is_playing and st.session_state.get("at", end) >= end:
            st.session_state["at"] = 0

    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        label, icon = ("Pause", ":material/pause:") if is_playing else ("Play", ":material/play_arrow:")
        st.button(
            label,
            icon=icon,
            key="play",
            on_click=toggle,
            help="Plays from the current position, or from the start if it is at the end.",
        )
        at = st.slider(
            title[:1].upper() + title[1:],
            0,
            end,
            step=step,
            key="at",
            format="localized",
            help="Moves the samples, the dashed line in the curves, and the FIDs. Every snapshot uses the same latent vectors.",
        )
    keep_place(at, end)
    show_samples(chosen, names, at)
    show_curves(tuple(chosen), groups, title, at, smoothing, is_log, curves)
    if is_playing != st.session_state.get("compare/shown", False):
        st.session_state["compare/shown"] = is_playing
        st.rerun()  # the refresh interval depends on whether playback is on


def place_slider(axis: str, end: int, step: int) -> None:
    """Set the slider: initially from the URL; after a change of axis to the same fraction; at the end it stays at the end."""
    known, last = st.session_state.get("compare/axis", (axis, end))
    st.session_state["compare/axis"] = axis, end
    if "at" not in st.session_state:
        wanted = st.query_params.get("at", "")[:15]
        at = int(wanted) if wanted.isdecimal() else end
    elif (at := st.session_state["at"]) >= last:
        at = end
    elif known != axis:
        at = round(at / last * end / step) * step
    st.session_state["at"] = min(at, end)


def keep_place(at: int, end: int) -> None:
    """Write the slider position to the URL. A bound slider would jump back to it whenever its range grows."""
    if at == end:
        st.query_params.pop("at", None)
    elif st.query_params.get("at") != str(at):
        st.query_params["at"] = str(at)


def show_samples(chosen: list[Track], names: dict[str, str], at: float) -> None:
    """Show the samples of all runs at one slider position, with step and FID."""
    columns = len(chosen) if len(chosen) <= 6 else -(-len(chosen) // 2)
    with st.grid(columns, min_column_width=150, gap="small"):
        for track in chosen:
            with st.container(gap="xxsmall"):
                name = names[track.run.id]
                st.markdown(f"**{words.escape(name)}**")
                shot, fid = track.snapshot(at), track.fid(at)
                if shot is None:
                    st.caption("No samples yet")
                else:
                    pictures.show(shot[1], f"Samples of {name} at step {shot[0]}")
                    score = f" · {words.escape(track.label)} {words.number(fid)}" if fid is not None else ""
                    st.caption(f"Step {shot[0]:,}{score}")
                st.page_link(
                    "pages/watch.py", label="Open · fork", icon=":material/call_split:", query_params={"run": track.run.id}
                )


def show_curves(
    chosen: tuple[Track, ...], groups: tuple[str, ...], title: str, at: float, smoothing: float, is_log: bool, curves: list[str]
) -> None:
    """Show one chart per selected curve, side by side if there is room."""
    made = {name: timeline.charts(chosen, name, smoothing, groups) for name in curves}
    drawn = [(name, label, table) for name, tables in made.items() for label, table in tables.items()]
    if drawn:
        each = list(dict.fromkeys(groups))
        st.html(overlay.legend(each))
        with st.grid(min(3, len(drawn)), min_column_width=320, gap="medium"):
            for name, label, table in drawn:
                there = table["curve"].unique().to_pylist()
                spec = overlay.chart(each, label, title, is_log=is_log, has_points=name == "FID")
                about = f"{label} over {title}, one curve each for: {', '.join(there)}"
                st.vega_lite_chart(overlay.with_cursor(table, at), spec, key=f"curve/{label}", alt=about)
    scored = dict.fromkeys(group for track, group in zip(chosen, groups, strict=True) if track.fids)
    plotted = {group for table in made.get("FID", {}).values() for group in table["curve"].unique().to_pylist()}
    if apart := [f"“{group}”" for group in scored if "FID" in curves and group not in plotted]:
        st.caption(words.escape(f"No mean FID, because the runs were scored at different points: {', '.join(apart)}."))
    if missing := [name for name in curves if not made[name] and not (name == "FID" and scored)]:
        st.caption(f"Not logged by these runs: {', '.join(missing)}.")
    if len(made.get("FID", {})) > 1:
        st.caption("FIDs computed differently are not comparable and have separate charts.")


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


def show_table(chosen: list[Run], names: dict[str, str], titles: dict[str, str]) -> None:
    """Show the settings that differ in an editable table: pin, hide, tags and notes."""
    st.subheader("Differences in settings")
    pinned, hidden = marked("pin", chosen), marked("hide", chosen)
    rows = []
    for run in chosen:
        told = run.told()
        row = {"Run": names[run.id], "Pin": run.id in pinned, "Hide": run.id in hidden}
        try:
            flat = configs.flatten(run.config())
        except InputError:
            flat = {}
        cells = {title: shown(flat.get(key)) for key, title in titles.items()}
        rows.append({**row, **cells, "Tags": list(told.tags), "Note": told.note})
    column = st.column_config
    key = f"compare/table/{'-'.join(run.id[-6:] for run in chosen)}/{st.session_state.get('compare/edited', 0)}"
    edited = st.data_editor(
        pd.DataFrame(rows),
        hide_index=True,
        key=key,
        disabled=["Run", *titles.values()],
        alt="Settings that differ between the chosen runs, with tags and notes",
        column_config={
            "Run": column.TextColumn(pinned=True, width="medium"),
            "Pin": column.CheckboxColumn(help="Pinned runs come first.", width="small"),
            "Hide": column.CheckboxColumn(help="Hidden runs appear only in this table.", width="small"),
            "Tags": column.MultiselectColumn(
                help="Your own labels, saved with the run.", accept_new_options=True, options=tags(chosen)
            ),
            "Note": column.TextColumn(help="Your own notes, saved with the run.", width="large"),
        },
    )
    if not titles:
        st.caption("These runs have identical settings.")
    keep_marks(chosen, edited.to_dict("records"))


def keep_marks(chosen: list[Run], rows: list[dict[str, Any]]) -> None:
    """Save edits of the table: pin and hide in the URL, tags and notes with the runs."""
    marks = {
        name: ",".join(run.id for run, row in zip(chosen, rows, strict=True) if row[title])
        for name, title in (("pin", "Pin"), ("hide", "Hide"))
    }
    is_changed = False
    for run, row in zip(chosen, rows, strict=True):
        told, tags_ = run.told(), tuple(row["Tags"]) if isinstance(row["Tags"], (list, tuple)) else ()
        note = row["Note"] if isinstance(row["Note"], str) else ""  # an emptied cell is None
        if (told.tags, told.note) != (tags_, note):
            run.annotate(tags_, note)
            is_changed = True
    for name, value in marks.items():
        if st.query_params.get(name, "") != value:
            is_changed = True
            if value:
                st.query_params[name] = value
            else:
                st.query_params.pop(name, None)
    if is_changed:
        st.session_state["compare/edited"] = st.session_state.get("compare/edited", 0) + 1
        st.rerun()


def tags(chosen: list[Run]) -> list[str]:
    """Return all tags in use, sorted."""
    return sorted({tag for run in chosen for tag in run.told().tags})


def shown(value: object) -> str:
    """Return a setting as table text."""
    if value is None:
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def show_significance(chosen: list[Run], names: dict[str, str], by: str, title: str) -> None:
    """State for each pair of settings whether their scores differ by more than seed noise; ``title`` names the setting ``by``."""
    st.subheader("Is the difference larger than seed noise?")
    titles = {name: score.title for name, score in SCORES.items() if score.better}
    name = st.selectbox(
        "Score",
        list(titles),
        format_func=titles.get,
        key="score",
        bind="query-params",
        width=230,
        help="Score of the last checkpoint, from the Evaluate page or “python -m gan score”.",
    )
    seeds_of = timeline.groups(chosen, timeline.SEEDS, names)
    measured = timeline.measure(chosen, name, seeds_of)
    values = measured.values
    if by in ("", timeline.SEEDS):
        pairs, called = list(itertools.combinations(values, 2)), {group: group for group in values}
    else:
        pairs = [pair for pair in timeline.partners(chosen, by, seeds_of) if set(pair) <= set(values)]
        called = by_value(chosen, by, title, seeds_of, pairs)
    if measured.line is None or len(values) < 2:
        reason = "None of these runs has this score" if not values else "Only one group of runs has this score"
        st.caption(f"{reason}. Score runs on the Evaluate page, or choose more runs.")
    elif not pairs:
        st.caption(f"No two runs with this score differ only in {words.escape(title)}.")
    else:
        tell_differences(pairs, called, measured, f"{titles[name]} ({measured.line['extractor']})", SCORES[name].better < 0)
    if measured.line and name == "fid" and (care := lines.caution(measured.line)):
        st.caption(words.escape(care))
    if values and (out := [f"“{names[run_id]}” ({why})" for run_id, why in measured.left_out.items()]):
        st.caption(words.escape(f"Left out: {'; '.join(out)}."))
    paired = {group for pair in pairs for group in pair}
    if pairs and (alone := [f"“{group}”" for group in values if group not in paired]):
        st.caption(words.escape(f"Not compared, because no other scored run differs only in {title}: {', '.join(alone)}."))


def by_value(chosen: list[Run], by: str, title: str, seeds_of: dict[str, str], pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Return labels for the seed groups in ``pairs``: the setting's value, plus the group name if values repeat."""
    paired = {group for pair in pairs for group in pair}
    value_of = timeline.groups(chosen, by, seeds_of)
    found = {seeds_of[run.id]: f"{title} {value_of[run.id]}" for run in chosen if seeds_of[run.id] in paired}
    is_enough = len(set(found.values())) == len(found)
    return found if is_enough else {group: f"{value} · {group}" for group, value in found.items()}


def tell_differences(
    pairs: list[tuple[str, str]], called: dict[str, str], measured: timeline.Measured, score: str, is_lower_better: bool
) -> None:
    """State whether each pair differs, significant differences first."""
    values = measured.values
    noise = significance.pool(values.values())
    sure, unsure = [], []
    for one, other in pairs:
        both = values[one], values[other]
        found = significance.compare(*both, noise)
        sentence = significance.tell((called[one], called[other]), both, score, is_lower_better=is_lower_better, noise=noise)
        (sure if found and found.is_sure else unsure).append(f"- {words.escape(sentence)}")
    is_short = len(pairs) <= MOST_PAIRS and not sure
    first = unsure if is_short else sure[:MOST_PAIRS] or ["None of these differences is clearly larger than seed noise."]
    st.markdown("\n".join(first))
    if rest := [] if is_short else sure[MOST_PAIRS:] + unsure:
        with st.expander(words.count(len(rest), "more pair" if sure else "pair"), icon=":material/more_horiz:"):
            st.markdown("\n".join(rest))
    if len(pairs) > 1:
        formula = (
            "The noise s is pooled over all settings, assuming equal variance: x̄ − ȳ ± t·s·√(1/n + 1/m)."
            if noise
            else "The interval is Welch's: x̄ − ȳ ± t·√(s²/n + r²/m)."
        )
        st.caption(f"Each statement has a 5 % error rate: of twenty differences, one may be chance. {formula}")


with frame.spoken_errors():
    picked = choose()
    if len(picked) == 1:
        st.caption("Choose a second run to compare.")
    if picked:
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

            @st.fragment(run_every=pace)
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
