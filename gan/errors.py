"""User-facing errors: one sentence with what was wrong, what was expected and what to do."""

from __future__ import annotations

import contextlib
import difflib
import errno
from collections.abc import Iterable, Iterator, Mapping


class InputError(Exception):
    """A user request cannot be fulfilled; ``str(error)`` is one sentence for the user."""


class RunFailed(Exception):
    """A run failed (full disk, damaged checkpoint, ...); ``str(error)`` is one sentence for the user."""


def shown(text: str, most: int = 60) -> str:
    """Return untrusted text in a form safe for a sentence: on one line, printable, at most ``most`` characters."""
    plain = " ".join("".join(letter if letter.isprintable() else " " for letter in text[: 4 * most]).split())
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def quoted(value: object) -> str:
    """Return a user-supplied value in a form safe for a sentence: a text in quotation marks, others as Python writes them."""
    if isinstance(value, str):
        return f"“{shown(value)}”"
    if isinstance(value, Mapping) or hasattr(value, "model_fields"):
        return "a group"
    try:
        return shown(repr(value))
    except ValueError:  # Python refuses to write integers of more than 4,300 digits
        return "a very long number"


def as_sentence(message: str) -> str:
    """Return a message with a full stop at its end, unless it ends with a question."""
    return message if message.endswith("?") else f"{message.rstrip('.')}."


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint like ``did you mean “mnist”?``, or the list of known words if none is close."""
    known = sorted(known)
    close = difflib.get_close_matches(word[:200], known, n=1, cutoff=0.6)
    return f"did you mean “{close[0]}”?" if close else "choose one of " + ", ".join(known) + "."


def explain_os_error(error: BaseException, doing: str) -> str:
    """Return one sentence for an operating-system error during ``doing`` ("writing a checkpoint").

    The errno is also searched for in ``__cause__`` and ``__context__``, because libraries wrap the original error.
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
    """Convert an operating-system error during ``doing`` into an InputError."""
    try:
        yield
    except OSError as error:
        raise InputError(explain_os_error(error, doing)) from error
