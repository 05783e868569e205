"""The files of a checkpoint without torch: their names, their seals, and verified copies."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gan.errors import InputError, RunFailed
from gan.runs.run import Run
from gan.storage import files, sealed

#: Fact of a checkpoint: its averaged generator has batch-norm statistics of its own, not the raw generator's (earlier versions).
OWN_STATISTICS = "average_has_own_statistics"

_CHUNK = 1 << 20  # bytes in memory at once while tensors are copied


def steps(folder: Path) -> list[int]:
    """Return the steps of which there is a checkpoint, in order; whether they are whole shows on reading."""
    with contextlib.suppress(OSError):
        stems = (name.removesuffix(".json") for name in os.listdir(folder) if name.endswith(".json"))
        return sorted(int(stem) for stem in stems if stem.isdecimal())
    return []


def none_yet(run: Run) -> InputError:
    """Return what to say of a run without any checkpoint."""
    if run.status().state == "diverged":
        return InputError(f"Run {run.id} diverged before its first checkpoint; start it afresh with a smaller learning rate.")
    return InputError(f"Run {run.id} has no checkpoint yet; train it for longer first.")


def read_facts(folder: Path, step: int) -> dict[str, Any]:
    """Return the facts of a checkpoint, found to be what was written. Raises OSError, or ValueError when they are damaged."""
    facts = sealed.unseal(facts_path(folder, step).read_bytes())
    if facts.get("step") != step:
        raise ValueError("its facts belong to another step")
    return facts


def changed_data(run: Run, facts: Mapping[str, Any] | None = None) -> str:
    """Return one sentence if a run's data set has other contents than at a checkpoint; empty if not, or if unknown.

    ``facts`` are those of the checkpoint, by default of the newest one.
    """
    with contextlib.suppress(InputError, OSError, ValueError, IndexError):
        facts = facts or read_facts(run.checkpoints_path, steps(run.checkpoints_path)[-1])
        entry = run.config().data.entry
        if facts.get("data_version", entry.version) != entry.version:
            return (
                f"The data set “{entry.title}” has other contents than when run {run.id} was trained on it; if the run goes on, it "
                "goes on with the new images."
            )
    return ""


def copy(folder: Path, step: int, target: Path) -> dict[str, Any]:
    """Copy the checkpoint of a step into the folder ``target``, verify the copy, and return its facts.

    Raises RunFailed when the checkpoint is damaged and OSError when it is gone or cannot be written.
    """
    copied = tensors_path(target, step)
    try:
        facts = read_facts(folder, step)
        facts.pop("generation", None)  # counted for each run by itself
        content = hashlib.sha256()
        with open(tensors_path(folder, step), "rb") as source, open(copied, "xb", buffering=0) as file:
            while chunk := source.read(_CHUNK):
                content.update(chunk)
                files.write_all(file, chunk)
            os.fsync(file.fileno())
        if content.hexdigest() != facts.get("sha256"):
            raise ValueError("its SHA-256 does not match")
        with open(copied, "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != facts["sha256"]:
                raise RunFailed(f"The copy of the checkpoint of step {step} reads back differently; the disk may fail, check it.")
        files.write_atomically(facts_path(target, step), sealed.seal(facts))
        return facts
    except BaseException as error:
        copied.unlink(missing_ok=True)
        if isinstance(error, ValueError):
            raise RunFailed(f"The checkpoint of step {step} is damaged ({error}).") from None
        raise


def tensors_path(folder: Path, step: int) -> Path:
    return folder / f"{step:08d}.safetensors"


def facts_path(folder: Path, step: int) -> Path:
    return folder / f"{step:08d}.json"
