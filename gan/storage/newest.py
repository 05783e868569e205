"""Cached results of files that change: only those of the newest version are kept.

With ``functools.lru_cache``, the versions of a file that grows while a run trains fill the cache with results that are never asked
for again, each as long as the run.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def newest(most: int, subject: int | None = None) -> Callable[[Callable[_Arguments, _Result]], Callable[_Arguments, _Result]]:
    """Cache the results of a function for at most ``most`` subjects, one result each.

    The first ``subject`` positional arguments and all named ones are the subject; the other arguments are its version, and a call
    with another version replaces the result. Without ``subject``, an argument with an attribute ``subject`` is a version of that
    subject; all others are part of the subject. The subject written longest ago makes room for a new one. For threads; equal calls
    at the same time may each compute the result.
    """

    def decorate(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
        kept: dict[Any, tuple[Any, _Result]] = {}
        writing = threading.Lock()

        @functools.wraps(function)
        def cached(*arguments: _Arguments.args, **named: _Arguments.kwargs) -> _Result:
            key: Any = _subject(arguments) if subject is None else arguments[:subject]
            if named:
                key = key, *sorted(named.items())
            version = arguments[subject or 0 :]
            found = kept.get(key)
            if found is not None and found[0] == version:
                return found[1]
            result = function(*arguments, **named)
            with writing:
                kept.pop(key, None)
                kept[key] = version, result
                if len(kept) > most:
                    del kept[next(iter(kept))]
            return result

        cached.kept = kept  # type: ignore[attr-defined]
        cached.cache_clear = kept.clear  # type: ignore[attr-defined]
        return cached

    return decorate


def _subject(value: Any) -> Any:
    """Return the subject of an argument, or the argument if it has none; for a tuple, those of its members."""
    return tuple(map(_subject, value)) if isinstance(value, tuple) else getattr(value, "subject", value)
