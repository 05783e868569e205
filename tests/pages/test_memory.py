"""The server's memory: tables and curves of a run that trains do not pile up, and threads share what was freed."""

from __future__ import annotations

import gc
import json
import platform
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from gan.places import PROJECT
from gan.runs import Run, Status
from gan.storage import models
from pages.parts.comparison import ranges, timeline
from pages.parts.evaluation import board, plots
from tests.helpers import make_run
from tests.report.conftest import LINE

VERSIONS = 12


def grow(run: Run, version: int) -> None:
    """Add what a training adds: a logged line, samples, a quick score, a status."""
    step = 10 * version
    with open(run.metrics_path, "a") as file:
        file.write(json.dumps({"step": step, "epoch": version, "images_seen": 64 * step, "generator_loss": 1 / version}) + "\n")
    line = LINE | {"step": step, "of": run.id}
    quick = line | {"source": "training", "epoch": version, "images_seen": 64 * step}
    with open(run.scores_path, "a") as file:
        file.write(json.dumps(quick) + "\n" + (json.dumps(line) + "\n") * (version == 1))
    (run.samples_path / f"{step:08d}.png").write_bytes(b"")
    run.write_status(Status(state="running", step=step, total_steps=1000, message=run.id))


def look(run: Run) -> None:
    """Compute what Compare and Evaluate show."""
    for axis in timeline.AXES:
        tracks = (timeline.track(run, axis),)
        for name in ("generator loss", "FID"):
            timeline.charts(tracks, name, 0.5, ("run",))
            ranges.sane(tracks, name, 0.5, ("run",))
        timeline.cut_off(tracks, ("generator loss",), ("run",))
    stamps = (board.stamp(run),)
    whole = board.board((run,), LINE["extractor_id"], "last", stamps)
    selection = board.select(whole, "", (), (), "")
    part = board.part(selection, 1)
    board.display(selection, ("name", "fid"))
    plots.plot_scores(part, "fid")
    plots.folded(part)
    plots.plot_training((run,), ("run",), stamps)
    run.status()


@pytest.mark.usefixtures("no_settling")
def test_a_growing_run_leaves_no_old_tables_and_curves(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    for version in range(1, VERSIONS + 1):
        grow(run, version)
        look(run)
    once = dict.fromkeys(("Board", "Selection", "Part", "Status"), 1)
    assert held(run) == once | {"Track": len(timeline.AXES), "line of scores": VERSIONS + 1}


def held(run: Run) -> Counter[str]:
    """Return how many objects of each kind are held that were made of the files of a run."""
    gc.collect()
    found: Counter[str] = Counter()
    for one in gc.get_objects():
        match one:
            case timeline.Track(run=of) | board.Board(chosen=(of,)) | board.Selection(board=board.Board(chosen=(of,))):
                found[type(one).__name__] += of == run
            case board.Part(board=board.Board(chosen=(of,))):
                found["Part"] += of == run
            case Status(message=run.id):
                found["Status"] += 1
            case {"of": run.id}:
                found["line of scores"] += 1
    return found


@pytest.fixture
def no_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files be cached although they have just been written, since the test does not wait."""
    monkeypatch.setattr(models, "_TICK", -1)


#: Writes a list of glibc's memory pools after eight threads have allocated memory at the same time; prints Arrow's allocator.
_POOLS = """
import ctypes, sys, threading
from pages.parts import service
if sys.argv[1] == "shared":
    service._share_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
together = threading.Barrier(8)
def allocate():
    together.wait()
    libc.malloc(1000)
    together.wait()
threads = [threading.Thread(target=allocate) for _ in range(8)]
[one.start() for one in threads]
[one.join() for one in threads]
out = ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w"))
libc.malloc_info(0, out)
libc.fclose(out)
import pyarrow
print(pyarrow.default_memory_pool().backend_name)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the pools are glibc's")
def test_threads_share_two_memory_pools(tmp_path: Path) -> None:
    pools = {}
    for how in ("usual", "shared"):
        command = [sys.executable, "-c", _POOLS, how, str(tmp_path / how)]
        allocator = subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True).stdout.strip()
        pools[how] = (tmp_path / how).read_text().count("<heap nr=")
    assert pools["shared"] <= 2 < pools["usual"] and allocator == "system"
