"""Scoring speed against torch-fidelity: our scores from one Inception pass, whole scorings, and two folders of pictures.

    python -m benchmarks.scoring_speed [--images 2048] [--rounds 1] [--scored 2000] [--part inception|whole|sets] [--cached]
    python -m benchmarks.scoring_speed --part sets --images 2000 --sample 50     # in minutes

Both get the same images and the same random Inception weights, which do not affect the time. Our scores use cached features of the
real images, as for every variant after the first. torch-fidelity computes FID, IS, precision and recall on Inception alone (by
default it also runs all images through VGG-16). It processes the real images again each time, as it does without a cache name; with
``--cached``, it is also measured with a cache name and a filled cache.

The part "sets" compares two folders of PNGs with both, from the files to FID, precision and recall, without cached features;
ours also has KID, density, coverage, intervals and the floor. The target is at most 0.6 of torch-fidelity's time. Two sets of
2,000 pictures take Inception a quarter of an hour on two cores. With ``--sample N``, its time is therefore measured on N pictures a
round and counted for all of them, since each picture takes it equally long; everything else, from the files to the figures, is done
in full, on 2,048 features of a random projection instead of Inception's.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest import mock

import torch
import torch_fidelity
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch_fidelity import registry
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torchvision.models import alexnet

from benchmarks import machine
from gan import config as configs
from gan import runs
from gan.config import presets
from gan.judging.request import Plan
from gan.runs import Run
from gan.scoring import measures, scores, sets
from gan.scoring.extractors import inception, perceptual
from gan.scoring.extractors.extractor import Extractor
from gan.scoring.measures import Draw, Real
from gan.scoring.metrics import appearance, classes, memorisation
from gan.training.train import train
from tests.scoring.networks import Pictures, for_torch_fidelity, random_inception

CPU = torch.device("cpu")
THEIRS = 64  # torch-fidelity's batch by default


def draw(count: int, seed: int) -> Tensor:
    """Return smooth random colour images uint8 [count, 3, 32, 32]."""
    coarse = torch.rand(count, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    return functional.interpolate(coarse * 255, (32, 32), mode="bilinear").round().byte()


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return wall-clock seconds and CPU seconds, helper processes included."""
    before, started = os.times(), time.perf_counter()
    work()
    seconds, after = time.perf_counter() - started, os.times()
    return seconds, sum(after[:4]) - sum(before[:4])


