"""Plan a sweep: choose what to vary, edit the table of variants, estimate the cost, and launch."""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path
from typing import Any

import streamlit as st

from gan import config as configs
from gan.catalogue import data_sets
from gan.config import RunConfig, presets, rules
from gan.execution import forecast, speeds, steering
from gan.execution.forecast import kind, predict, unmeasured
from gan.sweeps import editing, experiments
from gan.sweeps import plan as plans
from gan.sweeps.plan import Plan
from gan.sweeps.variants import Variant, expand
from pages.parts import actions, engine_choice, frame, launches, words
from pages.parts.launches import Asked
from pages.parts.planning import axes

_CARRIED = "sweep/carried"  # settings from the Train page, and their name
_OPEN = "sweep/open"  # whether the plan is unfolded
_DONE = "sweep/done"  # set when a sweep was launched, to fold the plan
_OWN = ""  # option for the settings from the Train page
_PRESET = "preset/"  # start of the options for presets
_NOT_VARIED = ("training.seed", "data.classes", "augmentation.policies", "networks.family")
_HEADINGS = {"name": "Variant", "problem": "Problem"}
_MOST_SHOWN = 200  # table rows; larger sweeps can be launched but not edited here


def panel(root: Path, *, is_first: bool) -> None:
    """Draw the expander of the Sweeps page that plans a sweep; it is open at first if there are no sweeps yet."""
    if st.session_state.pop(_DONE, False):
        st.session_state[_OPEN] = False
    st.session_state.setdefault(_OPEN, is_first)
    part = st.expander("Plan a sweep", icon=":material/account_tree:", key=_OPEN, on_change="rerun")
    if not part.open:
        return
    with part, frame.spoken_errors():
        plan = _choose()
        if plan is None:
            return
        plan, variants = _edit(plan)
        _offer(root, plan, variants)


def carry(config: RunConfig, name: str) -> None:
    """Take settings from the Train page, and their name, as the base of a sweep; call before changing to the Sweeps page."""
    st.session_state[_CARRIED] = config, name or _called(config)
    st.session_state["sweep/from"] = _OWN
    st.session_state[_OPEN] = True


def _choose() -> Plan | None:
    """Ask what to vary; return the plan, or None if incomplete."""
    config, called = st.session_state.get(_CARRIED, (None, ""))
    titles = {_OWN: f"From the Train page: {called}"} if config else {}
    titles |= {f"{_PRESET}{name}": f"Preset: {preset.title}" for name, preset in presets.PRESETS.items()}
    titles |= {name: f"Experiment: {experiment.title}" for name, experiment in experiments.EXPERIMENTS.items()}
    if st.session_state.get("sweep/from") not in titles:
        st.session_state.pop("sweep/from", None)
    left, middle, right = st.columns([4, 3, 1], vertical_alignment="bottom")
    name = left.selectbox(
        "Start from",
        list(titles),
        format_func=titles.__getitem__,
        key="sweep/from",
        persist_state="session",
        help="The settings of a preset, or those last sent from the Train page, to be varied here; or a predefined experiment.",
    )
    if name.startswith(_PRESET):
        preset = presets.find(name.removeprefix(_PRESET))
        config, called = preset.config, preset.title
    found = experiments.find(name).plan() if name in experiments.EXPERIMENTS else None
    label = middle.text_input("Name", key="sweep/name", max_chars=120, placeholder=found.name if found else called)
    seeds = right.number_input(
        "Seeds",
        1,
        1000,
        2,
        key="sweep/seeds",
        persist_state="session",
        help="Runs per variant. With one seed, differences cannot be told apart from chance.",
    )
    if found:
        st.caption(words.escape(experiments.find(name).description))
        return plans.parse(plans.as_json(found) | {"name": label or found.name, "seeds": int(seeds)})
    return _vary(config, label or called, int(seeds), f"sweep/vary/{name}")


