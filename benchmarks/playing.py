"""Live games: frames a second, clicks, first frames, and many visitors at once.

    python -m benchmarks.playing [--seconds 10] [--clicks 25] [--sessions 20]

A real server, and a headless Chromium on the same cores. A frame counts when it has been drawn on the board. A click counts from
the press of the button to the end of the next drawing. The visitors of the last table are websockets without a browser, each with a
game on the ring (hidden 64, batches of 128, a map of 32 × 32 cells); memory is the proportional set size of the workers.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import shutil
import statistics
import tempfile
import threading
import time
from pathlib import Path

import psutil
from playwright.sync_api import Page, sync_playwright
from websockets.sync.client import connect

from benchmarks import machine
from benchmarks.dashboard import cpu, serve
from gan.play import wire

#: Counts drawings of boards, and keeps when sockets were opened and when something was last drawn.
_WATCH = """
window.seen = {drawn: 0, opened: 0, first: 0};
const clear = CanvasRenderingContext2D.prototype.clearRect;
CanvasRenderingContext2D.prototype.clearRect = function (...place) {
  if (this.canvas.closest(".boards")) {
    window.seen.drawn += 1;
    if (!window.seen.first && window.seen.hasFrame) window.seen.first = performance.now();
    if (window.seen.waiting) queueMicrotask(window.seen.waiting);
  }
  return clear.apply(this, place);
};
const Socket = window.WebSocket;
window.WebSocket = class extends Socket {
  constructor(address, ...more) {
    super(address, ...more);
    if (String(address).includes("play/ws")) {
      window.seen.opened = performance.now();
      let messages = 0;
      this.addEventListener("message", () => {window.seen.hasFrame = ++messages > 1});  // the first one opens the game
    }
  }
};
"""

#: Presses a button a number of times; returns the milliseconds until the board was drawn again.
_CLICK = """async ([name, clicks]) => {
  const root = [...document.querySelectorAll("*")].map((one) => one.shadowRoot).find((one) => one?.querySelector(".play"));
  const button = [...root.querySelectorAll("button")].find((one) => one.textContent === name);
  const found = [];
  for (let place = 0; place < clicks; place++) {
    await new Promise((done) => setTimeout(done, 150));
    const began = performance.now();
    await new Promise((done) => {window.seen.waiting = done; button.click()});
    window.seen.waiting = null;
    found.push(performance.now() - began);
  }
  return found;
}"""

_GAMES = {
    "ring": "data=ring",
    "ring, two boards": "data=ring&vs.objective.loss=wasserstein",
    "digits, MLP": "data=digits",
    "digits, DCGAN": "data=digits&networks.family=dcgan",
}


def workers(server: psutil.Process) -> list[psutil.Process]:
    """Return the children of a server that have imported torch: workers, and the spare process if there is one."""
    found = []
    for one in server.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if one.memory_full_info().pss > 100_000_000:
                found.append(one)
    return found


def open_game(page: Page, address: str, query: str) -> float:
    """Open a game; return the milliseconds from opening its socket to its first frame on the board."""
    page.goto(f"{address}/play?{query}")
    page.wait_for_function("window.seen.first", timeout=60_000)
    return float(page.evaluate("window.seen.first - window.seen.opened"))


def in_browser(server: psutil.Process, address: str, seconds: float, clicks: int) -> list[str]:
    """Return the rows of all games in a browser."""
    rows = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        for name, query in _GAMES.items():
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.add_init_script(_WATCH)
            open_game(page, address, query)
            page.evaluate("sessionStorage.clear()")
            first = open_game(page, address, query)
            times = {step: sorted(page.evaluate(_CLICK, [f"Step {step}", clicks])) for step in "DG"}
            page.get_by_role("button", name="Play", exact=True).click()
            page.wait_for_timeout(1000)
            drawn, began = page.evaluate("window.seen.drawn"), time.perf_counter()
            used, played = cpu(server), sum(map(cpu, workers(server)))
            page.wait_for_timeout(1000 * seconds)
            boards = 2 if "vs." in query else 1
            frames = (page.evaluate("window.seen.drawn") - drawn) / boards
            passed = time.perf_counter() - began
            both = [f"{statistics.median(one):.0f} / {one[int(0.95 * len(one))]:.0f}" for one in times.values()]
            server_share, played = 1000 * (cpu(server) - used) / frames, sum(map(cpu, workers(server))) - played
            rows.append(
                f"| {name} | {frames / passed:.1f} | {both[0]} | {both[1]} | {first:.0f} "
                f"| {server_share:.2f} | {100 * played / passed:.0f} % |"
            )
            page.close()
        browser.close()
    return rows


def visit(address: str, until: float, counted: list[int], barrier: threading.Barrier) -> None:
    """Play a game without a browser until a moment; append the number of its frames."""
    with connect(f"{address.replace('http', 'ws', 1)}/play/ws") as socket:
        socket.send(json.dumps({"do": "open", "token": secrets.token_hex(16), "setup": {"data": "ring"}}))
        while wire.unpack(bytes(socket.recv(timeout=120)))[0]["kind"] != "frame":  # type: ignore[arg-type]
            pass
        barrier.wait()
        socket.send('{"do": "play"}')
        frames, end = 0, time.monotonic() + until
        while time.monotonic() < end:
            socket.recv(timeout=60)
            frames += 1
            if frames % 2 == 0:
                socket.send('{"do": "ack", "count": 2}')
        counted.append(frames)


def many(server: psutil.Process, address: str, sessions: int, seconds: float) -> str:
    """Return the row for a number of simultaneous visitors."""
    counted: list[int] = []
    barrier = threading.Barrier(sessions + 1)
    visitors = [threading.Thread(target=visit, args=(address, seconds, counted, barrier)) for _ in range(sessions)]
    began = time.perf_counter()
    for one in visitors:
        one.start()
    barrier.wait()
    ready, used = time.perf_counter() - began, cpu(server)
    for one in visitors:
        one.join()
    players = workers(server)
    memory = sum(one.memory_full_info().pss for one in players) / 1e9
    rates = sorted(frames / seconds for frames in counted)
    share = 1000 * (cpu(server) - used) / sum(counted)
    median = statistics.median(rates)
    return f"| {sessions} | {len(players)} | {memory:.2f} GB | {median:.1f} | {rates[0]:.1f} | {ready:.1f} s | {share:.2f} |"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--clicks", type=int, default=25)
    parser.add_argument("--sessions", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        root = Path(folder) / "runs"
        with serve(root) as (server, address, _):
            time.sleep(8)  # for the spare process to import torch
            print(f"Machine: {machine.describe()}; load {psutil.getloadavg()[0]:.1f}\n")
            print("| game | frames a second | Step D, ms, median / p95 | Step G | first frame, ms | server: CPU ms a frame | CPU |")
            print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
            print("\n".join(in_browser(server, address, options.seconds, options.clicks)), flush=True)
        os.environ["GAN_SPARE"] = "0"  # so that all children are workers
        with serve(root) as (server, address, _):
            print("\n| visitors | workers | memory | frames a second, median | slowest | all ready | server: CPU ms a frame |")
            print("| --- | --- | --- | --- | --- | --- | --- |")
            print(many(server, address, options.sessions, options.seconds), flush=True)


if __name__ == "__main__":
    main()
