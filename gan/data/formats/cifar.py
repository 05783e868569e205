"""CIFAR-10 and CIFAR-100, binary and for Python; the pickles of the latter are read by a few opcodes, never loaded; torch-free."""

from __future__ import annotations

import math
import pickletools
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from gan.catalogue import data_sets
from gan.data.formats import arrays
from gan.data.formats.arrays import Part, Stored
from gan.data.formats.pictures import Opened, PictureSource, listed, reading, together
from gan.errors import InputError

_PIXELS = 3 * 32 * 32
_MOST_PICKLE = 400 << 20  # bytes; CIFAR-100 has 155 MB
_MOST_OPCODES = 5_000_000
_RECORDS = {10: _PIXELS + 1, 100: _PIXELS + 2}  # bytes: a label, or two with the coarse one first, and the pixels


# Binary


def is_binary(head: bytes, opened: Opened) -> bool:
    """Return whether a file consists of records of CIFAR-10 or CIFAR-100, by its size and the labels in its first records."""
    return _classes_of_binary(opened) > 0


def _classes_of_binary(opened: Opened) -> int:
    """Return 10 or 100; 0 if a file is neither."""
    if not opened.size:
        return 0
    for classes, record in _RECORDS.items():
        if opened.size % record == 0:
            some = np.frombuffer(opened.start().read(64 * record), np.uint8).reshape(-1, record)
            opened.start()
            if (some[:, record - _PIXELS - 1] < classes).all() and (classes == 10 or (some[:, 0] < 20).all()):
                return classes
    return 0