def _vary(config: RunConfig, called: str, seeds: int, prefix: str) -> Plan | None:
    """Ask for settings of ``config`` and their values; return the plan, or None if incomplete."""
    flat = configs.flatten(config)
    entry = data_sets.all_sets().get(config.data.name)
    keys = {key: configs.title(key) for key in flat if key not in _NOT_VARIED and rules.has_effect(key, flat, entry)}
    chosen = st.multiselect(
        "Vary",
        list(keys),
        format_func=keys.__getitem__,
        key=f"{prefix}/keys",
        persist_state="session",
        placeholder="Choose settings",
        select_all=False,
        filter_mode="contains",
    )
    if not chosen:
        return None
    with st.grid(2, min_column_width=300, gap=("small", "medium")) as grid:
        values = {}
        for key in chosen:
            with grid.cell():
                values[key] = axes.ask(config, key, flat[key], f"{prefix}/{key}")
    combine = st.segmented_control(
        "Combine",
        ["one-at-a-time", "grid"],
        default="one-at-a-time",
        required=True,
        key="sweep/combine",
        persist_state="session",
        format_func={"one-at-a-time": "one at a time", "grid": "every combination"}.__getitem__,
        help="One at a time: the settings as they are, plus variants with one change each. Combinations grow fast: 3 × 3 × 3 = 27.",
    )
    if empty := [key for key, some in values.items() if not some]:
        st.caption(f"Choose values to try for “{words.escape(configs.title(empty[0]))}”.")
        return None
    raw = {"name": called, "base": config.model_dump(mode="json"), "axes": values}
    return plans.parse(raw | {"combine": combine, "seeds": seeds})


def _edit(plan: Plan) -> tuple[Plan, list[Variant]]:
    """Draw an editable table of the variants; return the edited plan and its variants."""
    planned = json.dumps(plans.as_json(plan) | {"seeds": 0, "name": ""}, sort_keys=True)
    place = f"sweep/table/{zlib.crc32(planned.encode()):08x}"
    version = st.session_state.get(f"{place}/version", 0)
    edited = st.session_state.get(f"{place}/rows")
    if edited is not None:
        plan = editing.with_table(plan, edited)
    elif st.session_state.get(f"{st.session_state.get('sweep/edited')}/rows") is not None:
        st.caption("The table was edited for other settings; the edits return if you restore those settings.")
    import pandas as pd  # Train is drawn without it

    variants = expand(plan)
    if len(variants) > _MOST_SHOWN:
        st.caption(f"{len(variants):,} variants are too many to edit here; use a sweep file.")
        return plan, variants
    lines = editing.table(plan)
    keys = [key for key in lines[0] if key not in _HEADINGS] if lines else []
    titles = {key: configs.title(key) for key in keys}
    problems = [f"⚠ {words.titled(line['problem'])}" if line["problem"] else "✓" for line in lines]
    shown = pd.DataFrame([{**line, "problem": problem} for line, problem in zip(lines, problems, strict=True)], dtype=object)
    column = st.column_config
    result = st.data_editor(
        shown.map(_text),
        num_rows="dynamic",
        hide_index=True,
        key=f"{place}/{version}",
        disabled=["problem"],
        column_order=["name", *keys, "problem"],
        alt="Variants of the sweep, to edit",
        column_config={
            "name": column.TextColumn("Variant", pinned=True, width="medium", help="Name of its runs."),
            **{key: column.TextColumn(title, help="Empty: unchanged.") for key, title in titles.items()},
            "problem": column.TextColumn("Problem", width="large", help="Reason why a variant cannot be trained; ✓ if it can."),
        },
    )
    before, after = (table.drop(columns="problem").to_dict("index") for table in (shown.map(_text), result))
    if after != before:
        rows = _renamed(plan, before, after)
        editing.with_table(plan, rows)  # raises an error for invalid rows before they are stored
        st.session_state[f"{place}/rows"] = rows
        st.session_state["sweep/edited"] = place
        st.session_state[f"{place}/version"] = version + 1
        st.rerun()
    if edited is not None and st.button("Undo all edits", icon=":material/undo:", key=f"{place}/undo"):
        del st.session_state[f"{place}/rows"]
        st.session_state[f"{place}/version"] = version + 1
        st.rerun()
    return plan, variants


def _renamed(plan: Plan, before: dict[Any, dict[Any, Any]], after: dict[Any, dict[Any, Any]]) -> list[dict[Any, Any]]:
    """Return the rows of an edited table; automatic names are reset so that they follow the new values."""
    usual = expand(editing.with_table(plan, [{**row, "name": ""} for row in before.values()]))
    called = {place: variant.name for place, variant in zip(before, usual, strict=True)}
    return [
        {**row, "name": ""}
        if row != before.get(place) and row["name"] == before.get(place, {}).get("name") == called.get(place)
        else row
        for place, row in after.items()
    ]


