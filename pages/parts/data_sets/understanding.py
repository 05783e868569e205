"""What an upload would be taken for, shown before it is imported, with a choice: the classes, or the columns of points."""

from __future__ import annotations

from pathlib import PureWindowsPath
from typing import Literal, NamedTuple, cast

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from gan.data import grouping, tables
from gan.data.formats import opening
from gan.data.grouping import Choice
from gan.data.tables import Columns
from pages.parts import words
from pages.parts.data_sets import albums

MOST_FOLDERS = 1000  # offered for a choice

#: Answer → its label.
ANSWERS: dict[str, str] = {"auto": "Decide for me", "yes": "Yes", "no": "No", "these": "These"}


@st.cache_data(max_entries=16, show_spinner=False)
def _is_pictures(file_id: str, _upload: UploadedFile) -> bool:
    return not _upload.name.lower().endswith(".csv") or opening.is_recognised(_upload)


def is_pictures(upload: UploadedFile) -> bool:
    """Return whether an upload is to be read as pictures: everything but a CSV file of points."""
    return _is_pictures(upload.file_id, upload)


@st.cache_data(max_entries=16, show_spinner="Looking at the file")
def _grouped(file_id: str, choice: Choice, _upload: UploadedFile) -> tuple[str, list[str], bytes]:
    """Return what an import would recognise and take for classes, as a sentence; the folders or labels that could be classes; and
    the first pictures, as a PNG (empty if none can be read)."""
    try:
        with opening.open_file(_upload, PureWindowsPath(_upload.name).name, choice) as found:
            return found.sentence, list(found.folders), albums.first_sheet(found)
    finally:
        _upload.seek(0)


class Answer(NamedTuple):
    """Which folders or labels are classes, and the numbers, from 1, of the columns that are points (None: not asked)."""

    choice: Choice = grouping.AUTO
    columns: tuple[int, int] | None = None


def ask(upload: UploadedFile, turn: int) -> Answer | None:
    """Show what an upload would be taken for and ask about it; None until the answer is complete.

    Raises InputError if the upload is damaged.
    """
    if is_pictures(upload):
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
    """Show what was recognised and ask whether folders or labels are classes; None until the answer is complete.

    Raises InputError if the file is in no known format, or damaged.
    """
    sentence, folders, sheet = _grouped(upload.file_id, grouping.AUTO, upload)
    choice = grouping.AUTO
    if folders:
        answer = st.segmented_control(
            "Folders or labels are classes",
            list(ANSWERS),
            format_func=lambda answer: ANSWERS[answer],
            default="auto",
            required=True,
            key=f"data/classes/{turn}",
            help="Labels in the file are classes. Splits (train, test) and shards are recognised by their names. "
            "“These” imports the chosen ones alone.",
        )
        if answer == "these":
            only = st.multiselect("Classes to import", folders[:MOST_FOLDERS], key=f"data/only/{turn}")
            if not only:
                return None
            choice = Choice(only=tuple(only))
        else:
            choice = Choice(cast(Literal["auto", "yes", "no"], answer))
        sentence, _, sheet = _grouped(upload.file_id, choice, upload)
    if sheet:
        st.image(sheet, output_format="PNG", alt="The first pictures of the file")
    st.info(words.escape(sentence), icon=":material/category:")
    return choice
