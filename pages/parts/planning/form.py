"""Settings form: one widget per field of a section, built from its title, help text, range and unit."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from typing import Any, Literal, get_args, get_origin

import streamlit as st
from pydantic.fields import FieldInfo

from gan import config as configs
from gan.catalogue import data_sets
from gan.catalogue.losses import LOSSES
from gan.config import RunConfig, families, rules
from gan.config import fields as config_fields
from gan.config.fields import Span
from pages.parts import words

_FLOAT_FORMAT = "%.6g"
_MOST_SEGMENTS = 3  # more options may wrap into rows, which only pills support well

#: Section → (heading, icon).
HEADINGS = {
    "data": ("Data", ":material/image:"),
    "networks": ("Networks", ":material/hub:"),
    "objective": ("Objective", ":material/target:"),
    "augmentation": ("What the discriminator sees", ":material/visibility:"),
    "optimizer": ("Optimiser", ":material/speed:"),
    "training": ("Length and machine", ":material/timer:"),
    "cadence": ("Cadence", ":material/event_repeat:"),
}

#: Family → display name.
FAMILIES = {
    "dcgan": "DCGAN",
    "mlp": "MLP",
    "keras-dcgan": "Keras DCGAN",
    "resnet": "ResNet (SNGAN)",
    "modern": "Modern (R3GAN)",
}

#: Less common settings, shown in a separate expander → their short names in its label.
_FOR_LATER = {
    "data.fit": "fit",
    "data.subset_seed": "seed",
    "data.flips": "flips",
    "data.held_out": "held-out images",
    "networks.extra_layers": "extra layers",
    "networks.kernel": "kernel",
    "networks.generator_norm": "norms",
    "networks.discriminator_norm": "norms",
    "networks.generator_dropout": "dropout",
    "networks.discriminator_dropout": "dropout",
    "networks.conditional": "classes",
    "networks.minibatch": "minibatch statistics",
    "networks.packing": "packing",
    "objective.label_smoothing": "smoothing",
    "objective.gradient_penalty": "gradient penalties",
    "objective.dragan": "gradient penalties",
    "objective.r1": "gradient penalties",
    "objective.r2": "gradient penalties",
    "objective.weight_clip": "weight clipping",
    "optimizer.algorithm": "algorithm",
    "optimizer.beta1": "momentum",
    "optimizer.beta2": "momentum",
    "optimizer.lr_decay": "decay",
    "optimizer.gradient_clip": "clipping",
    "optimizer.ema_half_life": "average",
    "training.precision": "precision",
    "training.threads": "cores",
    "training.compile": "compile",
}


def ask(section: str, config: RunConfig, chosen: dict[str, Any], prefix: str, without: Collection[str] = ()) -> dict[str, Any]:
    """Draw the widgets of one section and return their values as changes for :func:`gan.config.replace`.

    ``config`` gives the initial values; ``chosen`` holds the values returned by the sections above; ``prefix`` separates the
    widget keys of different presets; settings in ``without`` get no widget.
    """
    start = getattr(config, section)
    if section != "networks":
        return _fields(section, type(start), start, chosen, prefix, without)
    info = families.FAMILIES[start.family].model_fields["family"]
    family = _choose("Architecture", list(FAMILIES), start.family, f"{prefix}/networks.family", _help(info), FAMILIES.get)
    model = families.FAMILIES[family]
    st.caption(model.model_fields["family"].description or "")
    values = start if family == start.family else model()
    return {"networks.family": family} | _fields(section, model, values, chosen, f"{prefix}/{family}")


def _fields(
    section: str,
    model: type[config_fields.Section],
    values: config_fields.Section,
    chosen: dict[str, Any],
    prefix: str,
    without: Collection[str] = (),
) -> dict[str, Any]:
    """Draw the widgets of a section, less common ones in an expander, and return all values."""
    changes: dict[str, Any] = {}
    sets = data_sets.all_sets()
    fields = {f"{section}.{name}": info for name, info in model.model_fields.items() if name != "family"}
    fields = {key: info for key, info in fields.items() if key not in without}
    later = {key: info for key, info in fields.items() if key in _FOR_LATER}
    if len(later) == len(fields):
        later = {}

    def matters(key: str) -> bool:
        settings = chosen | changes
        return rules.has_effect(key, settings, sets.get(settings.get("data.name", "")))

    def draw(some: dict[str, FieldInfo]) -> None:
        with st.grid(2, min_column_width=240, gap=("small", "medium")) if len(some) > 1 else st.container():
            for key, info in some.items():
                if matters(key):
                    changes[key] = _field(key, info, getattr(values, key.partition(".")[2]), prefix)
                elif key in rules.NEUTRAL:
                    changes[key] = rules.NEUTRAL[key]

    draw({key: info for key, info in fields.items() if key not in later})
    if section == "data" and (entry := sets.get(changes.get("data.name", ""))):
        st.caption(words.escape(entry.description))
        st.page_link("pages/data.py", label="View this data set", icon=":material/grid_view:", query_params={"data": entry.name})
    if section == "objective":
        _explain_loss(changes["objective.loss"])
    if later:
        nouns = dict.fromkeys(_FOR_LATER[key] for key in later if matters(key))
        is_set = any(getattr(values, key.partition(".")[2]) != info.default for key, info in later.items())
        with st.expander("More: " + ", ".join(nouns), expanded=is_set, key=f"{prefix}/{section}/more"):
            draw(later)
    return changes


def _explain_loss(name: str) -> None:
    """Show formulas, range and source of a loss."""
    facts = LOSSES[name]
    st.caption(f"**How to read the losses:** {words.escape(facts.good)}")
    with st.expander("About this loss", icon=":material/function:", key="train/loss-facts"):
        st.markdown("The discriminator minimises")
        st.latex(_in_rows(facts.discriminator))
        st.markdown("and the generator")
        st.latex(_in_rows(facts.generator))
        st.markdown(f"**Sign and range:** {words.escape(facts.sign)}")
        st.caption(f"D is the discriminator output before any sigmoid σ. Source: {words.escape(facts.source)}")


def _in_rows(formula: str) -> str:
    """Return a formula with each expectation on a separate row, to fit a phone screen."""
    return r"\begin{aligned} & " + re.sub(r" ([-+]) (?=\\(?:mathbb|tfrac))", r" \\\\ & \1 ", formula) + r" \end{aligned}"


def _field(key: str, info: FieldInfo, value: Any, prefix: str) -> Any:
    """Draw one widget and return its value in JSON form."""
    label = info.title or key
    unit = (info.json_schema_extra or {}).get("unit", "")  # type: ignore[union-attr]
    label, widget, help = f"{label} ({unit})" if unit not in ("", label.lower()) else label, f"{prefix}/{key}", _help(info)
    if key == "data.name":
        return _choose_data(label, value, widget, help)
    if key == "data.classes":
        return _choose_classes(label, value, prefix, help)
    if key == "objective.loss":
        return _choose(label, list(get_args(info.annotation)), value, widget, help, lambda name: LOSSES[name].title)
    if get_origin(info.annotation) is Literal:
        return _choose(label, list(get_args(info.annotation)), value, widget, help, str)
    if choices := configs.choices_of(info):
        return st.pills(label, choices, selection_mode="multi", default=list(value), key=widget, help=help, persist_state="session")
    if info.annotation is bool:
        return st.toggle(label, value=value, key=widget, help=help, persist_state="session")
    if info.annotation is Span:
        return _ask_span(label, value, widget, help)
    # No limits in the browser: it would silently keep the last valid number, whereas validation reports the error.
    if info.annotation is int:
        return st.number_input(label, value=value, step=1, key=widget, help=help, persist_state="session")
    return st.number_input(
        label, value=float(value), step=_float_step(value), format=_FLOAT_FORMAT, key=widget, help=help, persist_state="session"
    )


def _choose(label: str, options: list[Any], value: Any, key: str, help: str, words: Any) -> Any:
    """Ask for one of a few options, all of them visible."""
    widget = st.segmented_control if len(options) <= _MOST_SEGMENTS else st.pills
    return widget(
        label, options, default=value, required=True, format_func=words, key=key, help=help, persist_state="session", wrap=True
    )


def _choose_data(label: str, value: str, widget: str, help: str) -> str:
    """Ask for a data set: one in the catalogue, an imported one, or the initial one even if it is missing."""
    titles = {name: entry.title for name, entry in data_sets.all_sets().items()}
    titles.setdefault(value, f"{value} (missing)")
    if st.session_state.get(widget, value) not in titles:  # removed in the meantime
        st.session_state[widget] = value
    options = list(titles)
    start = 0 if widget in st.session_state else options.index(value)  # already set by a link from the Data page
    return st.selectbox(label, options, start, titles.__getitem__, key=widget, help=help, persist_state="session")


def _choose_classes(label: str, value: tuple[str, ...], prefix: str, help: str) -> list[str]:
    """Ask for a subset of the classes of the chosen data set."""
    name = st.session_state.get(f"{prefix}/data.name", "")
    entry = data_sets.all_sets().get(name)
    if entry is None or not entry.classes:
        return []
    classes: list[str] = st.multiselect(
        label,
        entry.classes,
        default=[one for one in value if one in entry.classes],
        key=f"{prefix}/data.classes/{name}",
        help=help,
        placeholder="All classes",
        persist_state="session",
    )
    return classes


def _ask_span(label: str, value: Span, key: str, help: str) -> str:
    """Ask for a number of steps or epochs."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall"):
        count = st.number_input(label, value=value.count, step=1, key=f"{key}/count", help=help, width=150, persist_state="session")
        unit = st.segmented_control(
            f"Unit of {label}",
            ["steps", "epochs"],
            default=value.unit,
            required=True,
            key=f"{key}/unit",
            label_visibility="collapsed",
            persist_state="session",
        )
    return f"{count} {unit}"


def _help(info: FieldInfo) -> str:
    """Return the help text of a field with its range."""
    about = configs.describe_range(info)
    return f"{info.description}\n\nAccepts {about}." if get_origin(info.annotation) is not Literal else f"{info.description}"


def _float_step(value: float) -> float:
    """Return a step for the plus and minus buttons suited to the value: 0.0001 for 0.0002, 0.01 for 0.5."""
    return 10.0 ** min(-2, math.floor(math.log10(value))) if value else 0.01
