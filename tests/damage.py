"""Damaged files: random changes of bytes and of JSON values, the same for the same number."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

#: JSON texts of values that no file of the program holds: other types, huge numbers, deep nesting, strange texts.
STRANGE = (
    "null", "true", "[]", "{}", '""', "0", "-1", "1.5", "NaN", "-Infinity", "1e308", "-1e999", "1" + "0" * 400, "9" * 5000,
    str(2**63), '"\\ud800"', '"\\u0000"', '"' + "x" * 10_000 + '"', '"../../etc/passwd"', '"<img src=x onerror=alert(1)>"',
    "[" * 200 + "]" * 200, "[" * 100_000, '{"a":' * 300 + "1" + "}" * 300, '{"step": {"step": []}}', "[1, [2, [3]]]", '"1e400"',
)  # fmt: skip


def spoilt(files: Sequence[bytes], number: int) -> bytes:
    """Return one of the files with random damage to its bytes; ``number`` is the seed."""
    chance = random.Random(number)
    content = bytearray(chance.choice(files))
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(content) + 1)
        match chance.randrange(6):
            case 0:
                content[place : place + 1] = bytes(byte ^ (1 << chance.randrange(8)) for byte in content[place : place + 1])
            case 1:
                content[place:place] = chance.randbytes(chance.randint(1, 8))
            case 2:
                del content[place : place + chance.randint(1, 12)]
            case 3:
                other = chance.choice(files)
                content[place:] = other[chance.randrange(len(other)) :]
            case 4:
                length = chance.choice((1, 2, 4, 8))
                content[place : place + length] = chance.choice((b"\0", b"\xff")) * length
            case _:
                content[place : place + 1] = bytes([chance.choice((0, 1, 127, 128, 255))])
    return bytes(content)


def warped(content: bytes, number: int) -> bytes:
    """Return a JSON file with one to three values replaced by strange ones, removed, renamed, or taken from elsewhere in it."""
    chance = random.Random(number)
    value = json.loads(content)
    marks: dict[str, str] = {}
    for turn in range(chance.randint(1, 3)):
        places = list(_places(value))
        if not places:
            break
        owner, key = chance.choice(places)
        match chance.randrange(6):
            case 0:
                del owner[key]
            case 1 if isinstance(owner, dict):
                owner[chance.choice(["", "step", "name", "x" * 200, str(key) + "s", "schema_version"])] = owner.pop(key)
            case 2:
                other, place = chance.choice(places)
                owner[key] = other[place]
                if not _is_tree(value):
                    owner[key] = None
            case _:
                marks[mark := f"strange {number} {turn}"] = chance.choice(STRANGE)
                owner[key] = mark
    text = json.dumps(value)
    for mark, strange in marks.items():
        text = text.replace(f'"{mark}"', strange)
    return text.encode("utf-8", "surrogatepass")


def _places(value: Any, depth: int = 0) -> Any:
    """Yield every place in a JSON value: its owner and its key or index."""
    if depth < 20 and isinstance(value, (dict, list)):
        for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
            yield value, key
            yield from _places(inner, depth + 1)


def _is_tree(value: Any) -> bool:
    """Return whether a value is small and does not contain itself."""
    try:
        return len(json.dumps(value)) < 1_000_000
    except (ValueError, RecursionError):
        return False
