"""The run directory: readers never see half-written files, damaged files break nothing, and ids cannot lead outside it."""

from __future__ import annotations

import io
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gan import runs
from gan.config.fields import Span
from gan.errors import InputError
from gan.execution import queue
from gan.runs import Control, Run, Scoring, Status
from gan.storage import files
from gan.storage.lines import LineWriter, read_lines, sample_lines, sample_stretches
from gan.storage.locks import hold_lock, is_locked
from tests.helpers import PROJECT, environment, is_sentence, make_run, tiny, wait_until


def refusal(caught: pytest.ExceptionInfo[InputError]) -> str:
    """Return the message of a refusal, after checking that it is one sentence."""
    assert is_sentence(str(caught.value)), str(caught.value)
    return str(caught.value)


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a separate Python process that runs ``code``."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=PROJECT,
        env=environment(),
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )


# Writing


@pytest.mark.parametrize("durable", [True, False])
def test_kill_at_any_instant_leaves_the_old_or_the_new_file(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "file.json"
    code = (
        "import sys; from pathlib import Path; from gan.storage import files\n"
        "for number in range(10**9):\n"
        "    value = {'number': number, 'text': str(number % 10) * 300_000}\n"
        "    files.write_json(Path(sys.argv[1]), value, durable=bool(int(sys.argv[2])))"
    )
    instant = random.Random(1)
    for _ in range(8):
        path.unlink(missing_ok=True)
        writer = python(code, path, int(durable))
        wait_until(path.exists, "the first file is written")
        time.sleep(instant.uniform(0, 0.05))
        writer.kill()
        writer.communicate()
        found = json.loads(path.read_bytes())
        assert found["text"] == str(found["number"] % 10) * 300_000


def test_failed_write_leaves_the_old_file_and_no_temporary_files(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    files.write_json(path, {"old": 1})
    with pytest.raises(TypeError):
        files.write_json(path, {"new": object()})
    with pytest.raises(OSError, match="directory"):
        files.write_atomically(tmp_path, b"a folder is in the way")
    assert json.loads(path.read_text()) == {"old": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.json"]
    assert not list(tmp_path.parent.glob(".*.tmp"))


def test_next_write_removes_what_killed_processes_left_in_the_folder(tmp_path: Path) -> None:
    left = [tmp_path / name for name in (".label.json.7.1a2b3c.tmp", ".gone.json.88.ffffff.tmp")]
    others = [tmp_path / name for name in (".label.json.9.1a2b3c.tmp", ".editor.tmp", "1.7.1a2b3c.tmp", ".a.7.1a2b3c.tmp.png")]
    for path in (*left, *others):
        path.write_bytes(b"half")
    now = time.time()
    for path, age in zip((*left, *others[1:]), (2 * files.IN_USE, -2 * files.IN_USE, 1e6, 1e6, 1e6), strict=True):
        os.utime(path, (now - age, now - age))
    files.write_json(tmp_path / "label.json", {"name": "new"})
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in others), "one is in use, the others belong to somebody else"


def test_short_writes_are_continued() -> None:
    class Narrow(io.RawIOBase):
        """A file that accepts three bytes at a time, as can happen on a nearly full disk."""

        taken = b""

        def write(self, content: Any) -> int:
            part = bytes(content[:3])
            self.taken += part
            return len(part)

    file = Narrow()
    files.write_all(file, b"0123456789")
    assert file.taken == b"0123456789"


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_nan_and_infinity_become_null(tmp_path: Path, number: float) -> None:
    assert json.loads(files.to_json({"a": number, "b": [1.5, {"c": number}, (number, 2)]})) == {
        "a": None,
        "b": [1.5, {"c": None}, [None, 2]],
    }
    writer = LineWriter(tmp_path / "lines")
    writer.write({"step": 1, "loss": number})
    writer.close()
    assert (tmp_path / "lines").read_text() == '{"step": 1, "loss": null}\n'
    assert read_lines(tmp_path / "lines")[0] == [{"step": 1, "loss": None}]


# Lines

VALUES = st.none() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | st.lists(st.integers(), max_size=2)
OBJECTS = st.dictionaries(st.text(max_size=5), VALUES)
LINES = st.lists(OBJECTS, min_size=1, max_size=6)


def written(lines: list[dict[str, Any]]) -> list[bytes]:
    """Return the lines as the writer encodes them, each with its newline."""
    return [(files.to_json(line) + "\n").encode("utf-8", "replace") for line in lines]


@given(LINES, st.data())
def test_file_cut_at_any_byte_keeps_complete_lines(tmp_path_factory: pytest.TempPathFactory, lines: list[Any], data: Any) -> None:
    path = tmp_path_factory.mktemp("cut") / "metrics.jsonl"
    rows = written(lines)
    content = b"".join(rows)
    cut = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:cut])
    whole = [json.loads(row) for row in rows[: content[:cut].count(b"\n")]]

    found, offset = read_lines(path)
    assert found == whole
    assert offset == sum(map(len, rows[: len(whole)]))

    writer = LineWriter(path)
    writer.write({"after": "the crash"})
    writer.close()
    assert path.read_bytes() == content[:offset] + b'{"after": "the crash"}\n'
    assert read_lines(path) == ([*whole, {"after": "the crash"}], path.stat().st_size)
    assert read_lines(path, offset)[0] == [{"after": "the crash"}]


