"""What a visitor chooses on the page Play, as widgets; and the set-up that follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from gan import config as configs
from gan.catalogue import data_sets
from gan.catalogue.losses import LOSSES
from gan.config import RunConfig
from gan.errors import InputError
from gan.play import setup as setups
from gan.play.setup import OWN, Setup
from gan.runs import index
from pages.parts import owning, words
from pages.parts.planning import form
from pages.parts.playing import points

_IN_VIEW = ("objective.loss", "optimizer.generator_lr", "optimizer.discriminator_lr")
_FOLDED = {
    "Penalties": (
        *("objective.gradient_penalty", "objective.r1", "objective.r2", "objective.dragan"),
        *("objective.weight_clip", "optimizer.gradient_clip"),
    ),
    "Turns and noise": (
        *("optimizer.batch_size", "optimizer.discriminator_steps"),
        *("augmentation.instance_noise", "objective.label_smoothing"),
    ),
}
_NETWORKS = (
    "networks.latent",
    "networks.hidden",
    "networks.width",
    "networks.depth",
    "networks.discriminator_norm",
)  # fixed by a checkpoint
_FAMILIES = ("mlp", "dcgan")  # of networks for pictures

#: What the second board may have different, and what is suggested for it where there is no value yet.
_COMPARED = {
    "objective.loss": "wasserstein",
    "optimizer.generator_lr": 0.0,
    "optimizer.discriminator_lr": 0.0,
    "optimizer.batch_size": 0,
    "optimizer.discriminator_steps": 5,
    "objective.gradient_penalty": 10.0,
    "objective.r1": 1.0,
    "objective.r2": 1.0,
    "objective.dragan": 10.0,
    "objective.weight_clip": 0.01,
    "augmentation.instance_noise": 0.1,
    "networks.hidden": 0,
    "networks.latent": 0,
}
_EXTRAS = "play/extras"  # settings of an address that have no widget


@dataclass(frozen=True)
class Game:
    """A set-up, and the configuration of each board."""

    setup: Setup
    configs: list[RunConfig]

    @property
    def is_own(self) -> bool:
        """Whether the game brings its own points."""
        return self.setup.points is not None

    @property
    def noun(self) -> str:
        """What the data are called, in the plural."""
        if self.configs[0].data.is_points:
            return "points"
        return "digits" if "digits" in self.setup.data or "mnist" in self.setup.data else "pictures"

    def seeded(self, seed: int) -> Game:
        """Return the same game with another seed."""
        settings = {**self.setup.settings, "training.seed": seed}
        found = [configs.replace(config, {"training.seed": seed}) for config in self.configs]
        return Game(self.setup.model_copy(update={"settings": settings}), found)


def ask(root: Path) -> Game:
    """Draw the widgets and return the game that they describe. Raises InputError if it cannot be played."""
    above, compared, folded, last = (st.container() for _ in range(4))  # in this order, whichever depends on which
    with last:
        start = _ask_start(root)
        st.session_state.setdefault("play/seed", 0)
        seed = st.number_input(configs.title("training.seed"), step=1, key="play/seed", persist_state="session")
    with above:
        data = start.data if start else _ask_data()
        is_points = data == OWN or data_sets.find(data).kind == "points"
        family = "mlp" if is_points or start else _ask_family()
        base = setups.boards(start, root)[0] if start else setups.base(data, family)
        prefix = _prefix(base, start)
        changes = form.ask_some(base, prefix, _IN_VIEW, {})
    flat = configs.flatten(base)
    networks = () if start else tuple(key for key in _NETWORKS if key in flat)
    with folded:
        now = configs.replace(base, {"objective.loss": changes["objective.loss"]})
        changes |= form.ask_some(now, prefix, (), _FOLDED | ({"Networks": networks} if networks else {}))
        if not start:
            points.offer()
    changes["training.seed"] = int(seed)
    extras = st.session_state.get(_EXTRAS, ("", {}))
    if extras[0] == prefix and extras[1]:
        changes = extras[1] | changes
        told = ", ".join(configs.coded(key, value) for key, value in extras[1].items())
        st.caption(f"Also from the link: {words.escape(told)}.")
    settings = {key: value for key, value in sorted(changes.items()) if value != flat.get(key)}
    if not start and family != "mlp":
        settings["networks.family"] = family
    raw: dict[str, Any] = {"data": data, "settings": settings, "start": start.start if start else None}
    if data == OWN:
        raw["points"] = points.kept()
    first = setups.boards(setups.parse(raw), root)[0]
    with compared:
        setup = setups.parse(raw | {"other": _ask_other(first, prefix, may_resize=not start)})
    return Game(setup, setups.boards(setup, root))


def restore(game: Game) -> None:
    """Let the widgets hold a game; call before they are drawn."""
    setup, config, state = game.setup, game.configs[0], st.session_state
    state["play/data"], state["play/family"] = setup.data, config.networks.family
    state["play/start"] = f"{setup.start.run}:{setup.start.checkpoint}" if setup.start else ""
    state["play/seed"] = config.training.seed
    prefix = _prefix(config, setup)
    known = {*_IN_VIEW, *_NETWORKS, *(key for keys in _FOLDED.values() for key in keys)}
    for key, value in configs.flatten(config).items():
        if key in known:
            state[_widget(prefix, config, key)] = value
    state[_EXTRAS] = (
        prefix,
        {key: value for key, value in setup.settings.items() if key not in {*known, "training.seed", "networks.family"}},
    )
    state["play/vs"] = ""
    for key, value in (setup.other or {}).items():
        state["play/vs"] = key
        state[_widget(f"{prefix}/vs", config, key)] = configs.flatten(game.configs[1]).get(key, value)


def _prefix(config: RunConfig, setup: Setup | None) -> str:
    """Return the start of the widgets' keys: games with other usual values have widgets of their own."""
    if setup and setup.start:
        return f"play/{setup.start.run}"
    return f"play/{'points' if config.data.is_points else 'images'}-{config.networks.family}"


