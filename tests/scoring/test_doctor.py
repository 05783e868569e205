"""The doctor on generators whose fault is known because the test made it, and on real images, which have none."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from gan import config as configs
from gan.data import loaders
from gan.data.loaders import Images
from gan.scoring import doctor, measures
from gan.scoring.extractor import Extractor
from gan.scoring.measures import Draw
from gan.scoring.reference import Reference
from gan.sections import DataConfig
from gan.training.loop import train
from tests.helpers import is_sentence, make_run, tiny

DIGITS = [str(digit) for digit in range(10)]


@pytest.fixture(scope="module")
def held_out() -> Images:
    """Return a third of the digits, in mixed order."""
    images = loaders.load(DataConfig(size=32))
    chosen = torch.randperm(len(images), generator=torch.Generator().manual_seed(11))[:600]
    return Images(images.take(chosen), images.labels[chosen])


def constant(images: Images) -> Tensor:
    return images.pixels[:1].expand(600, -1, -1, -1)


def ten_repeated(images: Images) -> Tensor:
    return images.pixels[:10].repeat(60, 1, 1, 1)


def some_twice(images: Images) -> Tensor:
    return torch.cat([images.pixels[:400], images.pixels[:100], images.pixels[:100]])


def without_threes(images: Images) -> Tensor:
    return images.pixels[images.labels != 3]


def darkened(images: Images) -> Tensor:
    return (images.pixels.float() * 0.4).byte()


def brightened(images: Images) -> Tensor:
    return (images.pixels.float() + 60).clamp(max=255).byte()


def noise(images: Images) -> Tensor:
    return torch.randint(0, 256, (600, 1, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


#: Case → (verdicts that must fire, verdicts that must not).
CASES: dict[str, tuple[Any, set[str], set[str]]] = {
    "constant image": (constant, {"collapse"}, {"imprecise", "duplicates", "partial-collapse"}),
    "ten images repeated": (ten_repeated, {"collapse"}, {"imprecise", "dark", "bright"}),
    "some images twice": (
        some_twice, {"duplicates"}, {"collapse", "partial-collapse", "imprecise", "dark", "bright", "missing-classes"},
    ),
    "one class missing": (without_threes, {"missing-classes"}, {"collapse", "duplicates", "imprecise", "dark", "bright"}),
    "darkened to 40 %": (darkened, {"dark", "washed-out"}, {"collapse", "duplicates", "bright"}),
    "brightened": (brightened, {"bright"}, {"collapse", "duplicates", "dark"}),
    "noise": (noise, {"imprecise"}, {"collapse", "duplicates", "partial-collapse"}),
}  # fmt: skip


def diagnose(pixels: Tensor, digits: Extractor, real: Reference) -> list[doctor.Verdict]:
    drawn = measures.measure(Draw(pixels, digits.extract(pixels.split(256))), real.real, seed=0)
    (floor,) = real.floor(600, 1, 0, lambda sentence, share: None)
    line = measures.combine([drawn], real.real) | {f"floor_{name}": value for name, value in floor.items()}
    return doctor.examine(line | {"real_duplicates": real.alone["duplicates"]}, DIGITS)


@pytest.mark.parametrize("case", list(CASES))
def test_fault_that_was_made_is_found(case: str, held_out: Images, digits: Extractor, real: Reference) -> None:
    make, expected, excluded = CASES[case]
    found = diagnose(make(held_out), digits, real)
    names = {verdict.name for verdict in found}
    assert expected <= names, found
    assert not excluded & names, found
    for verdict in found:
        assert is_sentence(verdict.sentence), verdict.sentence
        assert is_sentence(verdict.remedy), verdict.remedy
        assert verdict.title


def test_held_out_real_images_get_a_clean_bill(held_out: Images, digits: Extractor, real: Reference) -> None:
    assert diagnose(held_out.pixels, digits, real) == []
    assert diagnose(held_out.pixels[:300], digits, real) == []


def test_missing_classes_are_named(held_out: Images, digits: Extractor, real: Reference) -> None:
    (verdict,) = [one for one in diagnose(without_threes(held_out), digits, real) if one.name == "missing-classes"]
    assert ": 3 has less" in verdict.sentence


def test_line_of_an_earlier_version_is_not_judged() -> None:
    assert doctor.examine({"fid": 300.0, "inception_score": 1.0}) == []
    assert doctor.examine(dict.fromkeys((*measures.NUMBERS, "looks", "classes_missing", "floor_coverage", "floor_precision"))) == []


def logged(d_real: float, d_fake: float, loss: float = 1.0) -> list[dict[str, float]]:
    return [{"d_real": d_real, "d_fake": d_fake, "discriminator_loss": loss, "generator_loss": loss} for _ in range(20)]


def test_discriminator_that_is_sure_of_everything_is_found() -> None:
    (verdict,) = doctor.examine_curves(logged(0.99, 0.01), tiny())
    assert verdict.name == "discriminator-too-strong" and is_sentence(verdict.sentence)
    configs.replace(tiny(), dict(verdict.changes))
    assert doctor.examine_curves(logged(0.7, 0.3), tiny()) == []
    assert doctor.examine_curves(logged(0.99, 0.01), tiny({"objective.loss": "hinge"})) == [], "these are no probabilities"
    assert doctor.examine_curves(logged(0.99, 0.01)[:5], tiny()) == [], "too early to tell"
    settled = [*logged(0.99, 0.01), *logged(0.6, 0.4)]
    assert doctor.examine_curves(settled, tiny()) == [], "only the last fifth counts"


def test_training_with_a_discriminator_a_hundred_times_too_strong_is_found(root: Path) -> None:
    found = {}
    for lr in (1e-4, 1e-2):
        changes = {"optimizer.generator_lr": 1e-4, "optimizer.discriminator_lr": lr, "training.length": "80 steps"}
        run = make_run(root, changes, family="mlp")
        threads = torch.get_num_threads()
        with run.hold():
            assert train(run).state == "finished"
        torch.set_num_threads(threads)
        torch.set_flush_denormal(False)
        found[lr] = [verdict.name for verdict in doctor.examine_curves(run.metrics(), run.config())]
    assert found == {1e-4: [], 1e-2: ["discriminator-too-strong"]}


def test_loss_that_runs_away_is_found() -> None:
    (verdict,) = doctor.examine_curves(logged(0.5, 0.5, 2e6), tiny())
    assert verdict.name == "divergence" and is_sentence(verdict.sentence)
    assert doctor.examine_curves(logged(0.5, 0.5, math.nan), tiny()) == []
