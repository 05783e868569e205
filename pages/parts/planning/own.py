"""The form of the Train page for a user's own pictures: what the preset's digits need is replaced by what suits the pictures."""

from __future__ import annotations

from typing import Any

import streamlit as st

from gan import config as configs
from gan.catalogue import data_sets
from gan.catalogue.data_sets import DataSet
from gan.config import RunConfig, fitting
from gan.config.fields import Span
from gan.config.presets import Preset
from pages.parts import words

_FITTED = "train/fitted"  # preset → own data set that its form was suited to, and the length set for it
_NEXT = "train/next"  # preset and changes to write before the widgets are drawn again


def chosen(preset: Preset) -> DataSet | None:
    """Return the user's own data set chosen in the form, or None."""
    name = st.session_state.get(f"train/{preset.name}/data.name", preset.config.data.name)
    entry = data_sets.all_sets().get(name)
    return entry if entry and entry.origin == "own" and name != preset.config.data.name else None


def follow(preset: Preset) -> None:
    """Suit the form to own pictures just chosen, or undo that for another data set. Call before its widgets are drawn."""
    entry, fitted = chosen(preset), st.session_state.setdefault(_FITTED, {})
    name = entry.name if entry and entry.kind == "images" else ""
    of, changes = st.session_state.pop(_NEXT, ("", {}))
    if fitted.get(preset.name, ("", ""))[0] != name:
        of, changes = preset.name, {key: configs.flatten(preset.config)[key] for key in fitting.KEYS}
        if name:
            changes |= fitting.fit(configs.replace(preset.config, {"data.name": name}))
    if of == preset.name:
        fitted[preset.name] = name, changes["training.length"]
        _write(f"train/{preset.name}", changes)


def leave(preset: str, name: str) -> None:
    """Leave the settings of a form for own pictures as they are, because they came with the data set ``name``."""
    entry = data_sets.all_sets().get(name)
    is_own = entry is not None and entry.origin == "own" and entry.kind == "images"
    st.session_state.setdefault(_FITTED, {})[preset] = (name if is_own else "", "")


def refine(preset: Preset, config: RunConfig, images_per_second: float | None) -> None:
    """Adapt the length set for own pictures to the speed and the batch size, unless the user has changed the length."""
    name, length = st.session_state[_FITTED].get(preset.name, ("", ""))
    if name and str(config.training.length) == length:
        changes = fitting.fit(config, images_per_second)
        if changes["training.length"] != length:
            st.session_state[_NEXT] = preset.name, {key: changes[key] for key in fitting.PACE}
            st.rerun()


def tell(preset: Preset, config: RunConfig) -> str:
    """Return one line on what was set for the user's own pictures, as far as it still holds; empty if nothing was."""
    name, length = st.session_state[_FITTED].get(preset.name, ("", ""))
    if not name or config.data.name != name:
        return ""
    count = words.count(config.data.images, "picture")
    parts = []
    if str(config.training.length) == length:
        seen = config.total_steps * config.optimizer.images_per_step
        parts.append(f"long enough to see {round(seen, -3) or seen:,} images")
    if config.augmentation.policies:
        parts.append("with DiffAugment, because the discriminator memorises few pictures")
    return f"Set for your {count}: {', '.join(parts)}." if parts else ""


def _write(prefix: str, changes: dict[str, Any]) -> None:
    for key, value in changes.items():
        if key in fitting.PACE:
            span = Span.model_validate(value)
            st.session_state[f"{prefix}/{key}/count"], st.session_state[f"{prefix}/{key}/unit"] = span.count, span.unit
        else:
            st.session_state[f"{prefix}/{key}"] = value
