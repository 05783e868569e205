"""The class behind the door: its codes, its people, and the signed tokens that stand for them.

Everything is in the folder ``.class`` next to the runs, readable by the owner of the server's process alone: ``key`` (signs tokens)
and ``class.json`` (codes and people). A token is valid for 12 hours, unless the code is changed, its person is removed or the class
is ended.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from itsdangerous import BadData, URLSafeTimedSerializer
from pydantic import BaseModel, ConfigDict, Field

from gan.access.people import LONGEST_NAME, TEACHER, Person
from gan.access.rules import require
from gan.errors import InputError, explained, shown
from gan.storage.files import write_atomically
from gan.storage.locks import hold_lock
from gan.storage.models import read_model
from gan.words import on_one_line

FOLDER = ".class"
LIFETIME = 12 * 3600  # seconds for which a token is valid
MOST_PEOPLE = 500

_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # none that is mistaken for another one
_PATIENCE = 10.0  # seconds


class Student(BaseModel):
    """A student: the name; the personal code that proves, on another device or after 12 hours, that it is the same student.

    ``round`` counts how often the student has been let in anew; tokens of earlier rounds are invalid.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    code: str
    joined_at: float = 0.0
    round: int = 0
    is_removed: bool = False


class State(BaseModel):
    """Codes and people. ``round`` counts the codes of the class, ``teacher_round`` those of the teacher."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    code: str = Field(min_length=4)
    teacher_code: str = Field(min_length=4)
    round: int = 0
    teacher_round: int = 0
    is_open: bool = True
    students: dict[str, Student] = {}


_REMOVED = "“{}” has been removed from the class; ask your teacher to let you in again."
_ENDED = "The class has ended; ask your teacher to open it again."
_LATE = f"You have to join again, because a sign-in is valid for {LIFETIME // 3600} hours."


class Refused(InputError):
    """A wrong code; the door counts these."""


class NameTaken(InputError):
    """A student of this name has joined already; the personal code proves that it is the same one."""


def mode() -> str:
    """Return how people of the class are known: "code", "header" (a trusted proxy) or "oidc"; empty without a class.

    Set by the environment variable ``GAN_CLASS``. Raises InputError if it has another value.
    """
    chosen = os.environ.get("GAN_CLASS", "").strip().casefold()
    if chosen in ("", "0"):
        return ""
    if chosen in ("1", "code"):
        return "code"
    if chosen in ("header", "oidc"):
        return chosen
    raise InputError(f"GAN_CLASS is “{shown(chosen)}”, expected 1 (a code), header (a trusted proxy) or oidc (a sign-in).")


def is_on() -> bool:
    """Return whether the server serves a class."""
    return bool(mode())


@dataclass(frozen=True)
class Classroom:
    """The class of a folder of runs. Cheap to create: files are read on access and cached until they change."""

    root: Path

    @property
    def path(self) -> Path:
        return self.root / FOLDER / "class.json"

    def state(self) -> State:
        """Return codes and people. Raises InputError if the file is missing or damaged."""
        return read_model(State, self.path)

    def mark(self) -> str:
        """Return a short public mark of the class, which differs from those of others; empty before it was first opened."""
        with contextlib.suppress(OSError):
            return _mark(self._key)
        return ""

    def open(self) -> State:
        """Make codes and key where they are missing; let students in again if the class has been ended."""
        folder = self.root / FOLDER
        with explained(f"opening the class in {self.root}"):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
            with self._alone():
                if not (folder / "key").exists():
                    write_atomically(folder / "key", secrets.token_hex(32).encode(), mode=0o600)
                if not self.path.exists():
                    self._write(State(code=_code(6), teacher_code=new_teacher_code()))
                elif not self.state().is_open:
                    self._change(is_open=True, code=_code(6))
        return self.state()

    def enter(self, name: str, code: str, personal: str = "", token: str = "") -> tuple[Person, str]:
        """Let a person in, and return who it is and their token.

        ``code`` is the code of the class, or of the teacher, who needs no name. A name that is taken needs the ``personal`` code of
        its student, or a ``token`` of that student from before the class had a new code. Raises Refused if a code is wrong,
        InputError for other reasons.
        """
        state = self.state()
        if _same(code, state.teacher_code):
            return TEACHER, self._token(TEACHER.id, state.teacher_round)
        if not _same(code, state.code):
            raise Refused("This is not the code of the class; look at the board or ask your teacher.")
        if not state.is_open:
            raise InputError(_ENDED)
        name = on_one_line(name)
        if not name:
            raise InputError("The name is empty; enter the name under which the class knows you.")
        if len(name) > LONGEST_NAME:
            raise InputError(f"The name has {len(name)} characters, expected at most {LONGEST_NAME}; shorten it.")
        folded = _folded(name)
        if folded in (_folded(TEACHER.name), "unknown"):
            raise InputError(f"The name “{name}” is reserved; enter your own name.")
        with self._alone():
            state = self.state()
            known = next((one for one in state.students.items() if _folded(one[1].name) == folded), None)
            if known is None:
                if len(state.students) >= MOST_PEOPLE:
                    raise InputError(f"The class has {MOST_PEOPLE} people already; ask your teacher to clear it.")
                known = secrets.token_hex(8), Student(name=name, code=f"{secrets.randbelow(10**4):04}", joined_at=time.time())
                self._change(students=state.students | {known[0]: known[1]})
            elif known[1].is_removed:
                raise InputError(_REMOVED.format(known[1].name))
            elif self._proves(token, *known):
                pass
            elif not personal:
                raise NameTaken(
                    f"There is a “{known[1].name}” in the class already; if that is you, enter your personal code as well, else "
                    "add a letter to your name."
                )
            elif not _same(personal, known[1].code):
                raise Refused(f"This is not the personal code of “{known[1].name}”; ask your teacher for it.")
        person = Person(id=known[0], name=known[1].name)
        return person, self._token(person.id, state.round, known[1].round)

    def person(self, token: str) -> Person | None:
        """Return whom a token stands for; None if it is forged, expired or no longer valid."""
        with contextlib.suppress(BadData, InputError, OSError, ValueError, TypeError):
            (person_id, *rounds), signed_at = _read_token(self._key, token[:1000])
            if not 0 <= int(time.time()) - signed_at <= LIFETIME:
                return None
            state = self.state()
            if person_id == TEACHER.id:
                return TEACHER if rounds == [state.teacher_round, 0] else None
            student = state.students.get(person_id)
            if student and state.is_open and not student.is_removed and rounds == [state.round, student.round]:
                return Person(id=person_id, name=student.name)
        return None

    def former(self, token: str) -> tuple[str, str]:
        """Return, for somebody with an old token, the name under which to join again, and why the token is not valid any more.

        The name is empty for the teacher, and for a student who may not join again. Both are empty if the token is forged, or is
        still valid.
        """
        if self.person(token):
            return "", ""
        with contextlib.suppress(BadData, InputError, OSError, ValueError, TypeError):
            (person_id, *rounds), _ = _read_token(self._key, token[:1000])
            state = self.state()
            if person_id == TEACHER.id:
                return "", _LATE if rounds == [state.teacher_round, 0] else "The teacher's code has changed; enter the new one."
            if (student := state.students.get(person_id)) is None:
                return "", ""
            if student.is_removed:
                return "", _REMOVED.format(student.name)
            if not state.is_open:
                return "", _ENDED
            if rounds[1:] != [student.round]:
                return student.name, "You are let in again; enter the code of the class."
            if rounds[:1] != [state.round]:
                return student.name, "The code of the class has changed; enter the new one."
            return student.name, _LATE
        return "", ""

    def _proves(self, token: str, person_id: str, student: Student) -> bool:
        """Return whether a token was made for a student within :data:`LIFETIME`, whatever the code of the class was then."""
        with contextlib.suppress(BadData, InputError, OSError, ValueError, TypeError):
            (owner_id, _, own_round), signed_at = _read_token(self._key, token[:1000])
            return bool((owner_id, own_round) == (person_id, student.round)) and 0 <= int(time.time()) - signed_at <= LIFETIME
        return False

    def student(self, person: Person) -> Student | None:
        """Return what the class knows of a student; None for others."""
        with contextlib.suppress(InputError):
            return self.state().students.get(person.id)
        return None

    def change_code(self) -> str:
        """Give the class a new code and return it; all students have to enter it."""
        require("run the class")
        code = _code(6)
        with self._alone():
            self._change(code=code, round=self.state().round + 1)
        return code

    def change_teacher_code(self, code: str = "") -> str:
        """Give the teacher a new code and return it; all teachers have to enter it.

        ``code`` is one of :func:`new_teacher_code`, for a page that has to show it before it closes.
        """
        require("run the class")
        code = code or new_teacher_code()
        with self._alone():
            self._change(teacher_code=code, teacher_round=self.state().teacher_round + 1)
        return code

    def remove(self, person_id: str, *, is_removed: bool = True) -> None:
        """Remove a student from the class, or let them in again; their runs stay. Raises InputError if there is no such student."""
        require("run the class")
        with self._alone():
            state = self.state()
            if (student := state.students.get(person_id)) is None:
                raise InputError("There is no such student in the class; reload the page.")
            changed = student.model_copy(update={"is_removed": is_removed, "round": student.round + 1})
            self._change(students=state.students | {person_id: changed})

    def end(self) -> None:
        """End the class: students are shut out until it is opened again with a new code."""
        require("run the class")
        with self._alone():
            self._change(is_open=False, round=self.state().round + 1)

    def reopen(self) -> None:
        """Let students in again after the end of the class, with a new code."""
        require("run the class")
        self.open()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        lock = hold_lock(self.path.with_name(".lock"), "The class is busy; try again in a moment.", patience=_PATIENCE)
        try:
            yield
        finally:
            lock.release()

    def _change(self, **changes: Any) -> None:
        self._write(self.state().model_copy(update=changes))

    def _write(self, state: State) -> None:
        with explained("storing the class"):
            write_atomically(self.path, state.model_dump_json(indent=1).encode(), mode=0o600)

    def _token(self, person_id: str, round: int, own_round: int = 0) -> str:
        token = _serializer(self._key).dumps([person_id, round, own_round])
        return token if isinstance(token, str) else token.decode()

    @property
    def _key(self) -> str:
        return _read_key(self.root / FOLDER / "key")


@lru_cache(maxsize=64)
def _read_key(path: Path) -> str:
    """Return the key of a class, which is written once."""
    return path.read_text(encoding="ascii")


@lru_cache(maxsize=64)
def _mark(key: str) -> str:
    return hashlib.sha256(b"mark" + key.encode()).hexdigest()[:12]


@lru_cache(maxsize=64)
def _serializer(key: str) -> URLSafeTimedSerializer:
    signing = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeTimedSerializer(key, salt="door", signer_kwargs=signing)


@lru_cache(maxsize=4 * MOST_PEOPLE)
def _read_token(key: str, token: str) -> tuple[Any, int]:
    """Return what a token says and when it was signed, in seconds since 1970. Raises BadData if the signature is wrong.

    Every request and every open socket asks; the answer is the same each time.
    """
    said, signed_at = _serializer(key).loads(token, return_timestamp=True)
    return said, int(signed_at.timestamp())


def new_teacher_code() -> str:
    """Return a random code for the teacher."""
    return _code(12)


def _folded(name: str) -> str:
    """Return what is the same for names that look alike: case, width and the way in which accents are encoded do not matter."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def _same(entered: str, code: str) -> bool:
    """Return whether an entered code is the right one; case, spaces, hyphens and the width of letters do not matter."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKC", entered[:100]).upper() if letter.isalnum())
    return hmac.compare_digest(plain.encode(), code.replace("-", "").encode())


def _code(length: int) -> str:
    """Return a random code in groups that are easy to read out."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(length))
    size = 3 if length % 4 else 4
    return "-".join(letters[start : start + size] for start in range(0, length, size))
