"""The index of runs: lists say the same with it, without it, and with one that is damaged, old or of another version."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gan import runs
from gan.access import owners
from gan.access.people import Person, acting
from gan.errors import InputError
from gan.execution import queue
from gan.runs import Membership, Origin, Run, Status, announcing, forks, index
from gan.runs.listing import Listing
from gan.runs.records import RUN_ID
from gan.storage import files
from tests.helpers import make_run


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Begin as a process that has read nothing."""
    index._index.cache_clear()
    yield
    index._index.cache_clear()


def age(run: Run, seconds: float = 60) -> None:
    """Make everything in the folder of a run look as if it had been written some time ago."""
    then = time.time() - seconds
    for path in (*run.path.rglob("*"), run.path):
        os.utime(path, (then, then))


def ended(root: Path, name: str = "") -> Run:
    """Make a run that ended some time ago."""
    run = make_run(root, name=name)
    run.write_status(Status(state="finished", step=12, total_steps=12))
    age(run)
    return run


def told(root: Path) -> list[tuple[str, str, Status, str, str, str, Person]]:
    """Return what lists say of all runs."""
    return [
        (one.run.id, one.facts.label, one.status(), one.facts.parent, one.facts.sweep, one.facts.data, one.facts.owner)
        for one in index.read(root)
    ]


def truth(root: Path) -> list[tuple[str, str, Status, str, str, str, Person]]:
    """Return the same from the run directories alone."""
    found = []
    everyone = (Run(path) for path in root.iterdir() if RUN_ID.fullmatch(path.name))
    for run in sorted(everyone, key=lambda run: run.age_key):
        origin, membership = run.origin(), run.membership()
        parent, sweep = origin.run if origin else "", membership.sweep if membership else ""
        try:
            data = run.config().data.name
        except InputError:
            data = ""
        found.append((run.id, run.label(), run.status(), parent, sweep, data, run.owner()))
    return found[::-1]


