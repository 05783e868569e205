"""After class, for the teacher: export all reports, archive or clear the students' work, and restore an archive."""

from __future__ import annotations

import functools
import time
from pathlib import Path

import streamlit as st

from gan.execution import archives, requests
from gan.execution.archives import Belongings
from gan.storage import jobs
from pages.parts import actions, frame, words
from pages.parts.data_sets.importing import show_progress

_NOTICE = "class/notice"  # what was done by the action before this run of the page


def show(root: Path) -> None:
    """Draw the three parts."""
    if notice := st.session_state.pop(_NOTICE, ""):
        st.success(notice, icon=":material/check:")
    st.subheader("Export")
    _export(root)
    st.subheader("Archive or clear")
    with frame.spoken_errors():
        _put_away(root)
    with frame.spoken_errors():
        _list_archives(root)


def _export(root: Path) -> None:
    """Start the export, show its progress, and offer the file."""
    path = requests.class_export_path(root)
    task = jobs.read(path)
    if task and task.state == "running":
        show_progress("Writing the reports", path)
        return
    st.markdown(
        "One ZIP file with a folder per student: the report on all ended runs and guests of that student, as “Export report” "
        "makes it. `contents.md` in it lists everybody, and says what is left out."
    )
    if task and task.state == "failed":
        st.error(words.message(task.message), icon=":material/error:")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with_teacher = st.toggle("With my own runs", key="class/export/teacher")
        start = functools.partial(requests.start_class_export, root, with_teacher=with_teacher)
        if actions.button("Export all", start, key="class/export", icon=":material/folder_zip:"):
            st.rerun()
        packed = path.with_suffix(".zip")
        if task and task.state == "finished" and task.result == str(packed.resolve()) and packed.is_file():
            facts = packed.stat()
            made = time.strftime("%Y%m%d-%H%M", time.localtime(facts.st_mtime))
            st.download_button(
                f"Download ({words.megabytes(facts.st_size)})",
                packed.read_bytes,
                f"class-{made}.zip",
                "application/zip",
                icon=":material/download:",
                type="primary",
                key="class/download",
            )


def _put_away(root: Path) -> None:
    """Say what belongs to students, and offer to stop, archive or clear it."""
    found = archives.belongings(root)
    if not found:
        st.caption("Nothing here belongs to students.")
        return
    st.markdown(f"**{words.count(found.people, 'student')}** {'has' if found.people == 1 else 'have'} {found}.")
    why_not = ""
    if found.active or found.unfinished:
        why_not = "Runs or sweeps are under way; stop them first."
        _offer_stop(root, found)
    sure = functools.partial(actions.button, type="primary", why_not=why_not)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with actions.popover("Archive", "class/archive", icon=":material/archive:"):
            st.markdown(
                f"Move {found} to a folder like `{archives.FOLDER}/{time.strftime('%Y-%m-%d')}-1a2b`? They disappear from all "
                "pages, and “Restore” below brings them back. Your own runs stay."
            )
            if sure("Archive them", lambda: _archive(root, found), key="class/archive/sure"):
                actions.close("class/archive")
                st.rerun()
        with actions.popover("Clear", "class/clear", icon=":material/delete:"):
            also = ", the rest below" if found.sweeps or found.sets else ""
            st.markdown(f"Move {found.cleared()}? Runs and guests can be restored on Home{also}. Your own runs stay.")
            if sure("Clear them", lambda: _clear(root, found), key="class/clear/sure"):
                actions.close("class/clear")
                st.rerun()


def _offer_stop(root: Path, found: Belongings) -> None:
    """Offer to stop what is under way, which keeps it from being moved."""
    count = len(found.active)
    training = f"{words.count(count, 'run')} {'is' if count == 1 else 'are'} training, waiting or being scored"
    told = training if found.active else "A sweep is not over"
    them = "them" if count > 1 else "it"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.warning(f"{told}: stop {them} before you archive or clear.", icon=":material/hourglass_top:", width=520)
        if actions.button("Stop all", lambda: archives.stop(root), key="class/stop", icon=":material/stop:"):
            st.session_state[_NOTICE] = "Asked to stop. Each trainer writes a checkpoint first; that takes a few seconds."
            st.rerun()
    _wait(root, len(found.active), len(found.unfinished))


@frame.fragment(frame.TICK)
def _wait(root: Path, active: int, unfinished: int) -> None:
    """Draw the page again when runs have ended."""
    with frame.spoken_errors():
        found = archives.belongings(root)
        if (len(found.active), len(found.unfinished)) != (active, unfinished):
            st.rerun()


def _archive(root: Path, found: Belongings) -> None:
    name = archives.archive(root)
    st.session_state[_NOTICE] = f"Moved {found} to the archive {name}."


def _clear(root: Path, found: Belongings) -> None:
    name = archives.clear(root)
    st.session_state[_NOTICE] = f"Moved {found.cleared(name)}."


def _list_archives(root: Path) -> None:
    """List the archives, each with a button that restores it."""
    for one in archives.list_archives(root):
        below = actions.place(f"class/restore/{one.name}")
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            restore = functools.partial(archives.restore, root, one.name)
            key = f"class/restore/{one.name}/button"
            if actions.button("Restore", restore, key=key, icon=":material/unarchive:", place=below):
                st.session_state[_NOTICE] = f"Restored {one}."
                st.rerun()
            st.markdown(f"**{one.name}**", width="content")
            st.caption(str(one), width="content")
