"""FID over the first minute of the default training.

    python -m benchmarks.fid_curve [--seconds 60] [--preset digits-dcgan] [--every "2 epochs"]

Scores the untrained generator, then trains and scores at the given interval; prints FID over seconds of training, including the
pauses for scoring.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks import machine
from gan import config as configs
from gan import runs
from gan.commands.training import scorer
from gan.config import presets
from gan.judging import lines
from gan.machine import usual_threads
from gan.scoring import during_training
from gan.training import loop


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--preset", default=presets.DEFAULT)
    parser.add_argument("--every", default="4 epochs")
    options = parser.parse_args()
    config = configs.replace(
        presets.find(options.preset).config,
        {
            "cadence.score_every": options.every,
            "cadence.score_share": 0,
            "cadence.sample_every": "0 steps",
            "training.length": "1000 epochs",
        },
    )
    with tempfile.TemporaryDirectory() as folder:
        run = runs.create(Path(folder), config, state="starting", threads=usual_threads())
        held = run.hold()
        try:
            trainer = loop.Trainer(run, lambda status, line: None, scorer)
            during_training.score(run, trainer.sampler(), config, {"step": 0, "epoch": 0.0, "images_seen": 0}, trainer.device)
            trainer.play(lambda: trainer.seconds > options.seconds)
        finally:
            held.release()
        seconds = {line["step"]: line["seconds"] for line in run.metrics()}
        print(f"Machine: {machine.describe()}, {run.status().threads} threads, {run.status().precision}")
        print(f"{options.preset}, {run.scores()[0]['images']} images per score, {lines.label(run.scores()[0])}")
        print(f"{'seconds':>8} {'step':>6} {'FID':>9} {'times better than untrained':>28}")
        first = run.scores()[0]["fid"]
        for line in run.scores():
            before = [when for step, when in seconds.items() if step <= line["step"]]
            print(f"{before[-1] if before else 0.0:>8.1f} {line['step']:>6} {line['fid']:>9.1f} {first / line['fid']:>28.1f}")


if __name__ == "__main__":
    main()
