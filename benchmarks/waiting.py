"""Seconds that a visitor waits: from a click to the first sample, from "Resume" to the next step, from "Draw" to the picture.

    python -m benchmarks.waiting [--other PATH] [--rounds 5] [--pause 8]

Drives real servers with a real browser (Chromium): this checkout, and one more (``--other``, an older one), in turn, each with a
folder of its own. A server has ``--pause`` seconds of rest before each click, in which it may prepare what it likes.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks import machine
from benchmarks.dashboard import serve
from gan import runs
from gan.runs import Run

_CONDITIONAL = ("--set", "networks.conditional=true", "--set", "networks.discriminator_norm=none", "--steps", "5")
_HAS_SAMPLES = "[...document.images].some(one => /^Samples (of|at) step/.test(one.alt) && one.complete && one.naturalWidth > 0)"


@contextlib.contextmanager
def served(project: Path, root: Path) -> Iterator[str]:
    """Train a conditional run with a checkout and run its dashboard; yield the address."""
    environment = {**os.environ, "GAN_RUNS": str(root), "GAN_DATA": str(root / ".data"), "GAN_EXAMPLES": "0"}
    train = [sys.executable, "-m", "gan", "train", *_CONDITIONAL]
    subprocess.run(train, cwd=project, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with serve(root, project) as (_, address, _):
        yield address


def newest(root: Path) -> Run:
    """Return the run that was started last."""
    return runs.list_runs(root)[0]


def to_first_sample(page: Page, address: str, root: Path, pause: float) -> float:
    """Click on Home and wait for a sample on screen; the training goes on."""
    page.goto(address)
    button = page.get_by_role("button", name="Train a GAN on digits now")
    button.wait_for()
    page.wait_for_timeout(pause * 1000)
    began = time.perf_counter()
    button.click()
    page.wait_for_function(_HAS_SAMPLES, timeout=60_000)
    return time.perf_counter() - began


def to_next_step(page: Page, address: str, root: Path, pause: float) -> float:
    """Stop the newest run, resume it, and wait until a later step is reported; then stop it for good."""
    run = newest(root)
    page.goto(f"{address}/watch?run={run.id}")
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Resume").wait_for(timeout=60_000)
    page.wait_for_timeout(pause * 1000)
    step = run.status().step
    began = time.perf_counter()
    page.get_by_role("button", name="Resume").click()
    while run.status().step == step or run.status().state != "running":
        time.sleep(0.01)
    taken = time.perf_counter() - began
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Resume").wait_for(timeout=60_000)
    return taken


def to_class(page: Page, address: str, root: Path, pause: float) -> float:
    """Ask a conditional run for samples of a class and wait for the picture on screen."""
    run = runs.list_runs(root)[-1]
    page.goto(f"{address}/watch?run={run.id}")
    button = page.get_by_role("button", name="Draw")
    button.wait_for()
    page.wait_for_timeout(pause * 1000)
    (run.path / "asked.png").unlink(missing_ok=True)
    began = time.perf_counter()
    button.click()
    page.get_by_alt_text(re.compile("^(Samples of|Drawn for) “")).wait_for(timeout=60_000)
    return time.perf_counter() - began


PARTS: dict[str, Callable[[Page, str, Path, float], float]] = {
    "click to first sample": to_first_sample,
    "Resume to next step": to_next_step,
    "Draw to the class's picture": to_class,
}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--other", type=Path, help="another checkout, to compare with")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pause", type=float, default=8)
    options = parser.parse_args()
    projects = machine.sides(options.other)
    folders = {name: Path(tempfile.mkdtemp()) for name in projects}
    print(f"Machine: {machine.describe()}; load {os.getloadavg()[0]:.1f}")
    taken: dict[tuple[str, str], list[float]] = {(part, name): [] for part in PARTS for name in projects}
    try:
        with contextlib.ExitStack() as stack, sync_playwright() as playwright:
            addresses = {name: stack.enter_context(served(project, folders[name])) for name, project in projects.items()}
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
            for _ in range(options.rounds):
                for part, measure in PARTS.items():
                    for name, address in addresses.items():
                        page = browser.new_page(viewport={"width": 1280, "height": 900})
                        taken[part, name].append(measure(page, address, folders[name], options.pause))
                        page.close()
            browser.close()
    finally:
        for folder in folders.values():
            shutil.rmtree(folder, ignore_errors=True)
    for part in PARTS:
        about = "; ".join(f"{name} {machine.spread(taken[part, name])} s" for name in projects)
        if options.other:
            about += f"; ratio {statistics.median(taken[part, 'this']) / statistics.median(taken[part, 'other']):.2f}"
        print(f"{part:<28} {about}")


if __name__ == "__main__":
    main()
