"""Settings that another page hands over to the form of the Train page."""

from __future__ import annotations

import streamlit as st

from gan import config as configs
from gan.config import RunConfig, presets
from pages.parts.planning import own

_CARRIED = "train/carried"  # a configuration on its way to the form

#: Settings of the preset that stay: how long to train, what to write meanwhile, on which machine.
_KEPT = tuple(f"training.{name}" for name in ("length", "device", "precision", "threads", "processes", "compile"))
_USUAL = {"dcgan": presets.DEFAULT, "mlp": "digits-mlp"}  # family of networks → preset for images


def carry(config: RunConfig) -> None:
    """Take settings to the Train page; call before changing to it."""
    st.session_state[_CARRIED] = config


def take() -> None:
    """Write settings that were handed over to the form; call before its widgets are drawn."""
    config: RunConfig | None = st.session_state.pop(_CARRIED, None)
    if config is None:
        return
    preset, family = preset_for(config), config.networks.family
    st.session_state["train/preset"] = st.query_params["preset"] = preset
    own.leave(preset, config.data.name)
    for key, value in configs.flatten(config).items():
        section, _, field = key.partition(".")
        if section == "cadence" or key in _KEPT:
            continue
        place = f"train/{preset}/{family}/{key}" if section == "networks" and field != "family" else f"train/{preset}/{key}"
        st.session_state[f"{place}/{config.data.name}" if key == "data.classes" else place] = value


def preset_for(config: RunConfig) -> str:
    """Return the preset whose length and cadence suit a configuration."""
    family = config.networks.family
    if config.data.is_points:
        return "ring-mlp"
    found = (name for name, preset in presets.PRESETS.items() if preset.config.networks.family == family)
    return _USUAL.get(family) or next(found, presets.DEFAULT)