def restart(root: Path) -> None:
    """Keep the index, and begin as a new process."""
    index.read(root)
    index.keep(root)
    index._index.cache_clear()


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows with the id of each run whose files are read."""
    found: list[str] = []
    read = index._read
    monkeypatch.setattr(index, "_read", lambda run, stamps: (found.append(run.id), read(run, stamps))[1])
    return found


def test_a_new_process_reads_no_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [ended(tmp_path, f"run {number}") for number in range(3)]
    restart(tmp_path)
    seen = counted(monkeypatch)
    assert [label for _, label, *_ in told(tmp_path)] == ["run 2", "run 1", "run 0"]
    assert seen == []
    kept[1].rename("another")
    assert [label for _, label, *_ in told(tmp_path)] == ["run 2", "another", "run 0"]
    assert seen == [kept[1].id]


def _garbage(path: Path) -> None:
    path.write_bytes(os.urandom(500))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def _flip(path: Path) -> None:
    content = path.read_bytes()
    assert b"run 1" in content
    path.write_bytes(content.replace(b"run 1", b"run 7"))


def _sealed(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    """Change an index file as a program would, with a valid digest."""
    found = json.loads(path.read_bytes().partition(b"\n")[2])
    change(found)
    content = json.dumps(found).encode()
    path.write_bytes(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)


def _other_version(path: Path) -> None:
    _sealed(path, lambda found: found.update(version=1))


def _other_shape(path: Path) -> None:
    _sealed(path, lambda found: [one.pop("label") for one in found["runs"].values()])  # type: ignore[attr-defined]


def _fewer_files(path: Path) -> None:
    _sealed(path, lambda found: [one["stamps"].pop() for one in found["runs"].values()])  # type: ignore[attr-defined]


def _strangers(path: Path) -> None:
    _sealed(path, lambda found: found["runs"].update({"../../etc": next(iter(found["runs"].values()))}))  # type: ignore[attr-defined]


def _a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = [Path.unlink, _garbage, _cut, _flip, _other_version, _other_shape, _fewer_files, _strangers, _a_folder]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__.strip("_"))
def test_a_useless_index_is_made_again(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    for number in range(3):
        ended(tmp_path, f"run {number}")
    restart(tmp_path)
    damage(tmp_path / index.FILE)
    assert told(tmp_path) == truth(tmp_path)
    if damage is not _a_folder:
        restart(tmp_path)
        assert index._load(tmp_path / index.FILE).keys() == {run.id for run in runs.list_runs(tmp_path)}


def test_an_old_index_is_corrected(tmp_path: Path) -> None:
    renamed, deleted, resumed = (ended(tmp_path, name) for name in ("renamed", "deleted", "resumed"))
    restart(tmp_path)
    old = (tmp_path / index.FILE).read_bytes()
    renamed.rename("new name")
    runs.delete(deleted)
    resumed.write_status(Status(state="queued", total_steps=24))
    added = ended(tmp_path, "added")
    (tmp_path / index.FILE).write_bytes(old)
    assert told(tmp_path) == truth(tmp_path)
    assert {label for _, label, *_ in told(tmp_path)} == {"new name", "resumed", "added"}
    assert queue.waiting_runs(tmp_path) == [resumed]
    assert runs.list_runs(tmp_path)[0] == added


def test_a_copied_folder_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended(tmp_path / "here", "run")
    restart(tmp_path / "here")
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    seen = counted(monkeypatch)
    assert told(tmp_path / "there") == truth(tmp_path / "there")
    assert len(seen) == 1


def test_runs_under_way_are_not_kept(tmp_path: Path) -> None:
    finished, waiting = ended(tmp_path), ended(tmp_path)
    waiting.write_status(Status(state="queued"))
    age(waiting)
    damaged = ended(tmp_path)
    damaged.status_path.write_text("{")
    age(damaged)
    restart(tmp_path)
    assert index._load(tmp_path / index.FILE).keys() == {finished.id}
    assert told(tmp_path) == truth(tmp_path)


def test_an_index_without_news_is_not_written_again(tmp_path: Path) -> None:
    ended(tmp_path)
    restart(tmp_path)
    before = (tmp_path / index.FILE).stat()
    index.keep(tmp_path)
    assert (tmp_path / index.FILE).stat().st_ino == before.st_ino


def test_two_servers_share_a_folder(tmp_path: Path) -> None:
    """Writers replace the file whole, so a reader finds one of their versions, and neither is trusted blindly."""
    made = [ended(tmp_path, f"run {number}") for number in range(5)]
    one, other = index._Index(tmp_path), index._Index(tmp_path)
    for server in (one, other):
        server.listed()
        server.keep()
    is_over = threading.Event()

    def write(server: index._Index) -> None:
        while not is_over.is_set():
            server.listed()
            server._stored = {}
            server.keep()

    writers = [threading.Thread(target=write, args=(server,)) for server in (one, other)]
    for writer in writers:
        writer.start()
    try:
        for number in range(50):
            made[number % 5].rename(f"name {number}")
            age(made[number % 5], 60 + number)
            assert index._load(tmp_path / index.FILE)
            index._index.cache_clear()
            assert told(tmp_path) == truth(tmp_path)
    finally:
        is_over.set()
        for writer in writers:
            writer.join()


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    ended(tmp_path)
    left, recent = (tmp_path / f".{index.FILE}.{number}.abc.tmp" for number in (1, 2))
    for path in (left, recent):
        path.write_bytes(b"half")
    os.utime(left, (time.time() - 3600,) * 2)
    restart(tmp_path)
    assert not left.exists()
    assert recent.exists()
    assert told(tmp_path) == truth(tmp_path)


def test_a_folder_without_permission_keeps_no_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended(tmp_path)

    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError

    monkeypatch.setattr(files, "write_atomically", refuse)
    restart(tmp_path)
    assert not (tmp_path / index.FILE).exists()
    index.keep(tmp_path / "missing")
    assert not index.read(tmp_path / "missing")


@pytest.mark.parametrize("name", ["config.json", "status.json", "label.json", owners.FILE])
def test_an_edit_in_place_shows_within_two_seconds(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with acting(Person(id="a1", name="run")):
        run = ended(tmp_path, "run")
    assert told(tmp_path) == truth(tmp_path)
    folder = run.path.stat()
    (run.path / name).write_text((run.path / name).read_text().replace("run", "ran").replace("finished", "stopped"))
    os.utime(run.path / name, (time.time() - 30,) * 2)
    assert run.path.stat().st_mtime_ns == folder.st_mtime_ns
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + index._TRUST)
    assert told(tmp_path) == truth(tmp_path)
    index._index.cache_clear()
    assert told(tmp_path) == truth(tmp_path)


def follows(every: Listing) -> list[object]:
    """Return what is worked out from a listing."""
    groups = [([one.id for one in group], is_going) for group, is_going in every.groups]
    ids = [[one.id for one in part] for part in (every.going, every.waiting, every.moving)]
    return [groups, ids, every.names, every.data_sets, every.last_starts]


#: What can happen to a run: by the program, by an editor, and by a disk.
CHANGES: dict[str, Callable[[Run], object]] = {
    "rename": lambda run: run.rename("a name"),
    "rename back": lambda run: run.rename(""),
    "annotate": lambda run: run.annotate(["tag"], "note"),
    "finish": lambda run: run.write_status(Status(state="finished", step=12, total_steps=12)),
    "queue": lambda run: run.write_status(Status(state="queued", queued_at=5.0)),
    "seem to run": lambda run: run.write_status(Status(state="running", step=3)),
    "become a fork": lambda run: run.write_origin(Origin(run="20250101-000000-abcdef")),
    "join a sweep": lambda run: run.write_membership(Membership(sweep="20250101-000000-abcdef", place=0)),
    "leave its sweep": lambda run: (run.path / "sweep.json").unlink(missing_ok=True),
    "lose its status": lambda run: run.status_path.unlink(missing_ok=True),
    "damage its status": lambda run: run.status_path.write_bytes(b"{"),
    "damage its configuration": lambda run: run.config_path.write_bytes(b"\xff"),
    "damage its name": lambda run: (run.path / "label.json").write_bytes(b'{"name": 3}'),
    "become a student's": lambda run: owners.write(run.path, Person(id="a1", name="Ann")),
    "damage its owner": lambda run: (run.path / owners.FILE).write_bytes(b"{}"),
    "move to the trash": lambda run: run.path.exists() and run.path.rename(run.root / "away"),
    "return": lambda run: (run.root / "away").exists() and (run.root / "away").rename(run.path),
    "age": lambda run: run.path.exists() and age(run),
    "restart": lambda run: restart(run.root),
    "lose the index": lambda run: (run.root / index.FILE).unlink(missing_ok=True),
}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(sorted(CHANGES)), max_size=8))
def test_lists_say_what_the_run_directories_say(tmp_path_factory: pytest.TempPathFactory, changes: list[str]) -> None:
    root = tmp_path_factory.mktemp("runs")
    run, _ = ended(root, "first"), ended(root, "second")
    for change in changes:
        with contextlib.suppress(OSError, InputError):  # the run is in the trash
            CHANGES[change](run)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(index, "_TURN", 0)
            if change.startswith("damage"):  # in place
                patch.setattr(index, "_TRUST", 0)
            assert told(root) == truth(root), change
            assert follows(index.read(root)) == follows(index._Index(root).listed()), change
    restart(root)
    assert told(root) == truth(root)
    if run.path.exists():
        assert forks.family(run)[0].run == run


def test_a_page_reads_the_list_once_unless_runs_change(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(root)
    reads: list[Path] = []
    listed = index._Index.listed
    monkeypatch.setattr(index._Index, "listed", lambda self: (reads.append(self._root), listed(self))[1])
    with index.read_once():
        assert [len(index.read(root)) for _ in range(3)] == [1, 1, 1] and len(reads) == 1
        make_run(root)
        assert len(index.read(root)) == 2
        assert len(index.read(root)) == 2
    assert len(index.read(root)) == 2 and len(reads) == 3


def test_what_follows_from_the_list_is_made_once_on_a_page_unless_runs_change() -> None:
    made: list[int] = []

    def make() -> int:
        made.append(len(made))
        return made[-1]

    assert [index.once(("line",), make), index.once(("line",), make)] == [0, 1], "outside of a page, each time"
    with index.read_once():
        assert [index.once(("line",), make), index.once(("line",), make), index.once(("other",), make)] == [2, 2, 3]
        index.forget()
        assert index.once(("line",), make) == 4
    with index.read_once():
        assert index.once(("line",), make) == 5


@pytest.fixture
def resting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[index._Index, list[Run]]:
    """Return a server's index that looks at one run at rest in each read, and five runs at rest."""
    made = [ended(tmp_path, f"run {number}") for number in range(5)]
    for run in made:
        age(run, 3600)
    monkeypatch.setattr(index, "_AT_ONCE", 1)
    server = index._Index(tmp_path)
    server.listed()
    return server, made


