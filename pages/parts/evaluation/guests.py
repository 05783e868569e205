"""Guests on the Evaluate page: adding pictures made elsewhere, the conditions of their scores, their names and their removal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PureWindowsPath

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gan import runs
from gan.catalogue import data_sets
from gan.config.data import SIZES
from gan.data.decoder import IN_WORDS
from gan.errors import InputError
from gan.execution import requests
from gan.guests.guest import Guest, list_guests
from gan.judging import comparison, conditions
from gan.runs import Run
from gan.storage.jobs import read
from pages.parts import actions, frame, owning, pictures, words
from pages.parts.data_sets.importing import show_failure
from pages.parts.evaluation import networks
from pages.parts.evaluation.scoring import EXTRACTORS

_SIZES = (0, *SIZES)
FOLDERS = {
    "auto": "as their names say",
    "epoch": "epochs",
    "step": "steps",
    "no": "nothing: all pictures together",
}
_NETWORKS = (".keras", ".h5", ".pth", ".pt")  # endings of files that have a discriminator beside them
_TURN, _FOLLOWED, _NOTICE = "guests/turn", "guests/followed", "guests/notice"
BY_COMMAND = "For a local folder, or for files too large to upload:"


def offer(root: Path, chosen: Sequence[Run]) -> None:
    """Draw the form that adds a guest. While one of the visitor is being added, only its last button is disabled."""
    task = read(requests.guest_path(root))
    why_not = "Your last guest is still being added; add this one then." if task and task.state == "running" else ""
    with actions.popover("Add a guest", "guests/add", icon=":material/group_add:", why_not=owning.why_not("prepare")):
        _form(root, chosen, why_not)


def _form(root: Path, chosen: Sequence[Run], why_not: str) -> None:
    st.markdown(
        "Pictures made elsewhere, scored like the runs, against the same real images: a **ZIP** of pictures, an **.npz** or "
        "**.npy** array, any other format of the Data page, or one **contact sheet**. A ZIP with a folder per epoch (“epoch_0010”) "
        "becomes a curve. Or a **generator**: exported here, a .keras or .weights.h5 file of Keras, or a netG_epoch_N.pth of "
        "pytorch/examples; its pictures are drawn here, and no code in it is run."
    )
    turn = st.session_state.setdefault(_TURN, 0)
    most = owning.largest_upload()
    upload = st.file_uploader(
        "File",
        key=f"guests/upload/{turn}",
        help=f"Recognised by its content. Single pictures: {IN_WORDS}.",
        max_upload_size=most,
    )
    judge = None
    if upload is not None and upload.name.lower().endswith(_NETWORKS):
        judge = st.file_uploader(
            "Its discriminator (optional)",
            key=f"guests/judge/{turn}",
            help="Trained with the generator, as netD_epoch_N.pth: both can then be trained on here.",
            max_upload_size=most,
        )
    name = st.text_input("Name", key=f"guests/name/{turn}", persist_state="session", max_chars=100, placeholder="Keras, epoch 500")
    known = {one.name: one.title for one in data_sets.all_sets().values() if one.kind == "images"}
    usual = next((data for run in chosen if (data := _data_of(run)) in known), next(iter(known)))
    data = st.selectbox(
        "Scored against",
        list(known),
        index=list(known).index(usual),
        format_func=known.__getitem__,
        key=f"guests/data/{turn}",
        persist_state="session",
        help="The data set that the pictures imitate.",
    )
    extractor = st.selectbox(
        "Features from",
        list(EXTRACTORS),
        format_func=EXTRACTORS.__getitem__,
        key=f"guests/features/{turn}",
        persist_state="session",
    )
    with st.expander("Size, epochs, weights, contact sheet"):
        size = st.selectbox(
            "Size (pixels)",
            _SIZES,
            format_func=lambda one: str(one or "nearest to their own"),
            key=f"guests/size/{turn}",
            persist_state="session",
            help="Resized pictures are scored, but not ranked against those that were not resized.",
        )
        folders = st.selectbox(
            "Numbered folders are",
            list(FOLDERS),
            format_func=FOLDERS.__getitem__,
            key=f"guests/folders/{turn}",
            persist_state="session",
            help=_ABOUT_FOLDERS,
        )
        batch = st.number_input("Images per step (0: unknown)", 0, 100_000, 0, key=f"guests/batch/{turn}", persist_state="session")
        is_averaged = st.toggle("Its generator was averaged (EMA)", key=f"guests/ema/{turn}", persist_state="session")
        rows = st.number_input(
            "Rows of the contact sheet (0: found)", 0, 100, 0, key=f"guests/rows/{turn}", persist_state="session"
        )
        columns = st.number_input(
            "Columns of the contact sheet (0: found)", 0, 100, 0, key=f"guests/columns/{turn}", persist_state="session"
        )

    def start() -> None:
        assert upload is not None
        given = name.strip() or PureWindowsPath(upload.name).stem[:80].strip() or "Pictures"
        options = [
            f"--size={size}",
            f"--folders={folders}",
            f"--batch={int(batch)}",
            f"--weights={'EMA' if is_averaged else 'raw'}",
        ]
        options += [f"--rows={int(rows)}", f"--columns={int(columns)}"]
        second = (judge, judge.name) if judge is not None else None
        requests.start_guest(root, upload, upload.name, options, name=given, data=data, extractor=extractor, discriminator=second)
        st.session_state[_FOLLOWED] = True

    if actions.button(
        "Add and score",
        start,
        type="primary",
        icon=":material/grading:",
        disabled=upload is None,
        why_not=why_not,
        key="guests/start",
    ):
        actions.close("guests/add")
        st.rerun()
    st.caption(BY_COMMAND)
    st.code(f"python -m gan guest PATH --data {data} --name NAME", language="bash", wrap_lines=True)


_ABOUT_FOLDERS = "An epoch is one pass over the whole data set. Steps need the images per step to share an axis with the runs."


def _data_of(run: Run) -> str:
    try:
        return run.facts().data if isinstance(run, Guest) else run.config().data.name
    except InputError:
        return ""


def follow(root: Path, key: str) -> None:
    """Show how far the import of a guest is, and its outcome; a new guest joins the choice of the picker ``key``.

    Call it before the picker is drawn.
    """
    path = requests.guest_path(root)
    task = read(path)
    if task and task.state == "running":
        st.session_state.setdefault(_FOLLOWED, True)
        _progress(path)
    elif task and task.state == "failed":
        show_failure(task, path, "guests/dismiss", _FOLLOWED)
    elif st.session_state.get(_FOLLOWED) and task:
        del st.session_state[_FOLLOWED]
        guest = next((one for one in list_guests(root) if one.id == task.result), None)
        if guest is not None:
            st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1  # an empty form for the next one
            kept = [one for one in st.query_params.get("runs", "").split(",") if one]
            chosen = st.session_state.get(key, kept)
            st.session_state[key] = [*chosen, *([] if guest.id in chosen else [guest.id])]
            st.query_params["runs"] = ",".join(st.session_state[key])  # from which a page that is opened anew chooses
            st.session_state[_NOTICE] = f"“{words.escape(guest.label())}” was added."
    if notice := st.session_state.pop(_NOTICE, None):
        st.success(notice, icon=":material/check:")


@frame.fragment(0.7)
def _progress(path: Path) -> None:
    """Show the progress of an import; rerun the page when it ends."""
    task = read(path)
    if task is None or task.state != "running":
        st.rerun()
    left = f" · {words.duration(task.seconds_left)} left" if task.seconds_left is not None else ""
    st.progress(task.share, text=f"Adding a guest: {words.message(task.message)}{left}")


def show(chosen: Sequence[Run]) -> None:
    """Show for each chosen guest its pictures, the conditions of its scores, and how to rename or delete it."""
    found = [run for run in chosen if isinstance(run, Guest)]
    if not found:
        return
    st.subheader("Guests")
    st.caption("Made elsewhere. Their scores are measured as those of the runs are; what was changed or lost before is said here.")
    if len(found) == 1:
        with st.container(border=True):
            left, right = st.columns([1, 2], gap="medium")
            _show(found[0], left, right)
        return
    with st.grid(3, min_column_width=280, gap="medium"):
        for guest in found:
            with st.container(border=True, height="stretch"):
                _show(guest, st.container(), st.container())


def _show(guest: Guest, left: DeltaGenerator, right: DeltaGenerator) -> None:
    """Show the pictures of a guest on the ``left``, and what is known of it on the ``right``."""
    if samples := guest.samples():
        number, path = list(samples.items())[-1]
        with left:
            pictures.show(path, f"Pictures of {guest.label()}", guest.moment(number))
    with right:
        _tell(guest)


def _tell(guest: Guest) -> None:
    st.markdown(f"**{words.escape(guest.label())}**")
    try:
        facts = guest.facts()
    except InputError as error:
        st.error(words.message(error), icon=":material/error:")
        facts = None
    lines = comparison.latest(guest)
    told = conditions.tell(lines[-1]) if lines else []
    if facts and not lines:
        told = ["Not scored yet."]
    told += networks.tell(guest)
    st.markdown("\n".join(f"- {words.escape(sentence)}" for sentence in told))
    note = guest.told().note
    about = [f"From “{facts.source}”, scored against {facts.data}"] if facts else []
    st.caption(words.escape(". ".join([*about, *([note] if note else [])])))
    with st.container(horizontal=True, gap="small"):
        networks.offer(guest)
        _offer_change(guest)
        _offer_deletion(guest)


def _offer_change(guest: Guest) -> None:
    key = f"guests/change/{guest.id}"
    with actions.popover("Rename", key, icon=":material/edit:", why_not=owning.why_not("rename", guest)):
        told = guest.told()
        name = st.text_input("Name", told.name, key=f"{key}/name", max_chars=120)
        note = st.text_area("Note", told.note, key=f"{key}/note", max_chars=4000)

        def change() -> None:
            if not name.strip():
                raise InputError("The name is empty; a guest needs one.")
            guest.rename(name)
            guest.annotate(told.tags, note)

        if actions.button("Save", change, type="primary", key=f"{key}/save"):
            actions.close(key)
            st.rerun()


def _offer_deletion(guest: Guest) -> None:
    key = f"guests/delete/{guest.id}"
    with actions.popover("Delete", key, icon=":material/delete:", why_not=owning.why_not("delete", guest)):
        st.markdown(f"Move “{words.escape(guest.label())}” to the trash? It can be restored on the Home page.")
        if actions.button("Delete this guest", lambda: runs.delete(guest), type="primary", key=f"{key}/sure"):
            st.rerun()
