"""HTML from elements: all text is escaped unless it is made here, so that a name with markup stays a name."""

from __future__ import annotations

from html import escape

_VOID = {"img", "meta", "link"}


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """Return an element; children are escaped unless they are :class:`Html`, None is left out.

    A trailing underscore of an attribute's name is dropped (``class_``), other underscores become dashes.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_safe(value)}"' for key, value in attributes.items() if value is not None
    )
    return Html(f"<{name}{written}>" if name in _VOID else f"<{name}{written}>{join(*children)}</{name}>")


def join(*children: object) -> Html:
    """Return several pieces one after the other, each escaped unless it is :class:`Html`; None is left out."""
    return Html("".join(child if isinstance(child, Html) else _safe(child) for child in children if child is not None))


def _safe(value: object) -> str:
    """Return a value as text that a UTF-8 file can hold and HTML shows letter by letter."""
    return escape(str(value).encode("utf-8", "replace").decode().replace("\0", " "))
