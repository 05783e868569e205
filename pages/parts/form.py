"""The settings form: one widget per field of a section, made from its title, help, range and unit."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args, get_origin

import streamlit as st
from pydantic.fields import FieldInfo

from gan import config as configs
from gan.config import RunConfig, Span
from gan.data import catalogue

_FLOAT_FORMAT = "%.6g"

#: Section → (heading, icon).
HEADINGS = {
    "data": ("Data", ":material/image:"),
    "networks": ("Networks", ":material/hub:"),
    "objective": ("Objective", ":material/target:"),
    "optimizer": ("Optimiser", ":material/speed:"),
    "training": ("Length and machine", ":material/timer:"),
    "cadence": ("Cadence", ":material/event_repeat:"),
}


def ask(section: str, config: RunConfig, prefix: str) -> dict[str, Any]:
    """Draw the widgets of one section and return their values as changes for :func:`gan.config.replace`.

    ``config`` gives the values to start from; ``prefix`` keeps the widgets of one preset apart from another's.
    """
    start = getattr(config, section)
    if section != "networks":
        return _fields(section, type(start), start, prefix)
    families = list(configs.FAMILIES)
    info = configs.FAMILIES[start.family].model_fields["family"]
    family = _choose("Architecture", families, start.family, f"{prefix}/networks.family", _help(info), str.upper)
    model = configs.FAMILIES[family]
    st.caption(model.model_fields["family"].description or "")
    values = start if family == start.family else model()
    return {"networks.family": family} | _fields(section, model, values, f"{prefix}/{family}")


def _fields(section: str, model: type[configs.Section], values: Any, prefix: str) -> dict[str, Any]:
    """Draw the widgets of a section side by side, as many as fit, and return their values."""
    changes = {}
    with st.grid(2, min_column_width=240, gap=("small", "medium")):
        for name, info in model.model_fields.items():
            if name != "family":
                changes[f"{section}.{name}"] = _field(f"{section}.{name}", info, getattr(values, name), prefix)
    return changes


def _field(key: str, info: FieldInfo, value: Any, prefix: str) -> Any:
    """Draw one widget and return its value, in the form in which JSON has it."""
    label = info.title or key
    unit = (info.json_schema_extra or {}).get("unit", "")  # type: ignore[union-attr]
    label, widget, help = f"{label} ({unit})" if unit else label, f"{prefix}/{key}", _help(info)
    if key == "data.name":
        names = list(catalogue.DATA_SETS)
        return _choose(label, names, value, widget, help, lambda name: catalogue.DATA_SETS[name].title)
    if get_origin(info.annotation) is Literal:
        return _choose(label, list(get_args(info.annotation)), value, widget, help, str)
    if info.annotation is bool:
        return st.toggle(label, value=value, key=widget, help=help, persist_state="session")
    if info.annotation is Span:
        return _ask_span(label, value, widget, help)
    # No limits in the browser: it would silently keep the last good number, while the validation says what is wrong.
    if info.annotation is int:
        return st.number_input(label, value=value, step=1, key=widget, help=help, persist_state="session")
    return st.number_input(
        label, value=float(value), step=_float_step(value), format=_FLOAT_FORMAT, key=widget, help=help, persist_state="session"
    )


def _choose(label: str, options: list[Any], value: Any, key: str, help: str, words: Any) -> Any:
    """Ask for one of a few options, all of them in sight."""
    return st.segmented_control(
        label, options, default=value, required=True, format_func=words, key=key, help=help, persist_state="session"
    )


def _ask_span(label: str, value: Span, key: str, help: str) -> str:
    """Ask for a number of steps or epochs."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall"):
        count = st.number_input(
            label, value=value.count, step=1, key=f"{key}/count", help=help, width=150,
            persist_state="session",
        )  # fmt: skip
        unit = st.segmented_control(
            f"{label}, counted in", ["steps", "epochs"], default=value.unit, required=True, key=f"{key}/unit",
            label_visibility="collapsed", persist_state="session",
        )  # fmt: skip
    return f"{count} {unit}"


def _help(info: FieldInfo) -> str:
    """Return the help of a field with its range."""
    about = configs.describe_range(info)
    return f"{info.description}\n\nAccepts {about}." if get_origin(info.annotation) is not Literal else f"{info.description}"


def _float_step(value: float) -> float:
    """Return a step for the plus and minus buttons that suits the size of a value: 0.0001 for 0.0002, 0.01 for 0.5."""
    return 10.0 ** min(-2, math.floor(math.log10(value))) if value else 0.01
