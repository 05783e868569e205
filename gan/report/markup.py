"""HTML elements as escaped text: markup in a name or another value is never interpreted."""

from __future__ import annotations

from html import escape

_VOID = {"img", "meta", "link"}


class Html(str):
    """A string of HTML, not escaped again."""

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """Return an element. Children are escaped unless they are :class:`Html`; None is skipped.

    In attribute names, trailing underscores are dropped (``class_``) and other underscores become dashes.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_safe(value)}"' for key, value in attributes.items() if value is not None
    )
    return Html(f"<{name}{written}>" if name in _VOID else f"<{name}{written}>{join(*children)}</{name}>")


def join(*children: object) -> Html:
    """Return the concatenated children, each escaped unless it is :class:`Html`; None is skipped."""
    return Html("".join(child if isinstance(child, Html) else _safe(child) for child in children if child is not None))


def _safe(value: object) -> str:
    """Return a value as escaped text that can be encoded as UTF-8."""
    return escape(str(value).encode("utf-8", "replace").decode().replace("\0", " "))
