"""Plan a sweep: choose what to vary, edit the table of variants, estimate the cost, and launch."""

from __future__ import annotations

import json
import math
import operator
import zlib
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pandas as pd
import streamlit as st
from pydantic.fields import FieldInfo

from gan import config as configs
from gan.config import RunConfig, presets
from gan.config.fields import Span
from gan.execution import forecast, speeds, steering
from gan.execution.forecast import kind, predict, unmeasured
from gan.sweeps import editing, experiments
from gan.sweeps import plan as plans
from gan.sweeps.plan import Plan
from gan.sweeps.variants import Variant, expand
from pages.parts import actions, frame, words
from pages.parts.planning import form

_OWN = ""  # option for the settings above
_NOT_VARIED = ("training.seed", "data.classes", "augmentation.policies", "networks.family")
_HEADINGS = {"name": "Variant", "problem": "Problem"}
_MOST_SHOWN = 200  # table rows; larger sweeps can be launched but not edited here


def panel(root: Path, config: RunConfig | None, prefix: str) -> None:
    """Draw the sweep expander of the Train page; ``config`` is the form's configuration, None if invalid."""
    part = st.expander("Sweep: many runs at once", icon=":material/account_tree:", key="train/sweep", on_change="rerun")
    if not part.open:
        return
    with part, frame.spoken_errors():
        plan = _choose(config, prefix)
        if plan is None:
            return
        plan, variants = _edit(plan, prefix)
        _offer(root, plan, variants)


def _choose(config: RunConfig | None, prefix: str) -> Plan | None:
    """Ask what to vary; return the plan, or None if incomplete."""
    titles = {_OWN: "Settings above, varied"}
    titles |= {name: experiment.title for name, experiment in experiments.EXPERIMENTS.items()}
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    name = left.selectbox(
        "Start from",
        list(titles),
        format_func=titles.__getitem__,
        key="sweep/from",
        persist_state="session",
        help="Named sweeps are predefined experiments; they ignore the settings above.",
    )
    seeds = right.number_input(
        "Seeds",
        1,
        1000,
        2,
        key="sweep/seeds",
        persist_state="session",
        help="Runs per variant. With one seed, differences cannot be told apart from chance.",
    )
    if name:
        found = experiments.find(name)
        st.caption(words.escape(found.description))
        return plans.with_seeds(found.plan(), int(seeds))
    if config is None:
        st.caption("The settings above cannot be trained; correct them first, or start from a named sweep.")
        return None
    flat = configs.flatten(config)
    keys = {key: f"{configs.title(key)} · {form.HEADINGS[key.partition('.')[0]][0]}" for key in flat if key not in _NOT_VARIED}
    chosen = st.multiselect(
        "Vary",
        list(keys),
        format_func=keys.__getitem__,
        key=f"{prefix}/sweep/keys",
        persist_state="session",
        placeholder="Choose settings",
        select_all=False,
        filter_mode="contains",
    )
    if not chosen:
        st.caption("Choose a setting to vary, e.g. the latent size, and enter values to try.")
        return None
    axes = {}
    with st.grid(2, min_column_width=240, gap=("small", "medium")):
        for key in chosen:
            info = configs.field_info(config, key)
            about = f"Values to try, separated by commas. Accepts {configs.describe_range(info)}."
            text = st.text_input(
                f"{info.title} (now {_text(flat[key])})",
                key=f"{prefix}/sweep/{key}",
                placeholder=_example(info, flat[key]),
                help=about,
                persist_state="session",
            )
            axes[key] = [_value(part) for part in text.split(",") if part.strip()]
    combine = st.segmented_control(
        "Combine",
        ["one-at-a-time", "grid"],
        default="one-at-a-time",
        required=True,
        key="sweep/combine",
        persist_state="session",
        format_func={"one-at-a-time": "one at a time", "grid": "every combination"}.__getitem__,
        help="One at a time: the settings above, plus variants with one change each. Every combination grows fast: 3 × 3 × 3 = 27.",
    )
    if empty := [key for key, values in axes.items() if not values]:
        st.caption(f"Enter values to try for “{words.escape(configs.title(empty[0]))}”.")
        return None
    raw = {"name": st.session_state.get("train/name") or _called(config), "base": config.model_dump(mode="json"), "axes": axes}
    return plans.parse(raw | {"combine": combine, "seeds": int(seeds)})


def _edit(plan: Plan, prefix: str) -> tuple[Plan, list[Variant]]:
    """Draw an editable table of the variants; return the edited plan and its variants."""
    planned = json.dumps(plans.as_json(plan) | {"seeds": 0, "name": ""}, sort_keys=True)
    place = f"sweep/table/{zlib.crc32(planned.encode()):08x}"
    version = st.session_state.get(f"{place}/version", 0)
    edited = st.session_state.get(f"{place}/rows")
    if edited is not None:
        plan = editing.with_table(plan, edited)
    elif st.session_state.get(f"{st.session_state.get('sweep/edited')}/rows") is not None:
        st.caption("The table was edited for other settings; the edits return if you restore those settings.")
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
            **{key: column.TextColumn(title, help="Empty: as in the settings above.") for key, title in titles.items()},
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
    row, below = st.container(horizontal=True, gap="small"), actions.place("sweep/start")
    with row:
        actions.button(
            f"Start {words.count(count, 'run')}",
            lambda: frame.go("pages/sweeps.py", sweep=steering.launch_sweep(root, plan).id),
            icon=":material/play_arrow:",
            type="primary",
            key="sweep/start",
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
            place += 1
            st.session_state["sweep/measuring"] = place, speeds.start_measuring(root, left.pop(0))
    st.caption(f"Measuring {place} of {place + len(left)}, about 5 seconds each …")


def _called(config: RunConfig) -> str:
    """Return the default name of a sweep: the title of its preset."""
    return presets.PRESETS[config.preset].title if config.preset in presets.PRESETS else "Sweep"


def _example(info: FieldInfo, value: Any) -> str:
    """Return example values for a setting: all choices, or half, once and twice the current value."""
    if isinstance(value, bool):
        return "true, false"
    if get_origin(info.annotation) is Literal:
        return ", ".join(map(str, get_args(info.annotation)))
    if info.annotation is Span:
        span = Span.model_validate(value)
        return ", ".join(f"{count} {span.unit}" for count in _around(span.count) if count)
    if not isinstance(value, int | float):
        return _text(value)
    limits = configs.bounds_of(info)
    is_allowed = {name: getattr(operator, name) for name in limits}
    tried = [one for one in _around(value) if all(is_allowed[name](one, limit) for name, limit in limits.items())]
    return ", ".join(f"{one}" if isinstance(one, int) else f"{one:g}" for one in tried)


def _around(value: float) -> list[float]:
    """Return half, once and twice a number; for 0, itself and two small steps. Integers stay integers."""
    if isinstance(value, int):
        return sorted({value // 2, value, 2 * value}) if value else [0, 1, 2]
    return [value / 2, value, 2 * value] if value else [0.0, 0.1, 0.2]


def _value(text: str) -> Any:
    """Parse typed text as JSON; return it unchanged if it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text.strip()


def _text(value: Any) -> str:
    """Return a cell as text; empty for None and NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