def labels(server: index._Index) -> list[str]:
    return [one.facts.label for one in server.listed()][::-1]


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the ids of the runs that the index looks at, in order."""
    names: list[str] = []
    stamp = index.stamp
    monkeypatch.setattr(index, "stamp", lambda path: (names.append(Path(path).name), stamp(path))[1])
    return names


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function that lets two seconds pass."""
    clock = time.time_ns
    passed = 0

    def wait() -> None:
        nonlocal passed
        passed += max(index._TRUST, index._TURN)

    monkeypatch.setattr(time, "time_ns", lambda: clock() + passed)
    return wait


def test_runs_at_rest_are_looked_at_in_turns(
    resting: tuple[index._Index, list[Run]], looked: list[str], later: Callable[[], None]
) -> None:
    server, made = resting
    for _ in range(5):
        later()
        for _ in range(3):  # many visitors do not make it more
            server.listed()
    folders = [name for name in looked if RUN_ID.fullmatch(name)]
    assert sorted(folders) == sorted(2 * [run.id for run in made])


def test_an_announced_change_of_a_run_at_rest_shows_at_once(resting: tuple[index._Index, list[Run]], looked: list[str]) -> None:
    server, made = resting
    for number, run in enumerate(made):
        looked.clear()
        run.rename(f"name {number}")
        assert labels(server)[number] == f"name {number}"
        assert {name for name in looked if RUN_ID.fullmatch(name)} <= {one.id for one in made[: number + 1]}, "no others"
    made[3].write_status(Status(state="queued", total_steps=24))
    assert [one.status().state for one in server.listed()][::-1][3] == "queued"
    runs.delete(made[0])
    made.append(make_run(made[0].root, name="new"))
    assert labels(server) == ["name 1", "name 2", "name 3", "name 4", "new"]


