"""A whole class presses the launch button within one second: runs, owners, order, waits.

    python -m benchmarks.stampede [--people 60]

First a real server in class mode. Everybody joins and opens a page, half of them Home, half of them Train, and presses its button;
clicks are spread evenly over one second. A third clicks twice at once, a third again while the new page is being sent: the second
click was made on the page of before, so it must not start a second run. Measured are the times from a click to the address of the
new run (acknowledged) and to the complete page that shows it. Then as many threads call ``queue.launch`` in this process, and the
waits for the lock of the queue are measured. All trainings are stopped at the end. Exits with status 1 if there is a fault.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
from websockets.asyncio.client import ClientConnection

from benchmarks import machine
from benchmarks.classroom import Class, Found, quantiles
from benchmarks.dashboard import serve
from benchmarks.viewer import Viewer
from gan import runs
from gan.access import people
from gan.access.classroom import Classroom
from gan.access.people import Person
from gan.config import presets
from gan.errors import InputError
from gan.execution import queue
from gan.runs import Run
from gan.storage import locks

LONGEST_WAIT = 2.0  # seconds for the lock of the queue
AFTERWARDS = 5.0  # seconds in which a second click may do something

_BUTTONS = (("", "Train a GAN on digits now"), ("train", "Start training"))
_SPREAD = 1.0  # seconds in which everybody clicks
_PATIENCE = 120.0  # seconds for one page


@dataclass
class Click:
    """A click of a person: when it was sent, acknowledged and shown; the run that the page then shows."""

    name: str
    page: str
    at: float = 0.0
    acknowledged: float | None = None
    shown: float | None = None
    run: str = ""


@dataclass
class Result:
    """Figures and faults."""

    rows: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


async def press(room: Class, click: Click, again: str, ready: asyncio.Barrier, offset: float) -> None:
    """Join, open the page, press its button, and wait for the page of the run; ``again``: when to send the same click again."""
    label = dict(_BUTTONS)[click.page]
    address, headers = await asyncio.to_thread(room.join, click.name)
    viewer = Viewer(address, click.page, "")
    async with room.connect(address, "/_stcore/stream", headers) as line:
        await line.send(viewer.request())
        await _until(line, viewer, lambda: viewer.scripts_done > 0 and viewer.has(label))
        message, done = viewer.pressing(label), viewer.scripts_done
        await ready.wait()
        await asyncio.sleep(offset)
        click.at = time.monotonic()
        await line.send(message)
        if again == "at once":
            await line.send(message)
        await _until(line, viewer, lambda: viewer.run or viewer.scripts_done > done)
        if viewer.run:
            click.acknowledged, click.run = time.monotonic() - click.at, viewer.run
            if again == "on the way":
                await line.send(message)
            await _until(line, viewer, lambda: viewer.scripts_done > done)
            click.shown = time.monotonic() - click.at
        with contextlib.suppress(TimeoutError):  # what the second click makes of it
            async with asyncio.timeout(AFTERWARDS):
                await _until(line, viewer, lambda: False)
    if viewer.exceptions:
        room.found.errors["traceback on a page"] += viewer.exceptions


async def _until(line: ClientConnection, viewer: Viewer, is_reached: Any) -> None:
    async with asyncio.timeout(_PATIENCE):
        while not is_reached():
            viewer.take_in(await line.recv())


async def stampede(room: Class, count: int, seed: int) -> list[Click]:
    """Let everybody click within a second."""
    dice = random.Random(seed)
    clicks = [Click(f"Person {number}", _BUTTONS[number % 2][0]) for number in range(count)]
    ready, offsets = asyncio.Barrier(count), [_SPREAD * number / count for number in range(count)]
    dice.shuffle(offsets)
    again = [("no", "at once", "on the way")[number // 2 % 3] for number in range(count)]
    tasks = [press(room, *one) for one in zip(clicks, again, [ready] * count, offsets, strict=True)]
    for click, outcome in zip(clicks, await asyncio.gather(*tasks, return_exceptions=True), strict=True):
        if isinstance(outcome, BaseException):
            room.found.errors[f"{click.name}: {type(outcome).__name__} {outcome}"] += 1
    return clicks


def on_a_server(root: Path, count: int, seed: int) -> Result:
    """Let the class click on a real server; return what it found."""
    result = Result()
    with serve(root, GAN_CLASS="1", STREAMLIT_SERVER_ADDRESS="127.0.0.1") as (_, address, _), stopping(root):
        found = Found()
        clicks = asyncio.run(stampede(Class(address, Classroom(root).state().code, found), count, seed))
        every = runs.list_runs(root)
        waiting = queue.waiting_runs(root)
        result.faults += [f"{what} ({times}×)" for what, times in found.errors.items()]
        names = Counter(run.owner().name for run in every)
        result.faults += [f"{names[click.name]} runs of {click.name}" for click in clicks if names[click.name] != 1]
        owners = {run.id: run.owner().name for run in every}
        wrong = [click for click in clicks if click.run and owners.get(click.run) != click.name]
        stayed = sum(not click.run for click in clicks)
        result.faults += [f"{click.name} is shown the run of {owners.get(click.run, 'nobody')}" for click in wrong]
        result.faults += [f"{who or 'nobody'} has runs" for who in names.keys() - {click.name for click in clicks}]
        result.faults += in_order(every, waiting)
        late = overtaking(clicks, every)
        result.rows += [
            f"| runs of {count} people | {len(every)}, {sum(times == 1 for times in names.values())} people with one |",
            f"| click → address of the run, median / p95 / slowest, ms | {quantiles(known(one.acknowledged for one in clicks))} |",
            f"| click → page of the run | {quantiles(known(one.shown for one in clicks))} |",
            f"| double clicks that stay on the page of before (the run is made) | {stayed} |",
            f"| a later click that came first was later by at most | {1000 * late:.0f} ms |",
        ]
    return result


def known(seconds: Iterable[float | None]) -> list[float]:
    return [one for one in seconds if one is not None]


def in_order(every: list[Run], waiting: list[Run]) -> list[str]:
    """Return faults in the order: who came first trains first, and waits first.

    A run that is being written is not seen yet, so one that came a moment later may start before it.
    """
    moments = {run.id: run.stored_status().queued_at for run in every}
    places = [moments[run.id] for run in waiting]
    started = [moment for run_id, moment in moments.items() if run_id not in {run.id for run in waiting}]
    faults = [] if places == sorted(places) else ["the queue is not in the order of arrival"]
    if places and max(started, default=0) > places[0] + LONGEST_WAIT:
        faults.append("a run trains that came after one that waits")
    return faults


def overtaking(clicks: list[Click], every: list[Run]) -> float:
    """Return by how many seconds a later click came before an earlier one in the queue, at most."""
    moments = {run.id: run.stored_status().queued_at for run in every}
    latest = worst = 0.0
    runs_of = {run.owner().name: run.id for run in every}
    for click in sorted((one for one in clicks if one.name in runs_of), key=lambda one: moments[runs_of[one.name]]):
        worst, latest = max(worst, latest - click.at), max(latest, click.at)
    return worst


def in_threads(root: Path, count: int) -> Result:
    """Let threads of this process launch at the same time, and measure the waits for the lock of the queue."""
    result, waits, times = Result(), list[float](), list[float]()
    ready, config = threading.Barrier(count), presets.find(presets.DEFAULT).config

    def launch(number: int) -> None:
        with people.acting(Person(id=f"{number:016x}", name=f"Person {number}")):
            ready.wait()
            began = time.monotonic()
            try:
                queue.launch(root, config)
            except (InputError, OSError) as error:
                result.faults.append(f"Person {number}: {error}")
            times.append(time.monotonic() - began)

    with stopping(root), measuring(waits):
        threads = [threading.Thread(target=launch, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        every = runs.list_runs(root)
        owners = Counter(run.owner().name for run in every)
        result.faults += [
            f"{owners[f'Person {number}']} runs of Person {number}" for number in range(count) if owners[f"Person {number}"] != 1
        ]
        result.faults += in_order(every, queue.waiting_runs(root))
    result.rows += [
        f"| {count} threads, `queue.launch`, median / p95 / slowest, ms | {quantiles(times)} |",
        f"| … waits for the lock of the queue | {quantiles(waits)} |",
    ]
    if max(waits) > LONGEST_WAIT:
        result.faults.append(f"a wait of {max(waits):.1f} s for the lock of the queue, at most {LONGEST_WAIT:g} s expected")
    return result


@contextlib.contextmanager
def measuring(waits: list[float]) -> Iterator[None]:
    """Append the seconds of each wait for the lock of the queue."""
    original = locks.hold_lock

    def timed(*arguments: Any, **options: Any) -> Any:
        began = time.monotonic()
        try:
            return original(*arguments, **options)
        finally:
            waits.append(time.monotonic() - began)

    with patch("gan.execution.queue.hold_lock", timed):
        yield


@contextlib.contextmanager
def stopping(root: Path) -> Iterator[None]:
    """End all trainings in a folder at the end of the block."""
    try:
        yield
    finally:
        for run in reversed(queue.waiting_runs(root)):
            with contextlib.suppress(InputError):
                queue.stop(run)
        for process in processes_of(root):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def processes_of(root: Path) -> list[psutil.Process]:
    """Return the living processes of ``python -m gan`` that work on a folder of runs, by command line or environment."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        with contextlib.suppress(psutil.Error):
            if process.info["status"] == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
                continue
            words = process.info["cmdline"] or []
            is_ours = "gan" in words or "streamlit" in words
            if is_ours and (str(root.resolve()) in words or process.environ().get("GAN_RUNS") == str(root)):
                found.append(process)
    return found


def main() -> None:
    """Measure, print a table and the faults."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0, help="order of the clicks")
    options = parser.parse_args()
    print(f"Machine: {machine.describe()}; load {os.getloadavg()[0]:.1f}\n\n| | |\n| --- | --- |", flush=True)
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for result in (
            on_a_server(Path(folder) / "server", options.people, options.seed),
            in_threads(Path(folder) / "threads", options.people),
        ):
            print(*result.rows, sep="\n", flush=True)
            faults += result.faults
    print(f"\n{len(faults)} faults", *faults, sep="\n- ")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
