"""Choosing what a sweep varies: chips for the values of each setting, and ranges that add some."""

from __future__ import annotations

import json
import operator
from typing import Any, Literal, get_args, get_origin

import streamlit as st
from pydantic.fields import FieldInfo

from gan import config as configs
from gan.catalogue import data_sets
from gan.catalogue.losses import LOSSES
from gan.config import RunConfig
from gan.config.fields import Span
from gan.errors import InputError
from pages.parts import actions, words

_MOST_IN_RANGE = 50  # values


def ask(config: RunConfig, key: str, now: Any, widget: str) -> list[Any]:
    """Draw the chips of one setting, whose value is ``now``, and return the chosen values."""
    info = configs.field_info(config, key)
    label = f"{info.title} · now {_shown(now)}"
    if info.annotation is bool:
        return _pills(label, [False, True], widget, _shown)
    if key == "data.name":
        titles = {name: entry.title for name, entry in data_sets.all_sets().items()}
        return st.multiselect(
            f"{info.title} · now {titles.get(now, now)}",
            list(titles),
            format_func=titles.__getitem__,
            key=widget,
            persist_state="session",
        )
    if get_origin(info.annotation) is Literal:
        options = list(get_args(info.annotation))
        if key == "objective.loss":
            return _pills(f"{info.title} · now {LOSSES[now].title}", options, widget, lambda name: LOSSES[name].title)
        return _pills(label, options, widget, str)
    return _ask_numbers(info, label, now, widget)


def _pills(label: str, options: list[Any], widget: str, shown: Any) -> list[Any]:
    return st.pills(label, options, selection_mode="multi", format_func=shown, key=widget, persist_state="session", wrap=True)


def _ask_numbers(info: FieldInfo, label: str, now: Any, widget: str) -> list[Any]:
    """Ask for numbers or lengths: offered ones, typed ones, and ranges of them."""
    held = st.session_state.get(widget, [])
    typed = ",".join([*held, *st.session_state.pop(f"{widget}/more", [])])
    if (split := list(dict.fromkeys(part.strip() for part in typed.split(",") if part.strip()))) != held:
        st.session_state[widget] = split
    offered = offers(info, now)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall"):
        chosen = st.multiselect(
            label,
            list(dict.fromkeys([*offered, *split])),
            key=widget,
            accept_new_options=True,
            filter_mode="prefix",  # Enter takes the first match: 8 must not become 128
            select_all=False,
            placeholder="Choose, or type values with commas",
            help=f"Accepts {configs.describe_range(info)}. Enter completes what begins like an offered value; a comma ends it.",
            persist_state="session",
        )
        if info.annotation in (int, float):
            _offer_range(info, now, widget)
    return [parsed(text) for text in chosen]


def _offer_range(info: FieldInfo, now: Any, widget: str) -> None:
    """Draw the popover that adds a range of values."""
    is_whole = info.annotation is int
    form: dict[str, Any] = {"step": 1} if is_whole else {"format": "%.6g"}
    low, high = (now // 2, 2 * now) if is_whole else (now / 2, 2.0 * now)
    with actions.popover("Range", f"{widget}/range", icon=":material/linear_scale:"), st.container(horizontal=True, gap="small"):
        start = st.number_input("From", value=low, key=f"{widget}/from", width=130, **form)
        end = st.number_input("To", value=high or type(high)(1), key=f"{widget}/to", width=130, **form)
        count = st.number_input("How many", value=4, step=1, key=f"{widget}/count", width=130)
        spacing = st.segmented_control("Spacing", ["linear", "log"], default="linear", required=True, key=f"{widget}/spacing")

        def add() -> None:
            values = spread(start, end, int(count), is_log=spacing == "log", is_whole=is_whole)
            st.session_state[f"{widget}/more"] = [f"{value}" if is_whole else f"{value:.4g}" for value in values]

        if actions.button("Add values", add, icon=":material/add:", key=f"{widget}/add"):
            actions.close(f"{widget}/range")
            st.rerun()


def spread(start: float, end: float, count: int, *, is_log: bool, is_whole: bool) -> list[float]:
    """Return ``count`` values from ``start`` to ``end`` at equal distances, or equal ratios; whole ones are rounded, once each.

    Raises InputError if there is no such range.
    """
    if not 2 <= count <= _MOST_IN_RANGE:
        raise InputError(f"The range has {words.count(count, 'value')}, expected 2 to {_MOST_IN_RANGE}; change how many.")
    if not start < end:
        raise InputError(f"The range goes from {start:g} to {end:g}, expected a larger end; change one of them.")
    if is_log and start <= 0:
        raise InputError(f"The range starts at {start:g}, expected a number above 0 for log spacing; change it, or choose linear.")
    shares = [place / (count - 1) for place in range(count)]
    values = [start * (end / start) ** share if is_log else start + (end - start) * share for share in shares]
    return list(dict.fromkeys(round(value) if is_whole else value for value in values))


def offers(info: FieldInfo, value: Any) -> list[str]:
    """Return values to try for a number or a length: half, once and twice the current one, if allowed."""
    if info.annotation is Span:
        span = Span.model_validate(value)
        return [f"{count} {span.unit}" for count in _around(span.count) if count]
    limits = configs.bounds_of(info)
    is_allowed = {name: getattr(operator, name) for name in limits}
    tried = [one for one in _around(value) if all(is_allowed[name](one, limit) for name, limit in limits.items())]
    return [f"{one}" if isinstance(one, int) else f"{one:g}" for one in tried]


def _around(value: float) -> list[float]:
    """Return half, once and twice a number; for 0, itself and two small steps. Integers stay integers."""
    if isinstance(value, int):
        return sorted({value // 2, value, 2 * value}) if value else [0, 1, 2]
    return [value / 2, value, 2 * value] if value else [0.0, 0.1, 0.2]


def parsed(text: str) -> Any:
    """Parse typed text as JSON; return it unchanged if it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text.strip()


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
