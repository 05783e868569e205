"""What a guest keeps of a generator: one file to draw from, which is also its export, and both players if they are a pair."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch

from gan import config as configs
from gan.catalogue import data_sets
from gan.config import RunConfig
from gan.errors import shown
from gan.guests import networks
from gan.guests.guest import Guest, Network
from gan.guests.importer import Wish
from gan.networks import foreign
from gan.networks.foreign.generator import Foreign, Misfit, Ours
from gan.storage import files


def keep(guest: Guest, path: Path, generator: Foreign, discriminator: tuple[Path, str] | None, wish: Wish) -> Network:
    """Write the networks to the folder of a guest that is being made, and return what is known of them.

    ``path``: the file of the generator, which is kept as it is unless the network is one of ours. ``discriminator``: its path and
    name. ``wish``: what the import was asked for; a fork trains on its data set by default. Raises InputError if the discriminator
    cannot be read.
    """
    pair, why_not = None, ""
    if discriminator is not None:
        try:
            pair = foreign.read_pair(generator, *discriminator)
        except Misfit as reason:
            why_not = f"“{shown(discriminator[1])}” cannot be trained on with its generator: {reason}."
    ours = pair or generator.ours
    known = Network(
        title=generator.title,
        config=_on(ours, wish.data).model_dump(mode="json") if ours else {},
        misfit="" if generator.ours else f"It is not one of the networks here: {generator.misfit}.",
        discriminator=shown(discriminator[1], most=200) if discriminator else "",
        why_not=why_not,
    )
    if generator.ours is None:
        files.write_atomically(guest.original_path, path.read_bytes())
    else:
        about = {"config": files.to_json(known.config), "run": guest.id, "name": wish.name, "step": "0", "weights": wish.weights}
        content = safetensors.torch.save({key: value.contiguous() for key, value in generator.ours.tensors.items()}, about)
        files.write_atomically(guest.export_path, content)
    if pair is not None:
        content = safetensors.torch.save({key: value.contiguous() for key, value in pair.tensors.items()})
        files.write_atomically(guest.pair_path, content)
    return known


def _on(ours: Ours, data: str) -> RunConfig:
    """Return the settings of a network on a data set, with its number of channels."""
    if ours.config.preset or ours.config.networks.conditional or data_sets.find(data).kind == "points":
        return ours.config
    return configs.replace(ours.config, {"data.name": data, "data.colour": networks.colour(data, ours.channels)})
