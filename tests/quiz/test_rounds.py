"""Rounds of a class on disk: what counts, who may reveal, several devices at once, kill -9, full disks, damaged files."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gan import runs
from gan.errors import InputError
from gan.quiz import rounds
from gan.quiz.questions import Quiz
from gan.quiz.rounds import Round, Standing
from gan.storage.locks import hold_lock
from tests.helpers import PROJECT, environment, mount, unmount


@pytest.fixture
def opened(root: Path, quiz: Quiz) -> tuple[Round, str]:
    return rounds.create(root, quiz)


def test_a_round_keeps_its_questions_and_is_no_run(opened: tuple[Round, str], quiz: Quiz, root: Path) -> None:
    room, key = opened
    assert rounds.find(root, f" {room.code[:3].lower()}-{room.code[3:]} ") == room
    record = room.record()
    assert (record.pictures, record.opinions, record.run) == (quiz.pictures, quiz.opinions, quiz.run)
    assert key not in room.path.read_text()
    assert runs.list_runs(root) == []
    assert {path.parent.name for path in root.rglob("*") if path.is_file()} == {"quiz"}


def test_first_answers_count_and_none_after_the_reveal(opened: tuple[Round, str]) -> None:
    room, key = opened
    ada, other = room.join("  Ada \n Lovelace "), room.join()
    assert room.answer(ada, 0, is_real=True) and not room.answer(ada, 0, is_real=False)
    assert room.answer(other, 0, is_real=False)
    with pytest.raises(InputError, match="Only the page that opened"):
        room.reveal("guess")
    assert not room.standing().is_revealed
    room.reveal(key)
    room.reveal(key)
    with pytest.raises(InputError, match="later answers do not count"):
        room.answer(ada, 1, is_real=True)
    with pytest.raises(InputError, match="revealed already"):
        room.join()
    standing = room.standing()
    assert standing.is_revealed and standing.answers == 2
    assert [(one.name, one.answers) for one in standing.students.values()] == [("Ada Lovelace", {0: True}), ("", {0: False})]


def test_only_one_writer_at_a_time(opened: tuple[Round, str], monkeypatch: pytest.MonkeyPatch) -> None:
    room, key = opened
    token = room.join()
    monkeypatch.setattr(rounds, "_PATIENCE", 0.1)
    held = hold_lock(room.path.with_suffix(".lock"), "")
    for act in (lambda: room.answer(token, 0, is_real=True), room.join, lambda: room.reveal(key)):
        with pytest.raises(InputError, match="busy; try again"):
            act()
    held.release()
    assert room.answer(token, 0, is_real=True)


def test_order_of_the_lines_decides() -> None:
    token = "a" * 32
    lines = [{"student": token, "picture": place, "real": is_real} for place, is_real in ((0, True), (0, False), (1, False))]
    standing = Standing()
    for line in (*lines, {"revealed": 1.0}, {"student": token, "picture": 2, "real": True}):
        rounds.replay([line], 8, standing)
    assert standing.is_revealed and standing.students[token].answers == {0: True, 1: False}


def test_standing_follows_a_file_that_grows_is_cut_or_is_replaced(opened: tuple[Round, str]) -> None:
    room, key = opened
    assert room.standing() == Standing()
    token = room.join("Ada")
    room.answer(token, 0, is_real=True)
    before, content = room.standing(), room.answers_path.read_bytes()
    room.answer(token, 1, is_real=False)
    room.reveal(key)
    assert before.answers == 1 and not before.is_revealed, "what was returned does not change"
    assert room.standing().answers == 2 and room.standing().is_revealed
    room.answers_path.write_bytes(content)
    assert room.standing() == before
    room.answers_path.write_bytes(content.replace(token.encode(), b"f" * 32) + content)
    assert list(room.standing().students) == ["f" * 32, token]
    room.answers_path.unlink()
    assert room.standing() == Standing()


@pytest.mark.parametrize("code", ["", "ABC", "AAAAAA", "../../x", "ABCDE\u0661", "<b>", "a" * 10_000])
def test_unknown_codes_get_a_sentence(code: str, root: Path) -> None:
    with pytest.raises(InputError, match="There is no round") as caught:
        rounds.find(root, code)
    assert len(str(caught.value)) < 150


def test_what_does_not_belong_is_refused(opened: tuple[Round, str], quiz: Quiz, monkeypatch: pytest.MonkeyPatch) -> None:
    room, _ = opened
    token = room.join()
    for who, place in (("0" * 32, 0), ("../x", 0), (token, len(quiz.pictures)), (token, -1)):
        with pytest.raises(InputError, match="does not belong"):
            room.answer(who, place, is_real=True)
    with pytest.raises(InputError, match="at most 30"):
        room.join("x" * 31)
    monkeypatch.setattr(rounds, "MOST_STUDENTS", 1)
    with pytest.raises(InputError, match="open another round"):
        room.join()
    monkeypatch.setattr(rounds, "_MOST_ROUNDS", 1)
    with pytest.raises(InputError, match="delete old ones"):
        rounds.create(room.root, quiz)
    assert list(room.standing().students) == [token]


_ANSWER_ALL = """
import sys
from pathlib import Path
from gan.quiz import rounds
room = rounds.find(Path(sys.argv[1]), sys.argv[2])
sys.stdin.readline()
for place in range(16):
    kept = room.answer(sys.argv[3], place, is_real=bool(place % 2))
    print(place, kept, flush=True)
