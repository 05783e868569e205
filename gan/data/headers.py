"""Checks of headers before Pillow reads them: what would take it minutes or gigabytes is recognised by size; torch-free."""

from __future__ import annotations

import re
import struct

MOST_VALUES = 500_000  # numbers in the directories of a TIFF; each becomes a Python object

_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}  # byte orders; BigTIFF is for files larger than any that are read
_BYTES = {1: 1, 2: 1, 6: 1, 7: 1, 3: 2, 8: 2, 4: 4, 9: 4, 11: 4, 13: 4, 5: 8, 10: 8, 12: 8, 16: 8}  # by type of value
_TEXT = {1, 2, 7}  # types that Pillow keeps as bytes
_INNER = {34665, 34853, 40965}  # tags of directories inside: Exif, GPS, interoperability
_MOST_DIRECTORIES = 16

_PNM = tuple(f"P{kind}".encode() for kind in range(1, 7))
_PNM_PLAIN = _PNM[:3]
_PNM_HEAD = 4000  # bytes within which width, height and highest value must stand
_COMMENT = re.compile(rb"#[^\r\n]*")


def is_heavy(content: bytes) -> bool:
    """Return whether the header of a file asks for more work than any sensible picture: a TIFF or a PNM with a forged header."""
    if content.startswith((b"II", b"MM")):
        return _is_heavy_tiff(content)
    if content.startswith(_PNM):
        return len(_COMMENT.sub(b"", content[:_PNM_HEAD]).split(None, 4)) < (3 if content[1:2] in b"14" else 4)
    return False


def without_comments(content: bytes) -> bytes:
    """Return a plain (textual) PNM without its comments, which Pillow removes in quadratic time; other files as they are."""
    return _COMMENT.sub(b"", content) if content.startswith(_PNM_PLAIN) else content


def _is_heavy_tiff(content: bytes) -> bool:
    """Return whether the directories of a TIFF hold too many numbers, share their data, or cannot be followed."""
    order = _ORDERS.get(content[:4])
    if order is None or len(content) < 8:
        return True
    waiting = list(struct.unpack_from(f"{order}L", content, 4))
    seen: set[int] = set()
    numbers = size = 0
    while waiting:
        offset = waiting.pop()
        if offset in seen or offset + 2 > len(content):
            continue
        seen.add(offset)
        (entries,) = struct.unpack_from(f"{order}H", content, offset)
        for place in range(offset + 2, min(offset + 2 + 12 * entries, len(content) - 11), 12):
            tag, kind, count, value = struct.unpack_from(f"{order}HHLL", content, place)
            size += count * _BYTES.get(kind, 1)
            numbers += 0 if kind in _TEXT else count
            if tag in _INNER:
                waiting.append(value)
        if numbers > MOST_VALUES or size > len(content) or len(seen) > _MOST_DIRECTORIES:
            return True
    return False
