"""Make the runs that ship with the program, and the classifier of the digits that measured them.

    python -m examples.make [--only "Collapsed example"]

Both train a small DCGAN on all digits for equally long: one with R3GAN's objective, one with the usual loss, but a latent vector of
two numbers, learning rates of 5e-3 and a momentum β₁ of 0.9. Takes some twenty minutes with one core. A classifier
trained again differs in its last digits, so scores made with the earlier one are not comparable with new ones.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from gan.runs import Run

HERE = Path(__file__).resolve().parent
CLASSIFIER = HERE.parent / "gan" / "scoring" / "extractors"

SHARED = {
    "data.size": 16,
    "networks.width": 16,
    "networks.depth": 2,
    "networks.discriminator_norm": "none",
    "training.length": "600 epochs",
    "training.threads": 1,
    "cadence.log_every": "80 steps",
    "cadence.sample_every": "10 epochs",
    "cadence.score_every": "20 epochs",
    "cadence.score_share": 0,
    "cadence.checkpoint_every": "600 epochs",
}
RUNS = {
    "Healthy example": {
        "networks.latent": 32,
        "objective.loss": "relativistic",
        "objective.r1": 0.1,
        "objective.r2": 0.1,
        "optimizer.discriminator_lr": 4e-4,
    },
    "Collapsed example": {
        "networks.latent": 2,
        "optimizer.generator_lr": 5e-3,
        "optimizer.discriminator_lr": 5e-3,
        "optimizer.beta1": 0.9,
    },
}
EARLY = 280  # steps, 10 epochs
KEPT = ("*.json", "*.jsonl", "*.png", "samples", "checkpoints")  # of a run directory; the rest tells of the machine


def main() -> None:
    """Make everything, or the named runs only, in a temporary folder; then replace what is there."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=list(RUNS), help="make this run and keep the rest, the classifier included")
    only = parser.parse_args().only
    if not only:
        for path in CLASSIFIER.glob("digits.*"):
            path.unlink()
    with tempfile.TemporaryDirectory() as folder:
        root, data = Path(folder) / "runs", Path(folder) / "data"
        for name in [only] if only else RUNS:
            settings = [part for key, value in (SHARED | RUNS[name]).items() for part in ("--set", f"{key}={value}")]
            gan(root, data, "train", "--preset", "digits-dcgan", "--name", name, *settings)
        made = sorted(root.glob("2*"))
        gan(root, data, "score", *(run.name for run in made))
        if not only:
            for path in (data / "classifiers").glob("digits.*"):
                shutil.copy2(path, CLASSIFIER)
        names = {Run(run).label() for run in made}
        for old in HERE.glob("2*"):
            if Run(old).label() in names:
                shutil.rmtree(old)
        for run in made:
            shutil.rmtree(run / "checkpoints" / "best", ignore_errors=True)
            kept = HERE / run.name
            kept.mkdir()
            for path in {path for pattern in KEPT for path in run.glob(pattern)}:
                (shutil.copytree if path.is_dir() else shutil.copy2)(path, kept / path.name)
            Run(kept).write_status(Run(kept).status().model_copy(update={"host": ""}))
            thin(kept)
            size = sum(path.stat().st_size for path in kept.rglob("*") if path.is_file())
            print(f"{kept}: {size / 1e6:.2f} MB")


def thin(run: Path) -> None:
    """Keep every second of the early samples and every tenth of the later ones, the last included; compress as PNG allows."""
    samples = sorted((run / "samples").glob("*.png"))
    early = [path for path in samples if int(path.stem) < EARLY]
    later = [path for path in samples if int(path.stem) >= EARLY]
    for path in {*samples} - {*early[::2], *later[::-10]}:
        path.unlink()
        path.with_suffix(".json").unlink()
    for path in (*(run / "samples").glob("*.png"), run / "reals.png"):
        with Image.open(path) as picture:
            picture.load()
            picture.save(path, "PNG", optimize=True)


def gan(root: Path, data: Path, *arguments: str) -> None:
    """Run a command of the program."""
    environment = {**os.environ, "GAN_RUNS": str(root), "GAN_DATA": str(data)}
    subprocess.run([sys.executable, "-m", "gan", *arguments], cwd=HERE.parent, env=environment, check=True)


if __name__ == "__main__":
    main()
