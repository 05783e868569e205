"""Errors meant for people: one sentence that says what was wrong, what was expected and what to do."""

from __future__ import annotations

import contextlib
import difflib
import errno
from collections.abc import Iterable, Iterator, Mapping


class InputError(Exception):
    """Something a person asked for cannot be done as asked; ``str(error)`` is one sentence for that person."""


class RunFailed(Exception):
    """A run ended without a result (a full disk, a damaged checkpoint, ...); ``str(error)`` is one sentence."""


def shown(text: str, most: int = 60) -> str:
    """Return foreign text as it may stand in a sentence: on one line, printable, and cut where it is long."""
    plain = " ".join("".join(letter if letter.isprintable() else " " for letter in text[: 4 * most]).split())
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def quoted(value: object) -> str:
    """Return a value that someone gave as it may stand in a sentence, in the way Python writes it."""
    if isinstance(value, Mapping) or hasattr(value, "model_fields"):
        return "a group"
    try:
        return shown(repr(value))
    except ValueError:  # Python refuses to write integers of more than 4,300 digits
        return "a very long number"


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint such as ``did you mean “mnist”?`` or, when nothing is near, the list of what is known."""
    known = sorted(known)
    close = difflib.get_close_matches(word[:200], known, n=1, cutoff=0.6)
    return f"did you mean “{close[0]}”?" if close else "choose one of " + ", ".join(known) + "."


def explain_os_error(error: BaseException, doing: str) -> str:
    """Return one sentence for an operating-system error met while ``doing`` something ("writing a checkpoint").

    The errno is looked up through ``__context__`` and ``__cause__`` too, because libraries wrap the real error.
    """
    seen: BaseException | None = error
    while seen is not None and not (isinstance(seen, OSError) and seen.errno):
        seen = seen.__cause__ or seen.__context__
    code = seen.errno if isinstance(seen, OSError) else None
    place = f" ({seen.filename})" if isinstance(seen, OSError) and seen.filename else ""
    if code in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full: {doing} failed{place}; free some space, then try again."
    if code in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"No permission: {doing} failed{place}; make the folder accessible or choose another one."
    reason = seen.strerror if isinstance(seen, OSError) and seen.strerror else error
    return f"{doing[:1].upper()}{doing[1:]} failed{place}: {reason}; check the path and the end of the log, then try again."


@contextlib.contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn an operating-system error met while ``doing`` something for a person into an InputError."""
    try:
        yield
    except OSError as error:
        raise InputError(explain_os_error(error, doing)) from error
