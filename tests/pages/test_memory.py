"""The server's memory: tables and curves of a run that trains do not pile up."""

from __future__ import annotations

import gc
import json
from collections import Counter
from pathlib import Path

import pytest

from gan.runs import Run, Status
from gan.storage import models
from pages.parts.comparison import timeline
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
