"""FID of the averaged generator (EMA) with different batch-norm statistics.

    python -m benchmarks.averaged [--epochs 30] [--half-lives 4400 13000 26000 30000] [--images 2000]

Trains `digits-dcgan` once and keeps one average per half-life, which does not affect the training. Compares the raw generator's
statistics, averages of them over the training, and estimates from 128 to 2,048 generated images; prints the time of an estimate.
"""

from __future__ import annotations

import argparse
import copy
import statistics as stats
import tempfile
import time
from pathlib import Path

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmarks import machine, trained
from gan import config as configs
from gan import runs
from gan.config import presets
from gan.machine import usual_threads
from gan.scoring import scores
from gan.scoring.extractors import classifier
from gan.training import loop, statistics

_ESTIMATES = (128, 256, 512, 1024, 2048)


class Averages:
    """Averages of one generator's weights with several half-lives, and of its buffers."""

    def __init__(self, generator: nn.Module, decays: list[float]) -> None:
        self.weights = [AveragedModel(generator, multi_avg_fn=get_ema_multi_avg_fn(decay)) for decay in decays]
        self.buffers = [AveragedModel(generator, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True) for decay in decays]

    def update(self, generator: nn.Module) -> None:
        for average in (*self.weights, *self.buffers):
            average.update_parameters(generator)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--half-lives", type=int, nargs="+", default=[4400, 13000, 26000, 30000])
    parser.add_argument("--images", type=int, default=2000)
    options = parser.parse_args()
    quiet = {"cadence.score_every": "0 epochs", "cadence.sample_every": "0 steps", "training.length": f"{options.epochs} epochs"}
    config = configs.replace(presets.find(presets.DEFAULT).config, quiet)
    real = trained.real(config)
    extractor = classifier.load(config.data.name, trained.CPU, lambda sentence, share: None)

    def fid(generator: nn.Module) -> float:
        drawn = extractor.extract(scores.draw(generator, config, options.images, 0, extractor.batch, trained.CPU))
        return trained.fid(real, drawn)

    with tempfile.TemporaryDirectory() as folder:
        run = runs.create(Path(folder), config, state="starting", threads=usual_threads())
        held = run.hold()
        trainer = loop.Trainer(run, lambda status, line: None)
        decays = [0.5 ** (config.optimizer.images_per_step / half_life) for half_life in options.half_lives]
        averages = Averages(trainer.game.generator, decays)

        def watch() -> bool:
            averages.update(trainer.game.generator)
            return False

        trainer.play(watch)
        held.release()
        status, speed = run.status(), stats.median(line["images_per_second"] for line in run.metrics())
    raw = trainer.game.generator
    print(f"Machine: {machine.describe()}, {status.threads} threads, {status.precision}")
    print(f"{presets.DEFAULT}, {options.epochs} epochs, FID · digits CNN of {options.images} images; raw weights {fid(raw):.1f}")
    print(f"{'half-life':>10} {'raw stat.':>10} {'averaged':>10} " + " ".join(f"{'of ' + str(count):>8}" for count in _ESTIMATES))
    for half_life, weights, buffers in zip(options.half_lives, averages.weights, averages.buffers, strict=True):
        row = [fid(weights.module), fid(buffers.module)]
        for count in _ESTIMATES:
            estimated = copy.deepcopy(weights.module)
            statistics.estimate(estimated, config, count)
            row.append(fid(estimated))
        print(f"{half_life:>10} {row[0]:>10.1f} {row[1]:>10.1f} " + " ".join(f"{value:>8.1f}" for value in row[2:]))
    took = []
    for _ in range(9):
        began = time.perf_counter()
        statistics.estimate(averages.weights[0].module, config)
        took.append(time.perf_counter() - began)
    step = config.optimizer.images_per_step / speed
    print(f"An estimate of {statistics.IMAGES} images takes {stats.median(took) * 1000:.0f} ms; a step {step * 1000:.0f} ms.")


if __name__ == "__main__":
    main()
