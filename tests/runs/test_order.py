"""The order of runs and sweeps: by the instant at which they were made, whatever time zone their ids are in."""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan import runs
from gan.execution import queue
from gan.runs import Run, Status, moments
from gan.sweeps import launched
from tests.helpers import make_run, run_gan, tiny

#: Summer time ends at 01:00 UTC in Berlin: 02:10 comes twice.
BEFORE = datetime(2025, 10, 26, 0, 50, tzinfo=UTC)
AFTER = datetime(2025, 10, 26, 1, 10, tzinfo=UTC)
BERLIN_SUMMER, BERLIN_WINTER = timezone(timedelta(hours=2)), timezone(timedelta(hours=1))


@pytest.fixture
def set_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Return a function that moves this machine to another time zone."""

    def set_zone(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield set_zone
    monkeypatch.undo()
    time.tzset()


def id_of_old(made: datetime, zone: timezone) -> str:
    """Return the id that an earlier version gave at this instant in this time zone."""
    return f"{made.astimezone(zone):%Y%m%d-%H%M%S}-00000a"


def old_run(root: Path, made: datetime, zone: timezone, *, is_copied: bool = False, was_resumed: bool = False) -> Run:
    """Make the folder of a run as earlier versions did; a copy has lost the times of its files."""
    run = Run(root / id_of_old(made, zone))
    run.path.mkdir(parents=True)
    run.config_path.write_text(json.dumps(tiny().model_dump(mode="json")))
    if not is_copied:
        os.utime(run.config_path, (made.timestamp(), made.timestamp()))
    queued_at = time.time() if was_resumed else made.timestamp()
    status = Status(state="finished", queued_at=queued_at, heartbeat=time.time())
    run.status_path.write_text(json.dumps(status.model_dump(exclude={"made_at"})))
    return run


def test_new_ids_sort_by_instant_across_time_zones(root: Path, set_zone: Callable[[str], None]) -> None:
    set_zone("Asia/Tokyo")
    first = make_run(root)
    set_zone("America/Los_Angeles")
    second = make_run(root)
    assert first.id < second.id
    assert runs.list_runs(root) == [second, first]


@pytest.mark.parametrize("is_copied", [False, True])
def test_old_run_comes_before_a_later_one_of_the_hour_that_is_repeated(root: Path, is_copied: bool) -> None:
    first = old_run(root, BEFORE, BERLIN_SUMMER, is_copied=is_copied)
    second = old_run(root, AFTER, BERLIN_WINTER, is_copied=is_copied)
    assert first.id > second.id, "as text the older run would be the newer one"
    assert runs.list_runs(root) == [second, first]


def test_old_runs_queued_at_the_same_instant_are_started_by_age(root: Path) -> None:
    made = [old_run(root, BEFORE, BERLIN_SUMMER), old_run(root, AFTER, BERLIN_WINTER)]
    for run in made:
        run.write_status(Status(state="queued", queued_at=5.0))
    assert queue.waiting_runs(root) == made


@pytest.mark.parametrize("is_copied", [False, True])
def test_old_runs_of_two_time_zones_and_new_ones_sort_by_instant(root: Path, is_copied: bool) -> None:
    tokyo, delhi, denver = (timezone(timedelta(hours=hours)) for hours in (9, 5.5, -7))
    made = [
        old_run(root, BEFORE + timedelta(minutes=minutes), zone, is_copied=is_copied)
        for minutes, zone in ((0, tokyo), (1, denver), (2, delhi), (3, tokyo))
    ]
    newest = make_run(root)
    assert runs.list_runs(root) == [newest, *reversed(made)]
    listed = json.loads(run_gan("runs", "--json", root=root).stdout)
    assert [row["id"] for row in listed] == [run.id for run in [newest, *reversed(made)]]


def test_new_run_keeps_its_place_when_it_is_resumed_and_copied(root: Path, set_zone: Callable[[str], None], tmp_path: Path) -> None:
    first, second = make_run(root, state="stopped"), make_run(root, state="stopped")
    queue.put_back(first)
    shutil.copytree(root, tmp_path / "copy", copy_function=shutil.copyfile)
    set_zone("America/Los_Angeles")
    assert first.status().queued_at > second.status().queued_at
    assert [run.id for run in runs.list_runs(tmp_path / "copy")] == [second.id, first.id]
    assert abs(runs.list_runs(tmp_path / "copy")[0].age_key[0] - second.status().made_at) < 1


def test_id_without_any_other_time_is_local_time(root: Path, set_zone: Callable[[str], None]) -> None:
    set_zone("Europe/Berlin")
    alone = old_run(root, BEFORE, BERLIN_SUMMER, is_copied=True, was_resumed=True)
    assert alone.age_key[0] == pytest.approx(BEFORE.timestamp(), abs=1)


ZONES = st.sampled_from([-12, -9.5, -3, 0, 1, 5.5, 5.75, 8, 12.75, 14])
INSTANTS = st.integers(0, 10**6).map(lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes))


@given(st.lists(st.tuples(INSTANTS, ZONES), min_size=1, max_size=20))
def test_instants_come_back_from_any_time_zone(made: list[tuple[datetime, float]]) -> None:
    for instant, hours in made:
        old = id_of_old(instant, timezone(timedelta(hours=hours)))
        later = instant.timestamp() + 0.3
        assert moments.made_at(old, [0.0, later + 10**7, later]) == pytest.approx(instant.timestamp(), abs=1e-3)


@given(st.from_regex(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}", fullmatch=True), st.lists(st.floats()))
def test_any_id_has_an_instant(made_id: str, witnesses: list[float]) -> None:
    found = moments.made_at(made_id, witnesses)
    assert math.isfinite(found)


def old_sweep(root: Path, made: datetime, zone: timezone) -> str:
    """Write the file of a sweep as earlier versions did, and return its id."""
    sweep = launched.Sweep(root, id_of_old(made, zone))
    sweep.path.parent.mkdir(parents=True, exist_ok=True)
    record = launched.Record(schema_version=1, plan={}, members=(), made_at=made.timestamp(), is_whole=True)
    sweep.path.write_text(record.model_dump_json())
    return sweep.id


def test_sweeps_sort_by_instant(root: Path) -> None:
    first, second = old_sweep(root, BEFORE, BERLIN_SUMMER), old_sweep(root, AFTER, BERLIN_WINTER)
    damaged = launched.Sweep(root, "20250101-000000-00000a")
    damaged.path.write_text("{")
    assert first > second
    assert [sweep.id for sweep in launched.list_sweeps(root)] == [second, first, damaged.id]
