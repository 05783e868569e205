"""Whose is what, on the pages of a class: names, the filter "All / Mine", and why an action is refused; nothing without a class."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

import streamlit as st

from gan.access import classroom, limits, rules
from gan.access.people import TEACHER, Person, current
from gan.catalogue.data_sets import DataSet
from gan.data import imported
from gan.places import PROJECT, default_root
from gan.runs import Run
from gan.runs.listing import Listed, names_of
from gan.sweeps.launched import Sweep
from gan.words import on_one_line
from pages.parts import frame, words

_MINE = "whose"  # what was chosen, on any page: a widget belongs to its page, and another one begins with it
_PERSON = "whose/person"


def of(owner: Person) -> str:
    """Return the name of an owner as plain text; empty without a class."""
    return (on_one_line(owner.name) or "unknown") if classroom.is_on() else ""


def by(owner: Person) -> str:
    """Return the name of an owner as Markdown; empty without a class."""
    return words.escape(of(owner))


def names(listed: Sequence[Listed]) -> dict[str, str]:
    """Return the names of runs on one line by id, for a picker; in a class, each begins with its owner."""
    called = words.on_one_line(names_of(listed))
    return labelled(called, {one.id: one.facts.owner for one in listed}) if classroom.is_on() else called


def labelled(called: Mapping[str, str], owners: Mapping[str, Person]) -> dict[str, str]:
    """Return names by id; in a class, each begins with its owner."""
    return {key: " · ".join(filter(None, (of(owners[key]), name))) for key, name in called.items()}


def why_not(verb: str, thing: Run | Sweep | DataSet | None = None) -> str:
    """Return why the person at the page may not do something, as Markdown; empty if they may."""
    who = current()
    if who.is_teacher:
        return ""
    owner, called = TEACHER, "this"
    if isinstance(thing, Run):
        owner, called = thing.owner(), f"run {thing.id}"
    elif isinstance(thing, Sweep):
        owner, called = thing.owner(), f"sweep {thing.id}"
    elif thing is not None:
        owner, called = imported.owner(thing), f"the data set “{thing.title}”"
    return words.escape(rules.refusal(who, verb, owner, called))


#: On a phone, what is filtered has a line of its own.
_ROW = "<style>@media (max-width: 640px) {.st-key-owner-row > :last-child {flex: 1 1 100%}}</style>"


def largest_upload() -> int | None:
    """Return the megabytes that the visitor may upload at once, for the sentence in the browser; None without a limit."""
    return None if current().is_teacher else limits.read(default_root()).upload_megabytes


def root_option(root: Path) -> list[str]:
    """Return the option of commands with the folder of runs; a student, who has another computer for commands, needs none."""
    return ["--root", str(root)] if current().is_teacher and root != PROJECT / "checkpoints" else []


def row(alignment: Literal["center", "bottom"] = "center") -> AbstractContextManager[object]:
    """Return a row for the filter and what it filters; without a class, the place where it is called."""
    if not classroom.is_on():
        return contextlib.nullcontext()
    st.html(_ROW)
    return st.container(horizontal=True, vertical_alignment=alignment, gap="small", key="owner-row")


def everyone(owner: Person) -> bool:
    """Show what belongs to any owner."""
    return True


def choose(owners: Iterable[Person]) -> Callable[[Person], bool]:
    """Draw the filter, for the teacher also by person; return whether what belongs to an owner is shown.

    All pages share the choice. Without a class, nothing is drawn and everything is shown.
    """
    if not classroom.is_on():
        return everyone
    who = current()
    page, _ = frame.address()
    chosen = st.segmented_control(
        "Owner",
        ["All", "Mine"],
        default=st.session_state.get(_MINE, "All"),
        required=True,
        key=f"{_MINE}/{page}",
        label_visibility="collapsed",
        width="content",
    )
    st.session_state[_MINE] = chosen
    if chosen == "Mine":
        return lambda owner: owner.id == who.id
    if not who.is_teacher:
        return everyone
    people = {"": "Everyone"} | {owner.id: of(owner) for owner in sorted(owners, key=lambda one: one.name.casefold())}
    kept = st.session_state.get(_PERSON)
    person = st.selectbox(
        "Person",
        list(people),
        index=list(people).index(kept) if kept in people else 0,
        format_func=people.__getitem__,
        key=f"{_PERSON}/{page}",
        label_visibility="collapsed",
        width=150,
    )
    st.session_state[_PERSON] = person
    return (lambda owner: owner.id == person) if person else everyone
