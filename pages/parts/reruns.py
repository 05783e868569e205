"""Timed refreshes make way for changes of page.

Streamlit 1.67 keeps one request for a rerun at a time. If the server is slow, the timed refresh of a part of a page can arrive
after the visitor has gone to another one. Streamlit then goes back to the page of the refresh, or tells the browser that the page
has changed; the browser clears it, and it stays broken until it is loaded again. Timers ask again, so nothing is lost here.
"""

from __future__ import annotations

from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests, ScriptRequestType

_usual = ScriptRequests.request_rerun


def make_way() -> None:
    """Let all sessions of this server drop refreshes that are late. Does nothing if Streamlit keeps its requests in another way."""
    if {"_lock", "_state", "_rerun_data"} <= vars(ScriptRequests()).keys():
        ScriptRequests.request_rerun = _request_rerun  # type: ignore[method-assign, assignment]


def _request_rerun(requests: ScriptRequests, new: RerunData) -> bool:
    """Request a rerun as Streamlit does, or drop it if it is late. Return False if a new script has to be started for it."""
    if not new.fragment_id:
        return _usual(requests, new)
    with requests._lock:
        return _is_late(requests, new) or requests._request_rerun_locked(new)


def _is_late(requests: ScriptRequests, new: RerunData) -> bool:
    """Return whether the refresh of a part of a page comes too late.

    It does if the script has ended and the browser has yet to hear of it, for a new script would throw its last messages away; if
    the whole page is about to be drawn; or if the script draws another page. A click in a part of a
    page is late for the last reason only.
    """
    kept = requests._rerun_data
    if new.is_auto_rerun and requests._state is ScriptRequestType.STOP:
        return True
    is_whole = not kept.fragment_id_queue and not kept.is_fragment_scoped_rerun
    if new.is_auto_rerun and requests._state is ScriptRequestType.RERUN and is_whole:
        return True
    return bool(kept.page_script_hash) and new.page_script_hash != kept.page_script_hash