def take_turns(contestants: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Let all work once a round; return wall-clock and CPU seconds of each."""
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, work in contestants.items():
            results[name].append(timed(work))
            print(f"{name}: {results[name][-1][0]:.1f} s", file=sys.stderr, flush=True)
    return results


def print_rows(results: dict[str, list[tuple[float, float]]]) -> None:
    for name, values in results.items():
        print(f"| {name} | {machine.spread([one for one, _ in values], 1)} | {machine.spread([cpu for _, cpu in values], 1)} |")


def compare(images: int, rounds: int, folder: Path, *, is_cached: bool) -> None:
    """Print a table of our scores and torch-fidelity's on the same images."""
    state = random_inception()
    torch.save(state, folder / "inception.pth")
    network = inception.build(state).to(memory_format=torch.channels_last)
    extractor = Extractor("Inception", "random", None, network, CPU, inception.BATCH)
    reals, fakes = draw(images, 0), draw(images, 1)
    seen = extractor.extract(reals.split(extractor.batch))
    features = seen.features
    usually = memorisation.usual(features[::2], features[1::2])
    real = Real(features, classes.histogram(seen.logits), appearance.look(reals), features[::2], usually)
    found: dict[str, float] = {}

    def ours() -> None:
        line = measures.measure(Draw(fakes, extractor.extract(fakes.split(extractor.batch))), real, 0)
        found["FID here"] = line["fid"]

    def theirs(**cache: object) -> None:
        line = torch_fidelity.calculate_metrics(
            input1=Pictures(fakes),
            input2=Pictures(reals),
            fid=True,
            isc=True,
            prc=True,
            cuda=False,
            verbose=False,
            batch_size=extractor.batch,
            feature_extractor="inception-v3-compat",
            feature_extractor_weights_path=str(folder / "inception.pth"),
            **cache,
        )
        found["FID of torch-fidelity"] = line[torch_fidelity.KEY_METRIC_FID]

    kept = {"cache": True, "cache_root": str(folder), "input2_cache_name": "real"}
    contestants: dict[str, Callable[[], None]] = {
        "here: FID, KID, IS, precision, recall, density, coverage and all others": ours,
        "torch-fidelity: FID, IS, precision, recall": lambda: theirs(cache=False),
    }
    if is_cached:
        contestants["the same, with cached real images"] = lambda: theirs(**kept)
        theirs(**kept)  # fills it
    results = take_turns(contestants, rounds)
    print(f"\n{images} images of 32×32 against {images}, {'; '.join(f'{name} {value:.5g}' for name, value in found.items())}\n")
    print("| scores | seconds | processor seconds |\n| --- | --- | --- |")
    print_rows(results)
    first, *others = results.values()
    for name, values in zip(list(results)[1:], others, strict=True):
        ratios = [[one[place] / other[place] for one, other in zip(first, values, strict=True)] for place in (0, 1)]
        print(f"| ratio to “{name}” | {machine.spread(ratios[0])} | {machine.spread(ratios[1])} |")


def folders(images: int, folder: Path) -> list[Path]:
    """Write two folders of PNGs."""
    paths = [folder / name for name in ("real", "fake")]
    for number, path in enumerate(paths):
        path.mkdir()
        for place, pixels in enumerate(draw(images, number)):
            Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(path / f"{place}.png")
    return paths


class Projection(nn.Module):
    """Pixels [N, 3, 32, 32] → 2,048 features, in next to no time."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Buffer(torch.randn(3 * 32 * 32, 2048, generator=torch.Generator().manual_seed(0)) / 3072**0.5)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        features = ((pixels.flatten(1).float() - 128) / 64 @ self.weights).relu()
        return features, features.new_empty(len(features), 0)


def split_folders(images: int, sample: int, rounds: int, folder: Path) -> None:
    """Print a table as :func:`compare_folders`, with the time of Inception measured on ``sample`` pictures."""
    state = random_inception()
    torch.save(state, folder / "inception.pth")
    network = inception.build(state).to(memory_format=torch.channels_last)
    extractor = Extractor("Inception", "random", None, network, CPU, inception.BATCH)
    other = FeatureExtractorInceptionV3(
        "inception-v3-compat", ["2048"], feature_extractor_weights_path=str(folder / "inception.pth")
    ).eval()
    pixels, paths = draw(sample, 2), folders(images, folder)
    projection = Extractor("Projection", "projection", None, Projection(), CPU, inception.BATCH)
    registry.FEATURE_EXTRACTORS_REGISTRY["projection"] = for_torch_fidelity(Projection, 2048)

    def theirs_network() -> None:
        with torch.inference_mode():
            for part in pixels.split(THEIRS):
                other(part)

    def ours_rest() -> None:
        with mock.patch.object(inception, "load", lambda device, report: projection):
            sets.compare(str(paths[0]), str(paths[1]), sets.Plan("inception"))

    def theirs_rest() -> None:
        torch_fidelity.calculate_metrics(
            input1=str(paths[1]), input2=str(paths[0]), fid=True, prc=True, cuda=False, verbose=False, cache=False,
            batch_size=THEIRS, feature_extractor="projection",
        )  # fmt: skip

    extractor.extract([pixels[: inception.BATCH]])
    contestants: dict[str, Callable[[], None]] = {
        "here, Inception": lambda: void(extractor.extract(pixels.split(inception.BATCH))),
        "torch-fidelity, Inception": theirs_network,
        "here, all else": ours_rest,
        "torch-fidelity, all else": theirs_rest,
    }
    results = take_turns(contestants, rounds)
    scale = 2 * images / sample
    totals = {
        who: [
            tuple(scale * one + two for one, two in zip(network, rest, strict=True))
            for network, rest in zip(results[f"{who}, Inception"], results[f"{who}, all else"], strict=True)
        ]
        for who in ("here", "torch-fidelity")
    }
    print(f"\nTwo folders of {images} PNGs of 32×32; Inception measured on {sample} pictures\n")
    print("| part | seconds | processor seconds |\n| --- | --- | --- |")
    print_rows(results)
    print_rows({f"{who}, all {2 * images} pictures": values for who, values in totals.items()})  # type: ignore[misc]
    ratios = [[one[place] / two[place] for one, two in zip(*totals.values(), strict=True)] for place in (0, 1)]
    print(f"| ratio (target: at most 0.6) | {machine.spread(ratios[0])} | {machine.spread(ratios[1])} |")


def void(found: object) -> None:
    """Drop a result."""


def compare_folders(images: int, rounds: int, folder: Path) -> None:
    """Print a table of our comparison of two folders and torch-fidelity's, with the same random Inception weights."""
    state = random_inception()
    torch.save(state, folder / "inception.pth")
    paths = folders(images, folder)
    found: dict[str, dict[str, float]] = {}

    def ours() -> None:
        network = inception.build(state).to(memory_format=torch.channels_last)
        extractor = Extractor("Inception", "random", None, network, CPU, inception.BATCH)
        with mock.patch.object(inception, "load", lambda device, report: extractor):
            figures = sets.compare(str(paths[0]), str(paths[1]), sets.Plan("inception")).figures
        found["here"] = {name: figures[name].value for name in ("fid", "precision", "recall")}

    def theirs() -> None:
        line = torch_fidelity.calculate_metrics(
            input1=str(paths[1]),
            input2=str(paths[0]),
            fid=True,
            prc=True,
            cuda=False,
            verbose=False,
            cache=False,
            batch_size=THEIRS,
            feature_extractor="inception-v3-compat",
            feature_extractor_weights_path=str(folder / "inception.pth"),
        )
        keys = torch_fidelity.KEY_METRIC_FID, torch_fidelity.KEY_METRIC_PRECISION, torch_fidelity.KEY_METRIC_RECALL
        found["torch-fidelity"] = dict(zip(("fid", "precision", "recall"), (line[key] for key in keys), strict=True))

    contestants: dict[str, Callable[[], None]] = {
        "here: compare-sets": ours,
        "torch-fidelity: FID, precision, recall": theirs,
    }
    results = take_turns(contestants, rounds)
    print(f"\nTwo folders of {images} PNGs of 32×32; {found}\n\n| comparison | seconds | processor seconds |\n| --- | --- | --- |")
    print_rows(results)
    first, other = results.values()
    ratios = [[one[place] / two[place] for one, two in zip(first, other, strict=True)] for place in (0, 1)]
    print(f"| ratio (target: at most 0.6) | {machine.spread(ratios[0])} | {machine.spread(ratios[1])} |")


def score_whole(images: int, rounds: int, folder: Path) -> None:
    """Print a table of seconds for complete scorings of a run on digits, with classifier and real features already cached."""
    file = folder / "alexnet.pth"
    torch.save(alexnet(weights=None).state_dict(), file)
    content = file.read_bytes()
    published = replace(perceptual.WEIGHTS, sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    run = trained(folder / "runs")
    rows = [(name, draws, has) for name in ("classifier", "random-vgg") for draws in (1, 3) for has in (False, True)]
    results: dict[tuple[str, int, bool], list[float]] = {row: [] for row in rows}
    usual = perceptual.WEIGHTS
    for turn in range(rounds + 1):
        for name, draws, has_lpips in rows:
            perceptual.WEIGHTS = published if has_lpips else usual
            os.environ["GAN_ALEXNET"] = str(file) if has_lpips else ""
            plan = Plan(name, images=images, draws=draws)
            seconds, _ = timed(lambda plan=plan: scores.score_run(run, plan))  # type: ignore[misc]
            print(f"{name}, {draws} draws: {seconds:.2f} s{'' if turn else ', filling the caches'}", file=sys.stderr, flush=True)
            if turn:
                results[name, draws, has_lpips].append(seconds)
    print(f"\n{images} images of 32×32 against 1,797 digits\n\n| features | draws | LPIPS | seconds |\n| --- | --- | --- | --- |")
    for (name, draws, has_lpips), values in results.items():
        print(f"| {name} | {draws} | {'yes' if has_lpips else 'no'} | {machine.spread(values)} |")


def trained(root: Path) -> Run:
    """Return a run of the default preset after 20 steps; the time of a score does not depend on its quality."""
    changes = {"training.length": "20 steps", "cadence.score_every": "0 steps"}
    run = runs.create(root, configs.replace(presets.find(presets.DEFAULT).config, changes), state="starting", threads=1)
    with run.hold():
        train(run)
    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("images", 2048), ("rounds", 1), ("scored", 2000), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--part", choices=("inception", "whole", "sets"))
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="sets: pictures on which Inception is timed (0: all)")
    parser.add_argument("--cached", action="store_true", help="also measure torch-fidelity with cached features of the real images")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GAN_DATA"] = folder
        print(f"Machine: {machine.describe()}, {options.threads} threads, load {os.getloadavg()[0]:.1f} before")
        if options.part in (None, "whole"):
            score_whole(options.scored, options.rounds, Path(folder))
        torch.set_num_threads(options.threads)  # the training above has changed it
        if options.part in (None, "inception"):
            compare(options.images, options.rounds, Path(folder), is_cached=options.cached)
        if options.part in (None, "sets") and options.sample:
            split_folders(options.images, options.sample, options.rounds, Path(folder))
        elif options.part in (None, "sets"):
            compare_folders(options.images, options.rounds, Path(folder))


if __name__ == "__main__":
    main()