"""


def answer_all(room: Round, token: str) -> subprocess.Popen[str]:
    """Start a process that answers all 16 pictures when told to, and prints each answer once it is stored."""
    return subprocess.Popen(
        [sys.executable, "-c", _ANSWER_ALL, str(room.root), room.code, token],
        cwd=PROJECT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_devices_of_one_student_count_once(opened: tuple[Round, str]) -> None:
    room, _ = opened
    token = room.join()
    both = [answer_all(room, token) for _ in range(2)]
    for one in both:
        assert one.stdin
        one.stdin.write("go\n")
        one.stdin.flush()
    kept = [line.split()[1] for one in both for line in one.communicate(timeout=60)[0].splitlines()]
    assert kept.count("True") == kept.count("False") == 16
    assert room.answers_path.read_text().count('"picture"') == 16
    assert room.standing().students[token].answers == {place: bool(place % 2) for place in range(16)}


def test_kill_loses_no_answer_that_was_acknowledged(opened: tuple[Round, str]) -> None:
    room, _ = opened
    token = room.join()
    process = answer_all(room, token)
    assert process.stdin and process.stdout
    process.stdin.write("go\n")
    process.stdin.flush()
    for place in range(5):
        assert process.stdout.readline() == f"{place} True\n"
    process.kill()
    rest = process.communicate()[0].splitlines()
    stored = room.standing().students[token].answers
    assert len(stored) >= 5 + len(rest)
    with open(room.answers_path, "ab") as file:
        file.write(b'{"student": "')  # a line cut short
    assert room.answer(token, 15, is_real=True) == (15 not in stored)
    assert room.standing().students[token].answers == {**stored, 15: True}


@pytest.fixture
def small_disk(root: Path) -> Iterator[Path]:
    root.mkdir()
    mount(root, "size=200k")
    yield root
    unmount(root)


def test_a_full_disk_gets_a_sentence_and_loses_nothing(small_disk: Path, quiz: Quiz) -> None:
    room, _ = rounds.create(small_disk, quiz)
    token = room.join()
    room.answer(token, 0, is_real=True)
    ballast = small_disk / "ballast"
    with pytest.raises(OSError), open(ballast, "wb", buffering=0) as file:  # ends when the disk is full
        while file.write(bytes(4096)):
            pass
    room.answers_path.write_bytes(room.answers_path.read_bytes() + b"\n" * (-room.answers_path.stat().st_size % 4096))
    with pytest.raises(InputError, match="disk is full"):
        room.answer(token, 1, is_real=True)
    with pytest.raises(InputError, match="disk is full"):
        rounds.create(small_disk, quiz)
    assert room.standing().students[token].answers == {0: True}
    ballast.unlink()
    assert room.answer(token, 1, is_real=True)
    assert len(list((small_disk / "quiz").glob("*.json"))) == 1


LINES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.dictionaries(
            st.sampled_from(["joined", "student", "name", "picture", "real", "revealed"]),
            st.one_of(st.just("a" * 32), st.text(max_size=40), st.integers(-2, 20), st.booleans(), st.none(), st.floats()),
        ).map(lambda line: json.dumps(line).encode()),
    ),
    max_size=12,
).map(b"\n".join)


@pytest.fixture(scope="module")
def room(quiz: Quiz, tmp_path_factory: pytest.TempPathFactory) -> Round:
    """Return a round whose files each example replaces."""
    return rounds.create(tmp_path_factory.mktemp("round"), quiz)[0]


@settings(max_examples=60)
@given(LINES)
def test_damaged_answers_are_left_out(quiz: Quiz, room: Round, content: bytes) -> None:
    room.answers_path.write_bytes(content)
    standing = room.standing()
    for token, student in standing.students.items():
        assert rounds._is_token(token) and len(student.name) <= rounds.LONGEST_NAME
        assert all(0 <= place < len(quiz.pictures) and isinstance(value, bool) for place, value in student.answers.items())
    if not standing.is_revealed:
        token = room.join()
        assert room.answer(token, 3, is_real=True)
        assert room.standing().students[token].answers == {3: True}


@settings(max_examples=60)
@given(st.integers(0, 20_000), st.integers(1, 255))
def test_damaged_questions_get_a_sentence(room: Round, at: int, flipped: int) -> None:
    whole = room.path.read_bytes()
    content = bytearray(whole)
    content[at % len(content)] ^= flipped
    room.path.write_bytes(content)
    try:
        with pytest.raises(InputError, match="missing or damaged; open a new round"):
            room.record()
    finally:
        room.path.write_bytes(whole)
