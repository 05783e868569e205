"""URL parameters that the server has set hold until the browser has heard of them.

The browser sends its URL along with every click and refresh, and Streamlit 1.67 believes it. On a slow network, or while a page is
drawn slowly, the next click comes with the URL of before: a run that has just been chosen would jump back to the one before.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs, urlencode
from weakref import WeakKeyDictionary

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.app_session import AppSession

_Values = tuple[str, ...]  # of one parameter; empty if the URL does not have it

_usual = AppSession.request_rerun


class Known:
    """What one browser may hold for each parameter: the value that it sent last, then those that the server has set since."""

    def __init__(self) -> None:
        self._page: str | None = None  # the first one of a visit is ""
        self._values: dict[str, list[_Values]] = {}

    def settle(self, page: str, sent: Mapping[str, _Values], present: Mapping[str, _Values], *, is_new: bool) -> dict[str, _Values]:
        """Return the parameters that hold for a request, in the order in which the browser or else the server has them.

        ``sent``: those of the browser. ``present``: those of the server. ``is_new``: the browser went to another address.
        """
        if is_new or self._page is None or (self._page and page != self._page):
            self._values = {}
        else:
            for name in {*self._values, *present}:
                values = self._values.setdefault(name, [()])
                if present.get(name, ()) != values[-1]:
                    values.append(present.get(name, ()))
        self._page = page
        for name in {*self._values, *sent}:
            value = sent.get(name, ())
            values = self._values.get(name, [])
            late = max((place for place, one in enumerate(values) if one == value), default=None)
            self._values[name] = [value] if late is None else values[late:]
        return {name: self._values[name][-1] for name in dict.fromkeys([*sent, *self._values]) if self._values[name][-1]}


_known: WeakKeyDictionary[AppSession, Known] = WeakKeyDictionary()


def hold() -> None:
    """Let the parameters that the server has set hold in all sessions of this server."""
    AppSession.request_rerun = _request_rerun  # type: ignore[method-assign, assignment]


def _request_rerun(session: AppSession, asked: ClientState | None) -> None:
    """Request a rerun as Streamlit does, with the parameters that hold; tell the browser if its own are late."""
    if asked is not None:
        sent = {name: tuple(values) for name, values in parse_qs(asked.query_string, keep_blank_values=True).items()}
        present = {
            name: (values,) if isinstance(values, str) else tuple(values)
            for name, values in dict(session.session_state.query_params._query_params).items()
        }
        is_elsewhere = asked.page_script_hash != session._pages_manager.current_page_script_hash
        is_link = not asked.fragment_id and not asked.widget_states.widgets  # the browser sends no values of widgets with it
        is_new = asked.is_history_navigation or is_link or is_elsewhere
        held = _known.setdefault(session, Known()).settle(asked.page_script_hash, sent, present, is_new=is_new)
        if held != sent:
            asked.query_string = urlencode(held, doseq=True)
            if not asked.is_auto_rerun:  # the click may interrupt the script that was about to tell the browser
                told = ForwardMsg()
                told.page_info_changed.query_string = asked.query_string
                session._enqueue_forward_msg(told)
    _usual(session, asked)
