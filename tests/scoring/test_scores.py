"""Scoring runs: from a real checkpoint to a score line, reproducibly and without affecting training."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gan import networks
from gan.config.data import DataConfig
from gan.data import loaders
from gan.data.loaders import Images
from gan.errors import InputError
from gan.judging import glossary, lines
from gan.judging.request import Plan
from gan.runs import Run
from gan.scoring import during_training, measures, projection, reference, scores
from gan.scoring.extractors.extractor import Extractor
from gan.scoring.measures import Draw, Real
from gan.scoring.metrics.appearance import Looks
from gan.scoring.metrics.fid import for_counts
from gan.scoring.reference import Reference
from gan.storage import jobs
from gan.training import checkpoints
from gan.training.sampling import restore
from tests.helpers import is_sentence, make_run, run_gan, start_quickly, train, wait_until
from tests.scoring.conftest import CPU, ignore

SMALL = Plan(images=300, draws=2)
REACHED = {"step": 7, "epoch": 7 / 56, "images_seen": 7 * 32}
PASSING = ("time", "seconds")


def without_time(line: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in line.items() if key not in PASSING}


def refusal(run: Run, plan: Plan = SMALL) -> str:
    """Return the sentence with which scoring fails, and check that the scoring file contains the same one."""
    with pytest.raises(InputError) as caught:
        scores.score_run(run, plan)
    assert is_sentence(str(caught.value)), str(caught.value)
    assert run.scoring().state == "failed" and run.scoring().message == str(caught.value)
    return str(caught.value)


# From a checkpoint to a line


def test_line_holds_all_facts_about_a_score(run: Run, digits: Extractor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_TELL_EVERY", 0.0)
    reported: list[tuple[str, float]] = []
    line = scores.score_run(run, SMALL, lambda sentence, share: reported.append((sentence, share)))
    assert line["step"] == 12 and line["images_seen"] == 12 * 32 and line["epoch"] == pytest.approx(12 / 56)
    assert line["source"] == "checkpoint" and line["weights"] == "EMA"
    assert line["extractor"] == "digits CNN" and line["extractor_id"] == digits.id
    assert line["extractor_accuracy"] == digits.accuracy and line["extractor_note"] is None
    assert line["extractor_chance"] == pytest.approx(183 / 1797), "the largest class has 183 images"
    assert line["data"] == "digits" and line["size"] == 16
    assert line["images"] == 300 and line["real_images"] == 1797 and line["draws"] == 2 and line["seed"] == 0
    assert line["floor_images"] == 300
    assert 0 < line["floor_fid"] < line["fid"] and line["fid_spread"] > 0 and line["floor_fid_spread"] > 0
    assert 1 <= line["inception_score"] < line["real_inception_score"] <= 10 and line["inception_score_spread"] >= 0
    assert line["seconds"] > 0 and line["time"] > 1.7e9
    assert line["classes_expected"] == 10 and glossary.missing(line) == []

    assert run.scores() == [line]
    scoring = run.scoring()
    assert scoring.state == "finished" and scoring.progress == 1 and scoring.message == lines.describe(line)
    shares = [share for _, share in reported]
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert "Examining the generated images" in dict(reported)
    run.hold_scoring().release()


def test_same_plan_gives_the_same_line(run: Run) -> None:
    torch.manual_seed(1)
    first = scores.score_run(run, SMALL)
    torch.manual_seed(2)
    second = scores.score_run(run, SMALL)
    assert without_time(first) == without_time(second)
    assert scores.score_run(run, Plan(images=300, draws=2, seed=1))["fid"] != first["fid"]
    assert [line["seed"] for line in run.scores()] == [0, 0, 1]
    assert lines.is_comparable(first, second)


def test_one_draw_has_no_spread(run: Run) -> None:
    line = scores.score_run(run, Plan(images=100, draws=1))
    assert line["fid_spread"] is line["inception_score_spread"] is line["floor_fid_spread"] is None
    assert run.scores() == [line]


def test_floor_has_as_many_images_as_the_score_though_the_real_ones_are_few(run: Run) -> None:
    line = scores.score_run(run, Plan(images=1500, draws=1))
    assert line["floor_images"] == 1797 // 2
    half = scores.score_run(run, Plan(images=1797 // 2, draws=1))
    assert half["floor_images"] == line["floor_images"], "the same two halves were compared"
    assert line["floor_fid"] / half["floor_fid"] == pytest.approx((1 / 1500 + 1 / 1797) / (1 / 898 + 1 / 1797))


@pytest.mark.parametrize(("half_life", "weights"), [(200, "EMA"), (0, "raw")])
def test_averaged_weights_are_scored_if_there_are_any(half_life: int, weights: str, root: Path) -> None:
    run = make_run(root, {"optimizer.ema_half_life": half_life, "training.length": "3 steps"}, family="mlp")
    with run.hold():
        assert train(run).state == "finished"
    saved, _ = checkpoints.load_newest(run.checkpoints_path)
    assert saved is not None
    generator, kind = restore(run.config(), saved, CPU)
    assert kind == weights
    prefix = "average/module." if half_life else "generator/"
    assert all(torch.equal(value, saved.tensors[prefix + key]) for key, value in generator.state_dict().items())
    assert scores.score_run(run, Plan(images=50, draws=1))["weights"] == weights


# Whether scores are plausible


def test_real_images_get_the_floor(real: Reference, digits: Extractor) -> None:
    plan = Plan(images=600, draws=1, seed=3)
    pixels = loaders.load(DataConfig(size=32)).pixels
    order = torch.randperm(1797, generator=torch.Generator().manual_seed(3 * 1_000_003))
    looks = Looks(*(values[order[600:]] for values in real.real.looks))
    rest = dataclasses.replace(real, real=real.real._replace(features=real.features[order[600:]], looks=looks, moments=None))
    found = scores.judge(lambda seed: iter(pixels[order[:600]].split(100)), digits, rest, plan)
    expected = for_counts(found["fid"], (600, 1197), (600, 1797))
    assert expected == pytest.approx(real.floor(600, 1, 3, ignore)[0]["fid"], rel=1e-3)
    everything = scores.judge(lambda seed: iter(pixels.split(100)), digits, real, Plan(images=1797, draws=1))
    assert everything["fid"] == pytest.approx(0.0, abs=1e-3)
    assert everything["inception_score"] == pytest.approx(real.inception_score, rel=0.01)


def test_worse_images_get_worse_scores(real: Reference, digits: Extractor) -> None:
    pixels = loaders.load(DataConfig(size=32)).pixels[:1000]
    random = torch.Generator().manual_seed(0)

    def spoil(seed: int, strength: float) -> Iterator[Tensor]:
        noise = strength * torch.randn(pixels.shape, generator=random)
        yield from (pixels + noise).round().clamp(0, 255).byte().split(256)

    plan = Plan(images=1000, draws=1)
    found = [scores.judge(lambda seed, s=s: spoil(seed, s), digits, real, plan) for s in (0.0, 20.0, 60.0, 200.0)]
    fids = [line["fid"] for line in found]
    floor = real.floor(898, 1, 0, ignore)[0]["fid"]
    assert floor is not None
    assert fids == sorted(fids) and fids[0] < 2 * floor and fids[2] > 20 * floor
    assert found[0]["inception_score"] > 9 > found[3]["inception_score"]


def test_missing_digits_are_noticed(real: Reference, digits: Extractor) -> None:
    images = loaders.load(DataConfig(size=32))
    some = images.pixels[images.labels < 5]
    found = scores.judge(lambda seed: iter(some.split(256)), digits, real, Plan(images=len(some), draws=1))
    floor = real.floor(len(some), 1, 0, ignore)[0]["fid"]
    assert floor is not None and found["fid"] > 20 * floor
    assert found["inception_score"] < 5.2
    assert found["classes_missing"] == [5, 6, 7, 8, 9] and found["classes_covered"] == 5
    assert found["class_kl"] == pytest.approx(math.log(2), rel=0.1), "half of the classes, equally often"
    assert found["precision"] > 0.9 and found["recall"] < 0.7


def test_generated_images_are_whole_pixels_and_follow_their_seed(trained: Run) -> None:
    saved, _ = checkpoints.load_newest(trained.checkpoints_path)
    assert saved is not None
    generator, _ = restore(trained.config(), saved, CPU)
    batches = list(scores.draw(generator, trained.config(), 70, 5, 32, CPU))
    assert [len(batch) for batch in batches] == [32, 32, 6] and batches[0].dtype == torch.uint8
    assert torch.equal(torch.cat(batches), torch.cat(list(scores.draw(generator, trained.config(), 70, 5, 32, CPU))))
    assert not torch.equal(batches[0], next(scores.draw(generator, trained.config(), 70, 6, 32, CPU)))


# The real images


def test_statistics_of_real_images_are_computed_once_and_again_when_the_images_change(
    digits: Extractor, quick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load() -> tuple[Reference, bool]:
        reported: list[float] = []
        found = reference.load(DataConfig(size=16), digits, lambda sentence, share: reported.append(share))
        return found, bool(reported)

    first, was_computed = load()
    assert was_computed
    again, was_computed = load()
    assert not was_computed and torch.equal(again.features, first.features)
    first_floor = first.floor(500, 2, 0, ignore)

    whole = loaders.load(DataConfig(size=16))
    darker = Images(whole.pixels[:1000] // 2, whole.labels[:1000])
    monkeypatch.setattr(loaders, "load_for_scoring", lambda *arguments, **options: darker)
    monkeypatch.setattr(loaders, "training_places", lambda *arguments, **options: torch.arange(1000))
    changed, was_computed = load()
    assert was_computed and len(changed.features) == 1000
    assert changed.floor(500, 2, 0, ignore) != first_floor


@pytest.mark.parametrize("suffix", ["json", "safetensors"])
def test_damaged_statistics_are_computed_again(suffix: str, digits: Extractor, quick: Path) -> None:
    first = reference.load(DataConfig(size=16), digits, ignore)
    floor = first.floor(500, 2, 0, ignore)
    for path in (quick / "statistics").glob(f"*.{suffix}"):
        content = bytearray(path.read_bytes())
        content[-1 if len(content) < 100 else len(content) * 3 // 4] ^= 1
        path.write_bytes(content)
    second = reference.load(DataConfig(size=16), digits, ignore)
    assert torch.equal(second.features, first.features) and second.inception_score == first.inception_score
    assert second.floor(500, 2, 0, ignore) == floor


# What cannot be scored


@pytest.mark.parametrize(
    "wrong",
    [
        {"extractor": "clip"},
        {"images": 1},
        {"images": 100_001},
        {"draws": 0},
        {"draws": 101},
        {"images": 10.5},
        {"images": True},
        {"seed": -1},
    ],
)
def test_plan_refuses_values_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        Plan(**wrong)
    assert is_sentence(str(caught.value))
    assert str(next(iter(wrong.values()))) in str(caught.value)


def test_run_without_checkpoint(root: Path) -> None:
    run = make_run(root)
    assert "has no checkpoint yet; train it for longer first" in refusal(run)
    run.write_status(run.status().model_copy(update={"state": "diverged"}))
    told = refusal(run)
    assert "diverged before its first checkpoint" in told and "smaller learning rate" in told and "longer" not in told


def test_newest_checkpoint_damaged(run: Run) -> None:
    found = checkpoints.steps(run.checkpoints_path)
    assert found == [10, 12]
    (run.checkpoints_path / "00000012.safetensors").write_bytes(b"")
    assert scores.score_run(run, Plan(images=50, draws=1))["step"] == 10


def test_all_checkpoints_damaged(run: Run) -> None:
    for path in run.checkpoints_path.glob("*.safetensors"):
        path.write_bytes(b"")
    assert "damaged" in refusal(run)


def test_unforeseen_error_is_one_sentence_and_logged(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("out of\nluck")

    monkeypatch.setattr(reference, "load", fail)
    with caplog.at_level(logging.ERROR):
        assert "out of luck" in refusal(run)
    assert "out of\nluck" in caplog.text
    monkeypatch.undo()
    assert run.scores() == []
    run.hold_scoring().release()


def test_interrupted_scoring_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(reference, "load", interrupt)
    with pytest.raises(KeyboardInterrupt):
        scores.score_run(run, SMALL)
    assert run.scoring().state == "failed" and "interrupted" in run.scoring().message
    run.hold_scoring().release()


@pytest.mark.parametrize("moment", [0.0, 0.6, 0.8])
def test_killed_scoring_leaves_the_old_scores_and_can_be_repeated(run: Run, root: Path, digits: Extractor, moment: float) -> None:
    old = scores.score_run(run, SMALL)
    process = start_quickly("score", run.id, "--quiet", "--draws", 6, root=root, log=run.log_path)

    def is_far_enough() -> bool:
        found = run.scoring()
        return found.state == "running" and found.progress >= moment

    wait_until(is_far_enough, "the scoring is under way")
    process.kill()
    process.wait()
    assert run.scores() == [old], "the killed scoring must not add a line"
    run.hold_scoring().release()
    assert without_time(scores.score_run(run, SMALL)) == without_time(old)


@pytest.mark.parametrize("take", [torch.empty, np.empty], ids=["torch", "NumPy"])
def test_running_out_of_memory_leaves_the_old_scores(
    run: Run, monkeypatch: pytest.MonkeyPatch, take: Callable[[int], object]
) -> None:
    old = scores.score_run(run, SMALL)
    monkeypatch.setattr(measures, "measure", lambda *arguments: take(2**59))
    assert "out of memory" in refusal(run)
    assert run.scores() == [old]


def test_failed_map_does_not_prevent_the_score(run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(projection, "fit", lambda real: real / None)
    line = scores.score_run(run, SMALL)
    assert run.scores() == [line] and "map of run" in caplog.text


def test_two_scorings_of_a_run_at_once(run: Run) -> None:
    held = run.hold_scoring()
    try:
        before = run.scoring()
        with pytest.raises(InputError, match="is already being scored"):
            scores.score_run(run, SMALL)
        assert run.scoring() == before
    finally:
        held.release()


def test_half_line_left_by_a_crash_is_removed(run: Run) -> None:
    run.scores_path.write_bytes(b'{"step": 1}\n{"st')
    line = scores.score_run(run, Plan(images=50, draws=1))
    assert run.scores() == [{"step": 1}, line]


# During training


class _Still(nn.Module):
    """A generator with batch norm, whose buffers would change if it ran in training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 256), nn.BatchNorm1d(256), nn.Tanh(), nn.Unflatten(1, (1, 16, 16)))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        images: Tensor = self.layers(z)
        return images


