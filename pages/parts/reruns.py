"""Refreshes of parts of a page, and clicks in them, leave the rest of it whole.

Streamlit 1.67 keeps one request for a rerun at a time, and one queue of messages for the browser. On a slow server,

- a timed refresh may arrive after the visitor has gone to another page. Streamlit goes back to the page of the refresh, or clears
  the new one;
- a refresh may begin before the browser has been sent the page that contains the part. Streamlit throws away what that page drew
  there; the browser then takes the part for one that is gone, and the elements after it move up and are overwritten;
- a click in a part may arrive after the script that drew the page has ended, while its last messages are still on their way.
  Streamlit starts a new script for the part and throws those messages away.

Each way the page stays broken until it is drawn anew, or loaded again.
"""

from __future__ import annotations

from typing import Any

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner, ScriptRunnerEvent
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests

_NOTHING = RerunData()  # is kept until the first request

_usual_request = ScriptRequests.request_rerun
_usual_clear = ForwardMsgQueue.clear
_usual_start = AppSession.request_rerun
_usual_event = getattr(AppSession, "_handle_scriptrunner_event_on_event_loop", None)


def patch_streamlit() -> None:
    """Change this for all sessions of this server; leave alone what this version of Streamlit does in another way."""
    if {"_lock", "_state", "_rerun_data"} <= vars(ScriptRequests()).keys():
        ScriptRequests.request_rerun = _request_rerun  # type: ignore[method-assign, assignment]
    if "_delta_index_map" in vars(ForwardMsgQueue()):
        ForwardMsgQueue.clear = _clear  # type: ignore[method-assign, assignment]
    if _usual_event:
        AppSession.request_rerun = _start  # type: ignore[method-assign, assignment]
        AppSession._handle_scriptrunner_event_on_event_loop = _take_in  # type: ignore[method-assign, assignment]


def _request_rerun(requests: ScriptRequests, new: RerunData) -> bool:
    """Request a rerun as Streamlit does, or drop it if it is late. Return False if a new script has to be started for it."""
    if not new.fragment_id:
        return _usual_request(requests, new)
    with requests._lock:
        return _is_late(requests, new) or requests._request_rerun_locked(new)


def _is_late(requests: ScriptRequests, new: RerunData) -> bool:
    """Return whether the refresh of a part of a page comes too late.

    A timed one does if the whole page is being drawn or about to be, which draws the part as well. The timer asks again. Every
    other one, such as a click, is late if the script draws another page.
    """
    kept = requests._rerun_data
    is_whole = kept != _NOTHING and not kept.fragment_id_queue and not kept.is_fragment_scoped_rerun
    is_elsewhere = bool(kept.page_script_hash) and new.page_script_hash != kept.page_script_hash
    return (new.is_auto_rerun and is_whole) or is_elsewhere


def _clear(queue: ForwardMsgQueue, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: list[str] | None = None) -> None:
    """Clear the queue as Streamlit does, but keep all messages if the next ones redraw parts of the page only."""
    if fragment_ids_this_run is None:
        _usual_clear(queue, retain_lifecycle_msgs)
    else:
        queue._delta_index_map = {}  # so that the next ones come after those that wait, and do not take their places


def _start(session: AppSession, state: ClientState | None) -> None:
    """Request a rerun as Streamlit does; if it starts a new script for a part of the page, keep the ended one in mind."""
    before = session._scriptrunner
    _usual_start(session, state)
    if before and session._scriptrunner is not before and state is not None and state.fragment_id:
        _ended(session).add(before)


def _take_in(session: AppSession, sender: ScriptRunner | None, event: ScriptRunnerEvent, *about: Any, **further: Any) -> None:
    """Handle an event of a script as Streamlit does, also one still due from a script replaced by one for a part of its page.

    Those all precede the first event of the new script.
    """
    assert _usual_event
    if sender not in _ended(session):
        _usual_event(session, sender, event, *about, **further)
    elif event is ScriptRunnerEvent.SHUTDOWN:  # its last one; another script runs
        _ended(session).remove(sender)
    else:
        now, session._scriptrunner = session._scriptrunner, sender
        try:
            _usual_event(session, sender, event, *about, **further)
        finally:
            session._scriptrunner = now


def _ended(session: AppSession) -> set[ScriptRunner | None]:
    """Return the ended scripts of a session whose last events are still due."""
    found: set[ScriptRunner | None] = vars(session).setdefault("scripts_that_ended", set())
    return found
