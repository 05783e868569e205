"""What it costs a training that somebody watches it: images a second with an open page against none, in turns.

    python -m benchmarks.watching [--rounds 4] [--seconds 15]

One training with one thread, a real server and a real browser on the same machine. Every window with a page is held against the
mean of the windows without one before and after it; windows without one against each other say what chance does.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks import machine
from benchmarks.dashboard import serve
from gan import runs
from gan.data.catalogue import PROJECT
from gan.runs import Run

PAGES = {"Watch": "watch?run={run}", "Compare, playing": "compare?runs={run}"}


def start(root: Path) -> subprocess.Popen[bytes]:
    """Start a training that does not end by itself and neither scores nor writes checkpoints meanwhile."""
    settings = {"training.threads": 1, "cadence.score_every": "0 epochs", "cadence.checkpoint_every": "100000 epochs"}
    chosen = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    command = [sys.executable, "-m", "gan", "train", "--preset", "digits-dcgan", "--epochs", "100000", "--root", str(root), *chosen]
    environment = {**os.environ, "GAN_DATA": str(root / ".data")}
    return subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def speed(run: Run, seconds: float, page: Page | None) -> float:
    """Return images a second over a window of time, in which a player is kept going where there is one."""
    time.sleep(2.0)  # for the page to come up, or to be gone
    first, until = run.metrics()[-1], time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.5)
        if page is not None and (button := page.get_by_role("button", name="Play", exact=True)).count():
            button.click()
    last = run.metrics()[-1]
    return (last["images_seen"] - first["images_seen"]) / (last["seconds"] - first["seconds"])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=15.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as (_, address, _), sync_playwright() as playwright:
        root = Path(folder)
        training = start(root)
        try:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
            while not (found := runs.list_runs(root)) or len(found[0].metrics()) < 20:
                time.sleep(0.5)
            (run,) = found
            alone = [speed(run, options.seconds, None)]
            watched: dict[str, list[float]] = {name: [] for name in PAGES}
            for _ in range(options.rounds):
                for name, path in PAGES.items():
                    page = browser.new_page()
                    page.goto(f"{address}/{path.format(run=run.id)}")
                    found_speed = speed(run, options.seconds, page)
                    page.close()
                    alone.append(speed(run, options.seconds, None))
                    watched[name].append(found_speed / statistics.fmean(alone[-2:]) - 1)
        finally:
            training.terminate()
            training.wait()
    chance = [after / before - 1 for before, after in itertools.pairwise(alone)]
    print(machine.describe())
    print("\n| watched by | speed against nobody | windows |\n| --- | --- | --- |")
    for name, changes in {**watched, "nobody, against the window before": chance}.items():
        spread = f" ± {statistics.stdev(changes):.1%}" if len(changes) > 1 else ""
        print(f"| {name} | {statistics.fmean(changes):+.1%}{spread} | {len(changes)} |")


if __name__ == "__main__":
    main()
