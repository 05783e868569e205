"""Facts with their own SHA-256, so that a changed value is noticed: JSON that contains it, and files that begin with it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from gan.storage import files

_SEAL = "facts_sha256"


def seal(facts: dict[str, Any]) -> bytes:
    """Return facts as JSON that includes the SHA-256 of that JSON: a changed learning rate would spoil a run unnoticed."""
    return _with_seal(facts, _digest(facts, indent=1))


def unseal(content: bytes) -> dict[str, Any]:
    """Return the facts that :func:`seal` wrote. Raises ValueError if they are damaged."""
    try:
        facts = json.loads(content)
        if not isinstance(facts, dict):
            raise ValueError("its facts are not a JSON object")  # noqa: TRY004  # damage, not a wrong argument
        facts.pop(_SEAL, None)
        # Earlier caches hold the digest of the facts on one line.
        if content not in (seal(facts), _with_seal(facts, _digest(facts, indent=None))):
            raise ValueError("its facts are not what was written")
    except RecursionError:
        raise ValueError("its facts are nested too deeply") from None
    return facts


def _with_seal(facts: dict[str, Any], digest: str) -> bytes:
    return files.to_json({**facts, _SEAL: digest}, indent=1).encode()


def _digest(facts: dict[str, Any], indent: int | None) -> str:
    return hashlib.sha256(files.to_json(facts, indent=indent).encode()).hexdigest()


def store(path: Path, content: bytes) -> None:
    """Replace a file by its SHA-256 and ``content``."""
    files.write_atomically(path, hashlib.sha256(content).hexdigest().encode() + b"\n" + content, durable=False)


def load(path: Path) -> bytes:
    """Return the content of a file written by :func:`store`. Raises OSError if it is missing, ValueError if it is damaged."""
    digest, _, content = path.read_bytes().partition(b"\n")
    if hashlib.sha256(content).hexdigest().encode() != digest:
        raise ValueError("its content is not what was written")
    return content
