"""Adding and removing the user's own data sets on the Data page."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

import streamlit as st

from gan.catalogue import data_sets
from gan.catalogue.data_sets import DataSet
from gan.config.data import SIZES
from gan.data import imported as imported_sets
from gan.data.decoder import IN_WORDS
from gan.errors import InputError
from gan.execution import requests
from gan.places import data_root, default_root
from gan.storage.jobs import Task, read
from pages.parts import actions, frame, owning, words
from pages.parts.data_sets import understanding

FORMATS = (
    "**Pictures**: a ZIP with one folder per class or all in one folder; arrays as .npz or .npy; MNIST as CSV or IDX; CIFAR-10; "
    "Hugging Face's Parquet; WebDataset; StyleGAN's ZIP; SVHN's .mat. **Points**: a CSV with two columns of numbers."
)
BY_COMMAND = "For a local folder, or for files too large to upload:"
LSUN = "To use photographs of bedrooms (LSUN), add them like your own pictures: as a ZIP, or from a folder by command."


def offer_removal(entry: DataSet) -> None:
    """Draw the button that removes a user's own data set, with a confirmation."""
    why_not = owning.why_not("delete", entry)
    with actions.popover("Remove", f"data/remove/{entry.name}", icon=":material/delete:", why_not=why_not):
        st.markdown(
            f"Remove “{words.escape(entry.title)}” from this program? Your original files are kept. Runs trained on "
            "it can still be viewed, but not resumed."
        )
        if actions.button(
            "Remove this data set",
            lambda: imported_sets.remove(entry.name, data_root(), runs_root=default_root()),
            type="primary",
            key=f"data/remove/{entry.name}/sure",
        ):
            st.query_params.pop("data", None)
            st.session_state["data/notice"] = f"“{words.escape(entry.title)}” was removed."
            st.rerun()


def offer_import() -> None:
    """Draw the import form. While an import of the visitor is under way or waits, only its last button is disabled.

    So a form in another tab keeps what has been entered.
    """
    task = read(requests.import_path())
    why_not = "Your last import is still under way; add this one when it has ended." if task and task.state == "running" else ""
    with actions.popover("Add your own pictures", "data/add", icon=":material/upload:"):
        st.markdown(FORMATS)
        turn = st.session_state.setdefault("data/turn", 0)
        upload = st.file_uploader(
            "File",
            key=f"data/upload/{turn}",
            help=f"Recognised by its content. Single pictures: {IN_WORDS}.",
            max_upload_size=owning.largest_upload(),
        )
        answer: understanding.Answer | None = None
        with frame.spoken_errors():
            answer = understanding.ask(upload, turn) if upload else None
        title = st.text_input(
            "Name",
            key=f"data/title/{turn}",
            max_chars=80,
            placeholder="File name",
            help="Display name of the data set. Defaults to the file name.",
        )
        size = st.segmented_control(
            "Prepare at size (pixels)",
            SIZES,
            default=32,
            required=True,
            key=f"data/import-size/{turn}",
            help="Size to view the images at first; others can be prepared later. Ignored for points.",
        )

        def start() -> None:
            assert upload is not None and size is not None and answer is not None
            name = title.strip() or PureWindowsPath(upload.name).stem[:80].strip() or "Pictures"  # accepts both kinds of slashes
            if any(entry.title.casefold() == name.casefold() for entry in data_sets.all_sets().values()):
                raise InputError(f"A data set named “{name}” already exists; choose another name.")
            requests.start_import(upload, ".zip" if understanding.is_pictures(upload) else ".csv", name, size, *answer)

        if actions.button(
            "Add data set",
            start,
            type="primary",
            icon=":material/upload:",
            disabled=answer is None,
            why_not=why_not,
            key="import",
        ):
            st.session_state.update({"data/turn": turn + 1, "data/import": size})
            actions.close("data/add")
            st.rerun()
        st.caption(BY_COMMAND)
        st.code("python -m gan data import PATH --name NAME", language="bash", wrap_lines=True)
        st.caption(LSUN)


def follow_import() -> None:
    """Show import progress, a failure until it is dismissed, and the outcome in sessions that saw the import running."""
    task = read(requests.import_path())
    if task and task.state == "running":
        st.session_state.setdefault("data/import", 0)
        show_progress("Adding your data", requests.import_path())
    elif task and task.state == "failed":
        show_failure(task, requests.import_path(), "dismiss", "data/import")
    elif "data/import" in st.session_state:
        size = st.session_state["data/import"]
        del st.session_state["data/import"]
        if not task or not (entry := data_sets.all_sets().get(task.result)):
            return
        noun = "point" if entry.kind == "points" else "image"
        skipped = f"; {words.count(entry.skipped, 'file')} skipped, see below" if entry.skipped else ""
        st.session_state["data/notice"] = f"“{words.escape(entry.title)}” was added: {words.count(entry.images, noun)}{skipped}."
        st.session_state["data/next-size"] = size or None
        st.query_params["data"] = entry.name
        st.rerun()


def show_failure(task: Task, path: Path, key: str, followed: str) -> None:
    """Show why an import failed until it is dismissed, also in a new session, since a page may outlive its server.

    ``key``: of the button. ``followed``: the state of sessions that saw the import running.
    """
    st.error(words.message(task.message), icon=":material/error:")
    if st.button("Dismiss", key=key):
        requests.dismiss(path)
        st.session_state.pop(followed, None)
        st.rerun()


@frame.fragment(0.7)
def show_progress(title: str, path: Path) -> None:
    """Show the progress of an import or preparation; rerun the page when it ends."""
    task = read(path)
    if task is None or task.state != "running":
        st.rerun()
    left = f" · {words.duration(task.seconds_left)} left" if task.seconds_left is not None else ""
    st.progress(task.share, text=f"{words.message(task.message or title)}{left}")
