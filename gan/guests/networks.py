"""The networks of guests: what can be done with them, and runs that train them on; torch-free."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from gan import config as configs
from gan import words
from gan.access.rules import require
from gan.catalogue import data_sets
from gan.config import RunConfig
from gan.config.changing import kept_reason
from gan.config.fields import LONGEST, Span
from gan.errors import InputError
from gan.guests.guest import Guest, Network
from gan.runs import Run, adopted, checkpoints, records, registry
from gan.runs.adopted import Adoption
from gan.storage import files, sealed

_ENDING = " · trained on"


def describe(guest: Guest, network: Network) -> str:
    """Return sentences on what can be done with the generator of a guest, and why not what cannot."""
    told = [f"{network.title}: can be explored and exported."]
    told += [network.misfit] if network.misfit else []
    if guest.pair_path.is_file():
        told.append(f"With “{network.discriminator}”, both can be trained on: python -m gan fork {guest.id}")
    elif network.why_not:
        told.append(network.why_not)
    elif not network.misfit:
        told.append("To train it on, import it with its discriminator.")
    return " ".join(told)


def why_no_fork(guest: Guest) -> str:
    """Return why a guest cannot be trained on; empty if it can."""
    network = guest.facts().network
    if guest.pair_path.is_file() and network:
        return ""
    if network is None:
        return f"“{guest.label()}” has pictures only; to train a generator on, import its file with its discriminator."
    return (
        network.why_not
        or network.misfit
        or (f"“{guest.label()}” came without its discriminator; import the generator again together with it.")
    )


def config_of(guest: Guest, changes: Mapping[str, Any] | None = None) -> RunConfig:
    """Return the settings of a run that trains a guest on, with ``changes``.

    Its length is as in the original script, from the epoch of the guest on. Raises InputError for networks that are not a pair of
    ours, and for changes that do not fit their weights.
    """
    if sentence := why_no_fork(guest):
        raise InputError(sentence)
    facts, changes = guest.facts(), changes or {}
    assert facts.network is not None
    start = configs.parse(facts.network.config)
    for key, value in configs.flatten(configs.replace(start, dict(changes))).items():
        reason = kept_reason(start, key)
        if (key.startswith("networks.") or key == "data.size") and reason and value != configs.flatten(start).get(key):
            raise InputError(f"{key} cannot change when a guest is trained on: {reason}; leave it unchanged.")
    config = configs.require_data(configs.replace(start, dict(changes)))
    if config.data.channels != start.data.channels:
        raise InputError(
            f"The networks have {words.count(start.data.channels, 'channel')} and the images of “{config.data.name}” "
            f"{config.data.channels}; set data.colour to {'grey' if start.data.channels == 1 else 'colour'}."
        )
    begun = begin(guest, config)
    if "training.length" not in changes:
        length = begun + config.training.length.in_steps(config.steps_per_epoch)
        config = configs.replace(config, {"training.length": str(Span(count=min(length, LONGEST)))})
    if config.total_steps <= begun:
        raise InputError(
            f"training.length is “{config.training.length}”, which is {words.count(config.total_steps, 'step')}, but the guest has "
            f"trained for {begun:,}; increase it."
        )
    return config


def on(guest: Guest, data: str) -> dict[str, Any]:
    """Return the settings that train a guest on another data set, with the number of channels of its networks."""
    network = guest.facts().network
    channels = configs.parse(network.config).data.channels if network and network.config else 1
    return {"data.name": data, "data.colour": colour(data, channels), "data.classes": []}


def colour(data: str, channels: int) -> str:
    """Return the value of data.colour with which a data set has this number of channels."""
    return "auto" if data_sets.find(data).channels == channels else "grey" if channels == 1 else "colour"


def begin(guest: Guest, config: RunConfig) -> int:
    """Return the step at which a run begins that trains a guest on: that of its epoch or step, 0 if it is unknown."""
    facts = guest.facts()
    number = max(place.number for place in facts.places)
    return number * config.steps_per_epoch if facts.unit == "epoch" else number if facts.unit == "step" else 0


def usual_name(guest: Guest) -> str:
    """Return the default name of a run that trains a guest on."""
    return records.shortened(f"{guest.told().name}{_ENDING}")


def fork(
    guest: Guest,
    changes: Mapping[str, Any],
    name: str = "",
    *,
    state: records.State = "queued",
    threads: int = 0,
    then: Callable[[Run, int], None] = lambda run, begun: None,
) -> Run:
    """Create a run that trains both players of a guest on, with new optimisers, and return it; see :func:`config_of`.

    It belongs to the acting person. ``then`` adds files before others can see it, given the step at which it begins. Raises
    InputError if it cannot be created.
    """
    require("fork", guest.owner(), f"guest {guest.id}")
    config, facts = config_of(guest, changes), guest.facts()
    assert facts.network is not None
    begun, name = begin(guest, config), records.checked_name(name) or usual_name(guest)
    sources = {"source": facts.source, "discriminator": facts.network.discriminator}
    origin = Adoption(guest=guest.id, name=guest.label(), step=begun, **sources)
    epoch, seen = begun / config.steps_per_epoch, begun * config.optimizer.images_per_step

    def fill(run: Run) -> None:
        content = guest.pair_path.read_bytes()
        files.write_atomically(checkpoints.tensors_path(run.checkpoints_path, begun), content)
        about = {"step": begun, "epoch": epoch, "images_seen": seen, "seconds": 0.0, "optimizers": {}, "scaler": {}}
        about |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "data_version": config.data.entry.version}
        about |= {"threads": 0, "precision": "auto", "processes": config.training.processes, "products": None}
        files.write_atomically(checkpoints.facts_path(run.checkpoints_path, begun), sealed.seal(about))
        adopted.write(run, origin)
        run.write_status(run.status().model_copy(update={"step": begun, "images_seen": seen, "epochs": epoch}))
        then(run, begun)

    return registry.create(guest.root, config, name, state=state, threads=threads, fill=fill)
