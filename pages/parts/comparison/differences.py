"""The table of settings that differ on the Compare page, with pins, tags and notes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from gan import config as configs
from gan.errors import InputError
from gan.guests.guest import Guest
from gan.runs import Run, changes
from pages.parts import actions, owning, phone, words

UNKNOWN = "–"  # a setting that a run does not have


def marked(name: str, chosen: Sequence[Run]) -> list[str]:
    """Return the ids of the chosen runs listed in the URL parameter ``name`` ("pin" or "hide")."""
    return [run_id for run_id in st.query_params.get(name, "").split(",") if run_id in {run.id for run in chosen}]


def different(chosen: Sequence[Run]) -> dict[str, str]:
    """Return the settings in which the runs differ (key → title)."""
    found = {}
    for run in chosen:
        if isinstance(run, Guest):
            continue
        try:
            found[run.id] = changes.flat(run)
        except InputError as error:
            st.warning(f"{words.escape(run.label())}: {words.message(error)}")
    return {key: configs.title(key) for key in configs.difference_of(list(found.values()))}


def show_table(chosen: list[Run], names: dict[str, str], titles: dict[str, str]) -> None:
    """Show the settings that differ in an editable table: pin, hide, tags and notes."""
    st.subheader("Differences in settings")
    pinned, hidden = marked("pin", chosen), marked("hide", chosen)
    rows = []
    for run in chosen:
        told = run.told()
        owner = {"Owner": name} if (name := owning.of(run.owner())) else {}
        row = {"Run": names[run.id], **owner, "Pin": run.id in pinned, "Hide": run.id in hidden}
        try:
            flat = changes.flat(run)
        except InputError:
            flat = {}
        cells = {title: shown(flat.get(key)) for key, title in titles.items()}
        rows.append({**row, **cells, "Tags": list(told.tags), "Note": told.note})
    notes = (" · ".join(f"{title} {row[title]}" for title in titles.values() if row[title] != UNKNOWN) for row in rows)
    phone.summary(
        "differences", ("Run", ""), [phone.Line(names[run.id], note, "") for run, note in zip(chosen, notes, strict=True)]
    )
    refusals = [owning.why_not("annotate", run) for run in chosen]
    column = st.column_config
    key = f"compare/table/{'-'.join(run.id[-6:] for run in chosen)}/{st.session_state.get('compare/edited', 0)}"
    edited = st.data_editor(
        pd.DataFrame(rows),
        hide_index=True,
        key=key,
        disabled=["Run", "Owner", *titles.values(), *(["Tags", "Note"] if all(refusals) else [])],
        alt="Settings that differ between the chosen runs, with tags and notes",
        column_config={
            "Run": column.TextColumn(pinned=True, width=words.width_of(names.values())),
            "Pin": column.CheckboxColumn(help="Pinned runs come first.", width="small"),
            "Hide": column.CheckboxColumn(help="Hidden runs appear only in this table.", width="small"),
            "Tags": column.MultiselectColumn(
                help="Your own labels, saved with the run.", accept_new_options=True, options=tags(chosen)
            ),
            "Note": column.TextColumn(help="Your own notes, saved with the run.", width="large"),
        },
    )
    if any(refusals):
        st.caption(next(filter(None, refusals)) if all(refusals) else "Tags and notes can be changed on your own runs.")
    trained = [run for run in chosen if not isinstance(run, Guest)]
    if len(trained) < len(chosen):
        st.caption("Guests were made elsewhere, so their settings are unknown.")
    if not titles and len(trained) > 1:
        st.caption("These runs have identical settings.")
    keep_marks(chosen, edited.to_dict("records"))


def keep_marks(chosen: list[Run], rows: list[dict[str, Any]]) -> None:
    """Save edits of the table: pin and hide in the URL, tags and notes with the runs."""
    marks = {
        name: ",".join(run.id for run, row in zip(chosen, rows, strict=True) if row[title])
        for name, title in (("pin", "Pin"), ("hide", "Hide"))
    }
    is_changed = False
    for run, row in zip(chosen, rows, strict=True):
        told, tags_ = run.told(), tuple(row["Tags"]) if isinstance(row["Tags"], (list, tuple)) else ()
        note = row["Note"] if isinstance(row["Note"], str) else ""  # an emptied cell is None
        if (told.tags, told.note) != (tags_, note):
            is_changed |= actions.done(run.annotate, tags_, note)
    for name, value in marks.items():
        if st.query_params.get(name, "") != value:
            is_changed = True
            if value:
                st.query_params[name] = value
            else:
                st.query_params.pop(name, None)
    if is_changed:
        st.session_state["compare/edited"] = st.session_state.get("compare/edited", 0) + 1
        st.rerun()


def tags(chosen: list[Run]) -> list[str]:
    """Return all tags in use, sorted."""
    return sorted({tag for run in chosen for tag in run.told().tags})


def shown(value: object) -> str:
    """Return a setting as table text."""
    if value is None:
        return UNKNOWN
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