def _widget(prefix: str, config: RunConfig, key: str) -> str:
    """Return the key of the widget that :func:`pages.parts.planning.form.ask_some` draws for a setting."""
    return f"{prefix}/{config.networks.family}/{key}" if key.startswith("networks.") else f"{prefix}/{key}"


def _ask_data() -> str:
    """Ask for points or pictures that need no download."""
    titles = {
        name: entry.title
        for name, entry in sorted(data_sets.all_sets().items(), key=lambda item: item[1].kind == "images")
        if entry.is_offline
    }
    if points.kept():
        titles[OWN] = "Your own points"
    if (held := st.session_state.get("play/data")) not in titles:
        if held and held != OWN and data_sets.exists(held):
            titles[held] = data_sets.find(held).title
        else:
            st.session_state["play/data"] = "ring"
    return st.selectbox("Data", list(titles), format_func=titles.__getitem__, key="play/data", persist_state="session")


def _ask_family() -> str:
    held = st.session_state.get("play/family")
    if held not in form.FAMILIES:
        st.session_state["play/family"] = held = _FAMILIES[0]
    chosen = st.segmented_control(
        "Network",
        dict.fromkeys((*_FAMILIES, held)),
        required=True,
        format_func=form.FAMILIES.__getitem__,
        key="play/family",
        persist_state="session",
        help="MLP: quick steps, noisy pictures. DCGAN: slower steps, better pictures.",
    )
    return chosen or _FAMILIES[0]


_has_checkpoint = index.while_over(lambda run: run.has_checkpoint)
_has_best = index.while_over(lambda run: run.best_path.is_dir())


def _ask_start(root: Path) -> Setup | None:
    """Ask for a checkpoint to start from; return it as a set-up with the data of its run, or None for new networks."""
    titles = {"": "New networks"}
    listed = [one for one in index.read(root) if _has_checkpoint(one)]
    for run_id, name in owning.names(listed).items() if listed else ():
        titles[f"{run_id}:last"] = name
    for one in listed:
        if _has_best(one):
            titles[f"{one.run.id}:best"] = f"{titles[f'{one.run.id}:last']} (best FID)"
    if (held := st.session_state.get("play/start", "")) not in titles:
        st.session_state["play/start"] = ""
    if len(titles) == 1 and not held:
        return None
    chosen = st.selectbox(
        "Start from",
        list(titles),
        format_func=titles.__getitem__,
        key="play/start",
        persist_state="session",
        help="New networks, or those of a run's last checkpoint, or of the one with its lowest FID; then its settings count.",
    )
    if not chosen:
        return None
    run_id, _, checkpoint = chosen.partition(":")
    run = next(one.run for one in listed if one.run.id == run_id)
    return setups.parse({"data": run.config().data.name, "start": {"run": run_id, "checkpoint": checkpoint}})


def _ask_other(config: RunConfig, prefix: str, *, may_resize: bool) -> dict[str, Any] | None:
    """Ask for the setting that a second board has different; return it with its value, or None for a single board."""
    flat = configs.flatten(config)
    keys = [key for key in _COMPARED if key in flat and (may_resize or not key.startswith("networks.")) and _fits(config, key)]
    held = st.session_state.get("play/vs", "")
    if held and held not in keys and held in flat:
        keys.append(held)
    if held not in keys:
        st.session_state["play/vs"] = ""
    key = st.selectbox(
        "Compare with …",
        ["", *keys],
        format_func=lambda key: f"Another {words.lowered(configs.title(key))}" if key else "One board",
        key="play/vs",
        persist_state="session",
        help="A second board with the same seed and one setting different, played in step with the first.",
    )
    if not key:
        return None
    value = form.ask_some(configs.replace(config, {key: _suggested(key, flat[key])}), f"{prefix}/vs", [key], {})[key]
    if value == flat[key]:
        raise InputError(f"Both boards have {configs.coded(key, value)}; choose another value for the second one.")
    return {key: value}


def _fits(config: RunConfig, key: str) -> bool:
    """Return whether the second board can have the value that is suggested for it."""
    try:
        configs.replace(config, {key: _suggested(key, configs.flatten(config)[key])})
    except InputError:
        return False
    return True


def _suggested(key: str, value: Any) -> Any:
    """Return a value for the second board that differs from that of the first."""
    if key == "objective.loss":
        return next(name for name in ("wasserstein", *LOSSES) if name != value)
    usual = _COMPARED.get(key, 0)
    if usual and usual != value:
        return usual
    return max(1, value // 4) if isinstance(value, int) and not isinstance(value, bool) else value / 4
