"""Disk cache of tensors that are expensive to compute; entries are verified on reading, and recomputed if damaged or outdated."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from filelock import FileLock
from torch import Tensor

from gan.errors import InputError, explain_os_error
from gan.storage import files, sealed

log = logging.getLogger("gan")


@dataclass(frozen=True)
class Entry:
    """Tensors by name, facts about them (JSON values), and the SHA-256 of the file that holds the tensors."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]
    sha256: str


#: Computes the tensors and facts of an entry.
Make = Callable[[], tuple[dict[str, Tensor], dict[str, Any]]]


def obtain(folder: Path, name: str, version: int | str, make: Make) -> Entry:
    """Return the entry ``name``; ``make`` it if it is missing, damaged or of another ``version``.

    If two processes need the same entry, one makes it and the other waits. Raises InputError if it cannot be written.
    """
    if (found := find(folder, name, version)) is not None:
        return found
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{name}.lock"):
            if (found := find(folder, name, version)) is not None:
                return found
            return _write(folder, name, version, *make())
    except OSError as error:
        raise InputError(explain_os_error(error, f"writing {name} to {folder}")) from error


def find(folder: Path, name: str, version: int | str) -> Entry | None:
    """Return the entry ``name``; None if it is missing, damaged or of another ``version``."""
    try:
        stored = sealed.unseal((folder / f"{name}.json").read_bytes())
        content = (folder / f"{name}.safetensors").read_bytes()
        if stored["sha256"] != _digest(content):
            raise ValueError("the SHA-256 of its tensors does not match")
        return Entry(safetensors.torch.load(content), stored["facts"], stored["sha256"]) if stored["version"] == version else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, safetensors.SafetensorError) as error:
        log.warning("%s in %s is damaged (%s); computing it again", name, folder, error)
        return None


def _write(folder: Path, name: str, version: int | str, tensors: dict[str, Tensor], facts: dict[str, Any]) -> Entry:
    """Replace an entry. The JSON file is written last; until then the old one does not match the tensors and is ignored."""
    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
    content = safetensors.torch.save(tensors)
    stored = {"version": version, "sha256": _digest(content), "facts": facts}
    files.write_atomically(folder / f"{name}.safetensors", content)
    files.write_atomically(folder / f"{name}.json", sealed.seal(stored))
    return Entry(tensors, facts, _digest(content))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
