"""The bar of a class: one line at the top of every page with the name, the switch to follow or to lead, and the way out."""

from __future__ import annotations

import html
import secrets

import streamlit as st

from gan.access import people
from gan.access.leading import leading
from gan.access.people import Person
from pages.parts import frame
from pages.parts.classroom import attendance

_LEAD_TICK = 1.0  # seconds between looks at where the teacher's tab is
_TAB = "class/tab"  # names the teacher's tab
_FOLLOWED = "class/followed"  # the lead that this session follows
_WENT = "class/went"  # the move of the teacher that this session followed last

#: Streamlit tells a visitor who was shut out of a connection error for ever; this leads back to the form at the door.
_KEEPER = """<script>
clearInterval(window.classDoor);
window.classDoor = setInterval(async () => {
  if (document.hidden) return;
  const answer = await fetch("door", {method: "HEAD", cache: "no-store"}).catch(() => null);
  if (answer?.status === 401) location.reload();
}, 5000);
</script>"""

_STYLE = """<style>
.st-key-class-bar {border-bottom: 1px solid #8883; padding-bottom: .25rem; flex-wrap: nowrap;
  min-height: 2rem; margin-top: -1rem; font-size: .875rem}
.st-key-class-bar > div:first-child {flex: 0 1 auto !important; min-width: 0; overflow: hidden}
.st-key-class-bar [data-testid="stHtml"] {white-space: nowrap; overflow: hidden; text-overflow: ellipsis}
.st-key-class-bar > div:last-child {margin-left: auto}
.st-key-class-bar a {color: inherit}
</style>"""


def draw() -> None:
    """Draw the bar for the person who looks at the page."""
    st.html(_STYLE)
    st.html(_KEEPER, unsafe_allow_javascript=True)
    who = people.current()
    if who.is_teacher:
        (_leading if leading.is_led_by(_tab()) else _not_leading)()
    elif who.id:
        (_following if _follows() else _not_following)(who)
    else:
        with _line():
            _say("Class · not joined")
            _link("Join")


@frame.fragment(_LEAD_TICK)
def _leading() -> None:
    _draw_teacher(is_leading=True)


@frame.fragment(frame.SLOW_TICK)
def _not_leading() -> None:
    _draw_teacher(is_leading=False)


@frame.fragment(frame.TICK)
def _following(who: Person) -> None:
    _draw_student(who, is_following=True)


@frame.fragment(frame.SLOW_TICK)
def _not_following(who: Person) -> None:
    _draw_student(who, is_following=False)


def _draw_teacher(*, is_leading: bool) -> None:
    """Draw the line of the teacher, and note where this tab is if it leads."""
    page, query = frame.address()
    st.session_state["class/lead"] = leading.note_move(_tab(), page, dict(query))
    with _line():
        _say(f"Class · <b>Teacher</b> · {attendance.count()} present")
        st.toggle(
            "Lead",
            key="class/lead",
            on_change=_switch,
            help="Students who follow see the page that you see, within two seconds. It ends with this switch, or when this "
            "tab has been closed for five minutes. Another tab of a teacher that leads takes over.",
        )
        _link("Leave")
    if leading.is_led_by(_tab()) != is_leading:
        st.rerun()  # at the other pace


def _switch() -> None:
    """Begin or end leading."""
    page, query = frame.address()
    if st.session_state["class/lead"]:
        leading.begin_leading(_tab(), page, dict(query))
    elif leading.is_led_by(_tab()):
        leading.end_leading()


def _draw_student(who: Person, *, is_following: bool) -> None:
    """Draw the line of a student, and go where the teacher has gone since the last look if the student follows."""
    place = leading.place()
    with _line():
        _say(f"Class · <b>{html.escape(who.name)}</b>")
        if place:
            # Kept here and not by the widget, whose state a busy server loses when the page changes right after the click.
            st.session_state["class/follow"] = _follows()
            st.toggle(
                "Follow the teacher",
                key="class/follow",
                on_change=_follow,
                args=(place.lead,),
                help="Shows the page that the teacher shows. Between the teacher's moves you can look elsewhere. "
                "A half-filled form loses its texts and files when the teacher moves on.",
            )
        _link("Leave")
    if place and _follows():
        move = place.lead, place.move
        if st.session_state.get(_WENT) != move:
            st.session_state[_WENT] = move
            if frame.address() != (place.page, frozenset(place.query.items())):
                frame.go(place.page, **place.query)
    if _follows() != is_following:
        st.rerun()  # at the other pace


def _follows() -> bool:
    """Return whether this session follows whoever leads now; it has to be asked for anew each time somebody begins to lead."""
    place = leading.place()
    return place is not None and st.session_state.get(_FOLLOWED) == place.lead


def _follow(lead: int) -> None:
    """Begin or end following."""
    st.session_state[_FOLLOWED] = lead if st.session_state["class/follow"] else None


def _tab() -> str:
    """Return the name of this session."""
    tab: str = st.session_state.setdefault(_TAB, secrets.token_hex(8))
    return tab


def _line() -> st.delta_generator.DeltaGenerator:
    return st.container(key="class-bar", horizontal=True, vertical_alignment="center", gap="small")


def _say(sentence: str) -> None:
    st.html(sentence, width="content")


def _link(label: str) -> None:
    """Draw the link to the door, which is not a page of Streamlit; the address is relative, for servers below a base path."""
    st.html(f'<a href="door" target="_self">{label}</a>', width="content")
