"""Refreshes of parts of a page leave the rest of it whole.

Streamlit 1.67 keeps one request for a rerun at a time, and one queue of messages for the browser. On a slow server,

- a timed refresh may arrive after the visitor has gone to another page. Streamlit goes back to the page of the refresh, or clears
  the new one;
- a refresh may begin before the browser has been sent the page that contains the part. Streamlit throws away what that page drew
  there; the browser then takes the part for one that is gone, and the elements after it move up and are overwritten.

Either way the page stays broken until it is drawn anew, or loaded again.
"""

from __future__ import annotations

from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests, ScriptRequestType

_NOTHING = RerunData()  # is kept until the first request

_usual_request = ScriptRequests.request_rerun
_usual_clear = ForwardMsgQueue.clear


def patch_streamlit() -> None:
    """Change both for all sessions of this server; leave alone what this version of Streamlit does in another way."""
    if {"_lock", "_state", "_rerun_data"} <= vars(ScriptRequests()).keys():
        ScriptRequests.request_rerun = _request_rerun  # type: ignore[method-assign, assignment]
    if "_delta_index_map" in vars(ForwardMsgQueue()):
        ForwardMsgQueue.clear = _clear  # type: ignore[method-assign, assignment]


def _request_rerun(requests: ScriptRequests, new: RerunData) -> bool:
    """Request a rerun as Streamlit does, or drop it if it is late. Return False if a new script has to be started for it."""
    if not new.fragment_id:
        return _usual_request(requests, new)
    with requests._lock:
        return _is_late(requests, new) or requests._request_rerun_locked(new)


def _is_late(requests: ScriptRequests, new: RerunData) -> bool:
    """Return whether the refresh of a part of a page comes too late.

    A timed one does if the whole page is being drawn or about to be, which draws the part as well, or if the script has ended and
    the browser has yet to hear of it, for a new script would throw its last messages away. The timer asks again. Every other one,
    such as a click, is late if the script draws another page.
    """
    kept = requests._rerun_data
    is_whole = kept != _NOTHING and not kept.fragment_id_queue and not kept.is_fragment_scoped_rerun
    if new.is_auto_rerun and (is_whole or requests._state is ScriptRequestType.STOP):
        return True
    return bool(kept.page_script_hash) and new.page_script_hash != kept.page_script_hash


def _clear(queue: ForwardMsgQueue, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: list[str] | None = None) -> None:
    """Clear the queue as Streamlit does, but keep all messages if the next ones redraw parts of the page only."""
    if fragment_ids_this_run is None:
        _usual_clear(queue, retain_lifecycle_msgs)
    else:
        queue._delta_index_map = {}  # so that the next ones come after those that wait, and do not take their places