@given(LINES, st.data())
def test_flipped_byte_spares_the_other_lines(tmp_path_factory: pytest.TempPathFactory, lines: list[Any], data: Any) -> None:
    path = tmp_path_factory.mktemp("flip") / "metrics.jsonl"
    numbered = [{**line, "number": number} for number, line in enumerate(lines)]
    rows = written(numbered)
    content = bytearray(b"".join(rows))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)

    found, _ = read_lines(path)
    hit = bytes(b"".join(rows))[:place].count(b"\n")
    for number, line in enumerate(numbered):
        if number not in (hit, hit + 1):
            assert json.loads(rows[number]) in found, line


@given(st.binary(max_size=200))
@example(b"[" * 100 + b"\n")
@example(b"\xff\xfe{\x00}\x00\n")
@example(b'{"step": ' + b"9" * 4400 + b"}\n")
@example(b"\r{}\r\n1\nnull\n[{}]\n")
def test_any_bytes_are_read_without_an_exception(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("bytes") / "metrics.jsonl"
    path.write_bytes(content)
    found, offset = read_lines(path)
    assert all(isinstance(line, dict) for line in found)
    assert offset == content.rfind(b"\n") + 1


def test_deeply_nested_line_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n' + b"[" * 100_000 + b'\n{"step": 2}\n')
    assert read_lines(path)[0] == [{"step": 1}, {"step": 2}]


def test_folders_and_missing_files_have_no_lines(tmp_path: Path) -> None:
    assert read_lines(tmp_path / "missing", 7) == ([], 7)
    assert read_lines(tmp_path, 7) == ([], 7)
    (tmp_path / "file").touch()
    assert read_lines(tmp_path / "file" / "below") == ([], 0)


def test_long_incomplete_line_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n' + b"x" * 200_000)
    LineWriter(path).close()
    assert path.read_bytes() == b'{"step": 1}\n'
    path.write_bytes(b"x" * 200_000)
    LineWriter(path).close()
    assert path.read_bytes() == b""


def test_kill_while_appending_loses_no_complete_line(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    code = (
        "import sys; from pathlib import Path; from gan.storage import lines\n"
        "writer = lines.LineWriter(Path(sys.argv[1]))\n"
        "start = len(lines.read_lines(Path(sys.argv[1]))[0])\n"
        "for number in range(start, 10**9): writer.write({'number': number, 'text': 'x' * 2000})"
    )
    instant, seen = random.Random(2), 0
    for _ in range(5):
        before = path.stat().st_size if path.exists() else 0
        writer = python(code, path)
        wait_until(lambda: path.exists() and path.stat().st_size > before, "a line is appended")  # noqa: B023
        time.sleep(instant.uniform(0, 0.02))
        writer.kill()
        writer.communicate()
        numbers = [line["number"] for line in read_lines(path)[0]]
        assert numbers == list(range(len(numbers)))
        assert len(numbers) > seen
        seen = len(numbers)


def test_metrics_are_in_order_and_later_lines_win(root: Path) -> None:
    run = make_run(root)
    writer = LineWriter(run.metrics_path)
    for step, loss in [(10, 1), (20, 2), (25, 3), (10, 4), (22, 5)]:
        writer.write({"step": step, "loss": loss})
    writer.write({"loss": 6})
    writer.write({"step": "30"})
    writer.close()
    assert run.metrics() == [{"step": 10, "loss": 4}, {"step": 20, "loss": 2}, {"step": 22, "loss": 5}, {"step": 25, "loss": 3}]


# Creating and finding


def test_new_run_is_complete_and_the_only_entry(root: Path) -> None:
    config = tiny()
    run = runs.create(root, config, "A name")
    assert [entry.name for entry in root.iterdir()] == [run.id]
    assert (run.config(), run.label(), run.control()) == (config, "A name", Control())
    status = run.status()
    assert (status.state, status.step, status.total_steps, status.steps_per_epoch) == ("queued", 0, 12, 56)
    assert run.checkpoints_path.is_dir()
    assert run.metrics() == run.scores() == []
    assert runs.find(root, run.id) == run
    assert runs.list_runs(root) == [run]


def test_runs_made_by_many_processes_at_once_never_share_a_folder(root: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from gan import runs; from tests.helpers import tiny\n"
        "config = tiny(); print('ready', flush=True); sys.stdin.readline()\n"
        "for _ in range(12): print(runs.create(Path(sys.argv[1]), config, sys.argv[2]).id)"
    )
    makers = [python(code, root, name) for name in range(8)]
    for maker in makers:
        assert maker.stdout is not None
        assert maker.stdout.readline() == "ready\n"
    made: dict[str, str] = {}
    for maker in makers:
        assert maker.stdin is not None
        maker.stdin.write("go\n")
        maker.stdin.flush()
    for name, maker in enumerate(makers):
        ids = maker.communicate(timeout=60)[0].split()
        assert maker.returncode == 0
        assert len(ids) == 12
        made |= dict.fromkeys(ids, str(name))
    assert len(made) == 96
    assert {run.id: run.label() for run in runs.list_runs(root)} == made
    assert sorted(entry.name for entry in root.iterdir()) == sorted(made)


@pytest.mark.parametrize("kind", ["file", "below a file", "dangling link", "link to itself", "name too long"])
def test_root_that_cannot_hold_runs_is_refused(root: Path, kind: str) -> None:
    if kind == "file":
        root.write_text("no folder")
    elif kind == "below a file":
        root.write_text("no folder")
        root = root / "runs"
    elif kind == "dangling link":
        root.symlink_to(root.parent / "nowhere" / "at all")
    elif kind == "link to itself":
        root.symlink_to(root)
    else:
        root = root / ("x" * 300)
    with pytest.raises(InputError) as caught:
        runs.create(root, tiny())
    assert refusal(caught)
    with pytest.raises(InputError) as caught:
        runs.find(root, "20260131-093000-1a2b3c")
    assert refusal(caught)
    if kind in ("file", "link to itself", "name too long"):
        with pytest.raises(InputError) as caught:
            runs.list_runs(root)
        assert refusal(caught)
    assert queue.advance(root) == []


def test_missing_and_empty_roots_have_no_runs(root: Path) -> None:
    assert runs.list_runs(root) == []
    root.mkdir()
    assert runs.list_runs(root) == []
    assert queue.waiting_runs(root) == []
    assert queue.advance(root) == []


def test_root_without_permission_is_refused(root: Path) -> None:
    root.mkdir()
    root.chmod(0)
    me, nobody = os.geteuid(), 65534
    if me == 0:
        os.seteuid(nobody)  # permissions do not restrict root
    try:
        for refused in (lambda: runs.list_runs(root), lambda: runs.create(root, tiny())):
            with pytest.raises(InputError) as caught:
                refused()
            assert "ermission" in refusal(caught)
    finally:
        os.seteuid(me)
        root.chmod(0o700)


def test_length_of_zero_creates_no_run(root: Path) -> None:
    with pytest.raises(InputError) as caught:
        runs.create(root, tiny({"training.length": "0 epochs"}))
    assert "training.length is 0" in refusal(caught)
    assert not root.exists()


@given(st.text(max_size=40))
@example("..")
@example(".")
@example("/")
@example("")
@example("../20260131-093000-1a2b3c")
@example("20260131-093000-1a2b3c/..")
@example("20260131-093000-1a2b3c\n")
@example("20260131-093000-1A2B3C")
@example("٢٠٢٦٠١٣١-093000-1a2b3c")
@example(".trash")
@example("x" * 1000)
def test_invalid_ids_are_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    with pytest.raises(InputError) as caught:
        runs.find(tmp_path_factory.getbasetemp(), text)
    assert "is not a run id" in refusal(caught)


def test_ids_made_within_one_second_sort_by_creation() -> None:
    made = []
    for _ in range(200):
        made.append(runs.new_id())
        time.sleep(0.0001)
    assert made == sorted(made) and len(set(made)) == 200


def test_unknown_id_is_refused(root: Path) -> None:
    with pytest.raises(InputError) as caught:
        runs.find(root, "20260131-093000-1a2b3c")
    assert "There is no run 20260131-093000-1a2b3c in" in refusal(caught)


def test_an_archived_run_says_how_it_comes_back(root: Path) -> None:
    run = make_run(root)
    (root / runs.ARCHIVE / "2026-11-30-1a2b").mkdir(parents=True)
    run.path.rename(root / runs.ARCHIVE / "2026-11-30-1a2b" / run.id)
    with pytest.raises(InputError) as caught:
        runs.find(root, run.id)
    assert "has been archived" in refusal(caught) and "class restore 2026-11-30-1a2b" in refusal(caught)


def test_foreign_entries_in_the_root_are_not_runs(root: Path) -> None:
    run = make_run(root)
    (root / "notes.txt").write_text("mine")
    (root / ".new-20260131-093000-1a2b3c").mkdir()
    (root / "20260131-093000-1a2b3c.bak").mkdir()
    assert runs.list_runs(root) == [run]


def test_newest_run_comes_first(root: Path) -> None:
    for run_id in ("20260131-093000-1a2b3c", "20260202-093000-000000", "20260131-093001-000000"):
        (root / run_id).mkdir(parents=True)
    assert [run.id for run in runs.list_runs(root)] == [
        "20260202-093000-000000",
        "20260131-093001-000000",
        "20260131-093000-1a2b3c",
    ]


# Names

FAMILY = "👨‍👩‍👧"


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("plain", "plain"),
        ("<b>bold</b> & **strong** $x$ {a} %s `c`", "<b>bold</b> & **strong** $x$ {a} %s `c`"),
        ("שלום עולם", "שלום עולם"),
        ("می‌خواهم", "می‌خواهم"),
        (f"{FAMILY} 🇩🇪 ❤️ 👩🏽‍💻", f"{FAMILY} 🇩🇪 ❤️ 👩🏽‍💻"),
        ("../../etc/passwd\x00", "../../etc/passwd"),
        ("two\nlines\tand   gaps ", "two lines and gaps"),
        ("\u202eevil", "evil"),
        ("\ud800x", "x"),
        ("x" * 120, "x" * 120),
    ],
)
def test_names_are_kept_as_written(root: Path, given_name: str, kept: str) -> None:
    run = runs.create(root, tiny(), given_name)
    assert run.label() == kept
    other = runs.create(root, tiny())
    other.rename(given_name)
    assert Run(other.path).label() == kept


