"""Frames between worker, server and browser: a JSON head, then arrays, all aligned to four bytes."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from typing import IO, Any

MOST_BYTES = 1 << 22  # of one frame
_LENGTH = struct.Struct("<I")
_PREFIX = struct.Struct("<II")  # length of the payload, number of the game

#: name, dtype ("float32", "uint8" or "int8"), shape, bytes
Array = tuple[str, str, list[int], bytes]


def pack(head: dict[str, Any], arrays: Iterable[Array] = ()) -> bytes:
    """Return one message for a browser: length of the head, the head as JSON, and the arrays that it lists."""
    listed, parts = [], []
    for name, dtype, shape, content in arrays:
        listed.append([name, dtype, shape])
        parts.append(content + bytes(-len(content) % 4))
    text = json.dumps({**head, "arrays": listed}, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    return b"".join([_LENGTH.pack(len(text)), text, *parts])


def unpack(message: bytes) -> tuple[dict[str, Any], dict[str, tuple[str, list[int], bytes]]]:
    """Return the head of a message, and its arrays by name: dtype, shape, bytes. Raises ValueError if it is malformed."""
    if len(message) < _LENGTH.size:
        raise ValueError("the message is shorter than its length field")
    (length,) = _LENGTH.unpack_from(message)
    place = _LENGTH.size + length
    head = json.loads(message[_LENGTH.size : place])
    arrays = {}
    for name, dtype, shape in head["arrays"]:
        size = {"float32": 4, "uint8": 1, "int8": 1}[dtype]
        for side in shape:
            size *= side
        if place + size > len(message):
            raise ValueError(f"the message ends inside the array “{name}”")
        arrays[name] = dtype, shape, message[place : place + size]
        place += size + -size % 4
    return head, arrays


def send(stream: IO[bytes], game: int, payload: bytes) -> None:
    """Write the message of one game to a pipe."""
    stream.write(_PREFIX.pack(len(payload), game) + payload)
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[int, bytes] | None:
    """Read the next message from a pipe: number of the game, payload. None at its end. Raises ValueError if it is malformed."""
    prefix = stream.read(_PREFIX.size)
    if len(prefix) < _PREFIX.size:
        return None
    length, game = _PREFIX.unpack(prefix)
    if length > MOST_BYTES:
        raise ValueError(f"a message of {length:,} bytes")
    payload = stream.read(length)
    return (game, payload) if len(payload) == length else None