def test_scoring_leaves_the_training_untouched(root: Path, quick: Path) -> None:
    run, generator = make_run(root), _Still()
    before = {key: value.clone() for key, value in generator.state_dict().items()}
    random, threads = torch.get_rng_state(), torch.get_num_threads()
    during_training.score(run, generator, run.config(), REACHED, CPU)
    assert torch.equal(torch.get_rng_state(), random) and torch.get_num_threads() == threads
    assert generator.training and all(module.training for module in generator.modules())
    assert all(torch.equal(value, before[key]) for key, value in generator.state_dict().items())
    assert all(weight.requires_grad for weight in generator.parameters())
    (line,) = run.scores()
    assert line["source"] == "training" and line["step"] == 7 and line["images_seen"] == 7 * 32
    assert line["images"] == 500 and line["draws"] == 1 and line["fid_spread"] is None
    assert line["epoch"] == pytest.approx(7 / 56) and math.isfinite(line["fid"])


def test_training_gives_the_same_weights_with_and_without_scores(root: Path, digits: Extractor) -> None:
    threads, results = torch.get_num_threads(), []
    for every in ("4 steps", "0 steps"):
        run = make_run(root, {"cadence.score_every": every})
        with run.hold():
            assert train(run).state == "finished"
        results.append((run, checkpoints.load(run.checkpoints_path, 12).tensors))
    torch.set_num_threads(threads)
    torch.set_flush_denormal(False)
    (scored, with_scores), (unscored, without) = results
    assert [line["step"] for line in scored.scores()] == [4, 8, 12] and unscored.scores() == []
    assert with_scores.keys() == without.keys()
    assert all(torch.equal(value, without[key]) for key, value in with_scores.items())

    # The last score during training and the checkpoint's score are for the same weights.
    line = scores.score_run(scored, Plan(images=500, draws=1))
    assert lines.is_comparable(line, scored.scores()[2])
    assert line["fid"] == pytest.approx(scored.scores()[2]["fid"], rel=1e-3)


