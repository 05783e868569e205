"""Odd requests against every route of the server, with and without a class: answers, hangs, memory, and whether it lives on.

    python -m benchmarks.fuzz_routes [--requests 50000] [--seed 0]

Half of the requests go to a server in class mode, half to one without a class. They are sent by nobody, with a forged cookie, by a
student and by the teacher. One in fifty opens a websocket and sends messages to live games or to Streamlit. Statuses of 500 and
more, tracebacks on pages, and tracebacks in what the server prints are faults if files of this program are in them; those of
Streamlit and its server are listed. An answer that takes more than two seconds is asked for again; if it takes long three times,
that is a fault. At the end a page must open, and the memory must not have grown. Exits with status 1 if there is a fault.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import socket
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from google.protobuf.message import DecodeError
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from benchmarks import machine
from benchmarks.dashboard import make_picture, make_run, serve, written_by
from benchmarks.odd_requests import PAGES, Odd
from benchmarks.viewer import Viewer, first_opening
from gan.access.classroom import Classroom
from gan.places import PROJECT

LONGEST = 2.0  # seconds of an answer
MOST_GROWTH = 100.0  # MB, after a first tenth in which the server imports what it needs

_THREADS = 4
_PATIENCE = 20.0  # seconds
_SOCKETS = 0.02  # share of requests that open a websocket
_MESSAGES = 6  # of a websocket
_DOOR = 3.0  # seconds by which the door may delay wrong codes


@dataclass
class Found:
    """What the server has answered."""

    statuses: Counter[str] = field(default_factory=Counter)
    slow: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    outside: Counter[str] = field(default_factory=Counter)  # errors of Streamlit and its server
    memory: list[float] = field(default_factory=list)
    slowest: float = 0.0


class Fuzzer:
    """Sends odd requests to a server from some threads."""

    def __init__(self, address: str, process: psutil.Process, cookies: list[str], seed: str, runs: list[str]) -> None:
        self.address, self.process, self.cookies, self.seed, self.runs = address, process, cookies, seed, runs
        self.found = Found()
        self._place = urlsplit(address).hostname or "", urlsplit(address).port or 0

    def send_all(self, count: int) -> None:
        """Send ``count`` requests, and note the memory after each tenth."""
        for part in range(10):
            threads = [
                threading.Thread(target=self._send, args=(f"{part} {number}", count // 10 // _THREADS))
                for number in range(_THREADS)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            if not self.process.is_running() or self.process.status() == psutil.STATUS_ZOMBIE:
                self.found.faults["the server has ended"] += 1
                return
            self.found.memory.append(self.process.memory_info().rss / 1e6)

    def _send(self, place: str, count: int) -> None:
        odd = Odd(f"{self.seed} {place}", self.runs)
        for _ in range(count):
            cookie = odd.dice.choice(self.cookies)
            if odd.dice.random() < _SOCKETS:
                self._converse(odd, cookie)
            else:
                self._ask(odd, cookie)

    def _ask(self, odd: Odd, cookie: str) -> None:
        """Send a request, and judge the answer."""
        request = odd.request()
        content = request.encoded(f"{self._place[0]}:{self._place[1]}", cookie)
        most = LONGEST + _DOOR * ("door" in request.target)
        for _ in range(3):
            status, seconds = self._answer(content)
            self.found.slowest = max(self.found.slowest, seconds)
            if seconds <= most:
                break
            self.found.slow[status] += 1
        else:
            self.found.faults[f"{request.method} {route(request.target)} takes {seconds:.1f} s"] += 1
        self.found.statuses[status] += 1
        if status.startswith("5"):
            self.found.outside[f"{status} for {request.method} {route(request.target)}"] += 1

    def _answer(self, content: bytes) -> tuple[str, float]:
        """Return the status of an answer ("closed" if there was none) and the seconds until its last byte."""
        began, answer = time.monotonic(), b""
        try:
            with socket.create_connection(self._place, timeout=_PATIENCE) as line:
                with contextlib.suppress(ConnectionError):  # it has refused before it read all
                    line.sendall(content)
                while part := line.recv(1 << 16):
                    answer = answer or part[:20]
        except ConnectionError:
            pass
        except TimeoutError:
            return "hang", time.monotonic() - began
        found = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
        return found[1].decode() if found else "closed", time.monotonic() - began

    def _converse(self, odd: Odd, cookie: str) -> None:
        """Open a websocket, send messages, and leave."""
        headers = {"Cookie": cookie} if cookie else {}
        if odd.dice.random() < 0.1:
            headers["Origin"] = odd.header() or "null"
        is_play, page = odd.dice.random() < 0.5, odd.dice.choice(PAGES)
        link = f"{self.address.replace('http', 'ws', 1)}/{'play/ws' if is_play else '_stcore/stream'}"
        protocols = [odd.dice.choice(("streamlit", "odd"))] if odd.dice.random() < 0.9 else None
        viewer = Viewer(self.address, page, "", cookie)
        began = time.monotonic()
        try:
            with connect(link, additional_headers=headers, subprotocols=protocols, max_size=None, open_timeout=_PATIENCE) as line:  # type: ignore[arg-type]
                self.found.statuses["socket"] += 1
                for _ in range(odd.dice.randrange(_MESSAGES)):
                    line.send(odd.order() if is_play else odd.back(page, ""))
                    with contextlib.suppress(TimeoutError, DecodeError):
                        content = line.recv(timeout=0.05)
                        while not is_play:
                            viewer.take_in(content)
                            content = line.recv(timeout=0.1)
        except (WebSocketException, ConnectionError, UnicodeError):
            self.found.statuses["socket refused or closed"] += 1
        except TimeoutError:
            self.found.faults[f"{link} does not answer after {time.monotonic() - began:.0f} s"] += 1
        if viewer.exceptions:
            self.found.faults[f"a traceback on the page {page or 'home'}"] += viewer.exceptions


def route(target: str) -> str:
    """Return the known beginning of a path, for a list."""
    return "/" + "/".join(re.findall(r"[a-z_-]+", target.partition("?")[0])[:2])


def tracebacks(log: str) -> tuple[Counter[str], Counter[str]]:
    """Return the errors in what a server has printed: those with files of this program, and others."""
    ours: Counter[str] = Counter()
    outside: Counter[str] = Counter()
    for block in re.split(r"(?=Traceback \(most recent call last\))", log)[1:]:
        lines = block.splitlines()
        end = next((line for line in lines[1:] if line and not line.startswith((" ", "\t"))), "?")
        files = re.findall(r'File "([^"]+)"', block)
        is_ours = any(
            name.startswith((str(PROJECT / "pages"), str(PROJECT / "gan"))) and "middleware" not in name for name in files
        )
        (ours if is_ours else outside)[end[:150]] += 1
    return ours, outside


def fuzz(root: Path, count: int, seed: int, *, is_class: bool) -> Found:
    """Send requests to a server; return what it answered."""
    root.mkdir(parents=True)
    config, picture = written_by(PROJECT), make_picture()
    known = [make_run(root, config, 50, picture).id for _ in range(2)]
    log = root.parent / f"{root.name}.txt"
    asked = {"GAN_CLASS": "1" if is_class else "0", "STREAMLIT_SERVER_ADDRESS": "127.0.0.1"}
    with serve(root, PROJECT, log, **asked) as (process, address, _):
        cookies, cookie = [""], ""
        if is_class:
            room = Classroom(root)
            state, name = room.state(), f"gan-class-{room.mark()}="
            tokens = [room.enter("Ann", state.code)[1], room.enter("", state.teacher_code)[1]]
            cookies += [name + token for token in (*tokens, tokens[0][:-2] + "xx", "odd")]
            cookie = name + tokens[0]
        first_opening(address, "", "", cookie)
        fuzzer = Fuzzer(address, process, cookies, f"{seed} {is_class}", known)
        fuzzer.found.memory.append(process.memory_info().rss / 1e6)
        fuzzer.send_all(count)
        found = fuzzer.found
        try:
            first_opening(address, "", "", cookie)
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=10).close()
        except (OSError, WebSocketException) as error:
            found.faults[f"no page opens afterwards: {error}"] += 1
    ours, outside = tracebacks(log.read_text("utf-8", "replace"))
    found.faults.update(ours)
    found.outside.update(outside)
    if found.memory[-1] - found.memory[1] > MOST_GROWTH:
        found.faults[f"memory has grown from {found.memory[1]:.0f} to {found.memory[-1]:.0f} MB"] += 1
    return found


def main() -> None:
    """Send the requests, print tables and faults."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"Machine: {machine.describe()}; load {os.getloadavg()[0]:.1f}\n", flush=True)
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for is_class in (True, False):
            began = time.monotonic()
            found = fuzz(Path(folder) / f"class-{is_class}", options.requests // 2, options.seed, is_class=is_class)
            passed, total = time.monotonic() - began, sum(found.statuses.values())
            start, tenth, end = found.memory[0], found.memory[1], found.memory[-1]
            print(f"| {'class' if is_class else 'no class'} | |\n| --- | --- |")
            print(f"| requests | {total:,} in {passed:.0f} s |")
            print(f"| answers | {', '.join(f'{times:,} × {status}' for status, times in found.statuses.most_common())} |")
            print(f"| slowest answer; over {LONGEST:g} s, asked for again | {found.slowest:.1f} s; {sum(found.slow.values())} |")
            print(f"| memory, MB: start, after a tenth, end | {start:.0f}, {tenth:.0f}, {end:.0f} |")
            print(
                "\nOf Streamlit and its server:", *(f"{times} × {what}" for what, times in found.outside.most_common()), sep="\n- "
            )
            print(flush=True)
            faults += [f"{what} ({times}×)" for what, times in found.faults.items()]
    print(f"{len(faults)} faults; load {os.getloadavg()[0]:.1f}", *faults, sep="\n- ")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
