"""A class goes on while its processes are killed at random; nothing that was acknowledged may be lost.

    python -m benchmarks.chaos [--minutes 15] [--people 20] [--seed 0]

A server in class mode, two processes of scripted people (:mod:`benchmarks.people`), visitors of pages, players of live games. Every
few seconds one of these processes, or one that they started (trainer, scorer, import, worker of live games, spare), is killed with
SIGKILL; the server and the people are started again. Then the killing stops, runs that were interrupted are resumed once by their
owners, and the queue has to empty by itself. The journal is compared with what is on disk (:mod:`benchmarks.aftermath`). Exits with
status 1 if there is a fault. ``--keep`` leaves the folder for a look at it.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import random
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from benchmarks import aftermath, machine, people
from benchmarks.stampede import processes_of
from benchmarks.viewer import Viewer
from gan import runs
from gan.access.classroom import Classroom
from gan.access.people import Person, acting
from gan.errors import InputError
from gan.execution import queue
from gan.places import PROJECT

_GROUPS = 2  # processes of people
_VISITORS, _PLAYERS = 3, 2
_PAGES = ("", "watch", "evaluate", "data", "sweeps")
_REST = (1.5, 5.0)  # seconds between two kills
_SETTLED = 35.0  # seconds after which a process that was to start counts as lost
_LONGEST_QUEUE = 900.0  # seconds in which the queue has to empty


@dataclass
class Chaos:
    """The class, and what was killed. ``patience``: seconds in which the queue has to empty."""

    root: Path
    seed: int
    port: int
    members: dict[Person, str]  # with their tokens
    patience: float = _LONGEST_QUEUE
    killed: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    lives: int = 0
    is_over: threading.Event = field(default_factory=threading.Event)
    server: subprocess.Popen[bytes] | None = None
    groups: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start_server(self) -> None:
        extra = {"GAN_CLASS": "1", "STREAMLIT_SERVER_ADDRESS": "127.0.0.1"}
        command = [sys.executable, "-m", "streamlit", "run", "dashboard.py", "--server.headless", "true", "--server.port"]
        with open(self.root / ".server.txt", "ab") as log:
            self.server = subprocess.Popen(
                [*command, str(self.port)], cwd=PROJECT, env={**os.environ, **extra}, stdout=log, stderr=log
            )

    def start_group(self, place: int) -> subprocess.Popen[bytes]:
        self.lives += 1
        named = [f"{person.id}={person.name}" for person in list(self.members)[place::_GROUPS]]
        command = [sys.executable, "-m", "benchmarks.people", str(self.root), f"{self.seed}/{self.lives}", *named]
        with open(self.root / ".people.txt", "ab") as log:
            return subprocess.Popen(command, cwd=PROJECT, stdout=log, stderr=log)

    def rage(self, seconds: float) -> None:
        """Kill processes at random until the time is over, and start server and people again."""
        dice, end = random.Random(self.seed), time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, dice.uniform(*_REST)))
            kind, victim = self.choose(dice)
            if victim is None:
                continue
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.kill()
                self.killed[kind] += 1
            if kind == "server":
                assert self.server
                self.server.wait()
                time.sleep(dice.uniform(0, 2))
                self.start_server()
            for place, group in enumerate(self.groups):
                if group.poll() is not None:
                    self.groups[place] = self.start_group(place)

    def choose(self, dice: random.Random) -> tuple[str, psutil.Process | None]:
        """Return a process to kill and its kind; kinds are equally likely, trainers more so."""
        found: dict[str, list[psutil.Process]] = {}
        for process in processes_of(self.root):
            with contextlib.suppress(psutil.Error):
                found.setdefault(kind_of(process.cmdline()), []).append(process)
        found["people"] = [psutil.Process(group.pid) for group in self.groups if group.poll() is None]
        kinds = sorted(kind for kind in found if found[kind])
        weights = [4 if kind == "resume" else 1 for kind in kinds]
        kind = dice.choices(kinds, weights)[0] if kinds else ""
        return (kind, dice.choice(found[kind])) if kind else ("", None)

    def end_people(self) -> None:
        for group in self.groups:
            group.kill()
            group.wait()
        self.is_over.set()

    def cookie(self, number: int) -> str:
        return f"gan-class-{Classroom(self.root).mark()}={list(self.members.values())[number % len(self.members)]}"

    def visit(self, number: int) -> None:
        """Have pages open, one after the other, whatever happens to the server."""
        dice = random.Random(f"{self.seed} visitor {number}")
        while not self.is_over.is_set():
            page = dice.choice(_PAGES)
            known = runs.list_runs(self.root)
            query = f"run={dice.choice(known).id}" if page == "watch" and known else ""
            viewer = Viewer(self.address, page, query, self.cookie(number))
            gone = OSError, WebSocketException, http.client.HTTPException  # the server has been killed
            with contextlib.suppress(*gone), viewer.connected() as line:
                leave = time.monotonic() + dice.uniform(3, 15)
                while time.monotonic() < leave and not self.is_over.is_set():
                    viewer.ask(line)
                    stay = time.monotonic() + 2
                    while time.monotonic() < stay:
                        with contextlib.suppress(TimeoutError):
                            viewer.hear(line.recv(timeout=0.2))
            if viewer.exceptions:
                self.faults.append(f"a traceback on the page “{page or 'home'}” ({query})")
            time.sleep(0.5)

    def play(self, number: int) -> None:
        """Play a game on the ring, again and again."""
        headers = {"Cookie": self.cookie(number)}
        while not self.is_over.is_set():
            with (
                contextlib.suppress(OSError, WebSocketException),
                connect(f"ws://127.0.0.1:{self.port}/play/ws", additional_headers=headers, max_size=None) as line,
            ):
                line.send(json.dumps({"do": "open", "token": secrets.token_hex(16), "setup": {"data": "ring"}}))
                line.send('{"do": "play"}')
                leave = time.monotonic() + 10
                while time.monotonic() < leave and not self.is_over.is_set():
                    with contextlib.suppress(TimeoutError):
                        line.recv(timeout=0.5)
                        line.send('{"do": "ack", "count": 1}')
            time.sleep(0.5)

    def settle(self) -> None:
        """Let owners resume what was interrupted, once, as many at a time as may wait, until nothing is under way."""
        time.sleep(_SETTLED)
        stopped = {thing for thing, action in aftermath.steered(people.read(self.root)).items() if action == "stop"}
        left = [run for run in runs.list_runs(self.root) if run.id not in stopped and not run.membership()]
        left = [run for run in left if run.status().state == "interrupted"]
        deadline = time.monotonic() + self.patience
        while True:
            for run in list(left):
                try:
                    with acting(run.owner()):
                        queue.resume(run)
                    left.remove(run)
                except InputError as error:
                    if "waiting run" not in str(error):  # the limit of the class: others of this person come first
                        self.faults.append(f"run {run.id} cannot be resumed by its owner: {error}")
                        left.remove(run)
            under_way = [run for run in runs.list_runs(self.root) if run.status().state in runs.UNDER_WAY]
            if not (under_way or left):
                break
            if time.monotonic() > deadline:
                self.faults += [f"run {run.id} is {run.status().state} after {self.patience:.0f} s" for run in [*under_way, *left]]
                break
            time.sleep(1)

    def look_for_orphans(self) -> None:
        """End the server; nothing that it or anyone started may be left."""
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=10) as answer:
            if answer.status != 200:
                self.faults.append(f"the server answers with status {answer.status}")
        assert self.server
        if self.server.poll() is not None:
            self.faults.append(f"the server has ended by itself with status {self.server.returncode}")
        self.server.terminate()
        self.server.wait()
        deadline = time.monotonic() + 15
        while (left := processes_of(self.root)) and time.monotonic() < deadline:
            time.sleep(0.5)
        for process in left:
            with contextlib.suppress(psutil.Error):
                self.faults.append(f"a process is left: {' '.join(process.cmdline())}")
                process.kill()


def kind_of(command: list[str]) -> str:
    """Return what a process does: "server", or the command of ``python -m gan``."""
    if "streamlit" in command:
        return "server"
    following = command[command.index("gan") + 1 :] if "gan" in command else []
    return " ".join(following[:2]) if following[:1] == ["data"] else following[0] if following else "other"


@contextlib.contextmanager
def environment(root: Path) -> Iterator[None]:
    """Let this process and all that it starts work on a folder."""
    before = dict(os.environ)
    os.environ.update(GAN_RUNS=str(root), GAN_DATA=str(root / ".data"), GAN_EXAMPLES="0")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def wreak(root: Path, seconds: float, count: int, seed: int, patience: float = _LONGEST_QUEUE) -> Chaos:
    """Let a class go on under kills; return what happened, with all faults found."""
    root.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with environment(root):
        room = Classroom(root)
        code = room.open().code
        chaos = Chaos(root, seed, port, dict(room.enter(f"Person {number}", code) for number in range(count)), patience)
        chaos.start_server()
        chaos.groups = [chaos.start_group(place) for place in range(_GROUPS)]
        threads = [threading.Thread(target=chaos.visit, args=(number,)) for number in range(_VISITORS)]
        threads += [threading.Thread(target=chaos.play, args=(number,)) for number in range(_PLAYERS)]
        try:
            for thread in threads:
                thread.start()
            chaos.rage(seconds)
            chaos.end_people()
            for thread in threads:
                thread.join()
            chaos.settle()
        finally:
            chaos.end_people()
            chaos.look_for_orphans()
        chaos.faults += aftermath.faults(root, list(chaos.members))
    return chaos


def main() -> None:
    """Wreak havoc, print what was done and found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", action="store_true", help="do not remove the folder")
    options = parser.parse_args()
    print(f"Machine: {machine.describe()}; load {os.getloadavg()[0]:.1f}", flush=True)
    root = Path(tempfile.mkdtemp(prefix="chaos-"))
    chaos = wreak(root, 60 * options.minutes, options.people, options.seed)
    print(f"\n{options.minutes:g} min, {options.people} people, seed {options.seed}\n\n| | |\n| --- | --- |")
    print(f"| killed | {', '.join(f'{times} × {kind}' for kind, times in chaos.killed.most_common())} |")
    print(*aftermath.rows(root), sep="\n")
    print(f"\n{len(chaos.faults)} faults; load {os.getloadavg()[0]:.1f}", *chaos.faults, sep="\n- ")
    if options.keep:
        print(f"\nThe folder: {root}")
    else:
        shutil.rmtree(root, ignore_errors=True)
    sys.exit(bool(chaos.faults))


if __name__ == "__main__":
    main()
