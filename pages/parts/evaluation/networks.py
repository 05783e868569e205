"""What can be done with the generator of a guest on the Evaluate page: exploring, exporting, training it on."""

from __future__ import annotations

from pathlib import PurePath

import streamlit as st

from gan.catalogue import data_sets
from gan.errors import InputError
from gan.execution import forking
from gan.guests import networks
from gan.guests.guest import Guest
from gan.report import generators
from pages.parts import actions, frame, launches, owning, words
from pages.parts.launches import Asked


def tell(guest: Guest) -> list[str]:
    """Return sentences on what the generator of a guest is, and on what cannot be done with it; none for pictures."""
    try:
        network = guest.facts().network
    except InputError:
        return []
    if network is None:
        return []
    return [f"{network.title}.", *dict.fromkeys(one for one in (network.misfit, networks.why_no_fork(guest)) if one)]


def offer(guest: Guest) -> None:
    """Draw the buttons for the generator of a guest; nothing for a guest of pictures."""
    if not guest.has_generator:
        return
    if st.button("Explore", icon=":material/explore:", key=f"guests/explore/{guest.id}"):
        frame.go("pages/explore.py", run=guest.id)
    _offer_export(guest)
    if not networks.why_no_fork(guest):
        _offer_fork(guest)


def _offer_export(guest: Guest) -> None:
    is_ours = guest.export_path.is_file()
    suffix = ".safetensors" if is_ours else PurePath(guest.facts().source).suffix[:12]
    st.download_button(
        "Export generator",
        (lambda: generators.export(guest)) if is_ours else guest.original_path.read_bytes,
        f"generator-{guest.id}{suffix}",
        "application/octet-stream",
        icon=":material/download:",
        key=f"guests/export/{guest.id}",
        help="The weights in the format of runs, for sampling elsewhere. Loading it never runs code."
        if is_ours
        else "The file as it was uploaded, since this is not one of the networks here.",
    )


def _offer_fork(guest: Guest) -> None:
    key = f"guests/fork/{guest.id}"
    with actions.popover("Train on", key, icon=":material/call_split:", why_not=owning.why_not("fork", guest)):
        st.markdown(
            "Starts a run with both networks of this guest, which trains them on with new optimisers, and with the other settings "
            "of the script that they come from."
        )
        name = st.text_input("Name", key=f"{key}/name", max_chars=120, placeholder=networks.usual_name(guest))
        known = {one.name: one.title for one in data_sets.all_sets().values() if one.kind == "images"}
        data = st.selectbox(
            "Data set",
            list(known),
            index=list(known).index(usual) if (usual := guest.facts().data) in known else 0,
            format_func=known.__getitem__,
            key=f"{key}/data",
        )
        more = st.number_input("Epochs more", 1, 100_000, 25, key=f"{key}/epochs")
        try:
            start = networks.config_of(guest, networks.on(guest, data))
            begun = networks.begin(guest, start)
            changes = networks.on(guest, data) | {"training.length": f"{begun + int(more) * start.steps_per_epoch} steps"}
            config = networks.config_of(guest, changes)
        except InputError as error:
            st.error(words.message(error), icon=":material/error:")
            return
        st.caption(
            words.escape(
                f"{config.networks.family}, {config.data.size} pixels, from step {begun:,} to step {config.total_steps:,}, on "
                f"{words.count(config.data.images, 'image')}."
            )
        )
        is_refused = launches.tell(guest.root, Asked([config], step=begun))

        def start_run() -> None:
            st.session_state[f"{key}/made"] = forking.adopt(guest, changes, name).id

        if actions.button("Start training", start_run, type="primary", disabled=is_refused, key=f"{key}/start", is_once=True):
            frame.go("pages/watch.py", run=st.session_state[f"{key}/made"])
