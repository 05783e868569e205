"""The dashboard's server with a thousand long runs: seconds of a first opening, CPU per rerun; this checkout and another one.

    python -m benchmarks.dashboard [--other PATH] [--runs 1000] [--lines 100000] [--longest 200000] [--rounds 3] [--reruns 20]

Starts real servers on folders of synthetic finished runs, one for this checkout and one for another (``--other``, an older one),
and measures them in turn. Each folder is made with the configuration that its checkout writes. The runs share one file of logged
lines (hard links), so the system caches it; a server reads it for each run. One in ten runs belongs to one sweep.

A first opening is the first page that a server shows: the time from the connection of the visitor to the end of the page's script,
without the browser (:mod:`benchmarks.viewer`), on a server that has just begun to answer, and on one that has rested. It comes with
the CPU time of the server meanwhile. All other figures are CPU time, user and system, of the server process while a real browser
(Chromium) shows the pages. Reruns are measured in batches of ten because the system counts CPU in ticks of 10 ms. Every figure
includes what the server does in the background meanwhile. On a busy machine, compare the smallest values.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import json
import math
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from benchmarks import machine
from benchmarks.viewer import first_opening
from gan import runs
from gan.config import presets
from gan.places import PROJECT
from gan.runs import Membership, Run
from gan.storage import files
from gan.sweeps.launched import Member, Record, Sweep

_BATCH = 10
_COMPARE = "Compare, 12 runs"
_CHOSEN = 12  # runs on Compare
_OTHERS = 4  # further sets of runs for Compare
_REST = 6.0  # seconds until a server has prepared what it prepares in the background
_QUIET = 3.0  # seconds until a page and its pictures are complete


def make_picture() -> bytes:
    """Return a grid of noise, as large as a real sample grid, as PNG bytes."""
    picture = Image.frombytes("L", (270, 270), random.Random(0).randbytes(270 * 270)).resize((540, 540), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def written_by(project: Path) -> dict[str, Any]:
    """Return the configuration of a default run as a checkout writes it."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "GAN_RUNS": folder, "GAN_DATA": str(Path(folder) / ".data")}
        train = [sys.executable, "-m", "gan", "train", "--steps", "1"]
        subprocess.run(train, cwd=project, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (path,) = Path(folder).glob("*/config.json")
        found: dict[str, Any] = json.loads(path.read_bytes())
        return found


def make_run(root: Path, config: dict[str, Any], lines: int, picture: bytes, twin: Run | None = None) -> Run:
    """Make a finished run with quick scores, a full score, ten sample pictures and ``lines`` logged lines.

    With ``twin``, the lines are those of that run, in the same file.
    """
    run = runs.create(root, presets.find(presets.DEFAULT).config, state="starting")
    steps = lines * 10
    run.write_status(run.status().model_copy(update={"state": "finished", "step": steps, "total_steps": steps, "seconds": 60.0}))
    (run.checkpoints_path / f"{steps:08d}.json").write_text("{}")
    for step in range(0, 1000, 100):
        (run.samples_path / f"{step:08d}.png").write_bytes(picture)
    seeded = {**config, "training": {**config["training"], "seed": int(run.id[-6:], 16)}}
    files.write_json(run.config_path, seeded, durable=False)
    if twin:
        os.link(twin.metrics_path, run.metrics_path)
        shutil.copy(twin.scores_path, run.scores_path)
    else:
        write_lines(run, lines)
        write_scores(run, lines)
    return run


def write_lines(run: Run, lines: int) -> None:
    with open(run.metrics_path, "w") as file:
        for index in range(1, lines + 1):
            wave = math.sin(index / 50)
            line = {
                "step": index * 10,
                "epoch": index / 3,
                "images_seen": index * 640,
                "seconds": index / 20,
                "images_per_second": 1e3,
                "discriminator_loss": 0.7 + wave / 3,
                "generator_loss": 1.6 - wave / 3,
                "d_real": 0.7,
                "d_fake": 0.3,
                "discriminator_grad_norm": 20.0,
                "generator_grad_norm": 30.0,
            }
            file.write(json.dumps(line) + "\n")


def write_scores(run: Run, lines: int) -> None:
    score = {
        "source": "checkpoint",
        "extractor": "digits CNN",
        "extractor_id": "digits-cnn",
        "extractor_accuracy": 0.99,
        "data": "digits",
        "size": 32,
        "weights": "EMA",
        "images": 2000,
        "real_images": 1797,
        "draws": 3,
        "fid": 30.0,
        "fid_spread": 0.4,
        "floor_fid": 4.6,
        "floor_fid_spread": 0.9,
        "floor_images": 898,
        "inception_score": 8.0,
        "inception_score_spread": 0.1,
        "real_inception_score": 9.5,
        "step": lines * 10,
        "epoch": lines / 3,
    }
    quick = [{**score, "source": "training", "step": lines * place // 2, "fid": 600.0 / place} for place in range(1, 21)]
    run.scores_path.write_text("".join(json.dumps(line) + "\n" for line in (*quick, score)))


def make_sweep(root: Path, chosen: list[Run]) -> None:
    """Record a finished sweep of these runs."""
    sweep = Sweep(root, runs.new_id())
    for place, run in enumerate(chosen):
        run.write_membership(Membership(sweep=sweep.id, place=place, variant="baseline"))
    members = tuple(Member(variant="baseline", seed=place, run=run.id) for place, run in enumerate(chosen))
    plan = {"schema_version": 1, "name": "many seeds"}
    record = Record(schema_version=1, plan=plan, members=members, made_at=time.time(), is_whole=True)
    sweep.path.parent.mkdir(parents=True)
    files.write_json(sweep.path, record.model_dump(mode="json"), durable=False)


@dataclass
class Side:
    """One checkout with its folder of runs, the pages to open, and the figures ``found``, by name."""

    project: Path
    root: Path
    pages: dict[str, str]  # name → path and query of each page
    others: list[str]  # Compare with other runs
    long: dict[str, str]  # Watch with a longer run
    found: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


def make_side(root: Path, project: Path, count: int, lines: int, longest: int) -> Side:
    """Fill a folder with runs that a checkout can read."""
    config, picture = written_by(project), make_picture()
    first = make_run(root, config, lines, picture)
    found = [first, *(make_run(root, config, lines, picture, first) for _ in range(count - 1))]
    long = make_run(root, config, longest, picture)
    make_sweep(root, found[::10])
    pages = {
        "Home": "",
        "Data": "data?data=digits",
        "Train": "train",
        "Sweeps": "sweeps",
        f"Watch, {lines:,} lines": f"watch?run={first.id}",
        "Evaluate": "evaluate",
        _COMPARE: compared(found[:_CHOSEN]),
    }
    others = [compared(found[place * _CHOSEN :][:_CHOSEN]) for place in range(1, _OTHERS + 1)]
    return Side(project, root, pages, others, {f"Watch, {longest:,} lines": f"watch?run={long.id}"})


def compared(chosen: list[Run]) -> str:
    return "compare?runs=" + ",".join(run.id for run in chosen)


@contextlib.contextmanager
def serve(
    root: Path, project: Path = PROJECT, log: Path = Path(os.devnull), /, **extra: str
) -> Iterator[tuple[psutil.Process, str, float]]:
    """Run the server of a checkout on ``root``; yield its process, its address and the seconds until it answered.

    What it prints is appended to ``log``. ``extra``: further environment variables.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "GAN_RUNS": str(root), "GAN_DATA": str(root / ".data"), "GAN_EXAMPLES": "0", **extra}
    started = time.perf_counter()
    command = [sys.executable, "-m", "streamlit", "run", "dashboard.py", "--server.headless", "true", "--server.port", str(port)]
    with open(log, "ab") as output:
        server = subprocess.Popen(command, cwd=project, env=environment, stdout=output, stderr=output)
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.02)
        yield psutil.Process(server.pid), f"http://127.0.0.1:{port}", time.perf_counter() - started
    finally:
        server.terminate()
        server.wait()


def cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def rerun(page: Page) -> None:
    """Request a rerun with the key R and wait until it has finished."""
    page.keyboard.press("r")
    page.wait_for_timeout(60)
    page.wait_for_function("document.querySelector('[data-testid=stApp]')?.getAttribute('data-test-script-state') === 'notRunning'")


def cost(page: Page, process: psutil.Process, reruns: int) -> list[float]:
    """Return milliseconds of server CPU per rerun, one figure per batch."""
    for _ in range(3):
        rerun(page)
    figures = []
    for _ in range(max(1, reruns // _BATCH)):
        before = cpu(process)
        for _ in range(_BATCH):
            rerun(page)
        figures.append((cpu(process) - before) / _BATCH * 1000)
    return figures


def opening(page: Page, process: psutil.Process, link: str) -> float:
    """Return milliseconds of server CPU when a new visitor opens a link."""
    page.goto("about:blank")
    page.wait_for_timeout(_QUIET * 1000)
    began = cpu(process)
    page.goto(link)
    page.wait_for_selector("h1, [data-testid=stVegaLiteChart]")
    page.wait_for_timeout(_QUIET * 1000)
    return (cpu(process) - began) * 1000


def first_openings(sides: list[Side], rounds: int) -> None:
    """Measure the first opening of each page on fresh servers."""
    for _, name, rest, side in itertools.product(range(rounds), sides[0].pages, (0.0, _REST), sides):
        with serve(side.root, side.project) as (process, address, ready):
            time.sleep(rest)
            began = cpu(process)
            seconds = first_opening(address, *side.pages[name].partition("?")[::2])
            when = f"after {rest:.0f} s" if rest else "at once"
            side.found["seconds until the server answers"].append(ready)
            side.found[f"{name}, first page of a server, {when}: seconds"].append(seconds)
            side.found[f"{name}, first page of a server, {when}: CPU"].append((cpu(process) - began) * 1000)


def _other(place: int, side: Side) -> str:
    return side.others[place]


def openings(page: Page, served: list[tuple[Side, psutil.Process, str]]) -> None:
    """Measure the opening of Compare with runs not shown before, and of Compare and Home by a new visitor, on each side in turn."""
    orders: list[tuple[str, Callable[[Side], str]]] = [(f"{_COMPARE}, the first on a server", lambda side: side.pages[_COMPARE])]
    orders += [(f"{_COMPARE} not shown before", partial(_other, place)) for place in range(_OTHERS)]
    orders += [(f"{_COMPARE}, by a new visitor", lambda side: side.pages[_COMPARE]), ("Home again", lambda side: "")] * _OTHERS
    for (name, link), (side, process, address) in itertools.product(orders, served):
        side.found[f"{name}: CPU to open"].append(opening(page, process, f"{address}/{link(side)}"))


def reruns(page: Page, side: Side, process: psutil.Process, address: str, name: str, count: int) -> None:
    """Measure reruns of a page."""
    page.goto(f"{address}/{(side.pages | side.long)[name]}")
    page.wait_for_timeout(_QUIET * 1000)
    side.found[f"{name}: CPU of a rerun"] += cost(page, process, count)


def tell(sides: list[Side]) -> None:
    """Print the table."""
    print("\n| | this |" + " other | ratio |" * (len(sides) > 1))
    print("| --- | --- |" + " --- | --- |" * (len(sides) > 1))
    for name in sides[0].found:
        values = [side.found[name] for side in sides]
        digits = 2 if "seconds" in name else 1
        cells = [f"{machine.spread(each, digits)}{'' if digits > 1 else ' MB' if 'memory' in name else ' ms'}" for each in values]
        if len(sides) > 1:
            cells.append(f"{statistics.median(values[0]) / statistics.median(values[1]):.2f}")
        print(f"| {name} | {' | '.join(cells)} |")


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--other", type=Path, help="another checkout, to compare with")
    for name, default in (("runs", 1000), ("lines", 100_000), ("longest", 200_000), ("rounds", 3), ("reruns", 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    projects = [PROJECT, *([options.other.resolve()] if options.other else [])]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        sizes = options.runs, options.lines, options.longest
        sides = [make_side(Path(folder) / str(place), project, *sizes) for place, project in enumerate(projects)]
        print(f"Machine: {machine.describe()}; load {os.getloadavg()[0]:.1f}")
        print(f"{options.runs} finished runs of {options.lines:,} logged lines on disk, and one of {options.longest:,}")
        first_openings(sides, options.rounds)
        served = [(side, *stack.enter_context(serve(side.root, side.project))[:2]) for side in sides]
        chromium = stack.enter_context(sync_playwright()).chromium
        browser = chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        time.sleep(_REST)
        openings(page, served)
        for _, name in itertools.product(range(options.rounds), sides[0].pages | sides[0].long):
            for side, process, address in served:
                reruns(page, side, process, address, name, options.reruns)
        for side, process, _ in served:
            side.found["server memory, torch not loaded"].append(process.memory_info().rss / 2**20)
            assert not any("libtorch" in part.path for part in process.memory_maps())
        browser.close()
    tell(sides)


if __name__ == "__main__":
    main()
