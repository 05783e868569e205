"""Rounds of a quiz for a class, in the folder ``quiz`` next to the runs: ``<code>.json`` (questions), ``<code>.jsonl`` (answers).

The answers are append-only lines: who joined, who answered what, and the end of the round. Their order decides: the first
answer of a student to a picture counts, and nothing after the end. Codes and keys are made by the program.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from gan.access.rules import require
from gan.errors import InputError, explained, shown
from gan.quiz.questions import Quiz
from gan.runs import checked_name
from gan.storage import sealed
from gan.storage.files import write_atomically
from gan.storage.lines import LineWriter, parse, read_complete
from gan.storage.locks import hold_lock
from gan.storage.models import read_cached

FOLDER = "quiz"
MOST_STUDENTS = 500
LONGEST_NAME = 30

_MOST_ROUNDS = 1000
_CHECKED = 200  # bytes before the appended ones that must be the same
_PATIENCE = 10.0  # seconds for the answers of others
_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # none that is mistaken for another one
_CODE = re.compile(f"[{_LETTERS}]{{6}}")
_TOKEN = re.compile("[0-9a-f]{32}")


class Record(Quiz):
    """The file of a round: its questions, and the SHA-256 of the key that reveals it."""

    schema_version: Literal[1] = 1
    made_at: float = 0.0
    key_sha256: str = Field(pattern="^[0-9a-f]{64}$")


@dataclass
class Student:
    """A student of a round, with the answer to each picture by place: whether it was called real."""

    name: str = ""
    answers: dict[int, bool] = field(default_factory=dict)


@dataclass
class Standing:
    """All answers of a round: its students by token, in the order of joining, and whether it has been revealed."""

    students: dict[str, Student] = field(default_factory=dict)
    is_revealed: bool = False

    @property
    def answers(self) -> int:
        """Number of answers of all students."""
        return sum(len(student.answers) for student in self.students.values())


@dataclass(frozen=True)
class Round:
    """A round of a class. Cheap to create: nothing is read until needed."""

    root: Path
    code: str

    @property
    def path(self) -> Path:
        return self.root / FOLDER / f"{self.code}.json"

    @property
    def answers_path(self) -> Path:
        return self.path.with_suffix(".jsonl")

    def record(self) -> Record:
        """Return the questions. Raises InputError if the file is missing or damaged."""
        try:
            found: Record = read_cached(_read, self.path)
        except (InputError, OSError, ValueError):
            raise InputError(f"The file of round {self.code} is missing or damaged; open a new round.") from None
        return found

    def standing(self) -> Standing:
        """Return all answers that count; damaged lines do not."""
        return _follower(self.answers_path).read(len(self.record().pictures))

    def is_opened_by(self, key: str) -> bool:
        """Return whether a key is the one that reveals the round."""
        return hmac.compare_digest(_digest(key), self.record().key_sha256)

    def join(self, name: str = "") -> str:
        """Add a student with an optional name and return the token that stands for them. Raises InputError if that is too late."""
        require("take part")
        name = checked_name(name)
        if len(name) > LONGEST_NAME:
            raise InputError(f"The name has {len(name)} characters, expected at most {LONGEST_NAME}; shorten it.")
        token = secrets.token_hex(16)
        with self._alone() as standing:
            if standing.is_revealed:
                raise InputError(f"Round {self.code} has been revealed already; ask for the code of a new one.")
            if len(standing.students) >= MOST_STUDENTS:
                raise InputError(f"Round {self.code} has {MOST_STUDENTS} students already; open another round.")
            self._append({"joined": token, "name": name})
        return token

    def answer(self, token: str, place: int, *, is_real: bool) -> bool:
        """Store the answer of a student to the picture at a place; return False if it was answered before, which stays.

        The answer survives a kill or a power cut from then on. Raises InputError if the round has been revealed, the student or the
        picture is unknown, or the answer cannot be stored.
        """
        require("take part")
        with self._alone() as standing:
            if standing.is_revealed:
                raise InputError(f"Round {self.code} has been revealed; later answers do not count.")
            if token not in standing.students or not 0 <= place < len(self.record().pictures):
                raise InputError(f"This answer does not belong to round {self.code}; open its link again.")
            if place in standing.students[token].answers:
                return False
            self._append({"student": token, "picture": place, "real": is_real})
        return True

    def reveal(self, key: str) -> None:
        """End the round. Raises InputError if the key is wrong."""
        require("take part")
        if not self.is_opened_by(key):
            raise InputError(f"Only the page that opened round {self.code} can reveal it; use its address.")
        with self._alone() as standing:
            if not standing.is_revealed:
                self._append({"revealed": time.time()})

    @contextlib.contextmanager
    def _alone(self) -> Iterator[Standing]:
        """Yield the answers so far while all other writers wait."""
        self.record()
        lock = hold_lock(self.path.with_suffix(".lock"), "The round is busy; try again in a moment.", patience=_PATIENCE)
        try:
            yield self.standing()
        finally:
            lock.release()

    def _append(self, line: dict[str, Any]) -> None:
        with explained(f"storing an answer of round {self.code}"):
            writer = LineWriter(self.answers_path)
            try:
                writer.write(line)
                writer.sync()
            finally:
                writer.close()


def create(root: Path, quiz: Quiz) -> tuple[Round, str]:
    """Open a round with the questions of a quiz; return it and the key that reveals it. Raises InputError if that fails."""
    require("take part")
    folder, key = root / FOLDER, secrets.token_urlsafe(16)
    with explained(f"opening a round in {root}"):
        folder.mkdir(parents=True, exist_ok=True)
        known = {path.stem for path in folder.glob("*.json")}
        if len(known) >= _MOST_ROUNDS:
            raise InputError(f"The folder {folder} has {_MOST_ROUNDS:,} rounds already; delete old ones.")
        code = "".join(secrets.choice(_LETTERS) for _ in range(6))
        opened = Round(root, code)
        os.close(os.open(opened.answers_path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))  # if the code is taken, it fails
        record = Record(**dict(quiz), made_at=time.time(), key_sha256=_digest(key))
        write_atomically(opened.path, sealed.seal(record.model_dump(mode="json")))
    return opened, key


def find(root: Path, code: str) -> Round:
    """Return the round with a code as a person may type it. Raises InputError if there is none."""
    plain = re.sub(r"[\s-]", "", code[:40]).upper()
    if not _CODE.fullmatch(plain) or not Round(root, plain).path.is_file():
        raise InputError(f"There is no round “{shown(code, 20)}”; a code has 6 letters and digits, check it and try again.")
    return Round(root, plain)


class _Follower:
    """Follows a file of answers: a call parses only what was appended since the last one, unless the file was replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._read, self._last, self._standing = 0, b"", Standing()  # bytes read, the last of them, what they amount to

    def read(self, pictures: int) -> Standing:
        """Return all answers that count, as a copy."""
        with self._lock:
            content, after = read_complete(self._path, self._read - len(self._last))
            if not content.startswith(self._last):
                self._last, self._standing = b"", Standing()
                content, after = read_complete(self._path)
            replay(parse(content[len(self._last) :]), pictures, self._standing)
            self._read, self._last = after, content[-_CHECKED:]
            students = {token: Student(one.name, dict(one.answers)) for token, one in self._standing.students.items()}
            return Standing(students, self._standing.is_revealed)


@lru_cache(maxsize=64)
def _follower(path: Path) -> _Follower:
    return _Follower(path)


def replay(lines: Sequence[dict[str, Any]], pictures: int, standing: Standing) -> None:
    """Add the lines of a file of answers to a standing, given the number of pictures; senseless lines are left out."""
    for line in lines:
        if standing.is_revealed:
            break
        place, is_real, name = line.get("picture"), line.get("real"), line.get("name")
        if "revealed" in line:
            standing.is_revealed = True
        elif _is_token(joined := line.get("joined")):
            student = standing.students.setdefault(str(joined), Student())
            student.name = student.name or (name[:LONGEST_NAME] if isinstance(name, str) else "")
        elif _is_token(token := line.get("student")) and isinstance(is_real, bool) and type(place) is int and 0 <= place < pictures:
            standing.students.setdefault(str(token), Student()).answers.setdefault(place, is_real)


@lru_cache(maxsize=16)
def _read(path: Path, inode: int, changed: int, size: int) -> Record:
    return Record.model_validate(sealed.unseal(path.read_bytes()))


def _is_token(value: object) -> bool:
    return isinstance(value, str) and bool(_TOKEN.fullmatch(value))


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