def test_a_waiting_run_rests_until_it_is_started_or_taken_out(resting: tuple[index._Index, list[Run]], looked: list[str]) -> None:
    _, (first, second, *_) = resting
    for run in (first, second):
        run.write_status(Status(state="queued", total_steps=24))
        age(run, 3600)
    server = index._Index(first.root)
    before = server.listed()
    looked.clear()
    assert server.listed() is before and not any(RUN_ID.fullmatch(name) for name in looked)
    first.write_status(Status(state="starting", heartbeat=time.time()))
    second.write_status(Status(state="stopped"))
    assert [one.facts.status.state for one in server.listed()[:-3:-1] if one.facts.status] == ["starting", "stopped"]


@pytest.mark.parametrize(
    "announce",
    [
        lambda path: path.touch(),  # as earlier versions, and those with a full disk
        lambda path: path.write_bytes(path.read_bytes()),
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.open("ab").write(b"20250101-0000"),
        lambda path: path.open("ab").write(b"\xff\n"),
    ],
    ids=["touched", "written again", "removed", "emptied", "cut in half", "damaged"],
)
def test_an_announcement_without_a_name_may_mean_any_run(
    resting: tuple[index._Index, list[Run]], announce: Callable[[Path], object]
) -> None:
    server, made = resting
    made[0].rename("known")
    server.listed()
    for number, run in enumerate(made):
        files.write_json(run.path / "label.json", {"name": f"copied {number}"})
    announce(made[0].root / announcing.FILE)
    assert labels(server) == [f"copied {number}" for number in range(5)]


