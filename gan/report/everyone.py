"""The work of a class as one ZIP: a folder per person with the report on that person's runs, and a list of all persons."""

from __future__ import annotations

import contextlib
import os
import time
import unicodedata
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gan import runs, words
from gan.access.classroom import Classroom
from gan.access.people import LONGEST_NAME, Person
from gan.access.rules import require
from gan.errors import InputError, explain_os_error, explained
from gan.guests import guest as guests
from gan.report import bundle, contents
from gan.runs import index, owned
from gan.runs.listing import Listed
from gan.storage import files
from gan.storage.jobs import Report, say_nothing

_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}  # on Windows


@dataclass(frozen=True)
class Share:
    """What the ZIP has of one person: the folder, empty without a report; its runs and guests; what is left out, and why."""

    person: Person
    folder: str
    runs: int
    left_out: str


def write(root: Path, out: Path, report: Report = say_nothing, *, with_teacher: bool = False) -> list[Share]:
    """Write the reports on the ended runs of all students to the ZIP file ``out``, and return what it has of each.

    ``with_teacher`` adds those of the teacher. On failure, an existing file stays unchanged. Raises InputError if there is no ended
    run at all, or if the file cannot be written.
    """
    require("run the class")
    found = _of_everyone(root, with_teacher=with_teacher)
    ended = {person: [one for one in listed if one.status().state not in runs.UNDER_WAY] for person, listed in found.items()}
    total = sum(map(len, ended.values()))
    if not total:
        raise InputError("There is no ended run to export yet; wait until a training has ended.")
    names, done = folders(list(found)), 0
    shares: list[Share] = []
    temporary = files.temporary_of(out)
    with explained("writing the reports of the class"):
        try:
            with open(temporary, "xb") as file:
                with zipfile.ZipFile(file, "w") as archive:
                    for person, listed in found.items():
                        report(f"Report on the runs of {person.name or 'unknown'}", done / total)
                        shares.append(_add(archive, person, names[person], listed, ended[person]))
                        done += len(ended[person])
                    bundle.add(archive, {"contents.md": _contents(shares).encode("utf-8", "replace")})
                _sync(file)
            os.replace(temporary, out)
            files.sync_directory(out.parent)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()
    return shares


def folders(people: Sequence[Person]) -> dict[Person, str]:
    """Return a folder name for each person, made of letters and digits of the name; no two of them differ only in case."""
    found: dict[Person, str] = {}
    taken: set[str] = {"contents.md"}
    for person in people:
        name = plain = _plain(person.name)
        number = 2
        while name.casefold() in taken:
            name = f"{plain}-{number}"
            number += 1
        taken.add(name.casefold())
        found[person] = name
    return found


def _plain(name: str) -> str:
    """Return a name as part of a path that every system accepts."""
    letters = (letter if letter.isalnum() else "-" for letter in unicodedata.normalize("NFKC", name))
    plain = "-".join(filter(None, "".join(letters).split("-")))[:LONGEST_NAME].strip("-")
    return f"{plain}-" if plain.casefold() in _DEVICES else plain or "student"


def _of_everyone(root: Path, *, with_teacher: bool) -> dict[Person, list[Listed]]:
    """Return the runs and guests of all persons of the class and of all owners, oldest first; persons by name."""
    every = [*index.read(root), *guests.listed(root)]
    owned_runs = {person.id: (person, listed[::-1]) for person, listed in owned.by_owner(every).items()}
    students: dict[str, str] = {}
    with contextlib.suppress(InputError):  # no class has been opened in this folder
        students = {key: student.name for key, student in Classroom(root).state().students.items()}
    for key, name in students.items():
        owned_runs.setdefault(key, (Person(id=key, name=name), []))
    wanted = [pair for pair in owned_runs.values() if with_teacher or not pair[0].is_teacher]
    return dict(sorted(wanted, key=lambda pair: (not pair[0].is_teacher, pair[0].name.casefold(), pair[0].id)))


def _add(archive: zipfile.ZipFile, person: Person, folder: str, listed: list[Listed], ended: list[Listed]) -> Share:
    """Add the report on a person's runs to the ZIP."""
    waiting = len(listed) - len(ended)
    left_out = f"{words.count(waiting, 'run')} still under way" if waiting else ""
    if not ended:
        return Share(person, "", 0, left_out or "no runs")
    try:
        found = bundle.files(contents.gather([one.run for one in ended]))
    except (InputError, OSError) as error:
        reason = str(error) if isinstance(error, InputError) else explain_os_error(error, "reading the runs")
        return Share(person, "", 0, f"{words.count(len(listed), 'run')}: {reason}")
    bundle.add(archive, found, f"{folder}/")
    return Share(person, folder, len(ended), left_out)


def _contents(shares: Sequence[Share]) -> str:
    """Return the list of all persons as Markdown."""
    lines = [
        "# Reports of the class",
        "",
        f"Made on {time.strftime('%Y-%m-%d %H:%M')}. Each folder has a report on all ended runs and guests of one person: open "
        "`report.html`.",
        "",
        "| person | folder | runs and guests | left out |",
        "| --- | --- | --- | --- |",
    ]
    for share in shares:
        folder = f"`{share.folder}/`" if share.folder else "none"
        lines.append(
            f"| {words.escape(share.person.name or 'unknown')} | {folder} | {share.runs} | {words.escape(share.left_out)} |"
        )
    return "\n".join(lines) + "\n"


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
