"""Checkpoints: tensors in a safetensors file, facts in a JSON file beside it with the SHA-256 of the tensors and its own.

No pickle is ever read. A checkpoint counts once its facts are in place; the tensors are written, synced and read back
before that, and the one before stays until then.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from gan.errors import RunFailed
from gan.runs import checkpoints
from gan.runs.checkpoints import facts_path, read_facts, tensors_path
from gan.storage import files, sealed

KEPT = 2
steps = checkpoints.steps


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint: its step, its tensors by name and its facts."""

    step: int
    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def save(folder: Path, step: int, tensors: dict[str, Tensor], facts: dict[str, Any], kept: int = KEPT) -> None:
    """Write the checkpoint of a step, verify it, and drop all but ``kept``: this one and the newest of the others.

    Raises OSError when it cannot be written and RunFailed when the disk does not give back what was written; the
    checkpoints that were there before are left as they were.
    """
    others = [found for found in steps(folder) if found != step]
    content = safetensors.torch.save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    digest = hashlib.sha256(content).hexdigest()
    files.write_atomically(tensors_path(folder, step), content)
    if hashlib.sha256(tensors_path(folder, step).read_bytes()).hexdigest() != digest:
        raise RunFailed(f"The checkpoint of step {step} reads back differently; the disk may be failing, check it.")
    facts = {"step": step, "sha256": digest, "bytes": len(content), **facts}
    files.write_atomically(facts_path(folder, step), sealed.seal(facts))
    _drop_old(folder, kept=[*others[max(0, len(others) - kept + 1) :], step])


def load(folder: Path, step: int) -> Checkpoint:
    """Return the checkpoint of a step. Raises RunFailed when it is damaged in any way."""
    try:
        facts = read_facts(folder, step)
        content = tensors_path(folder, step).read_bytes()
        if hashlib.sha256(content).hexdigest() != facts["sha256"]:
            raise ValueError("its SHA-256 does not match")
        return Checkpoint(step, safetensors.torch.load(content), facts)
    except (OSError, ValueError, KeyError, safetensors.SafetensorError) as error:
        raise RunFailed(f"The checkpoint of step {step} is damaged ({error}).") from None


def load_newest(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """Return the newest whole checkpoint (None where there is none at all), and a sentence for each damaged one passed over.

    Raises RunFailed when there are checkpoints but all are damaged: starting over silently would lose the run.
    """
    complaints: list[str] = []
    found = steps(folder)
    for step in reversed(found):
        try:
            return load(folder, step), complaints
        except RunFailed as error:
            complaints.append(str(error))
    if found != steps(folder):  # its training goes on, and has replaced what was there a moment ago
        return load_newest(folder)
    if found:
        raise RunFailed(" ".join(complaints) + " No whole checkpoint is left; start the training anew.")
    return None, complaints


def clear_rubbish(folder: Path) -> None:
    """Remove what belongs to no checkpoint: what a crash or a full disk left half written. What cannot be removed stays."""
    with contextlib.suppress(OSError):
        _drop_old(folder, kept=steps(folder))


def settle(folder: Path, step: int) -> None:
    """Tidy up before a run goes on from ``step``: drop later ones, which were passed over as damaged, and old ones.

    A crash between the writing of a checkpoint and the dropping of an old one leaves one too many; these must not add up.
    """
    _drop_old(folder, kept=[found for found in steps(folder) if found <= step][-KEPT:])


def _drop_old(folder: Path, kept: list[int]) -> None:
    """Remove every file of the folder that does not belong to the ``kept`` steps; facts first, so that none is half there."""
    wanted = {path for step in kept for path in (facts_path(folder, step), tensors_path(folder, step))}
    for path in sorted(folder.iterdir(), key=lambda path: path.suffix != ".json"):
        if path not in wanted and not path.is_dir():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
