"""Replacing files so that a crash leaves the old or the new one whole; JSON without NaN."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import secrets
import shutil
import time
from pathlib import Path
from typing import Any

from gan.machine import host

IN_USE = 3600.0  # seconds after its last change in which a temporary file or a staged folder may still be in use

FOREIGN = 7 * 86_400.0  # the same for what another host made, whose clock may be wrong by days

_TEMPORARY = re.compile(r"\..+\.[0-9]+\.[0-9a-f]+\.tmp")
_MADE_ON = re.compile(r"\.h([0-9a-f]{8})\b")


def write_atomically(path: Path, content: bytes, *, durable: bool = True, mode: int = 0o666) -> None:
    """Replace ``path`` with ``content``; after a crash at any point, either the old or the new file exists in full.

    What killed processes have left in the folder is removed first. ``mode``: permissions of the file, less those that the process
    withholds; 0o600 for secrets.
    """
    clear_left(path.parent)
    temporary = temporary_of(path)
    try:
        with open(temporary, "xb", buffering=0, opener=lambda name, flags: os.open(name, flags, mode)) as file:
            write_all(file, content)
            if durable:
                os.fsync(file.fileno())
        _replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        sync_directory(path.parent)


def temporary_of(path: Path) -> Path:
    """Return a new name beside ``path`` to write it under first; :func:`clear_left` removes what is left under such names."""
    return path.with_name(f".{path.name}.{mark()}.{os.getpid()}.{secrets.token_hex(3)}.tmp")


def clear_staged(folder: Path, pattern: str) -> None:
    """Remove folders that killed processes have left half made, except recent ones that may still be in progress."""
    for path in folder.glob(pattern):
        with contextlib.suppress(OSError):
            changed = max(one.stat().st_mtime for one in (path, *path.iterdir()))
            if not is_in_use(changed, path.name):
                shutil.rmtree(path, ignore_errors=True)


def clear_left(folder: Path) -> None:
    """Remove the temporary files of this program that killed processes have left in a folder, as far as that is possible."""
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if name.endswith(".tmp") and _TEMPORARY.fullmatch(name):
                with contextlib.suppress(OSError):
                    if not is_in_use((folder / name).stat().st_mtime, name):
                        (folder / name).unlink()


def is_in_use(changed: float, name: str = "") -> bool:
    """Return whether something that a process changed at ``changed`` (seconds since 1970) may still be in use.

    A time that lies in the future by as much is from a clock that was wrong. ``name`` may carry the :func:`mark` of another host.
    """
    made_on = _MADE_ON.search(name)
    is_foreign = made_on is not None and made_on[0] != f".{mark()}"
    return abs(time.time() - changed) <= (FOREIGN if is_foreign else IN_USE)


def mark() -> str:
    """Return the mark of this host in the names of temporary files and staged folders; hosts may share a folder."""
    return f"h{hashlib.sha256(host().encode()).hexdigest()[:8]}"


def _replace(source: Path, target: Path) -> None:
    """Rename a file over another one; on Windows, retry while the target is open for reading."""
    deadline = time.monotonic() + 2.0
    while True:
        try:
            os.replace(source, target)
            return
        except PermissionError:
            if os.name != "nt" or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def write_all(file: Any, content: bytes) -> None:
    """Write all of ``content`` to an unbuffered file; on a full disk a single write may silently be partial."""
    view = memoryview(content)
    while view:
        view = view[file.write(view) :]


def sync_directory(path: Path) -> None:
    """Make renames in a directory survive a power cut (POSIX only; Windows has no equivalent)."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_json(path: Path, value: Any, *, durable: bool = True) -> None:
    """Replace ``path`` with ``value`` as JSON; NaN and infinity become null, and characters that UTF-8 lacks question marks."""
    write_atomically(path, to_json(value, indent=1).encode(errors="replace"), durable=durable)


def to_json(value: Any, indent: int | None = None) -> str:
    """Return ``value`` as JSON; NaN and infinity become null."""
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False, indent=indent)
    except ValueError:
        return json.dumps(_without_nan(value), allow_nan=False, ensure_ascii=False, indent=indent)


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return value
