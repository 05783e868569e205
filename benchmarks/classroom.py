"""A class at work: visitors who rerun their pages, some of them playing, two trainings, many runs on disk.

    python -m benchmarks.classroom [--minutes 10] [--visitors 60] [--playing 10] [--runs 200] [--servers 1] [--other PATH]

A real server, or several, behind the door of a class if there is one, which sends visitors to their own server; with ``--other``,
the servers of another checkout afterwards. The visitors are Streamlit's own messages over websockets, without a browser, from one
process on the same cores. Each asks for its whole page every two seconds, or as soon as the last answer is complete, with the
pictures in it. Reported: the time from a request to the end of the page's script; errors (tracebacks, lost connections, failed
pictures); what the trainings lose against the minute before, in which nobody watches; CPU of servers, visitors and the workers of
live games; the slope of the servers' memory over the second half.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import itertools
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import psutil
from websockets.asyncio.client import ClientConnection, connect

from benchmarks import machine
from benchmarks.dashboard import cpu, make_picture, make_run, serve, written_by
from benchmarks.viewer import Viewer
from gan import runs
from gan.places import PROJECT
from gan.runs import Run

_EVERY = 2.0  # seconds between two requests of a visitor
_ALONE = 60.0  # seconds without visitors
_LINES = 2000  # logged lines of a run on disk

#: What visitors have open; ``{run}`` is one of the trainings, ``{ended}`` a run on disk.
_PAGES = (
    ("", ""),
    ("watch", "run={run}"),
    ("watch", "run={run}"),
    ("watch", "run={ended}"),
    ("evaluate", ""),
    ("compare", "runs={run}"),
    ("train", ""),
)


@dataclass
class Found:
    """What a class has measured."""

    seconds: list[float] = field(default_factory=list)
    by_page: dict[str, list[float]] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    frames: int = 0
    memory: list[tuple[float, float]] = field(default_factory=list)  # seconds, MB


class Class:
    """The visitors of one server."""

    def __init__(self, address: str, code: str, found: Found) -> None:
        self.address, self.code, self.found = address, code, found
        self.is_over = asyncio.Event()
        self._pictures = asyncio.Semaphore(20)

    def join(self, name: str) -> tuple[str, dict[str, str]]:
        """Return the address of the server of a visitor, and the headers with which the visitor passes the door."""
        if not self.code:
            return self.address, {}
        form = urlencode({"name": name, "code": self.code})
        cookie = request(self.address, "POST", "/door", {"Content-Type": "application/x-www-form-urlencoded"}, form)[1]
        own = request(self.address, "GET", "/", {"Cookie": cookie, "Accept": "text/html"})[2]
        return own.rstrip("/") or self.address, {"Cookie": cookie}

    def connect(self, address: str, path: str, headers: dict[str, str]) -> connect:
        link = address.replace("http", "ws", 1) + path
        return connect(link, subprotocols=["streamlit"], additional_headers=headers, max_size=None, compression=None)  # type: ignore[list-item]

    async def visit(self, number: int, page: str, query: str) -> None:
        """Have a page open, and ask for it again and again."""
        await asyncio.sleep(_EVERY * (number % 60) / 60)
        address, headers = await asyncio.to_thread(self.join, f"Visitor {number}")
        viewer = Viewer(address, page, query)
        try:
            async with self.connect(address, "/_stcore/stream", headers) as line:
                while not self.is_over.is_set():
                    began = time.monotonic()
                    await line.send(viewer.request())
                    await self._answered(line, viewer, address, headers)
                    passed = time.monotonic() - began
                    self.found.seconds.append(passed)
                    self.found.by_page.setdefault(page or "home", []).append(passed)
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self.is_over.wait(), max(0.0, _EVERY - passed))
        except Exception as error:  # counted, whatever it is
            self.found.errors[f"{page}: {type(error).__name__}"] += 1
        self.found.errors["traceback on a page"] += viewer.exceptions

    async def _answered(self, line: ClientConnection, viewer: Viewer, address: str, headers: dict[str, str]) -> None:
        """Receive messages until the page's script has ended; fetch its pictures meanwhile."""
        done, waiting = viewer.scripts_done, []
        while viewer.scripts_done == done:
            async with asyncio.timeout(60):
                content = await line.recv()
            waiting += [asyncio.create_task(self._fetch(address, url, headers)) for url in viewer.take_in(content)]
        await asyncio.gather(*waiting)

    async def _fetch(self, address: str, url: str, headers: dict[str, str]) -> None:
        async with self._pictures:
            status = (await asyncio.to_thread(request, address, "GET", url, headers))[0]
        if status not in (200, 404):  # 404: the page has replaced the picture meanwhile
            self.found.errors[f"picture: status {status}"] += 1

    async def play(self, number: int) -> None:
        """Play a game on the ring at the usual speed."""
        address, headers = await asyncio.to_thread(self.join, f"Player {number}")
        try:
            async with self.connect(address, "/play/ws", headers) as socket:
                await socket.send(json.dumps({"do": "open", "token": secrets.token_hex(16), "setup": {"data": "ring"}}))
                await socket.send(json.dumps({"do": "play"}))
                while not self.is_over.is_set():
                    async with asyncio.timeout(60):
                        await socket.recv()
                    self.found.frames += 1
                    await socket.send('{"do": "ack", "count": 1}')
        except Exception as error:
            self.found.errors[f"live game: {type(error).__name__}"] += 1


