"""Shared fixtures of the report tests: a tiny run with a hostile name, scores and samples, and a fork of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from gan import runs
from gan.runs import Run
from gan.storage.lines import LineWriter
from tests.helpers import TINY, run_gan

NASTY = '<img src=http://127.0.0.1:9/x onerror="document.title=1"><script>document.title=2</script> | `*_~ [a](http://x) &amp; 😀'
PATIENCE = 600  # seconds

#: A line of scores in the format of ``python -m gan score``.
LINE: dict[str, Any] = {
    "step": 12,
    "epoch": 0.214,
    "images_seen": 40_000,
    "source": "checkpoint",
    "checkpoint": "last",
    "weights": "EMA",
    "time": 1.8e9,
    "extractor": "digits CNN",
    "extractor_id": "digits-cnn-1-85490934",
    "extractor_accuracy": 0.99,
    "data": "digits",
    "size": 16,
    "reals": {},
    "images": 2000,
    "real_images": 1797,
    "draws": 3,
    "seed": 0,
    "fid": 9.0735,
    "fid_spread": 0.1823,
    "kid": 52.09,
    "kid_spread": 1.91,
    "precision": 0.839,
    "precision_spread": 0.0148,
    "recall": 0.629,
    "recall_spread": 0.0103,
    "density": 0.892,
    "density_spread": 0.0153,
    "coverage": 0.2,
    "coverage_spread": 0.0211,
    "inception_score": 9.4154,
    "inception_score_spread": 0.0118,
    "classes_covered": 10.0,
    "classes_covered_spread": 0.0,
    "class_kl": 0.0031,
    "class_kl_spread": 0.002,
    "ms_ssim": 0.368,
    "ms_ssim_spread": 0.0037,
    "duplicates": 0.99,
    "duplicates_spread": 0.0043,
    "memorised": 0.07,
    "memorised_spread": 0.01,
    "floor_fid": 3.5248,
    "floor_fid_spread": 0.8325,
    "floor_kid": 1.85,
    "floor_kid_spread": 3.74,
    "floor_precision": 0.907,
    "floor_precision_spread": 0.0151,
    "floor_recall": 0.898,
    "floor_density": 1.0186,
    "floor_coverage": 0.971,
    "floor_images": 898,
    "real_inception_score": 9.58,
    "real_class_counts": [18] * 10,
    "class_counts": [600] * 10,
    "classes_missing": [],
    "real_ms_ssim": 0.337,
    "real_duplicates": 0.015,
}


def scored(run: Run, **changes: Any) -> None:
    """Append a line of scores to a run."""
    writer = LineWriter(run.scores_path)
    writer.write(LINE | changes)
    writer.close()


@pytest.fixture(scope="session")
def made(own_folders: Path) -> Path:
    """Return a folder with a trained run that has a hostile name, and a fork of it. Read-only: shared by the session."""
    root = own_folders / "reports"
    settings = [part for key, value in (TINY | {"cadence.sample_every": "1 step"}).items() for part in ("--set", f"{key}={value}")]
    done = run_gan("train", *settings, "--name", NASTY, root=root, seconds=PATIENCE)
    assert done.returncode == 0, done.stderr
    (run,) = runs.list_runs(root)
    done = run_gan("fork", run.id, "--steps", "16", "--set", "optimizer.generator_lr=1e-3", root=root, seconds=PATIENCE)
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def pair(made: Path, root: Path) -> tuple[Run, Run]:
    """Return copies of a run and its fork, both scored, which a test may damage."""
    shutil.copytree(made, root)
    fork, run = sorted(runs.list_runs(root), key=lambda run: run.origin() is None)
    for step in (4, 8, 12):
        scored(run, source="training", step=step, images_seen=32 * step, images=1000, fid=1000.0 / step)
    scored(run)
    scored(fork, fid=32.8, fid_spread=0.4)
    return run, fork
