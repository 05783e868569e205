"""What an upload would be taken for, shown before it is imported, with a choice: the classes, or the columns of points."""

from __future__ import annotations

from typing import Literal, NamedTuple, cast

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from gan.data import archive, grouping, tables
from gan.data.grouping import Choice
from gan.data.tables import Columns
from pages.parts import words

MOST_FOLDERS = 1000  # offered for a choice

#: Answer → its label.
ANSWERS: dict[str, str] = {"auto": "Decide for me", "yes": "Yes", "no": "No", "these": "These"}


def is_archive(upload: UploadedFile) -> bool:
    """Return whether an upload is a ZIP, by its first bytes."""
    head = upload.read(2)
    upload.seek(0)
    return head == b"PK"


@st.cache_data(max_entries=16, show_spinner="Looking at the folders")
def _grouped(file_id: str, choice: Choice, _upload: UploadedFile) -> tuple[str, list[str]]:
    """Return what an import of a ZIP would take for classes, as a sentence, and the folders that could be classes."""
    try:
        with archive.open_zip(_upload) as source:
            found = grouping.group(source, choice)
    finally:
        _upload.seek(0)
    return found.sentence, list(found.folders)


class Answer(NamedTuple):
    """Which folders are classes, and the numbers, from 1, of the columns that are points (None: not asked)."""

    choice: Choice = grouping.AUTO
    columns: tuple[int, int] | None = None


def ask(upload: UploadedFile, turn: int) -> Answer | None:
    """Show what an upload would be taken for and ask about it; None until the answer is complete.

    Raises InputError if the upload is damaged.
    """
    if is_archive(upload):
        choice = ask_classes(upload, turn)
        return Answer(choice) if choice else None
    return ask_columns(upload, turn)


@st.cache_data(max_entries=16, show_spinner="Looking at the columns")
def _columns(file_id: str, _upload: UploadedFile) -> Columns:
    return tables.look(_upload, _upload.name)


def ask_columns(upload: UploadedFile, turn: int) -> Answer | None:
    """Ask which two columns of a CSV file are points, if it has more than two."""
    columns = _columns(upload.file_id, upload)
    if len(columns.names) == 2:
        return Answer()
    taken = columns.taken or (None, None)
    with st.container(horizontal=True, gap="small"):
        first, second = (
            st.selectbox(
                f"Column for {axis}",
                range(len(columns.names)),
                index=place,
                format_func=lambda place: columns.names[place],
                placeholder="Choose",
                key=f"data/column/{axis}/{turn}",
            )
            for axis, place in zip("xy", taken, strict=True)
        )
    if first is None or second is None or first == second:
        st.info("Choose two different columns.", icon=":material/table:")
        return None
    return Answer(columns=(first + 1, second + 1))


def ask_classes(upload: UploadedFile, turn: int) -> Choice | None:
    """Show what a ZIP would be taken for and ask whether folders are classes; None until the answer is complete.

    Raises InputError if the ZIP is damaged.
    """
    sentence, folders = _grouped(upload.file_id, grouping.AUTO, upload)
    choice = grouping.AUTO
    if folders:
        answer = st.segmented_control(
            "Folders are classes",
            list(ANSWERS),
            format_func=lambda answer: ANSWERS[answer],
            default="auto",
            required=True,
            key=f"data/classes/{turn}",
            help="Splits (train, test), shards and labels of StyleGAN's dataset.json are recognised by their names. "
            "“These” imports the chosen folders alone.",
        )
        if answer == "these":
            only = st.multiselect("Folders to import", folders[:MOST_FOLDERS], key=f"data/only/{turn}")
            if not only:
                return None
            choice = Choice(only=tuple(only))
        else:
            choice = Choice(cast(Literal["auto", "yes", "no"], answer))
        sentence, _ = _grouped(upload.file_id, choice, upload)
    st.info(words.escape(sentence), icon=":material/category:")
    return choice
