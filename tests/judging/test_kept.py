"""Kept verdicts: used while nothing has changed, never when anything has, and equal to those of the doctor."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gan.judging import doctor
from gan.judging.doctor import kept
from gan.runs import Run
from gan.storage import sealed
from tests.helpers import make_run

LINE: dict[str, Any] = {
    "source": "checkpoint",
    "extractor_id": "digits-cnn",
    "data": "digits",
    "step": 3000,
    "images_seen": 100_000,
    "fid": 30.0,
    "duplicates": 0.998,
    "real_duplicates": 0.015,
    "precision": 0.1,
    "floor_precision": 0.9,
}


@pytest.fixture
def run(root: Path) -> Run:
    """Return an ended run with a fault in its curves, whose files were written a minute ago."""
    found = make_run(root, {"training.length": "3000 steps"})
    found.write_status(found.status().model_copy(update={"state": "finished", "step": 3000}))
    rows = [{"step": step, "discriminator_loss": 0.001, "d_real": 0.999, "d_fake": 0.001} for step in range(10, 3001, 10)]
    found.metrics_path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found.scores_path.write_text(json.dumps(LINE) + "\n")
    age(found)
    return found


def age(run: Run) -> None:
    """Date the files of a run a minute back."""
    for path in (run.config_path, run.status_path, run.control_path, run.metrics_path, run.scores_path):
        if path.exists():
            os.utime(path, (time.time() - 60,) * 2)


def forget() -> None:
    """Forget what this process knows, as a restarted server does."""
    kept._kept.cache_clear()


def mark(root: Path) -> None:
    """Change the text of every kept verdict, so that its use shows."""
    path = root / kept.FILE
    found = json.loads(sealed.load(path))
    for _, verdicts in found.values():
        for verdict in verdicts:
            verdict["sentence"] = "kept"
    sealed.store(path, json.dumps(found).encode())
    forget()


def are_kept(run: Run, line: dict[str, Any]) -> bool:
    return {verdict.sentence for verdict in doctor.judge(run, line)} == {"kept"}


@pytest.mark.parametrize("line", [LINE, {}], ids=["scores", "curves"])
def test_a_restarted_server_shows_the_same_verdicts(run: Run, line: dict[str, Any]) -> None:
    found = doctor.diagnose(run, line, doctor.logged(run), run.scores())
    assert found and doctor.judge(run, line) == found
    doctor.keep(run.root)
    forget()
    assert doctor.judge(run, line) == found
    mark(run.root)
    assert are_kept(run, line)
    assert not are_kept(run, LINE | {"step": 2000}), "another line of scores"


def edit_config(run: Run) -> None:
    config = json.loads(run.config_path.read_text())
    config["optimizer"]["generator_lr"] = 0.5
    run.config_path.write_text(json.dumps(config))


CHANGES: dict[str, Callable[[Run], object]] = {
    "line": lambda run: run.metrics_path.open("a").write('{"step": 3010}\n'),
    "score": lambda run: run.scores_path.open("a").write("{}\n"),
    "length": lambda run: run.write_control(length="4000 steps"),
    "status": lambda run: run.write_status(run.status().model_copy(update={"state": "diverged"})),
    "settings": edit_config,
    "damaged file": lambda run: (run.root / kept.FILE).write_bytes((run.root / kept.FILE).read_bytes() + b" "),
    "other contents": lambda run: sealed.store(run.root / kept.FILE, b'{"a": 1}'),
    "odd verdicts": lambda run: sealed.store(
        run.root / kept.FILE, json.dumps({key: [mark, [{"name": 1}]] for key, (mark, _) in contents(run).items()}).encode()
    ),
    "no file": lambda run: (run.root / kept.FILE).unlink(),
}


def contents(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sealed.load(run.root / kept.FILE))
    return found


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_is_judged_anew(change: str, run: Run) -> None:
    doctor.judge(run, LINE)
    doctor.keep(run.root)
    mark(run.root)
    CHANGES[change](run)
    age(run)  # a minute later
    assert doctor.judge(run, LINE) == doctor.diagnose(run, LINE, doctor.logged(run), run.scores())
    assert not are_kept(run, LINE)


def test_what_may_still_change_is_not_kept(run: Run) -> None:
    run.write_status(run.status().model_copy(update={"state": "finished"}))  # just now
    doctor.judge(run, LINE)
    doctor.keep(run.root)
    run.write_status(run.status().model_copy(update={"state": "queued"}))
    age(run)
    doctor.judge(run, LINE)
    doctor.keep(run.root)
    assert not (run.root / kept.FILE).exists()


def test_verdicts_are_shown_though_they_cannot_be_kept(run: Run) -> None:
    (run.root / kept.FILE).mkdir()
    found = doctor.judge(run, LINE)
    doctor.keep(run.root)
    assert found == doctor.diagnose(run, LINE, doctor.logged(run), run.scores())