def request(address: str, method: str, path: str, headers: dict[str, str], body: str = "") -> tuple[int, str, str]:
    """Send a request; return the status, the cookie that was set, and the address to which the answer sends."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
    try:
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        answer.read()
        cookie, other = answer.getheader("set-cookie") or "", answer.getheader("location") or ""
        return answer.status, cookie.partition(";")[0], other
    finally:
        connection.close()


#: Launches two trainings of one thread that do not end by themselves, as the dashboard of a checkout does.
_LAUNCH = """
import sys
from pathlib import Path
from gan import config
from gan.config import presets
from gan.execution import queue
chosen = {"training.threads": 1, "training.length": "100000 epochs", "cadence.score_every": "0 epochs"}
asked = config.replace(presets.find("digits-dcgan").config, chosen | {"cadence.checkpoint_every": "100 epochs"})
for _ in range(2):
    queue.launch(Path(sys.argv[1]), asked)
"""


def start_trainings(root: Path, project: Path) -> None:
    environment = {**os.environ, "GAN_DATA": str(root / ".data"), "GAN_CLASS": "1", "GAN_CORES": "2", "GAN_SPARE": "0"}
    subprocess.run([sys.executable, "-c", _LAUNCH, str(root)], cwd=project, env=environment, check=True)


def end_trainings(root: Path) -> None:
    for one in psutil.process_iter(["cmdline"]):
        if str(root) in (one.info["cmdline"] or []):
            with contextlib.suppress(psutil.Error):
                one.kill()
                one.wait()


def images(run: Run) -> int:
    return int(run.metrics(2)[-1]["images_seen"])


def speed(chosen: list[Run], seconds: float) -> float:
    """Return the images a second of all trainings together over a time window."""
    first, began = sum(map(images, chosen)), time.monotonic()
    time.sleep(seconds)
    return (sum(map(images, chosen)) - first) / (time.monotonic() - began)


async def attend(
    room: Class,
    options: argparse.Namespace,
    queries: list[tuple[str, str]],
    servers: list[psutil.Process],
) -> None:
    """Let the class work for the time asked for."""
    watching = options.visitors - options.playing
    chosen = itertools.islice(itertools.cycle(queries), watching)
    visits = [asyncio.create_task(room.visit(number, *one)) for number, one in enumerate(chosen)]
    visits += [asyncio.create_task(room.play(number)) for number in range(options.playing)]
    began = time.monotonic()
    while (passed := time.monotonic() - began) < 60 * options.minutes:
        room.found.memory.append((passed, sum(server.memory_info().rss for server in servers) / 1e6))
        await asyncio.sleep(5)
    room.is_over.set()
    await asyncio.wait(visits, timeout=60)


def measure(project: Path, options: argparse.Namespace) -> list[str]:
    """Return the figures of one checkout, as rows of a table."""
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        config, picture = written_by(project), make_picture()
        first = make_run(root, config, _LINES, picture)
        for _ in range(options.runs - 1):
            make_run(root, config, _LINES, picture, first)
        asked = {"GAN_CLASS": "1", "STREAMLIT_SERVER_ADDRESS": "127.0.0.1", "GAN_CLASS_SERVERS": str(options.servers)}
        server, address, _ = stack.enter_context(serve(root, project, **asked))
        start_trainings(root, project)
        stack.callback(end_trainings, root)
        active: list[Run] = []
        while len(active) < 2 or any(len(run.metrics()) < 20 for run in active):
            time.sleep(1)
            active = [run for run in runs.list_runs(root) if run.status().state == "running"]
        alone = speed(active, _ALONE)
        codes = root / ".class" / "class.json"
        code = json.loads(codes.read_bytes())["code"] if codes.exists() else ""
        if code:  # all visitors have one address, so the limits of one game and the like must not be of one person
            assert request(address, "GET", "/", {"Accept": "text/html"})[0] == 401, "the door is closed"
        places = {"run": active[0].id, "ended": first.id}
        queries = [(page, query.format(**places)) for page, query in _PAGES]
        found, servers = Found(), [server, *(one for one in server.children() if "streamlit" in one.cmdline())]
        assert len(servers) in (1, options.servers)
        before, own, seen = sum(map(cpu, servers)), time.process_time(), sum(map(images, active))
        players = workers_of(servers)
        began = time.monotonic()
        asyncio.run(attend(Class(address, code, found), options, queries, servers))
        passed = time.monotonic() - began
        busy = (sum(map(images, active)) - seen) / passed
        used = sum(map(cpu, servers)) - before, workers_of(servers) - players, time.process_time() - own
        return rows(found, passed, alone, busy, used)


def workers_of(servers: list[psutil.Process]) -> float:
    """Return the CPU seconds of the workers of live games."""
    return sum(cpu(one) for server in servers for one in server.children() if one not in servers)


def rows(found: Found, passed: float, alone: float, busy: float, used: tuple[float, float, float]) -> list[str]:
    """Return the figures of a class."""
    half = [(when, size) for when, size in found.memory if when > passed / 2]
    slope = statistics.linear_regression(*zip(*half, strict=True)).slope * 3600 if len(half) > 2 else float("nan")
    server, played, visitors = (f"{seconds / passed:.2f}" for seconds in used)
    errors = sum(found.errors.values())
    return [
        f"| reruns | {len(found.seconds):,} ({len(found.seconds) / passed:.1f}/s) |",
        f"| rerun, median / p95 / slowest, ms | {quantiles(found.seconds)} |",
        f"| … in the second half | {quantiles(found.seconds[len(found.seconds) // 2 :])} |",
        *(f"| … {page} | {quantiles(times)} |" for page, times in sorted(found.by_page.items())),
        f"| frames of live games | {found.frames / passed:.0f}/s |",
        f"| errors | {errors} {dict(+found.errors) if errors else ''} |",
        f"| trainings, images/s, nobody → class | {alone:,.0f} → {busy:,.0f} ({busy / alone - 1:+.0%}) |",
        f"| cores used: servers / live games / visitors | {server} / {played} / {visitors} |",
        f"| memory of the servers, start → end, MB | {found.memory[0][1]:.0f} → {found.memory[-1][1]:.0f} |",
        f"| slope over the second half, MB/h | {slope:+.0f} |",
    ]


def quantiles(seconds: list[float]) -> str:
    ordered = sorted(1000 * one for one in seconds)
    return f"{ordered[len(ordered) // 2]:.0f} / {ordered[int(0.95 * len(ordered))]:.0f} / {ordered[-1]:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    for name, default in (("visitors", 60), ("playing", 10), ("runs", 200), ("servers", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--other", type=Path, action="append", default=[], help="another checkout, to compare with")
    options = parser.parse_args()
    print(f"Machine: {machine.describe()}; load {os.getloadavg()[0]:.1f}")
    print(f"{options.visitors} visitors, {options.playing} of them playing, 2 trainings, {options.runs} runs on disk")
    for project in (PROJECT, *(other.resolve() for other in options.other)):
        name = project.name if project != PROJECT else "this checkout"
        print(f"\n{name}, {options.minutes:g} min, servers: {options.servers}\n\n| | |\n| --- | --- |")
        print(*measure(project, options), sep="\n", flush=True)


if __name__ == "__main__":
    main()
