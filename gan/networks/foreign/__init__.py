"""Generators that other programs have trained, or this one has exported, read from files without running code."""

from __future__ import annotations

from pathlib import Path

from gan.data.archive import opened_zip
from gan.errors import InputError, explained, shown
from gan.networks.foreign import containers, examples, keras, ours, own
from gan.networks.foreign.generator import Foreign, Misfit, Ours

__all__ = ["Foreign", "Misfit", "Ours", "is_generator", "read", "read_pair"]

_EXPORTED = "generator.safetensors"  # in the ZIP of a report


def is_generator(path: Path) -> bool:
    """Return whether a file looks like a generator, and not like pictures: by its content, never by its name."""
    try:
        if not path.is_file():
            return False
        with open(path, "rb", buffering=0) as file:
            head = file.read(16)
            if head.startswith(containers.HDF5):
                return containers.has_layers(path)
            if head.startswith(containers.ZIP):
                file.seek(0)
                with opened_zip(file, containers.MOST_MEMBERS) as archive:
                    names = set(archive.namelist())
                ends = {name.rpartition("/")[2] for name in names}
                return bool(ends & {_EXPORTED, "data.pkl"}) or {"config.json", "model.weights.h5"} <= names
            return own.is_ours(head, path.stat().st_size)
    except (OSError, ValueError, InputError):
        return False


def read(path: Path, name: str = "") -> Foreign:
    """Return the generator in a file, recognised by its content; ``name``: how the file is called, if not by its path.

    Known are exports of this program, `.keras` and `.weights.h5` of Keras, and `netG_epoch_N.pth` of pytorch/examples. Raises
    InputError, which names what was found, for anything else.
    """
    name = name or path.name
    content = _content(path, name)
    size = len(content)
    if content.startswith(containers.HDF5):
        return keras.read_weights(content, name)
    if content.startswith(containers.ZIP):
        with containers.opened(content, name) as archive:
            members = archive.namelist()
            exported = [member for member in members if member.rpartition("/")[2] == _EXPORTED]
            if len(exported) > 1:
                raise InputError(f"“{shown(name)}” holds {len(exported)} generators; unpack it and choose one of them.")
            if exported and own.is_ours(inner := containers.member(archive, exported[0], name), len(inner)):
                return own.read(inner, name)
        if "config.json" in members and "model.weights.h5" in members:
            return keras.read_model(content, name)
        if any(member.rpartition("/")[2] == "data.pkl" for member in members):
            return examples.read(content, name)
    elif own.is_ours(content, size):
        return own.read(content, name)
    elif content.startswith(b"\x80"):
        raise InputError(
            f"“{shown(name)}” is a pickle, which could run code and is not read; save it with a torch of version 1.6 or later."
        )
    raise InputError(
        f"“{shown(name)}” is no generator that can be read; expected an exported .safetensors, a .keras or .weights.h5 of Keras, "
        "or a netG_epoch_N.pth of pytorch/examples."
    )


def read_pair(generator: Foreign, path: Path, name: str = "") -> Ours:
    """Return both players, with tensors "generator/…" and "discriminator/…", from a generator and the file of its discriminator.

    Raises InputError if the file cannot be read, and Misfit, whose text is a clause, if the two are no pair of ours.
    """
    if generator.ours is None:
        raise Misfit(f"of the generator, {generator.misfit}")
    name = name or path.name
    content = _content(path, name)
    if content.startswith(containers.HDF5):
        return ours.paired(generator.ours, keras.read_discriminator(content, name))
    if content.startswith(containers.ZIP):
        with containers.opened(content, name) as archive:
            is_keras = {"config.json", "model.weights.h5"} <= set(archive.namelist())
        reader = keras.read_discriminator if is_keras else examples.read_discriminator
        return ours.paired(generator.ours, reader(content, name))
    raise InputError(
        f"“{shown(name)}” is no discriminator that can be read; expected a .keras or .weights.h5 of Keras, or a netD_epoch_N.pth "
        "of pytorch/examples."
    )


def _content(path: Path, name: str) -> bytes:
    with explained(f"reading “{shown(name)}”"):
        size = path.stat().st_size
        if size > containers.MOST_BYTES:
            raise InputError(f"“{shown(name)}” has {size / 1e9:.1f} GB, more than any network; choose the file of one network.")
        return path.read_bytes()