def test_failing_score_does_not_end_the_training(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise InputError("No room.")

    monkeypatch.setattr(reference, "load", fail)
    during_training._held_against.cache_clear()
    run = make_run(root)
    during_training.score(run, _Still(), run.config(), REACHED, CPU)
    assert run.scores() == [] and "No room." in caplog.text


# The command line


def test_command_scores_runs_and_reports_those_it_cannot_score(run: Run, root: Path, digits: Extractor) -> None:
    empty = make_run(root)
    mistyped = "20260131-093000-1a2b3c"
    done = run_gan("score", mistyped, run.id, empty.id, "--images", 60, "--draws", 2, "--seed", 3, "--json", root=root)
    assert done.returncode == 1, done.stderr
    (line,) = json.loads(done.stdout)
    verdicts = line.pop("verdicts")
    assert line == {"run": run.id, "name": run.label(), **run.scores()[0]} and line["extractor_id"] == digits.id
    assert [verdict["name"] for verdict in verdicts] == ["untrained"], "after twelve steps there are no digits yet"
    assert verdicts[0]["changes"] == {"training.length": "1375 steps"}
    assert line["seed"] == 3
    assert "has no checkpoint yet" in done.stderr and "Traceback" not in done.stderr
    assert done.stderr.count(f"There is no run {mistyped}") == 1
    assert os.environ["GAN_DATA"], "the command shares the classifier of the tests"


@pytest.mark.parametrize(("classes", "expected"), [([], 8), (["0°", "90°"], 2)])
def test_run_on_points_is_scored_by_coordinates_and_modes(classes: list[str], expected: int, root: Path) -> None:
    changes = {"data.name": "ring", "data.classes": classes, "training.length": "5 steps", "cadence.score_every": "5 steps"}
    run = make_run(root, changes, family="mlp")
    assert train(run).state == "finished"
    line = scores.score_run(run, Plan(images=500, draws=2))
    assert line["extractor"] == "coordinates" and line["modes_expected"] == expected
    assert line["floor_modes"] == expected and line["floor_high_quality"] == pytest.approx(0.99, abs=0.01)
    assert line["modes"] <= expected and line["high_quality"] < 0.1 and line["reverse_kl"] > line["floor_reverse_kl"]
    assert line["fid"] > line["floor_fid"] and line["memorised"] is not None
    assert line["inception_score"] is line["looks"] is line["duplicates"] is None
    assert f"of {expected} modes" in lines.describe(line)
    quick = run.scores()[0]
    assert (quick["source"], quick["extractor"], quick["draws"]) == ("training", "coordinates", 1)
    with pytest.raises(InputError, match="holds points") as caught:
        scores.score_run(run, Plan("classifier"))
    assert is_sentence(str(caught.value))


def test_points_without_known_modes_are_scored_by_coordinates_alone(root: Path) -> None:
    run = make_run(root, {"data.name": "moons", "training.length": "5 steps"}, family="mlp")
    assert train(run).state == "finished"
    line = scores.score_run(run, Plan(images=200, draws=1))
    assert line["modes"] is line["modes_expected"] is None and "floor_modes" not in line
    assert line["coverage"] < line["floor_coverage"] and is_sentence(lines.describe(line) + ".")


def test_images_have_no_coordinates(run: Run) -> None:
    with pytest.raises(InputError, match="only points have coordinates") as caught:
        scores.score_run(run, Plan("coordinates"))
    assert is_sentence(str(caught.value))


def test_copies_of_training_images_are_noticed(real: Reference, digits: Extractor) -> None:
    images = loaders.load(DataConfig(size=32)).pixels
    copies = scores.judge(lambda seed: iter(images[:300].split(100)), digits, real, Plan(images=300, draws=1))
    assert copies["memorised"] > 0.9 and copies["memorised_ratio"] == 0
    few = DataConfig(size=32, subset=500)
    known = reference.load(few, digits, ignore)
    assert len(known.real.training) == 500 and len(known.features) == len(images)
    places = loaders.training_places(few)
    assert places is not None
    is_other = torch.ones(len(images), dtype=torch.bool)
    is_other[places] = False
    others = images[is_other][:300]
    for pixels, share in ((images[places][:300], 1.0), (others, 0.05)):
        found = scores.judge(lambda seed, pixels=pixels: iter(pixels.split(100)), digits, known, Plan(images=300, draws=1))
        assert found["memorised"] == pytest.approx(share, abs=0.04)


def test_score_says_which_real_images_it_compares_with(root: Path) -> None:
    changes = {"data.held_out": 0.25, "data.classes": ["7", "1"], "training.length": "5 steps"}
    line = {}
    for name, change in (("held", changes), ("all", {"training.length": "5 steps"})):
        run = make_run(root, change)
        assert train(run).state == "finished"
        line[name] = scores.score_run(run, Plan(images=50, draws=1))
    assert line["held"]["reals"] == {"held_out": 0.25, "classes": ["1", "7"], "subset_seed": 0}
    assert line["held"]["real_images"] == round(0.25 * (182 + 179))
    assert (line["held"]["classes_expected"], line["all"]["classes_expected"]) == (2, 10)
    assert line["all"]["reals"] == {}
    assert not lines.is_comparable(line["held"], {**line["held"], "reals": {}})
    old = {key: value for key, value in line["all"].items() if key != "reals"}
    assert lines.is_comparable(line["all"], old), "scores from before this setting existed used all images"


# What cannot be scored, or only in part


def test_weights_of_another_architecture(run: Run) -> None:
    config = json.loads(run.config_path.read_text())
    config["networks"]["width"] *= 2
    run.config_path.write_text(json.dumps(config))
    assert "do not fit the networks" in refusal(run)


def test_missing_data_set(run: Run) -> None:
    config = json.loads(run.config_path.read_text())
    config["data"]["name"] = "mine"
    run.config_path.write_text(json.dumps(config))
    assert "mine" in refusal(run)


def test_single_class_and_constant_images_get_what_can_be_measured(root: Path, digits: Extractor) -> None:
    run = make_run(root, {"data.classes": ["7"], "training.length": "5 steps"})
    assert train(run).state == "finished"
    line = scores.score_run(run, Plan(images=50, draws=1))
    assert line["fid"] > 0 and sum(count > 0 for count in line["real_class_counts"]) <= 3 and line["classes_expected"] == 1
    known = reference.load(DataConfig(size=32), digits, ignore)
    flat = torch.zeros(100, 1, 32, 32, dtype=torch.uint8)
    found = scores.judge(lambda seed: iter([flat]), digits, known, Plan(images=100, draws=1))
    assert found["duplicates"] == 1 and found["fid"] > 100
    json.dumps(found, allow_nan=False)


def test_two_images_are_too_few_for_some_figures_and_enough_for_others(run: Run) -> None:
    line = scores.score_run(run, Plan(images=2, draws=1))
    assert line["recall"] is None and line["fid"] is not None
    assert glossary.missing(line) == [
        "Precision and Recall need at least 4 generated and 4 real images.",
        "Density and Coverage need at least 6 generated and 6 real images.",
    ]
    assert [is_sentence(reason) for reason in glossary.missing({**line, "fid": None})] == [True]
    assert is_sentence(lines.describe(line) + ".")


def test_time_of_a_quick_score_is_foreseen_with_its_comparison_and_without_the_floor(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[object] = []
    compare, floor, clock = measures.measure, reference.Reference.floor, time.monotonic

    def measure(draw: Draw, real: Real, seed: int) -> dict[str, Any]:
        events.append((len(draw.pixels), len(real.features)))
        return compare(draw, real, seed)

    monkeypatch.setattr(measures, "measure", measure)
    monkeypatch.setattr(reference.Reference, "floor", lambda *given: (events.append("floor"), floor(*given))[1])
    monkeypatch.setattr(during_training.time, "monotonic", lambda: (events.append("clock"), clock())[1])
    config = run.config()
    generator, _ = networks.build(config)
    assert during_training.foresee(generator, config, CPU) > 0
    assert [one for one in events if one != "clock"] == [(500, config.data.images)] * 2, "as many as in a score, with all real ones"
    events.clear()
    assert during_training.score(run, generator, config, REACHED, CPU)
    assert events[:2] == ["floor", "clock"], "the floor is made before the time of a score begins"
