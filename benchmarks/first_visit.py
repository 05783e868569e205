"""What the first visit of a browser costs a server in static files: this checkout and another one, in turn.

    python -m benchmarks.first_visit [--other PATH] [--rounds 3] [--visits 20]

A real browser (Chromium) without a cache opens Compare on an empty folder and says which files it asked for. Then those files are
requested as often as there are visits, with the compressions that a browser accepts. Each figure is per visit: the CPU time of the
server, which includes what it does in the background meanwhile, and the bytes that it sent.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks import machine
from benchmarks.dashboard import cpu, serve


def asked_by_browser(address: str) -> list[str]:
    """Return the addresses of the static files that a browser without a cache asks for."""
    found: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.on("request", lambda request: found.append(request.url) if "/static/" in request.url else None)
        page.goto(f"{address}/compare")
        page.wait_for_timeout(5000)
        browser.close()
    return found


def measure(project: Path, visits: int) -> tuple[float, float]:
    """Return milliseconds of CPU and megabytes per visit."""
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder), project) as (server, address, _):
        files = asked_by_browser(address)
        for _ in range(2):
            visit(files)  # whatever is made once
        began, sent = cpu(server), 0
        for _ in range(visits):
            sent += visit(files)
        return (cpu(server) - began) / visits * 1000, sent / visits / 1e6


def visit(files: list[str]) -> int:
    """Request all files and return their bytes as sent."""
    total = 0
    for address in files:
        request = urllib.request.Request(address, headers={"Accept-Encoding": "gzip, deflate, br, zstd"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            total += len(answer.read())
    return total


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--other", type=Path, help="another checkout")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--visits", type=int, default=20)
    options = parser.parse_args()
    print(f"Machine: {machine.describe()}; load {os.getloadavg()[0]:.1f}")
    projects = machine.sides(options.other)
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in projects}
    for _ in range(options.rounds):
        for name, project in projects.items():
            taken[name].append(measure(project, options.visits))
    for name, found in taken.items():
        spent, sent = zip(*found, strict=True)
        print(f"{name}: {machine.spread(list(spent), 0)} ms of CPU and {machine.spread(list(sent), 1)} MB a visit")


if __name__ == "__main__":
    main()
