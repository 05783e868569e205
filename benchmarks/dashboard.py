"""The dashboard's server: startup time, CPU per rerun with hundreds of long runs, and seconds from a click to the first sample.

    python -m benchmarks.dashboard [--runs 200] [--lines 100000] [--longest 200000] [--reruns 40] [--clicks 3] [--choices 5]

Starts a real server on a folder of synthetic finished runs and drives it with a real browser (Chromium). CPU is the user and system
time of the server process, measured over batches of ten reruns because the system counts it in ticks of 10 ms. The runs share one
file of logged lines (hard links), so the system caches it; the server reads it for each run. Compare is opened by a link on a fresh
server, some seconds after Home, with twelve runs, then with twelve others, and so on. These figures include Streamlit's cost for a
new visitor; the figure for the Data page shows how much that is.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from benchmarks import machine
from gan import config as configs
from gan import runs
from gan.config import presets
from gan.places import PROJECT
from gan.runs import Run
from gan.storage import files

_BATCH = 10
_CHOSEN = 12  # runs on Compare
_QUIET = 3.0  # seconds until a page and its pictures are complete


def make_picture() -> bytes:
    """Return a grid of noise, as large as a real sample grid, as PNG bytes."""
    picture = Image.frombytes("L", (270, 270), random.Random(0).randbytes(270 * 270)).resize((540, 540), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def make_run(root: Path, lines: int, picture: bytes) -> Run:
    """Make a finished run with ``lines`` logged lines, quick scores, a full score and ten sample pictures."""
    run = runs.create(root, presets.find(presets.DEFAULT).config, state="starting")
    run.write_status(
        run.status().model_copy(update={"state": "finished", "step": lines * 10, "total_steps": lines * 10, "seconds": 60.0})
    )
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
    for step in range(0, 1000, 100):
        (run.samples_path / f"{step:08d}.png").write_bytes(picture)
    return run


def make_twin(run: Run, picture: bytes) -> Run:
    """Make a copy of a run that shares its file of logged lines but has another seed."""
    twin = make_run(run.root, 1, picture)
    twin.metrics_path.unlink()
    os.link(run.metrics_path, twin.metrics_path)
    shutil.copy(run.scores_path, twin.scores_path)
    config = configs.replace(run.config(), {"training.seed": int(twin.id[-6:], 16)})
    files.write_json(twin.config_path, config.model_dump(mode="json"), durable=False)
    return twin


@contextlib.contextmanager
def serve(root: Path, project: Path = PROJECT) -> Iterator[tuple[psutil.Process, str, float]]:
    """Run the server of a checkout on ``root``; yield its process, its address and the seconds until it answered."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "GAN_RUNS": str(root), "GAN_DATA": str(root / ".data")}
    started = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "dashboard.py", "--server.headless", "true", "--server.port", str(port)],
        cwd=project,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
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


def compare(page: Page, process: psutil.Process, address: str, found: list[Run], choices: int, reruns: int) -> None:
    """Print the cost of opening Compare with runs not shown before, of opening it with the same runs again, and of a rerun."""
    links = [
        f"{address}/compare?runs=" + ",".join(run.id for run in found[start : start + _CHOSEN])
        for start in range(0, len(found) - _CHOSEN + 1, _CHOSEN)
    ][:choices]
    first, *others = [opening(page, process, link) for link in links]
    again = [opening(page, process, links[-1]) for _ in range(3)]
    print(f"/compare of {_CHOSEN}, first on a server {first:.0f} ms of CPU to open")
    if others:
        print(f"/compare of {_CHOSEN} others          {machine.spread(others, 0)} ms of CPU to open")
    print(f"/compare of the same runs again {machine.spread(again, 0)} ms of CPU to open")
    print(f"/compare                        {machine.spread(cost(page, process, reruns), 1)} ms of CPU per rerun")


def click(page: Page, address: str) -> float:
    """Return the seconds from the click on Home to the first sample on screen; then stop the training."""
    page.goto(address)
    button = page.get_by_role("button", name="Train a GAN on digits now")
    button.wait_for()
    page.wait_for_timeout(1000)
    started = time.perf_counter()
    button.click()
    is_shown = "[...document.images].some(i => i.alt.startsWith('Samples at step') && i.complete && i.naturalWidth > 0)"
    page.wait_for_function(is_shown, timeout=60_000)
    taken = time.perf_counter() - started
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Resume").wait_for(timeout=60_000)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("runs", 200), ("lines", 100_000), ("longest", 200_000), ("reruns", 40), ("clicks", 3), ("choices", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    picture = make_picture()
    folder = Path(tempfile.mkdtemp())
    try:
        first = make_run(folder, options.lines, picture)
        found = [first, *(make_twin(first, picture) for _ in range(options.runs - 1))]
        long = make_run(folder, options.longest, picture)
        print(f"Machine: {machine.describe()}; load {os.getloadavg()[0]:.1f}")
        print(f"{options.runs} finished runs of {options.lines:,} logged lines on disk, and one of {options.longest:,}")
        with serve(folder) as (process, address, ready), sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            print(f"ready after                     {ready:.2f} s")
            print(f"/ as the first page             {opening(page, process, address):.0f} ms of CPU to open")
            print(f"/ again                         {opening(page, process, address):.0f} ms of CPU to open")
            compare(page, process, address, found, options.choices, options.reruns)
            for path in ("/", "/data?data=digits", "/train", "/evaluate", f"/watch?run={long.id}"):
                taken = opening(page, process, address + path)
                name = path.split("?")[0] + (f" ({options.longest:,} lines)" if "watch" in path else "")
                each = machine.spread(cost(page, process, options.reruns), 1)
                print(f"{name:<31} {each} ms of CPU per rerun; first opening {taken:.0f} ms")
            print(f"click to first sample           {machine.spread([click(page, address) for _ in range(options.clicks)])} s")
            has_torch = any("libtorch" in part.path for part in process.memory_maps())
            memory = process.memory_info().rss / 2**20
            print(f"server memory                   {memory:.0f} MB; torch loaded: {'yes' if has_torch else 'no'}")
            browser.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