def test_long_name_is_refused_and_leaves_nothing(root: Path) -> None:
    with pytest.raises(InputError) as caught:
        runs.create(root, tiny(), "x" * 300)
    assert "300 characters" in refusal(caught)
    assert list(root.iterdir()) == []
    run = runs.create(root, tiny(), "short")
    with pytest.raises(InputError):
        run.rename("x" * 121)
    assert run.label() == "short"


def test_empty_name_returns_to_the_default(root: Path) -> None:
    run = runs.create(root, tiny(), "mine")
    run.rename("   ")
    assert run.label() == f"digits-dcgan · {run.id[-6:]}"
    bare = runs.create(root, tiny().model_copy(update={"preset": ""}))
    assert bare.label() == bare.id


@given(st.text(max_size=200))
def test_any_name_is_kept_or_refused(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    run = Run(tmp_path_factory.mktemp("named"))
    try:
        run.rename(name)
    except InputError as error:
        assert is_sentence(str(error))
    else:
        assert "\n" not in run.label()


# Damage

JSON_FILES = ["status.json", "config.json", "control.json", "label.json", "scoring.json"]
WRONG = {
    "empty": b"",
    "cut": b'{"state": "run',
    "binary": bytes(range(256)),
    "null": b"null",
    "list": b"[1, 2]",
    "text": b'"running"',
    "number": b"17",
    "wrong types": b'{"state": 5, "step": "many", "stop": [], "name": {}, "length": {}, "schema_version": {}, "progress": "x"}',
    "out of range": b'{"step": -1, "steps_per_epoch": 0, "progress": 7, "length": "5 years", "data": {"size": 3}}',
    "not a number": b'{"step": NaN, "seconds": Infinity, "heartbeat": NaN, "length": NaN, "data": NaN}',
    "huge numbers": b'{"step": 1' + b"0" * 400 + b', "total_steps": 1' + b"0" * 400 + b', "seconds": 1e308}',
    "number too long": b'{"step": ' + b"9" * 5000 + b"}",
    "nested": b"[" * 100_000,
    "newer": b'{"schema_version": 99}',
    "foreign": b'{"name": ["a"], "private": true, "dependencies": {"react": "^18"}}',
    "lone surrogate": b'{"state": "\\ud800", "message": "\\ud800", "name": "\\ud800", "preset": "\\ud800"}',
    "utf-16": '{"state": "finished"}'.encode("utf-16"),
}


def look_at(run: Run) -> None:
    """Read everything that a page shows of a run; only ``config`` may raise InputError, with a sentence."""
    status = run.status()
    assert status.epoch >= 0
    assert status.seconds_left is None or status.seconds_left >= 0
    json.dumps(status.model_dump())
    assert isinstance(run.control(), Control)
    assert isinstance(run.scoring(), Scoring)
    assert isinstance(run.label(), str)
    assert run.metrics() == run.scores() == []
    assert run.samples() == {}
    assert isinstance(run.log_tail(), str)
    try:
        run.config()
    except InputError as error:
        assert is_sentence(str(error)), str(error)


@pytest.mark.parametrize("content", [pytest.param(content, id=name) for name, content in WRONG.items()])
@pytest.mark.parametrize("name", JSON_FILES)
def test_damaged_file_breaks_nothing_else(root: Path, name: str, content: bytes) -> None:
    run = make_run(root, state="stopped")
    look_at(run)
    (run.path / name).write_bytes(content)
    look_at(run)
    assert runs.list_runs(root) == [run]
    queue.waiting_runs(root)
    queue.advance(root)
    run.rename("Still nameable")
    assert run.label() == "Still nameable"
    run.write_control(stop=True)
    assert run.control().stop


@pytest.mark.parametrize("name", ["status.json", "config.json"])
def test_damage_is_reported_in_a_sentence(root: Path, name: str) -> None:
    run = make_run(root, state="stopped")
    (run.path / name).write_bytes(b"\x00")
    if name == "config.json":
        with pytest.raises(InputError) as caught:
            run.config()
        assert "config.json cannot be read" in refusal(caught)
    else:
        status = run.status()
        assert status.state == "interrupted"
        assert is_sentence(status.message)
        assert "status.json cannot be read" in status.message


def test_missing_files_break_nothing(root: Path) -> None:
    run = Run(root / "20260131-093000-1a2b3c")
    look_at(run)
    run.path.mkdir(parents=True)
    look_at(run)
    assert run.status().state == "interrupted"
    with pytest.raises(InputError, match="is missing"):
        run.config()


@pytest.mark.parametrize(
    "name", ["status.json", "config.json", "control.json", "label.json", "scoring.json", "metrics.jsonl", "log.txt"]
)
def test_folder_in_place_of_a_file_breaks_nothing(root: Path, name: str) -> None:
    run = make_run(root, state="stopped")
    (run.path / name).unlink(missing_ok=True)
    (run.path / name).mkdir()
    look_at(run)


def test_file_in_place_of_a_run_breaks_nothing(root: Path) -> None:
    root.mkdir()
    (root / "20260131-093000-1a2b3c").write_text("no folder")
    for run in runs.list_runs(root):
        look_at(run)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a stopped run with a name, shared by the examples of one test."""
    run = make_run(tmp_path_factory.mktemp("stopped"), state="stopped")
    run.rename("named")
    return run


@given(st.sampled_from(["status.json", "config.json", "label.json"]), st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_any_flipped_byte_in_any_file_breaks_nothing(stopped: Run, name: str, place: float, mask: int) -> None:
    path = stopped.path / name
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[int(place * len(whole))] ^= mask
    path.write_bytes(damaged)
    try:
        look_at(stopped)
    finally:
        path.write_bytes(whole)


def test_foreign_names_among_the_samples_are_ignored(root: Path) -> None:
    run = make_run(root)
    for name in ("00000010.png", "00000002.png", "notes.txt", "².png", "x.png", ".00000003.png.1.tmp", "00000004.png.tmp"):
        (run.samples_path / name).touch()
    assert list(run.samples()) == [2, 10]


def test_log_tail_is_the_end_of_the_log(root: Path) -> None:
    run = make_run(root)
    run.log_path.write_bytes(b"x" * 5000 + "…the end\n".encode())
    assert run.log_tail().endswith("…the end\n")
    assert len(run.log_tail(100)) <= 100


# Reading what was just written


def test_reader_never_sees_an_outdated_status(root: Path) -> None:
    """If the file system's clock is coarse, a file and its replacement may share inode, time and size."""
    run = make_run(root)
    tick = 10_000_000
    for step in range(1000, 1200):
        run.write_status(Status(state="stopped", step=step), durable=False)
        now = run.status_path.stat().st_mtime_ns // tick * tick
        os.utime(run.status_path, ns=(now, now))
        assert run.status().step == step


def test_control_keeps_unchanged_fields(root: Path) -> None:
    run = make_run(root)
    run.write_control(length=Span(count=7, unit="epochs"))
    run.write_control(stop=True)
    assert run.control() == Control(stop=True, length=Span(count=7, unit="epochs"))
    run.write_control(stop=False, length=None)
    assert run.control() == Control()


def test_changing_a_missing_run_is_refused(root: Path) -> None:
    run = Run(root / "20260131-093000-1a2b3c")
    for ask in (lambda: run.write_control(stop=True), lambda: run.rename("x"), lambda: runs.delete(run)):
        with pytest.raises(InputError) as caught:
            ask()
        assert refusal(caught)


# Locks and states


def holder(path: Path) -> subprocess.Popen[str]:
    """Start a process that holds the lock at ``path`` until it ends."""
    code = "import sys; from pathlib import Path; from gan.storage import locks\n"
    code += "lock = locks.hold_lock(Path(sys.argv[1]), 'taken'); print('held', flush=True); sys.stdin.readline()"
    process = python(code, path)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_lock_is_held_only_while_its_process_lives(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_locked(path)
    process = holder(path)
    assert is_locked(path)
    assert is_locked(path)
    with pytest.raises(InputError, match="taken already"):
        hold_lock(path, "taken already", patience=0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not is_locked(path)
    lock = hold_lock(path, "taken")
    assert is_locked(path)
    lock.release()
    assert not is_locked(path)


def test_checking_a_lock_never_makes_it_look_held(tmp_path: Path) -> None:
    """Several pages may check at once whether a trainer is alive; they must not mistake each other for one."""
    path = tmp_path / "lock"
    hold_lock(path, "taken").release()
    answers: list[bool] = []
    threads = [threading.Thread(target=lambda: answers.extend(is_locked(path) for _ in range(500))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [False] * 2000


def test_trainer_gets_its_lock_while_pages_check_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    hold_lock(path, "taken").release()
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            is_locked(path)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            lock = hold_lock(path, "taken", patience=10)
            assert is_locked(path)
            lock.release()
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def test_running_without_a_holder_shows_as_interrupted(root: Path) -> None:
    run = make_run(root)
    run.write_status(Status(state="running", step=3, total_steps=12, heartbeat=time.time()))
    assert run.status().state == "interrupted"
    assert is_sentence(run.status().message)
    process = holder(run.path / "trainer.lock")
    assert run.status().state == "running"
    process.kill()
    process.communicate()
    assert run.status().state == "interrupted"
    assert run.status().step == 3


def test_starting_becomes_interrupted_after_the_grace_period(root: Path) -> None:
    run = make_run(root)
    assert run.status().state == "starting"
    run.write_status(Status(state="starting", heartbeat=time.time() - 3600))
    assert run.status().state == "interrupted"
    process = holder(run.path / "trainer.lock")
    assert run.status().state == "starting"
    process.kill()
    process.communicate()


def test_scoring_that_was_killed_shows_as_failed(root: Path) -> None:
    run = make_run(root, state="finished")
    run.write_scoring(Scoring(state="running", heartbeat=time.time() - 3600))
    assert run.scoring().state == "failed"
    assert is_sentence(run.scoring().message)
    process = holder(run.path / "scoring.lock")
    assert run.scoring().state == "running"
    process.kill()
    process.communicate()


# Deleting


def test_deleted_run_comes_back_as_it_was(root: Path) -> None:
    run = make_run(root, state="stopped")
    run.rename("Kept")
    runs.delete(run)
    assert runs.list_runs(root) == []
    with pytest.raises(InputError):
        runs.find(root, run.id)
    assert runs.restore(root, run.id) == run
    assert run.label() == "Kept"
    assert runs.list_runs(root) == [run]
    runs.delete(run)
    assert runs.list_runs(root) == []


@pytest.mark.parametrize("state", ["queued", "starting", "running"])
def test_run_under_way_is_not_deleted(root: Path, state: Any) -> None:
    run = make_run(root)
    process = holder(run.path / "trainer.lock")
    run.write_status(Status(state=state, heartbeat=time.time()))
    with pytest.raises(InputError) as caught:
        runs.delete(run)
    assert "still under way" in refusal(caught)
    assert runs.list_runs(root) == [run]
    process.kill()
    process.communicate()


def test_run_held_by_a_trainer_is_not_deleted_even_if_finished(root: Path) -> None:
    run = make_run(root, state="finished")
    process = holder(run.path / "trainer.lock")
    with pytest.raises(InputError, match="still under way"):
        runs.delete(run)
    process.kill()
    process.communicate()
    runs.delete(run)


@pytest.mark.parametrize("run_id", ["20260131-093000-1a2b3c", "..", "../x", "", "x" * 300, "a\nb"])
def test_only_runs_in_the_trash_can_be_restored(root: Path, run_id: str) -> None:
    make_run(root, state="stopped")
    with pytest.raises(InputError) as caught:
        runs.restore(root, run_id)
    assert "in the trash" in refusal(caught)


def test_restoring_over_a_run_is_refused(root: Path) -> None:
    run = make_run(root, state="stopped")
    runs.delete(run)
    run.path.mkdir()
    (run.path / "new").touch()
    with pytest.raises(InputError) as caught:
        runs.restore(root, run.id)
    assert refusal(caught)
    assert (run.path / "new").exists()


def test_damaged_run_can_be_deleted(root: Path) -> None:
    run = make_run(root)
    run.status_path.write_bytes(b"\x00")
    runs.delete(run)
    assert runs.list_runs(root) == []


@given(st.lists(st.integers(0, 300), max_size=60), st.integers(1, 12))
def test_sampled_lines_are_complete_and_in_order(sizes: list[int], count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.jsonl"
        everything = [{"step": step, "text": "x" * size} for step, size in enumerate(sizes)]
        path.write_text("".join(json.dumps(line) + "\n" for line in everything) + '{"step": 99, "cut')
        found = sample_lines(path, count)
        steps = [line["step"] for line in found]
        assert steps == sorted(set(steps)) and all(line == everything[line["step"]] for line in found)
        if path.stat().st_size <= 512 * count:
            assert found == everything


@given(st.lists(st.integers(0, 300), max_size=80), st.integers(1, 12), st.integers(1, 9))
def test_sampled_stretches_are_consecutive_lines(sizes: list[int], count: int, length: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.jsonl"
        path.write_text("".join(json.dumps({"step": step, "text": "x" * size}) + "\n" for step, size in enumerate(sizes)))
        found = [[line["step"] for line in stretch] for stretch in sample_stretches(path, count, length)]
        ends = [stretch[-1] for stretch in found]
        assert found == [list(range(max(0, end + 1 - length), end + 1)) for end in ends]
        assert ends == sorted(set(ends)) and {*ends[:1], *ends[-1:]} == {*range(len(sizes))[:1], *range(len(sizes))[-1:]}


def test_sampled_lines_of_a_long_file_are_spread_evenly(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    lines = [json.dumps({"step": step, "loss": 1 / (step + 1)}) for step in range(50_000)]
    lines[25_000] = '{"step": damaged'
    path.write_text("\n".join(lines) + "\n")
    steps = [line["step"] for line in sample_lines(path, 200)]
    assert len(steps) >= 200 and steps[0] == 0 and steps[-1] == 49_999
    gaps = [after - before for before, after in itertools.pairwise(steps)]
    assert max(gaps) < 1.5 * 50_000 / 200
    assert sample_lines(tmp_path / "nothing.jsonl", 10) == []


def test_tags_and_note_are_kept_with_the_name(root: Path) -> None:
    run = make_run(root)
    run.annotate(["best so far", " best\nso far ", ""], "collapsed at <step> 400")
    run.rename("Mine")
    assert (run.label(), run.told().tags, run.told().note) == ("Mine", ("best so far",), "collapsed at <step> 400")
    for tags, note in ((["x" * 41], ""), ([str(number) for number in range(21)], ""), ([], "x" * 4001)):
        with pytest.raises(InputError) as caught:
            run.annotate(tags, note)
        assert is_sentence(str(caught.value))
    assert run.told().tags == ("best so far",)
    (run.path / "label.json").write_text("{")
    assert run.told() == runs.Label()
