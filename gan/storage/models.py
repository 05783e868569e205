"""JSON files as pydantic models, cached until the file changes."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gan.errors import InputError
from gan.storage.newest import newest

_TICK = 100_000_000  # nanoseconds; two versions of a file written within one clock tick may have the same time

Model = TypeVar("Model", bound=BaseModel)


def stamp(path: str | Path) -> tuple[int, int, int]:
    """Return a fingerprint of a file version: inode, modification time and size; zeros if the file is missing."""
    try:
        found = os.stat(path)  # noqa: PTH116  # pages ask for thousands
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_mtime_ns, found.st_size


def read_cached(read: Any, path: Path, *arguments: Any) -> Any:
    """Call a cached reader; bypass its cache while the file is so new that another version may have the same stamp."""
    seen = stamp(path)
    if not any(seen):
        raise InputError(f"{path} is missing; restore it from a backup or delete the run.")
    is_settled = time.time_ns() - seen[1] > _TICK
    return (read if is_settled else read.__wrapped__)(*arguments, path, *seen)


@newest(8192, subject=2)
def _read_stamped(model: type[Model], path: Path, inode: int, changed: int, size: int) -> Model:
    try:
        return model.model_validate(read_json(path))
    except ValidationError as error:
        raise InputError(f"{path} is damaged ({error.errors()[0]['msg']}); restore it from a backup.") from None


def read_model(model: type[Model], path: Path) -> Model:
    """Return the JSON file at ``path`` as a model. Raises InputError if it is missing or damaged."""
    found: Model = read_cached(_read_stamped, path, model)
    return found


def read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path} is missing; restore it from a backup or delete the run.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({error}); restore it from a backup or delete the run.") from None
