"""Write, verify, load and remove checkpoints.

A checkpoint is a safetensors file and, next to it, a JSON file of facts, which holds the SHA-256 of the tensors and of itself. No
pickle is ever read. The tensors are written, synced and read back first; a checkpoint counts once its facts are in place, and the
previous one stays until then.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Sequence
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

steps = checkpoints.steps


@dataclass(frozen=True)
class Retention:
    """Which checkpoints stay: the ``newest``, and older ones in ``room`` bytes, the oldest of which go first.

    Older ones are the first in each doubling of the steps (from 1, 2, 4, 8, …), and those of the steps ``marked``.
    """

    newest: int = 2
    room: int = 0
    marked: frozenset[int] = frozenset()

    def chosen(self, folder: Path, there: Sequence[int]) -> list[int]:
        """Return those steps of ``there``, in order and in ``folder``, whose checkpoints stay."""
        first = len(there) - self.newest
        doublings = {step.bit_length(): step for step in reversed(there)}
        kept, room = list(there[max(0, first) :]), self.room
        for step in reversed(there[: max(0, first)]):
            if step in self.marked or step in doublings.values():
                with contextlib.suppress(OSError):
                    room -= tensors_path(folder, step).stat().st_size
                if room < 0:
                    break
                kept.insert(0, step)
        return kept


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint: step, tensors by name, and facts."""

    step: int
    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def save(folder: Path, step: int, tensors: dict[str, Tensor], facts: dict[str, Any], kept: Retention = Retention()) -> None:
    """Write and verify the checkpoint of a step, then remove those not to be ``kept``; this one counts as the newest.

    Raises OSError if it cannot be written and RunFailed if it reads back differently; the earlier checkpoints are then left
    untouched.
    """
    others = [found for found in steps(folder) if found != step]
    content = safetensors.torch.save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    digest = hashlib.sha256(content).hexdigest()
    files.write_atomically(tensors_path(folder, step), content)
    if hashlib.sha256(tensors_path(folder, step).read_bytes()).hexdigest() != digest:
        raise RunFailed(f"The checkpoint of step {step} reads back differently; the disk may be failing, check it.")
    facts = {"step": step, "sha256": digest, "bytes": len(content), **facts}
    files.write_atomically(facts_path(folder, step), sealed.seal(facts))
    _drop_old(folder, kept.chosen(folder, [*others, step]))


def load(folder: Path, step: int) -> Checkpoint:
    """Return the checkpoint of a step. Raises RunFailed if any part is missing or damaged."""
    try:
        facts = read_facts(folder, step)
        content = tensors_path(folder, step).read_bytes()
        if hashlib.sha256(content).hexdigest() != facts["sha256"]:
            raise ValueError("its SHA-256 does not match")
        return Checkpoint(step, safetensors.torch.load(content), facts)
    except (OSError, ValueError, KeyError, safetensors.SafetensorError) as error:
        raise RunFailed(f"The checkpoint of step {step} is damaged ({error}).") from None


def load_newest(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """Return the newest intact checkpoint (None if there are no checkpoints), and one sentence per damaged checkpoint skipped.

    Raises RunFailed if all checkpoints are damaged: starting over silently would lose the run.
    """
    complaints: list[str] = []
    found = steps(folder)
    for step in _newest_first(folder, found):
        try:
            return load(folder, step), complaints
        except RunFailed as error:
            complaints.append(str(error))
    if found != steps(folder):  # a running training has replaced them meanwhile
        return load_newest(folder)
    if found:
        raise RunFailed(" ".join(complaints) + " No intact checkpoint is left; start a new training.")
    return None, complaints


def _newest_first(folder: Path, found: Sequence[int]) -> list[int]:
    """Return the steps in the order in which to try them: by step, but those of a trainer that was replaced last.

    It may have written one more checkpoint while it was being replaced; training went on from an earlier step.
    """
    generations = {}
    for step in found:
        with contextlib.suppress(OSError, ValueError, TypeError):
            generations[step] = int(read_facts(folder, step).get("generation", 0))
    newest = max(generations.values(), default=0)
    return sorted(found, key=lambda step: (generations.get(step, newest) < newest, -step))


def clear_rubbish(folder: Path) -> None:
    """Remove partial files left by a crash or a full disk. Files that cannot be removed stay."""
    with contextlib.suppress(OSError):
        _drop_old(folder, kept=steps(folder))


def settle(folder: Path, step: int, kept: Retention = Retention()) -> None:
    """Tidy up before a run continues from ``step``: remove later checkpoints, which are damaged, and old ones.

    A crash between writing a checkpoint and removing an old one leaves one too many; these must not accumulate.
    """
    _drop_old(folder, kept.chosen(folder, [found for found in steps(folder) if found <= step]))


def _drop_old(folder: Path, kept: list[int]) -> None:
    """Remove all files of the folder except those of the ``kept`` steps; facts first, so that no checkpoint is left incomplete."""
    wanted = {path for step in kept for path in (facts_path(folder, step), tensors_path(folder, step))}
    for path in sorted(folder.iterdir(), key=lambda path: path.suffix != ".json"):
        if path not in wanted and not path.is_dir():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
