"""Data page: inspect a data set before training on it, and import your own pictures or points."""

from __future__ import annotations

import streamlit as st

from gan.catalogue import data_sets
from gan.catalogue.data_sets import DataSet
from gan.config.data import SIZES, DataConfig
from gan.data import imported, prepared
from pages.parts import frame, owning, picking, words
from pages.parts.data_sets.exporting import offer_export
from pages.parts.data_sets.images import changed, show_images
from pages.parts.data_sets.importing import LSUN, follow_import, offer_import, offer_removal
from pages.parts.data_sets.plane import show_points
from pages.parts.data_sets.preparing import offer_preparation, opened

root = frame.begin("Data")

ORIGINS = {"built-in": "built in", "download": "download", "own": "your own"}


def choose() -> DataSet | None:
    """Draw the data set picker; the URL keeps the choice. Return None if the URL names a data set that does not exist.

    In a class, imported sets are filtered by owner; the chosen one stays.
    """
    known = data_sets.all_sets()
    owners = {name: imported.owner(entry) for name, entry in known.items() if entry.origin == "own"}

    def origin(name: str, entry: DataSet) -> str:
        """Return where a data set comes from; in a class, who imported it."""
        owner = owning.of(owners[name]) if name in owners else ""
        return owner or ORIGINS.get(entry.origin, entry.origin)

    with owning.row("bottom"):
        is_shown = owning.choose(owners.values()) if owners else lambda owner: True
        kept = st.query_params.get("data")
        chosen = picking.pick(
            "Data set",
            {
                name: f"{entry.title} · {origin(name, entry)}"
                for name, entry in known.items()
                if name == kept or name not in owners or is_shown(owners[name])
            },
            parameter="data",
            key="data/name",
            find=data_sets.find,
            persist_state="session",
            help="Built-in sets, sets to download once, and your own. Type to search.",
        )
    return known[chosen] if chosen else None


def ask_how(entry: DataSet) -> DataConfig:
    """Ask for the image size, and how images are fitted to it."""
    if entry.kind == "points":
        return DataConfig(name=entry.name)
    if waiting := st.session_state.pop("data/next-size", None):
        st.session_state["data/size"] = waiting
    for field, usual in (("size", 32), ("fit", "crop"), ("colour", "auto")):
        st.session_state.setdefault(f"data/{field}", usual)
    fields = DataConfig.model_fields
    with st.container(horizontal=True, gap="medium"):
        answers = {
            field: st.segmented_control(
                fields[field].title or field,
                options,
                required=True,
                key=f"data/{field}",
                persist_state="session",
                help=fields[field].description,
            )
            for field, options in (("size", SIZES), ("fit", ("crop", "pad")), ("colour", ("auto", "grey", "colour")))
        }
    return DataConfig.model_validate({"name": entry.name, **answers})


def show(entry: DataSet) -> None:
    """Show the images or points of a data set, or offer to prepare them."""
    st.markdown(words.escape(entry.description))
    wanted = ask_how(entry)
    place = prepared.folder(wanted)
    if wanted.is_points:
        show_points(entry)
    elif (since := changed(place)) and (found := opened(str(place), since, wanted)):
        show_images(wanted, found)
        with frame.spoken_errors():
            offer_export(wanted)
    else:
        offer_preparation(wanted)
    st.caption(f"Source: {words.escape(entry.source)}" + (f" · {LSUN}" if entry.name == "bedrooms" else ""))


st.title("Data")


st.session_state.setdefault("data/seed", 0)


with frame.spoken_errors():
    with st.container(key="data-news"):
        follow_import()
        if notice := st.session_state.pop("data/notice", None):
            st.success(notice, icon=":material/check:")
    question, buttons = st.columns(2, gap="medium", vertical_alignment="bottom")
    with question:
        chosen = choose()
    with buttons, st.container(horizontal=True, gap="small"):
        if chosen and st.button("Train with this data set", type="primary", icon=":material/play_arrow:", key="train"):
            frame.go("pages/train.py", data=chosen.name)
        with frame.spoken_errors():
            offer_import()
            if chosen and data_sets.own_folder(chosen.name).is_dir():
                offer_removal(chosen)
    if chosen:
        show(chosen)