def read_binary(files: Sequence[Opened]) -> PictureSource:
    """Return the pictures of binary batches."""
    parts = []
    for opened in files:
        classes = _classes_of_binary(opened)
        record = _RECORDS[classes]
        shape = ((opened.size or 0) // record, record)
        whole = Stored(
            opened.name, shape, np.dtype("u1"), partial(arrays.records, opened, "a CIFAR file", 0, shape, np.dtype("u1"))
        )
        labels = np.concatenate([block[:, record - _PIXELS - 1] for block in whole.blocks()])
        if labels.max() >= classes:
            raise InputError(
                f"{opened.shown} has a label {labels.max()} in CIFAR-{classes}, expected 0 to {classes - 1}; download it again."
            )
        parts.append(_part(opened.name, shape[0], partial(_pixels, whole), labels, classes))
    return _source(files, parts, "in CIFAR's binary form")


def _pixels(whole: Stored) -> Iterator[np.ndarray]:
    for block in whole.blocks():
        yield block[:, -_PIXELS:].reshape(-1, 3, 32, 32)


def _part(name: str, count: int, blocks: Any, labels: np.ndarray, classes: int) -> Part:
    names = data_sets.DATA_SETS["cifar10"].classes if classes == 10 else ()
    found = arrays.labels_from(Stored("", (count,), np.dtype("i8"), lambda: iter([labels.astype(np.int64)])), names)
    return Part(Stored(name, (count, 3, 32, 32), np.dtype("u1"), blocks), found)


def _source(files: Sequence[Opened], parts: Sequence[Part], form: str) -> PictureSource:
    title = f"{'A batch' if len(parts) == 1 else f'{len(parts)} batches'} {form}"
    return arrays.source(together(files), "CIFAR", title, parts, labelled_by="the labels of CIFAR")


# Pickles


def is_pickle(head: bytes, opened: Opened) -> bool:
    """Return whether a file begins like a pickle of protocol 2 to 5."""
    return len(head) > 2 and head[0] == 0x80 and 2 <= head[1] <= 5


def read_pickles(files: Sequence[Opened]) -> PictureSource:
    """Return the pictures of batches for Python. Raises InputError for any other pickle: pickles can run code."""
    parts = []
    for opened in files:
        batch = _batch(opened)
        if batch is None and len(files) > 1:
            continue  # batches.meta
        if batch is None:
            raise InputError(
                f"{opened.shown} is a pickle, which can run code and is therefore never loaded; save its pictures as .npz with "
                "np.savez."
            )
        data, labels = batch
        classes = 100 if labels.max() > 9 else 10
        parts.append(_part(opened.name, len(data), partial(_rows, data), labels, classes))
    if not parts:
        raise InputError(f"{listed(one.name for one in files)} are pickles, which are never loaded; save the pictures as .npz.")
    return _source(files, parts, "in CIFAR's form for Python, read without loading the pickle")


def _rows(data: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(data), 1024):
        yield data[start : start + 1024].reshape(-1, 3, 32, 32)


def _batch(opened: Opened) -> tuple[np.ndarray, np.ndarray] | None:
    """Return pixels [N, 3072] and labels [N] of a batch; None if the pickle holds anything else."""
    if opened.size is not None and opened.size > _MOST_PICKLE:
        return None
    with reading(opened, "a pickle"):
        try:
            found = _plain(opened)
        except _Other:
            return None
        if not isinstance(found, dict):
            return None
        named = {
            key.decode("latin-1") if isinstance(key, bytes) else key: value
            for key, value in found.items()
            if isinstance(key, (str, bytes))
        }
        data, labels = named.get("data"), named.get("fine_labels", named.get("labels"))
        if not isinstance(data, _Array) or not isinstance(labels, list) or not all(type(label) is int for label in labels):
            return None
        pixels = data.values()
        if pixels is None or len(labels) != len(pixels):
            raise InputError(
                f"{opened.shown} is a batch of CIFAR whose {len(labels):,} labels do not fit its pictures; download it again."
            )
        codes = np.array(labels, dtype=np.int64)
        return (pixels, codes) if len(codes) and codes.min() >= 0 and codes.max() < 100 else None


class _Other(Exception):
    """A pickle with something that batches of CIFAR do not have."""


_MARK = object()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = {
    "BININT", "BININT1", "BININT2", "LONG1", "SHORT_BINSTRING", "BINSTRING", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8",
    "SHORT_BINBYTES", "BINBYTES", "BINBYTES8",
}  # fmt: skip
#: The only names that are understood, as parts of an array; they are never imported.
_KNOWN = {
    ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype"),
    ("_codecs", "encode"),
}  # fmt: skip


class _Name(tuple[str, str]):
    """A name in a pickle, as text."""


class _Type:
    """A type of values: its code, such as "u1"."""

    def __init__(self, code: Any) -> None:
        self.code = code


class _Array:
    """An array whose state is filled in by the opcode BUILD."""

    state: Any = None

    def values(self) -> np.ndarray | None:
        """Return uint8 [N, 3072], or None if it is another array."""
        match self.state:
            case (int(), (int(count), int(columns)), _Type(code="u1"), bool(is_in_columns), bytes(raw)) if columns == _PIXELS:
                if count >= 1 and math.prod((count, columns)) == len(raw):
                    return np.frombuffer(raw, np.uint8).reshape((count, columns), order="F" if is_in_columns else "C")
        return None


def _plain(opened: Opened) -> Any:
    """Return what a pickle of dictionaries, lists, texts, numbers and arrays holds. Raises _Other for any other opcode or name."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}

    def since_mark() -> list[Any]:
        place = len(stack) - 1
        while stack[place] is not _MARK:
            place -= 1
        taken = stack[place + 1 :]
        del stack[place:]
        return taken

    argument: Any
    for number, (opcode, argument, _) in enumerate(pickletools.genops(opened.start())):
        if number > _MOST_OPCODES:
            raise _Other
        match opcode.name:
            case "PROTO" | "FRAME":
                pass
            case name if name in _CONSTANTS:
                stack.append(_CONSTANTS[name])
            case name if name in _VALUES:
                stack.append(argument.encode("latin-1") if name in ("SHORT_BINSTRING", "BINSTRING") else argument)
            case "EMPTY_DICT":
                stack.append({})
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_TUPLE":
                stack.append(())
            case "MARK":
                stack.append(_MARK)
            case "TUPLE":
                stack.append(tuple(since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                length = int(opcode.name[-1])
                stack[-length:] = [tuple(stack[-length:])]
            case "APPEND":
                value = stack.pop()
                _of(stack[-1], list).append(value)
            case "APPENDS":
                values = since_mark()
                _of(stack[-1], list).extend(values)
            case "SETITEM":
                value, key = stack.pop(), stack.pop()
                _of(stack[-1], dict)[_of(key, (str, bytes, int))] = value
            case "SETITEMS":
                pairs = since_mark()
                for key, value in zip(pairs[::2], pairs[1::2], strict=True):
                    _of(stack[-1], dict)[_of(key, (str, bytes, int))] = value
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "GLOBAL":
                stack.append(_name(tuple(argument.split(" ", 1))))
            case "STACK_GLOBAL":
                attribute, module = stack.pop(), stack.pop()
                stack.append(_name((module, attribute)))
            case "REDUCE":
                arguments, function = stack.pop(), stack.pop()
                stack.append(_made(function, _of(arguments, tuple)))
            case "BUILD":
                state = stack.pop()
                if isinstance(stack[-1], _Array):
                    stack[-1].state = state
            case "STOP":
                return stack.pop()
            case _:
                raise _Other
    raise EOFError("no end")


def _of(value: Any, kind: Any) -> Any:
    if not isinstance(value, kind):
        raise _Other
    return value


def _name(name: tuple[Any, ...]) -> _Name:
    if name not in _KNOWN:
        raise _Other
    return _Name(name)


def _made(function: Any, arguments: tuple[Any, ...]) -> Any:
    """Return what a call in a pickle stands for, without calling anything."""
    match function, arguments:
        case _Name() as name, _ if name[1] == "_reconstruct":
            return _Array()
        case _Name() as name, (code, *_) if name[1] == "dtype":
            return _Type(code.decode("latin-1") if isinstance(code, bytes) else code)
        case _Name() as name, (str(text), *_) if name[1] == "encode":
            return text.encode("latin-1")
    raise _Other
