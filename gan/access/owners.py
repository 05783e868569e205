"""The owner of a run or a data set: ``owner.json`` in its folder, written once, before the folder gets its name.

It is a file of its own: names and notes are read, changed and rewritten, so a lost update could lose the owner. The owner of a
sweep is a field of its file, which is written in one piece.
"""

from __future__ import annotations

from pathlib import Path

from gan.access.people import TEACHER, Person
from gan.errors import InputError
from gan.storage.files import write_json
from gan.storage.models import read_model, stamp

FILE = "owner.json"

UNKNOWN = Person(id="unknown", name="unknown")  # of a damaged file; no person has this id, so only the teacher may change the thing

GONE = Person(id="gone", name="unknown")  # of a run that has been archived or deleted since it was found


def write(folder: Path, person: Person) -> None:
    """Store the owner of a new folder. What belongs to the teacher has no such file, as everything made without a class."""
    if not person.is_teacher:
        write_json(folder / FILE, person.model_dump())


def read(folder: Path) -> Person:
    """Return the owner of a folder; ``UNKNOWN`` if the file is damaged."""
    path = folder / FILE
    if not any(stamp(path)):
        return TEACHER
    try:
        found = read_model(Person, path)
    except InputError:
        return UNKNOWN
    return found if found.id else UNKNOWN
