"""The settings form: one widget per field of a section, made from its title, help, range and unit."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args, get_origin

import streamlit as st
from pydantic.fields import FieldInfo

from gan import config as configs
from gan.config import RunConfig, Span
from gan.data import catalogue
from pages.parts import words

_FLOAT_FORMAT = "%.6g"
_IMAGES_ONLY = ("size", "fit", "colour", "flips")

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
    changes: dict[str, Any] = {}
    with st.grid(2, min_column_width=240, gap=("small", "medium")):
        for name, info in model.model_fields.items():
            if name == "family" or (name in _IMAGES_ONLY and _is_points(changes)):
                continue
            changes[f"{section}.{name}"] = _field(f"{section}.{name}", info, getattr(values, name), prefix)
    if section == "data" and (entry := catalogue.all_sets().get(changes["data.name"])):
        st.caption(words.escape(entry.description))
        st.page_link("pages/data.py", label="Look at this data set", icon=":material/grid_view:", query_params={"data": entry.name})
    return changes


def _is_points(changes: dict[str, Any]) -> bool:
    """Return whether the data set that is chosen holds points, of which pixels and colours cannot be asked."""
    entry = catalogue.all_sets().get(changes.get("data.name", ""))
    return entry is not None and entry.kind == "points"


def _field(key: str, info: FieldInfo, value: Any, prefix: str) -> Any:
    """Draw one widget and return its value, in the form in which JSON has it."""
    label = info.title or key
    unit = (info.json_schema_extra or {}).get("unit", "")  # type: ignore[union-attr]
    label, widget, help = f"{label} ({unit})" if unit else label, f"{prefix}/{key}", _help(info)
    if key == "data.name":
        return _choose_data(label, value, widget, help)
    if key == "data.classes":
        return _choose_classes(label, value, prefix, help)
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


def _choose_data(label: str, value: str, widget: str, help: str) -> str:
    """Ask for a data set: the listed ones, and what people imported."""
    known = catalogue.all_sets()
    if st.session_state.get(widget, value) not in known:  # removed meanwhile
        st.session_state[widget] = catalogue.find("digits").name
    options = list(known)
    start = {} if widget in st.session_state else {"index": options.index(value)}  # a link from the Data page has chosen already
    chosen: str = st.selectbox(
        label, options, key=widget, help=help, persist_state="session", format_func=lambda name: known[name].title, **start
    )
    return chosen


def _choose_classes(label: str, value: tuple[str, ...], prefix: str, help: str) -> list[str]:
    """Ask for some of the classes of the data set that is chosen."""
    name = st.session_state.get(f"{prefix}/data.name", "")
    entry = catalogue.all_sets().get(name)
    if entry is None or not entry.classes:
        return []
    classes: list[str] = st.multiselect(
        label, entry.classes, default=[one for one in value if one in entry.classes], key=f"{prefix}/data.classes/{name}",
        help=help, placeholder="All classes", persist_state="session",
    )  # fmt: skip
    return classes


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