def _offer(root: Path, plan: Plan, variants: list[Variant]) -> None:
    """Show the cost of the sweep, and buttons to launch and save it."""
    wrong = [variant for variant in variants if variant.config is None]
    sound = [variant.config for variant in variants if variant.config is not None]
    count = len(sound) * plan.seeds
    chosen = sound * plan.seeds
    found = predict(root, chosen)
    seeds = words.count(plan.seeds, "seed")
    about = f"{words.count(len(sound), 'variant')} × {seeds} = **{words.count(count, 'run')}**"
    if found.seconds is not None:
        about += f" · {found.about}{words.duration(found.seconds)} on this machine"
    about += f" · {max(1, round(found.disk_bytes / 1e6)):,} MB of disk or more"
    st.markdown(about)
    _measure(root, unmeasured(root, chosen))
    if wrong:
        reason = f"“{words.escape(wrong[0].name)}” cannot be trained: {words.message(wrong[0].reason)}"
        st.error(reason + (f" {len(wrong) - 1} more cannot be trained either." if len(wrong) > 1 else ""), icon=":material/error:")
    is_sure = count <= plans.SURE_RUNS or st.checkbox(f"Yes, launch {count:,} runs", key="sweep/sure")
    if (free := forecast.free_bytes(root)) < found.disk_bytes:
        is_sure &= st.checkbox(f"Only {free // 10**6:,} MB are free; launch anyway", key="sweep/tight")
    is_sure &= not launches.tell(root, Asked(chosen))
    engine = engine_choice.choose("sweep/engine")
    row, below = st.container(horizontal=True, gap="small"), actions.place("sweep/start")
    with row:
        is_launched = actions.button(
            f"Start {words.count(count, 'run')}",
            lambda: _launch(root, plan, engine),
            icon=":material/play_arrow:",
            type="primary",
            key="sweep/start",
            is_once=True,
            disabled=bool(wrong) or not sound or not is_sure,
            place=below,
        )
        st.download_button(
            "Save as file",
            json.dumps(plans.as_json(plan), indent=1, ensure_ascii=False),
            "sweep.json",
            "application/json",
            icon=":material/download:",
            key="sweep/save",
            help="For the command line: python -m gan sweep sweep.json",
        )
    if is_launched:
        st.rerun()


def _launch(root: Path, plan: Plan, engine: str) -> None:
    """Launch the sweep, show it, and fold its plan away."""
    st.query_params["sweep"] = steering.launch_sweep(root, plan, engine).id
    st.session_state[_DONE] = True


def _measure(root: Path, kinds: list[RunConfig]) -> None:
    """Offer to measure the speed of several kinds of runs in sequence, and wait for the results."""
    tried = st.session_state.setdefault("sweep/tried", set())
    left = [one for one in kinds if kind(one) not in tried]
    if "sweep/measuring" in st.session_state:
        _go_on_measuring(root, left, tried)
    elif left:
        about = f"{words.count(len(left), 'kind')} of runs not yet measured on this machine, about 5 seconds each."
        if st.button("Measure speed", icon=":material/timer:", key="sweep/measure", help=about):
            st.session_state["sweep/measuring"] = (0, None)  # number of started measurements, and the process of the latest
            st.rerun()
    elif kinds:
        st.caption("Some variants could not be measured. The sweep can still be started.")


@frame.fragment(1.0)
def _go_on_measuring(root: Path, left: list[RunConfig], tried: set[str]) -> None:
    """Start the next measurement as soon as the previous one is done."""
    place, process = st.session_state.get("sweep/measuring", (0, None))
    left = [one for one in left if kind(one) not in tried]
    if (process is None or process.poll() is not None) and not speeds.is_measuring(root):
        if not left:
            st.session_state.pop("sweep/measuring", None)
            st.rerun()
        with frame.spoken_errors():
            tried.add(kind(left[0]))
            if (started := speeds.start_measuring(root, left[0])) is None:
                tried.discard(kind(left[0]))  # another visitor was quicker
            else:
                left.pop(0)
                place += 1
                st.session_state["sweep/measuring"] = place, started
    st.caption(f"Measuring {place} of {place + len(left)}, about 5 seconds each …")


def _called(config: RunConfig) -> str:
    """Return the default name of a sweep: the title of its preset."""
    return presets.PRESETS[config.preset].title if config.preset in presets.PRESETS else "Sweep"


def _text(value: Any) -> str:
    """Return a cell as text; empty for None and NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
