"""Cost of watching a training: images per second with and without an open page, alternately.

    python -m benchmarks.watching [--rounds 20] [--seconds 8] [--browser | --play]

One training with one thread, and a real server on the same machine. The visitor receives everything that a browser receives but
does not render it, because browsers usually run on another machine. With ``--browser``, a real browser also renders the pages, on
the same cores as the training; with ``--play``, live games replace the pages. Each window with a visitor is compared with the mean
of the windows without one before and after it. Comparing the windows without a visitor with each other shows the effect of chance.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from websockets.sync.client import ClientConnection, connect

from benchmarks import machine
from benchmarks.dashboard import cpu, serve
from benchmarks.viewer import Viewer
from gan import runs
from gan.places import PROJECT
from gan.runs import Run

PAGES = {"Watch": ("watch", "run={run}"), "Compare, playing": ("compare", "runs={run}")}
_SETTLING = 2.0  # seconds for a page to open or close

Press = Callable[[str], None]


def start(root: Path) -> subprocess.Popen[bytes]:
    """Start a training that does not end by itself and does not score or write checkpoints."""
    settings = {"training.threads": 1, "cadence.score_every": "0 epochs", "cadence.checkpoint_every": "100000 epochs"}
    chosen = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    command = [sys.executable, "-m", "gan", "train", "--preset", "digits-dcgan", "--epochs", "100000", "--root", str(root), *chosen]
    environment = {**os.environ, "GAN_DATA": str(root / ".data")}
    return subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def nobody() -> Iterator[Press]:
    """Watch nothing."""
    yield lambda label: None


@contextlib.contextmanager
def visit(address: str, page: str, query: str) -> Iterator[Press]:
    """Open a page without rendering it; yield a function that presses a button."""
    with Viewer(address, page, query) as viewer:
        yield viewer.click
        assert viewer.updates, "the page received no updates, so nothing was measured"


@contextlib.contextmanager
def play(address: str, steps: int) -> Iterator[Press]:
    """Play a live game on the ring without rendering it, with ``steps`` in each frame."""
    is_over = threading.Event()

    def follow(socket: ClientConnection) -> None:
        socket.send(json.dumps({"do": "open", "token": secrets.token_hex(16), "setup": {"data": "ring"}}))
        for message in ({"do": "speed", "value": steps}, {"do": "play"}):
            socket.send(json.dumps(message))
        while not is_over.is_set():
            socket.recv(timeout=60)
            socket.send('{"do": "ack", "count": 1}')

    with connect(f"{address.replace('http', 'ws', 1)}/play/ws") as socket:
        following = threading.Thread(target=follow, args=(socket,))
        following.start()
        yield lambda label: None
        is_over.set()
        following.join()


@contextlib.contextmanager
def browse(browser: Browser, address: str, page: str, query: str) -> Iterator[Press]:
    """Open a page in a browser; yield a function that presses a button."""
    opened = browser.new_page()
    opened.goto(f"{address}/{page}?{query}")

    def press(label: str) -> None:
        if (button := opened.get_by_role("button", name=label, exact=True)).count():
            button.click()

    yield press
    opened.close()


def speed(run: Run, seconds: float, press: Press) -> float:
    """Return images per second over a time window; keeps pressing Play if the page has a player."""
    time.sleep(_SETTLING)
    first, until = run.metrics()[-1], time.monotonic() + seconds
    while time.monotonic() < until:
        press("Play")
        time.sleep(0.5)
    last = run.metrics()[-1]
    return float((last["images_seen"] - first["images_seen"]) / (last["seconds"] - first["seconds"]))


def spread(changes: Sequence[float]) -> str:
    """Return mean ± standard error, in per cent."""
    error = f" ± {statistics.stdev(changes) / len(changes) ** 0.5:.1%}" if len(changes) > 1 else ""
    return f"{statistics.fmean(changes):+.1%}{error}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--browser", action="store_true", help="also render the pages in a browser")
    parser.add_argument("--play", action="store_true", help="live games on the ring instead of pages")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server, address, _ = stack.enter_context(serve(root))
        training = start(root)
        stack.callback(training.wait)
        stack.callback(training.terminate)
        while not (found := runs.list_runs(root)) or len(found[0].metrics()) < 20:
            time.sleep(0.5)
        (run,) = found
        visits: dict[str, Callable[[], contextlib.AbstractContextManager[Press]]] = {}
        for name, (page, query) in PAGES.items():
            link = (address, page, query.format(run=run.id))
            visits[name] = lambda link=link: visit(*link)  # type: ignore[misc]
        if options.play:
            visits = {f"live game, ×{steps}": lambda steps=steps: play(address, steps) for steps in (1, 50)}  # type: ignore[misc]
        if options.browser:
            chromium = stack.enter_context(sync_playwright()).chromium
            browser = chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
            for name, (page, query) in PAGES.items():
                link = (address, page, query.format(run=run.id))
                visits[f"{name}, rendered on the same cores"] = lambda link=link: browse(browser, *link)  # type: ignore[misc]
        print(f"{machine.describe()}; load {os.getloadavg()[0]:.1f}")
        with nobody() as press:
            alone = [speed(run, options.seconds, press)]
        watched: dict[str, list[float]] = {name: [] for name in visits}
        used: dict[str, list[float]] = {name: [] for name in visits}
        for _ in range(options.rounds):
            for name, come in visits.items():
                with come() as press:
                    before, began = cpu(server), time.monotonic()
                    found_speed = speed(run, options.seconds, press)
                    used[name].append((cpu(server) - before) / (time.monotonic() - began))
                with nobody() as press:
                    alone.append(speed(run, options.seconds, press))
                watched[name].append(found_speed / statistics.fmean(alone[-2:]) - 1)
    chance = [
        here / statistics.fmean((before, after)) - 1 for before, here, after in zip(alone, alone[1:], alone[2:], strict=False)
    ]
    print(f"{len(alone)} windows without a visitor: {machine.spread(alone, 0)} images per second")
    print(
        "\n| page open | images per second, compared with no visitor | windows | server, of one core |\n| --- | --- | --- | --- |"
    )
    for name, changes in watched.items():
        print(f"| {name} | {spread(changes)} | {len(changes)} | {statistics.fmean(used[name]):.1%} |")
    print(f"| none, compared with the windows before and after | {spread(chance)} | {len(chance)} | |")


if __name__ == "__main__":
    main()
