"""Settings form: one widget per field of a section, built from its title, help text, range and unit."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

import streamlit as st
from pydantic.fields import FieldInfo

from gan import config as configs
from gan.catalogue import data_sets
from gan.catalogue.losses import LOSSES
from gan.config import RunConfig, families, rules
from gan.config import fields as config_fields
from gan.config.fields import Span
from pages.parts import losses, words
from pages.parts.learning import links

_FLOAT_FORMAT = "%.6g"
_MOST_SEGMENTS = 3  # more options may wrap into rows, which only pills support well

#: Section → (heading, icon).
HEADINGS = {
    "data": ("Data", ":material/image:"),
    "networks": ("Networks", ":material/hub:"),
    "objective": ("Objective", ":material/target:"),
    "augmentation": ("What the discriminator sees", ":material/visibility:"),
    "optimizer": ("Optimiser", ":material/speed:"),
    "training": ("Seed and machine", ":material/memory:"),
    "cadence": ("Cadence", ":material/event_repeat:"),
}

#: Units of a length in a configuration.
UNITS = ("steps", "epochs")

#: Family → display name.
FAMILIES = {
    "dcgan": "DCGAN",
    "mlp": "MLP",
    "keras-dcgan": "Keras DCGAN",
    "resnet": "ResNet (SNGAN)",
    "modern": "Modern (R3GAN)",
}

#: Settings in view; all others are in folded sections.
_BASICS = (
    *("data.name", "data.size"),
    *("networks.family", "networks.latent", "networks.hidden", "networks.width", "networks.depth", "networks.blocks"),
    *("objective.loss", "training.length"),
)


_BADGE = """[class*="st-key-"][class*="-more"] summary p::after {margin-left: .6rem; padding: .1rem .45rem; border-radius: .5rem;
  font-size: .85em; color: light-dark(#1c4fa3, #9cc3ff); background: light-dark(#1c83e11a, #1c83e140)}
"""


def ask(
    config: RunConfig,
    prefix: str,
    without: Collection[str] = (),
    *,
    prefixes: Mapping[str, str] | None = None,
    units: Sequence[str] = UNITS,
) -> dict[str, Any]:
    """Draw the form, basics in view and all else in folded sections; return the values as changes of :func:`gan.config.replace`.

    ``config`` gives the initial values; ``prefix`` separates the widget keys of different presets, ``prefixes`` those of some
    sections; settings in ``without`` get no widget; ``units`` are those of the length, which may have one that a configuration
    does not know.
    """
    form = _Form(config, prefix, without, prefixes or {}, units)
    with st.container(border=True):
        st.subheader("Basics")
        for section in HEADINGS:
            form.draw_basics(section)
    changed: dict[str, int] = {}
    for section, (heading, icon) in HEADINGS.items():
        widget = f"{prefix}/{section}/more"
        form.draw_folded(heading, icon, [key for key in form.fields(section) if key not in _BASICS], widget, changed)
    st.html(_badges(changed))
    return form.changes


def ask_some(config: RunConfig, prefix: str, in_view: Sequence[str], folded: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Draw the widgets of some settings, those ``in_view`` first, then one folded section for each heading; return as :func:`ask`.

    The family of the networks is that of ``config``.
    """
    form = _Form(config, prefix, (), {}, UNITS)
    form.changes["networks.family"] = config.networks.family
    form.draw(list(in_view))
    changed: dict[str, int] = {}
    for heading, keys in folded.items():
        form.draw_folded(heading, None, list(keys), f"{prefix}/{heading}/more", changed)
    st.html(_badges(changed))
    del form.changes["networks.family"]
    return form.changes


def _badges(changed: Mapping[str, int]) -> str:
    """Return the style sheet that puts "N changed" behind the headings of sections, by the keys of their expanders.

    A badge in the label would do so too, but an expander with another label is another one to Streamlit 1.67: drawn anew, it folds
    and takes the focus away from the field inside.
    """
    rules = [
        f'.st-key-{re.sub("[^a-zA-Z0-9_-]", "-", key)} summary p::after {{content: "{count} changed"}}'
        for key, count in changed.items()
        if count
    ]
    return f"<style>{_BADGE}{' '.join(rules)}</style>"


class _Form:
    """The widgets of all settings, and the values they returned so far."""

    def __init__(
        self, config: RunConfig, prefix: str, without: Collection[str], prefixes: Mapping[str, str], units: Sequence[str]
    ) -> None:
        self.config, self.prefix, self.without, self.prefixes, self.units = config, prefix, without, prefixes, units
        self.changes: dict[str, Any] = {}
        self.settings = configs.flatten(config)
        self.sets = data_sets.all_sets()

    def fields(self, section: str) -> list[str]:
        """Return the settings of a section that may get a widget."""
        fields = (f"{section}.{name}" for name in type(self._values(section)).model_fields)
        return [key for key in fields if key not in self.without]

    def matters(self, key: str, held: Mapping[str, Any] | None = None) -> bool:
        """Return whether a setting has any effect, given the values so far, and those that widgets hold."""
        settings = self.settings | self.changes | dict(held or {})
        return rules.has_effect(key, settings, self.sets.get(settings.get("data.name", "")))

    def held(self, key: str) -> Any:
        """Return the value that the widget of a setting holds, drawn or not, in JSON form."""
        value, widget, state = self._value(key), self._widget(key), st.session_state
        if isinstance(value, Span):
            return " ".join(str(state.get(f"{widget}/{part}", getattr(value, part))) for part in ("count", "unit"))
        if key == "data.classes":
            name = state.get(self._widget("data.name"), self.settings["data.name"])
            entry = self.sets.get(name)
            return [one for one in state.get(f"{widget}/{name}", value) if entry and one in entry.classes]
        held = state.get(widget, value)
        return list(held) if isinstance(value, tuple) else held

    def differs(self, key: str, held: Any) -> bool:
        """Return whether a value that :meth:`held` returned differs from the initial one."""
        value = self._value(key)
        if isinstance(value, tuple):
            return sorted(held) != sorted(value)
        return bool(held != (str(value) if isinstance(value, Span) else value))

    def draw_basics(self, section: str) -> None:
        """Draw the basic settings of a section, with what is to be known about them."""
        basics = [key for key in self.fields(section) if key in _BASICS]
        if "networks.family" in basics:
            basics.remove("networks.family")
            self._choose_family()
            basics = [key for key in self.fields(section) if key in _BASICS and key != "networks.family"]
        self.draw(basics)
        if section == "data" and (entry := self.sets.get(self.changes.get("data.name", ""))):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.caption(words.escape(entry.description), width="content")
                st.page_link("pages/data.py", label="View", icon=":material/grid_view:", query_params={"data": entry.name})
        if "objective.loss" in self.changes and section == "objective":
            _explain_loss(self.changes["objective.loss"])

    def draw(self, keys: list[str]) -> None:
        """Draw the widgets of settings, or give those without effect their neutral values."""
        with st.grid(2, min_column_width=240, gap=("small", "medium")) if len(keys) > 1 else st.container():
            for key in keys:
                if self.matters(key):
                    info, value = type(self._values(key.partition(".")[0])).model_fields[key.partition(".")[2]], self._value(key)
                    units = self.units if key == "training.length" else UNITS
                    self.changes[key] = _field(key, info, value, self._widget(key), units)
                elif key in rules.NEUTRAL:
                    self.changes[key] = rules.NEUTRAL[key]

    def draw_folded(self, heading: str, icon: str | None, keys: list[str], widget: str, changed: dict[str, int]) -> None:
        """Draw the widgets of settings in a folded section once it is open; note in ``changed`` how many differ, by ``widget``."""
        if not any(self.matters(key) for key in keys):
            self.draw(keys)
            return
        held = {key: self.held(key) for key in keys}
        changed[widget] = sum(self.differs(key, held[key]) for key in keys if self.matters(key, held))
        part = st.expander(heading, icon=icon, key=widget, on_change="rerun")
        if part.open:
            with part:
                self.draw(keys)
        else:
            self.take(keys)

    def take(self, keys: list[str]) -> None:
        """Take the values of settings as :meth:`draw` does, without drawing widgets: they would cost more than all else."""
        for key in keys:
            if self.matters(key):
                self.changes[key] = self.held(key)
            elif key in rules.NEUTRAL:
                self.changes[key] = rules.NEUTRAL[key]

    def _choose_family(self) -> None:
        start = self.config.networks.family
        info = families.FAMILIES[start].model_fields["family"]
        key = f"{self.prefix}/networks.family"
        family = _choose("Architecture", list(FAMILIES), start, key, _help(info), FAMILIES.get)
        st.caption(families.FAMILIES[family].model_fields["family"].description or "")
        self.changes["networks.family"] = family

    def _values(self, section: str) -> config_fields.Section:
        """Return the initial values of a section; another family of networks has its own."""
        start: config_fields.Section = getattr(self.config, section)
        family = self.changes.get("networks.family", self.config.networks.family)
        return start if section != "networks" or family == self.config.networks.family else families.FAMILIES[family]()

    def _value(self, key: str) -> Any:
        section, _, name = key.partition(".")
        return getattr(self._values(section), name)

    def _widget(self, key: str) -> str:
        section = key.partition(".")[0]
        prefix = self.prefixes.get(section, self.prefix)
        return f"{prefix}/{self.changes['networks.family']}/{key}" if section == "networks" else f"{prefix}/{key}"


def _explain_loss(name: str) -> None:
    """Offer how to read the losses, with their formulas, range and source."""
    part = st.expander("How to read the losses", icon=":material/function:", key="train/loss-facts", on_change="rerun")
    if part.open:
        with part:
            losses.explain(LOSSES[name])
            links.offer(name)


def _field(key: str, info: FieldInfo, value: Any, widget: str, units: Sequence[str] = UNITS) -> Any:
    """Draw one widget and return its value in JSON form."""
    label = info.title or key
    unit = (info.json_schema_extra or {}).get("unit", "")  # type: ignore[union-attr]
    label, help = f"{label} ({unit})" if unit not in ("", label.lower()) else label, _help(info)
    if key == "data.name":
        return _choose_data(label, value, widget, help)
    if key == "data.classes":
        return _choose_classes(label, value, widget, help)
    if key == "objective.loss":
        return _choose(label, list(get_args(info.annotation)), value, widget, help, lambda name: LOSSES[name].title)
    if get_origin(info.annotation) is Literal:
        return _choose(label, list(get_args(info.annotation)), value, widget, help, str)
    if choices := configs.choices_of(info):
        return st.pills(label, choices, selection_mode="multi", default=list(value), key=widget, help=help, persist_state="session")
    if info.annotation is bool:
        return st.toggle(label, value=value, key=widget, help=help, persist_state="session")
    if info.annotation is Span:
        return _ask_span(label, value, widget, help, units)
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
    options = list(titles)
    with st.container():  # one cell of the form
        if (before := st.session_state.get(widget, value)) not in titles:  # removed in the meantime
            st.session_state[widget], st.session_state[f"{widget}/gone"] = value, before
        if (gone := st.session_state.get(f"{widget}/gone")) and st.session_state.get(widget, value) == value:
            instead = words.escape(titles[value])
            st.warning(f"The data set “{words.escape(gone)}” no longer exists; “{instead}” is chosen instead.")
        else:
            st.session_state.pop(f"{widget}/gone", None)
        start = 0 if widget in st.session_state else options.index(value)  # already set by a link from the Data page
        return st.selectbox(label, options, start, titles.__getitem__, key=widget, help=help, persist_state="session")


def _choose_classes(label: str, value: tuple[str, ...], widget: str, help: str) -> list[str]:
    """Ask for a subset of the classes of the chosen data set."""
    name = st.session_state.get(f"{widget.removesuffix('data.classes')}data.name", "")
    entry = data_sets.all_sets().get(name)
    if entry is None or not entry.classes:
        return []
    classes: list[str] = st.multiselect(
        label,
        entry.classes,
        default=[one for one in value if one in entry.classes],
        key=f"{widget}/{name}",
        help=help,
        placeholder="All classes",
        persist_state="session",
    )
    return classes


def _ask_span(label: str, value: Span, key: str, help: str, units: Sequence[str]) -> str:
    """Ask for a number of steps or epochs, or of another unit."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall"):
        count = st.number_input(label, value=value.count, step=1, key=f"{key}/count", help=help, width=150, persist_state="session")
        unit = st.segmented_control(
            f"Unit of {label}",
            units,
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