def test_the_file_of_announcements_begins_anew_when_it_is_long(
    resting: tuple[index._Index, list[Run]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcing, "_MOST_BYTES", 60)
    server, made = resting
    for number in range(20):
        made[number % 5].rename(f"name {number}")
        assert f"name {number}" in labels(server)
        assert not (path := made[0].root / announcing.FILE).exists() or path.stat().st_size <= 60


def test_another_change_of_a_run_at_rest_shows_after_some_reads(
    resting: tuple[index._Index, list[Run]], later: Callable[[], None]
) -> None:
    server, made = resting
    files.write_json(made[4].path / "label.json", {"name": "copied by hand"})
    age(made[4], 1800)
    shown = []
    for _ in made:
        later()
        shown += labels(server)
    assert "copied by hand" in shown


def test_what_follows_from_the_list_is_kept_while_no_run_changes(tmp_path: Path) -> None:
    made = [ended(tmp_path, f"run {number}") for number in range(3)]
    for run in made[1:]:
        run.write_membership(Membership(sweep="20250101-000000-abcdef", place=0))
        age(run, 3600)
    before = index.read(tmp_path)
    assert index.read(tmp_path) is before and before.names is before.names
    assert sorted([{one.id for one in group} for group, _ in before.groups], key=len) == [{made[0].id}, {made[1].id, made[2].id}]
    made[2].write_status(Status(state="queued", total_steps=24))
    after = index.read(tmp_path)
    assert [one.id for one in before.going] == [] and [one.id for one in after.going] == [made[2].id]


def test_progress_of_a_run_leaves_what_follows_from_the_list(tmp_path: Path) -> None:
    made = [ended(tmp_path, f"run {number}") for number in range(3)]
    status = Status(state="running", started_at=5.0, total_steps=12)
    made[1].write_status(status)
    before = index.read(tmp_path)
    before.once("asked", list)
    made[1].write_status(status.model_copy(update={"step": 7, "beat": 7}))
    after = index.read(tmp_path)
    assert after is not before and after.once("asked", dict) == []
    assert [one.facts.status.step for one in after.moving if one.facts.status] == [7]
    assert [one.facts.status.step for one in before.moving if one.facts.status] == [0], "a page keeps the list that it has read"
    for change in (
        lambda: made[1].rename("new"),
        lambda: made[1].write_status(status.model_copy(update={"started_at": 6.0})),
        lambda: made[1].write_status(Status(state="finished")),
        lambda: made[1].write_status(Status(state="queued")),
        lambda: made[1].write_status(Status(state="queued", first=-1.0)),
    ):
        index.read(tmp_path).once("asked", list)
        change()
        assert index.read(tmp_path).once("asked", dict) == {}


def test_a_question_on_a_run_that_is_over_is_asked_once(tmp_path: Path) -> None:
    run, asked = ended(tmp_path), []
    is_fine = index.while_over(lambda run: (asked.append(run.id), run.has_checkpoint)[1])
    assert [is_fine(one) for _ in range(3) for one in index.read(tmp_path)] == [False] * 3
    assert asked == [run.id]
    run.write_status(Status(state="queued", total_steps=24))
    assert [is_fine(one) for _ in range(2) for one in index.read(tmp_path)] == [False] * 2
    assert len(asked) == 3, "a run under way may get a checkpoint at any time"
