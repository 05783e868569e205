"""The doctor on images and curves with a known fault, made by the test, and on real images, which have none."""

from __future__ import annotations

import dataclasses
import json
import math
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gan.config.data import DataConfig
from gan.config.fields import Span
from gan.data import importer, loaders, selection
from gan.judging import doctor, remedies
from gan.judging.doctor import Verdict
from gan.places import data_root
from gan.runs import Status
from gan.scoring import measures, reference
from gan.scoring.extractors import coordinates, vgg
from gan.scoring.extractors.extractor import Extractor
from gan.scoring.measures import Draw
from gan.scoring.reference import Reference
from tests.helpers import is_sentence, make_run, tiny, train

CPU = torch.device("cpu")
RULES = frozenset(remedies.REMEDIES)
LOOKS = {name for name, _, _ in doctor.LOOKS.values()}


class Clinic(NamedTuple):
    """Data, extractor and reference to judge a training, and shuffled real images new to the training and the reference."""

    data: DataConfig
    extractor: Extractor
    reference: Reference
    fresh: Tensor
    labels: Tensor

    def line(self, pixels: Tensor) -> dict[str, Any]:
        """Return the line of scores for images, as if a generator had made them."""
        drawn = measures.measure(Draw(pixels, self.extractor.extract(pixels.split(256))), self.reference.real, seed=0)
        (floor,) = self.reference.floor(len(pixels), 1, 0, lambda sentence, share: None)
        return {
            "extractor_id": self.extractor.id,
            **measures.combine([drawn], self.reference.real),
            **{f"floor_{name}": value for name, value in floor.items()},
            **{f"real_{name}": value for name, value in self.reference.alone.items()},
        }

    def examine(self, pixels: Tensor) -> list[Verdict]:
        return doctor.examine(self.line(pixels), self.data.entry.classes, tiny() if pixels.ndim == 4 else None)


class Remembering(nn.Module):
    """A network that computes each image only once for all cases that use it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.seen: dict[bytes, tuple[Tensor, Tensor]] = {}

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        images = {image.numpy().tobytes(): image for image in pixels}
        if unseen := {key: image for key, image in images.items() if key not in self.seen}:
            features, logits = self.network(torch.stack(list(unseen.values())))
            self.seen |= dict(zip(unseen, zip(features, logits, strict=True), strict=True))
        found = [self.seen[image.numpy().tobytes()] for image in pixels]
        return torch.stack([features for features, _ in found]), torch.stack([logits for _, logits in found])


def open_clinic(data: DataConfig, extractor: Extractor, images: int = 600) -> Clinic:
    everything = loaders.load_for_scoring(data.model_copy(update={"held_out": 0.0}))
    chosen = selection.select(everything.labels.numpy(), data)
    order = np.random.default_rng(11).permutation(np.setdiff1d(chosen.rest, chosen.train))
    fresh = torch.from_numpy(order)[:images]
    judge = reference.load(data, extractor, lambda sentence, share: None)
    return Clinic(data, extractor, judge, everything.take(fresh), everything.labels[fresh])


@pytest.fixture(scope="module")
def random_vgg() -> Extractor:
    extractor = vgg.load(CPU, lambda sentence, share: None)
    return dataclasses.replace(extractor, network=Remembering(extractor.network))


@pytest.fixture(scope="module")
def of_digits(digits: Extractor) -> Clinic:
    return open_clinic(DataConfig(size=32, held_out=0.33, subset=600), digits)


@pytest.fixture(scope="module")
def of_shapes(own_folders: Path, random_vgg: Extractor) -> Clinic:
    return open_clinic(DataConfig(name="shapes", size=32, held_out=0.04, subset=350), random_vgg, images=300)


@pytest.fixture(scope="module")
def of_cifar(own_folders: Path, real_data: Path, random_vgg: Extractor, tmp_path_factory: pytest.TempPathFactory) -> Clinic:
    part = tmp_path_factory.mktemp("cifar") / "part.zip"
    with zipfile.ZipFile(real_data / "cifar10-train.zip") as whole, zipfile.ZipFile(part, "w") as taken:
        for name in sorted(whole.namelist())[::25]:
            taken.writestr(name, whole.read(name))
    name = importer.import_pictures(part, "Photographs", lambda sentence, share: None, root=data_root())
    return open_clinic(DataConfig(name=name, size=32, held_out=0.25, subset=350), random_vgg, images=300)


@pytest.fixture(scope="module")
def of_ring(own_folders: Path) -> Clinic:
    return open_clinic(DataConfig(name="ring", held_out=0.1, subset=5000), coordinates.load(CPU))


@pytest.fixture(scope="module")
def clinics(request: pytest.FixtureRequest) -> Callable[[str], Clinic]:
    """Return a function that opens the clinic of a data set on demand."""
    return lambda name: request.getfixturevalue(f"of_{name}")


def some(clinic: Clinic) -> Tensor:
    """Return some of the images: enough to show a fault that all of them have."""
    return clinic.fresh[:150]


def copies(clinic: Clinic) -> Tensor:
    return loaders.load(clinic.data).pixels[: len(clinic.fresh)]


def noise(clinic: Clinic) -> Tensor:
    return torch.randint(0, 256, clinic.fresh.shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def dotted(pixels: Tensor, grid: int) -> Tensor:
    """Return images with a pattern of dots at every ``grid``-th pixel, as overlapping kernels leave them."""
    rows, columns = torch.arange(pixels.shape[2])[:, None], torch.arange(pixels.shape[3])
    return (pixels.float() + 40.0 * ((rows % grid == 0) & (columns % grid == 0))).clamp(max=255).byte()


def colourful(pixels: Tensor) -> Tensor:
    """Return images with every pixel four times as far from grey."""
    grey = pixels.float().mean(1, keepdim=True)
    return (grey + 4 * (pixels - grey)).clamp(0, 255).byte()


#: Further verdicts that a constant image may get, depending on the image.
_ONE_IMAGE = {"missing-classes", "memorisation", *LOOKS}

#: Case → (data set, images of a generator with this fault, verdicts that must fire, verdicts that may); no others may fire.
IMAGES: dict[str, tuple[str, Callable[[Clinic], Tensor], set[str], set[str]]] = {
    "real digits": ("digits", lambda clinic: clinic.fresh, set(), set()),
    "real digits, 300": ("digits", lambda clinic: clinic.fresh[:300], set(), set()),
    "real shapes": ("shapes", lambda clinic: clinic.fresh, set(), set()),
    "real shapes, 200": ("shapes", lambda clinic: clinic.fresh[:200], set(), set()),
    "real photographs": ("cifar", lambda clinic: clinic.fresh, set(), set()),
    "real photographs, 200": ("cifar", lambda clinic: clinic.fresh[:200], set(), set()),
    "real points": ("ring", lambda clinic: clinic.fresh, set(), set()),
    "constant image": ("digits", lambda clinic: clinic.fresh[:1].expand(600, -1, -1, -1), {"collapse"}, _ONE_IMAGE),
    "ten images repeated": ("digits", lambda clinic: clinic.fresh[:10].repeat(60, 1, 1, 1), {"collapse"}, {"missing-classes"}),
    "some images twice": (
        "digits",
        lambda clinic: torch.cat([clinic.fresh[:400], clinic.fresh[:100], clinic.fresh[:100]]),
        {"duplicates"},
        set(),
    ),
    "few images of shapes": (
        "shapes",
        lambda clinic: clinic.fresh[:40].repeat(10, 1, 1, 1),
        {"collapse"},
        set(),
    ),
    "one class missing": ("digits", lambda clinic: clinic.fresh[clinic.labels != 3], {"missing-classes"}, set()),
    "darkened to 40 %": (
        "digits",
        lambda clinic: (clinic.fresh.float() * 0.4).byte(),
        {"dark", "washed-out"},
        {"imprecise", "partial-collapse", "missing-classes"},
    ),
    "photographs darkened to 40 %": (
        "cifar",
        lambda clinic: (some(clinic).float() * 0.4).byte(),
        {"dark", "washed-out"},
        {"partial-collapse", "imprecise"},
    ),
    "brightened": (
        "digits",
        lambda clinic: (clinic.fresh.float() + 60).clamp(max=255).byte(),
        {"bright"},
        {"washed-out", "imprecise", "partial-collapse", "missing-classes"},
    ),
    "contrast halved": (
        "digits",
        lambda clinic: (clinic.fresh.float() * 0.5 + 40).byte(),
        {"washed-out"},
        {"imprecise", "partial-collapse", "missing-classes"},
    ),
    "colours washed out": (
        "cifar",
        lambda clinic: (some(clinic).float().mean(1, keepdim=True).expand(-1, 3, -1, -1)).byte(),
        {"pale"},
        {"partial-collapse", "imprecise"},
    ),
    "contrast tripled": (
        "cifar",
        lambda clinic: ((some(clinic).float() - 128) * 3 + 128).clamp(0, 255).byte(),
        {"harsh"},
        {"partial-collapse", "imprecise", "gaudy"},
    ),
    "colours exaggerated": (
        "cifar",
        lambda clinic: colourful(some(clinic)),
        {"gaudy"},
        {"partial-collapse", "imprecise", "harsh", "bright", "dark"},
    ),
    "good digits of three classes": (
        "digits",
        lambda clinic: clinic.fresh[clinic.labels < 3],
        {"partial-collapse", "missing-classes"},
        set(),
    ),
    "copies of training images": ("digits", copies, {"memorisation"}, set()),
    "copies of training photographs": ("cifar", copies, {"memorisation"}, set()),
    "half copies": ("digits", lambda clinic: torch.cat([copies(clinic)[:300], clinic.fresh[:300]]), {"memorisation"}, set()),
    "noise": ("digits", noise, {"imprecise"}, {*LOOKS, "missing-classes"}),
    "dots at every second pixel": (
        "digits",
        lambda clinic: dotted(clinic.fresh, 2),
        {"checkerboard"},
        {"bright", "imprecise", "partial-collapse"},
    ),
    "dots at every fourth pixel": (
        "cifar",
        lambda clinic: dotted(some(clinic), 4),
        {"checkerboard"},
        {"partial-collapse", "imprecise"},
    ),
    "two modes missing": (
        "ring",
        lambda clinic: clinic.fresh[clinic.labels > 1],
        {"missing-modes"},
        {"partial-collapse"},
    ),
    "one point": ("ring", lambda clinic: clinic.fresh[:1].expand(600, -1), {"missing-modes", "partial-collapse"}, {"memorisation"}),
    "points between the modes": (
        "ring",
        lambda clinic: clinic.fresh * torch.linspace(0.2, 1, 600)[:, None],
        {"off-modes"},
        {"partial-collapse"},
    ),
}


@pytest.mark.parametrize("case", list(IMAGES))
def test_images_get_the_verdicts_on_their_fault_and_no_other(case: str, clinics: Callable[[str], Clinic]) -> None:
    data, make, must, may = IMAGES[case]
    clinic = clinics(data)
    found = clinic.examine(make(clinic))
    check(found, must, may)
    if clinic.data.is_points:
        assert not [verdict for verdict in found if "image" in verdict.title + verdict.sentence]


def check(found: list[Verdict], must: set[str], may: set[str]) -> None:
    """Assert which verdicts fired, and that each is complete."""
    names = {verdict.name for verdict in found}
    assert (must | may) <= RULES
    assert must <= names <= must | may, [verdict.sentence for verdict in found]
    for verdict in found:
        assert is_sentence(verdict.sentence), verdict.sentence
        assert is_sentence(verdict.remedy), verdict.remedy
        assert verdict.title
        assert verdict.evidence in doctor.EVIDENCE
        assert verdict.threshold is not None
        assert verdict.kind == ("advice" if verdict.name in ("still-improving", *doctor.EARLY) else "fault")


def test_missing_classes_are_named(of_digits: Clinic) -> None:
    (verdict,) = of_digits.examine(of_digits.fresh[of_digits.labels != 3])
    assert "in the real images: 3." in verdict.sentence


def test_verdict_gives_its_measurement_and_threshold(of_digits: Clinic) -> None:
    (verdict,) = of_digits.examine(copies(of_digits))
    assert (verdict.measured, verdict.threshold, verdict.evidence) == (1.0, doctor.MEMORISED, "nearest")
    assert verdict.changes == {"augmentation.policies": ["colour", "translation", "cutout"]}


_SOUND_LOOKS = {"contrast": {"real_mean": 50.0, "fake_mean": 48.0, "effect": -0.1}}
REAL = {"floor_precision": 0.9, "floor_recall": 0.9, "floor_coverage": 0.95, "real_ms_ssim": 0.34, "looks": _SOUND_LOOKS}

#: Case → (precision, recall, coverage and MS-SSIM of a training on digits, verdicts that must fire); no others may.
REACHES: dict[str, tuple[dict[str, float], set[str]]] = {
    "good and all alike": ({"precision": 0.85, "recall": 0.1, "coverage": 0.2, "ms_ssim": 0.5}, {"partial-collapse"}),
    "fair and all alike": ({"precision": 0.5, "recall": 0.1, "coverage": 0.2, "ms_ssim": 0.5}, {"partial-collapse"}),
    "varied, but poor": ({"precision": 0.46, "recall": 0.73, "coverage": 0.39, "ms_ssim": 0.3}, {"imprecise"}),
    "a little poorer": ({"precision": 0.42, "recall": 0.73, "coverage": 0.39, "ms_ssim": 0.3}, {"imprecise"}),
    "noise with full precision": ({"precision": 1.0, "recall": 0.0, "coverage": 0.002, "ms_ssim": 0.02}, {"imprecise"}),
    "like real images": ({"precision": 0.88, "recall": 0.8, "coverage": 0.9, "ms_ssim": 0.34}, set()),
}


@pytest.mark.parametrize("case", list(REACHES))
def test_narrow_and_poor_images_are_told_apart(case: str) -> None:
    figures, must = REACHES[case]
    found = doctor.examine({**REAL, **figures})
    check(found, must, set())
    assert all(("images are good" in verdict.sentence) == (case == "good and all alike") for verdict in found)


_NARROW = {**REAL, "precision": 0.95, "recall": 0.1, "coverage": 0.2, "ms_ssim": 0.5}
#: A barely trained, flat generator: contrast 3.5 of 50, and nearly all its images nearest to the same training image.
_FLAT = {
    **_NARROW,
    "duplicates": 0.1,
    "real_duplicates": 0.02,
    "memorised": 0.66,
    "memorised_ratio": 0.9,
    "looks": {"contrast": {"real_mean": 50.0, "fake_mean": 3.5, "effect": -4.0}},
}


@pytest.mark.parametrize(
    "line",
    [
        {"looks": {"contrast": {"real_mean": 50.0, "fake_mean": 3.5, "effect": -4.0}}},
        {"looks": None},
        {"extractor_accuracy": 0.3},
        {"precision": 0.6},
    ],
    ids=["flat", "looks not measured", "weak classifier", "precision"],
)
def test_images_are_called_good_only_on_positive_evidence(line: dict[str, Any]) -> None:
    (found,) = [verdict for verdict in doctor.examine({**_NARROW, **line}) if verdict.name == "partial-collapse"]
    assert "good" not in found.sentence
    (found,) = doctor.examine({**_NARROW, "extractor_accuracy": 0.9})
    assert "images are good" in found.sentence


#: Case → (figures of copies in a line of scores with a share of 66 %, whether this is memorisation).
COPIES: dict[str, tuple[dict[str, Any], bool]] = {
    "flat generator": ({**_FLAT, "memorised_sources": 1.02, "memorised_likeness": 0.01}, False),
    "flat generator, earlier version": (_FLAT, False),
    "one image, earlier version": ({**_FLAT, "looks": _SOUND_LOOKS, "duplicates": 1.0}, False),
    "copies, earlier version": ({**_FLAT, "looks": _SOUND_LOOKS}, True),
    "copies": ({"memorised_sources": 300.0, "memorised_likeness": 0.97}, True),
    "copies of one image": ({"memorised_sources": 1.0, "memorised_likeness": 0.99}, False),
    "near many images, unlike them": ({"memorised_sources": 40.0, "memorised_likeness": 0.1}, False),
    "likeness unknown": ({"memorised_sources": 40.0, "memorised_likeness": None}, False),
    "points": ({"memorised_sources": 40.0, "memorised_likeness": None, "extractor_id": "coordinates"}, True),
    "one point": ({"memorised_sources": 1.0, "memorised_likeness": None, "extractor_id": "coordinates"}, False),
}


@pytest.mark.parametrize("case", list(COPIES))
def test_memorisation_needs_copies_of_several_images_that_resemble_them(case: str) -> None:
    figures, is_memorised = COPIES[case]
    found = {verdict.name: verdict for verdict in doctor.examine({"memorised": 0.66, **figures})}
    assert ("memorisation" in found) is is_memorised
    if is_memorised:
        assert is_sentence(found["memorisation"].sentence)


class MeanColour(nn.Module):
    """A network that sees nothing but the mean colour of an image."""

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        return pixels.float().mean((2, 3)), torch.empty(len(pixels), 0)


def test_flat_images_are_no_copies(of_cifar: Clinic) -> None:
    """They have the mean colour of a training image, and nothing else in common with it."""
    clinic = open_clinic(of_cifar.data, Extractor("mean colour", "mean-colour", None, MeanColour(), CPU, 256), images=200)
    originals = copies(clinic)
    random = torch.Generator().manual_seed(0)
    flat = originals[:1].float().mean((2, 3), keepdim=True).round() + 3.5 * torch.randn(200, 3, 32, 32, generator=random)
    line = clinic.line(flat.round().clamp(0, 255).byte())
    assert line["memorised"] > 0.6 and line["memorised_sources"] < 1.2 and abs(line["memorised_likeness"]) < 0.1
    names = {verdict.name for verdict in doctor.examine(line)}
    assert "washed-out" in names and "memorisation" not in names
    line = clinic.line(originals)
    assert line["memorised"] > 0.9 and line["memorised_sources"] > 150 and line["memorised_likeness"] == pytest.approx(1)
    assert {verdict.name for verdict in doctor.examine(line)} == {"memorisation"}


def test_classifier_at_chance_gives_no_verdicts_on_distances() -> None:
    guessing = {**_NARROW, "memorised": 0.9, "memorised_sources": 90.0, "memorised_likeness": 0.9, "extractor_accuracy": 0.175}
    assert {verdict.name for verdict in doctor.examine(guessing)} == {"partial-collapse", "memorisation"}
    assert doctor.examine({**guessing, "extractor_chance": 1 / 6}) == []
    assert doctor.examine(guessing, ["cat", "dog", "frog", "horse", "ship", "truck"]) == [], "lines of earlier versions"
    poor = {"precision": 0.1, "floor_precision": 0.8, "extractor_accuracy": 0.175, "extractor_chance": 1 / 6}
    assert doctor.examine_curves(logged(0.51, 0.49), tiny({"training.length": "3000 steps"}), poor) == []


_TEN = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@pytest.mark.parametrize(
    ("missing", "told"), [([0, 1, 2, 4, 6, 7, 8, 9], ""), ([0, 3], "in the real images: cat.")], ids=["others", "a chosen one"]
)
def test_classes_left_out_on_purpose_are_not_missing(missing: list[int], told: str) -> None:
    """Lines of earlier versions list classes that a poor classifier found among the real images by mistake."""
    line = {"reals": {"classes": ["cat", "dog"]}, "classes_missing": missing, "class_counts": [9] * 10}
    found = doctor.examine(line, _TEN)
    assert [verdict.name for verdict in found] == (["missing-classes"] if told else [])
    assert all(told in verdict.sentence for verdict in found)
    assert doctor.examine({**line, "reals": {}}, _TEN)


def test_verdict_that_may_follow_from_a_graver_fault_has_no_remedy(root: Path) -> None:
    """Otherwise the user is asked to train twice as long and to start afresh at the same time."""
    run = make_run(root)
    line = {**REAL, "precision": 0.1, "memorised": 0.9}
    found = {verdict.name: verdict for verdict in doctor.diagnose(run, line, logged(0.99, 0.01))}
    assert found.keys() == {"discriminator-too-strong", "imprecise", "memorisation"}
    assert found["discriminator-too-strong"].changes and found["memorisation"].changes
    assert not found["imprecise"].changes and "Discriminator too strong" in found["imprecise"].remedy
    (alone,) = doctor.diagnose(run, {**REAL, "precision": 0.1}, logged())
    assert alone.name == "imprecise" and alone.changes


def test_curves_are_judged_up_to_the_step_that_was_scored(root: Path) -> None:
    run = make_run(root, {"training.length": "1200 steps"})
    later = [{**line, "step": line["step"] + 3000} for line in logged(0.99, 0.01)]
    whole = [*logged(), *later]
    assert {verdict.name for verdict in doctor.diagnose(run, {"step": 6000}, whole)} == {"discriminator-too-strong"}
    assert doctor.diagnose(run, {"step": 3000}, whole) == []
    assert doctor.diagnose(run, {"step": 600, "checkpoint": "best"}, [], curve(*_RISING)) == []
    assert doctor.diagnose(run, {"step": 1200, "checkpoint": "best"}, [], curve(*_FALLING)) == []
    assert doctor.diagnose(run, {"step": 1200}, [], curve(*_FALLING))


def test_verdict_on_curves_names_those_that_show_it() -> None:
    vanished = doctor.examine_curves(starved(0.005), tiny({"objective.loss": "hinge"}), _POOR)
    swinging = doctor.examine_curves(logged(loss=lambda index: 1 + 0.8 * math.sin(index / 2)), tiny(), {})
    sure = doctor.examine_curves(logged(0.99, 0.01), tiny(), {})
    assert [verdict.curves for (verdict,) in (vanished, swinging, sure)] == [
        ("generator_grad_norm",),
        ("discriminator_loss",),
        ("d_real", "d_fake"),
    ]
    for cases in CURVES.values():
        for verdict in doctor.examine_curves(cases[0], tiny(cases[1]), cases[2]):
            assert verdict.evidence == "curves" and verdict.curves


@pytest.mark.parametrize(("support", "told"), [(1.0, "only one"), (36.4, "about 36 different"), (6446.0, "")])
def test_support_is_mentioned_if_it_is_small(support: float, told: str) -> None:
    (verdict,) = doctor.examine({"duplicates": 0.9, "real_duplicates": 0.01, "support": support, "images": 2000})
    assert told in verdict.sentence if told else "as if" not in verdict.sentence


def test_line_of_an_earlier_version_is_not_judged() -> None:
    assert doctor.examine({"fid": 300.0, "inception_score": 1.0}) == []
    assert doctor.examine(dict.fromkeys((*measures.NUMBERS, "looks", "classes_missing", "floor_coverage", "floor_precision"))) == []


Curve = Callable[[int], float]
_POOR = {"precision": 0.1, "floor_precision": 0.8, "coverage": 0.9, "floor_coverage": 0.9}
_GOOD = {"precision": 0.7, "floor_precision": 0.8, "coverage": 0.8, "floor_coverage": 0.9}


def logged(
    d_real: float = 0.7, d_fake: float = 0.3, loss: float | Curve = 1.0, lines: int = 300, seed: int = 0
) -> list[dict[str, float]]:
    """Return logged lines with the noise of a healthy training: values wander, and now and then a loss jumps."""
    source, found, wander = random.Random(seed), [], 0.0
    for index in range(lines):
        wander = 0.5 * wander + source.gauss(0, 0.02)
        level = loss(index) if callable(loss) else loss
        found.append(
            {
                "step": 10 * (index + 1),
                "d_real": d_real + wander,
                "d_fake": d_fake - wander,
                "discriminator_loss": level * (1 + abs(source.gauss(0, 0.3)) ** 2),
                "generator_loss": level + wander,
            }
        )
    return found


def starved(share: float) -> list[dict[str, float]]:
    """Return logged lines in whose second half the generator's gradient is ``share`` of its norm in the first half."""
    return [{**line, "generator_grad_norm": 0.2 * (share if line["step"] > 1500 else 1.0)} for line in logged()]


#: Case → (logged lines, settings, line of scores, verdicts that must fire); no others may.
CURVES: dict[str, tuple[list[dict[str, Any]], dict[str, Any], dict[str, float], set[str]]] = {
    "healthy": (logged(), {}, _GOOD, set()),
    "healthy, another seed": (logged(seed=1), {}, _GOOD, set()),
    "poor images, but a fair fight": (logged(), {}, _POOR, set()),
    "near equilibrium": (logged(0.51, 0.49), {}, _GOOD, set()),
    "D cannot tell poor images": (logged(0.51, 0.49), {}, _POOR, {"discriminator-too-weak"}),
    "D cannot tell yet": (logged(0.51, 0.49), {"training.length": "50000 steps"}, _POOR, set()),
    "D takes fakes for real": (logged(0.4, 0.6), {}, _GOOD, {"discriminator-too-weak"}),
    "D is sure": (logged(0.99, 0.01), {}, _POOR, {"discriminator-too-strong"}),
    "D is sure, least squares": (logged(0.99, 0.01), {"objective.loss": "least-squares"}, {}, {"discriminator-too-strong"}),
    "D is sure of smoothed labels": (logged(0.9, 0.01), {"objective.label_smoothing": 0.1}, {}, {"discriminator-too-strong"}),
    "outputs are not probabilities": (logged(0.99, 0.01), {"objective.loss": "hinge"}, _POOR, set()),
    "hinge, D is sure": (logged(3.0, -3.0, loss=0.002), {"objective.loss": "hinge"}, _POOR, {"discriminator-too-strong"}),
    "hinge, D is sure of good images": (logged(3.0, -3.0, loss=0.002), {"objective.loss": "hinge"}, _GOOD, set()),
    "hinge, D is ahead early": (logged(1.2, -1.2, loss=0.1), {"objective.loss": "hinge"}, _POOR, set()),
    "hinge, D cannot tell": (logged(0.1, 0.0, loss=1.95), {"objective.loss": "hinge"}, _POOR, {"discriminator-too-weak"}),
    "hinge, D cannot tell good images": (logged(0.1, 0.0, loss=1.95), {"objective.loss": "hinge"}, _GOOD, set()),
    "relativistic, D is sure": (
        logged(8.0, -1.0, loss=1e-3),
        {"objective.loss": "relativistic"},
        _POOR,
        {"discriminator-too-strong"},
    ),
    "relativistic, D cannot tell": (
        logged(5.1, 5.0, loss=0.68),
        {"objective.loss": "relativistic"},
        _POOR,
        {"discriminator-too-weak"},
    ),
    "Wasserstein, a small distance": (
        logged(0.01, 0.0),
        {"objective.loss": "wasserstein", "objective.weight_clip": 0.01},
        _POOR,
        set(),
    ),
    **{
        f"{loss}, D takes fakes for real": (
            logged(4.0, 4.5, loss=1.5),
            {"objective.loss": loss, **more},
            _GOOD,
            {"discriminator-too-weak"},
        )
        for loss, more in (("hinge", {}), ("relativistic", {}), ("wasserstein", {"objective.weight_clip": 0.01}))
    },
    "gradient vanishes, hinge": (starved(0.005), {"objective.loss": "hinge"}, _POOR, {"discriminator-too-strong"}),
    "gradient vanishes, Wasserstein": (
        starved(0.005),
        {"objective.loss": "wasserstein", "objective.weight_clip": 0.01},
        _POOR,
        {"discriminator-too-strong"},
    ),
    "gradient vanishes as the images are good": (starved(0.005), {"objective.loss": "hinge"}, _GOOD, set()),
    "gradient becomes smaller": (starved(0.03), {"objective.loss": "hinge"}, _POOR, set()),
    "too early to tell": (logged(0.99, 0.01)[:5], {}, {}, set()),
    "settled after D was sure": ([*logged(0.99, 0.01), *logged(0.6, 0.4)], {}, {}, set()),
    "a loss runs away": (logged(loss=2e6), {}, {}, {"divergence"}),
    "a loss is not finite": (logged(loss=math.nan), {}, {}, {"divergence"}),
    "a loss is not finite at the end": (
        [*logged()[:5], {"step": 60, "discriminator_loss": None, "generator_loss": None}],
        {},
        {},
        {"divergence"},
    ),
    "a loss was not finite before resuming": ([*logged(loss=math.nan), *logged()], {}, {}, set()),
    "losses swing": (logged(loss=lambda index: 1 + 0.8 * math.sin(index / 2)), {}, {}, {"oscillation"}),
    "losses jump back and forth": (logged(loss=lambda index: 1.6 if index % 12 < 6 else 0.4), {}, {}, {"oscillation"}),
    "hinge losses swing": (
        logged(loss=lambda index: 1 + 0.8 * math.sin(index / 2)),
        {"objective.loss": "hinge"},
        {},
        {"oscillation"},
    ),
    "losses swing a little": (logged(loss=lambda index: 1 + 0.1 * math.sin(index / 2)), {}, {}, set()),
    "losses drift": (logged(loss=lambda index: 3 - index / 120), {}, {}, set()),
}


@pytest.mark.parametrize("case", list(CURVES))
def test_curves_get_the_verdicts_on_their_fault_and_no_other(case: str) -> None:
    lines, changes, line, must = CURVES[case]
    config = tiny({"training.length": "3000 steps", **changes})
    check(doctor.examine_curves(lines, config, line), must, set())


def test_noise_without_a_period_is_not_an_oscillation() -> None:
    found = [doctor.examine_curves(logged(seed=seed), tiny()) for seed in range(100)]
    assert not any(found)


def curve(*fids: float) -> list[dict[str, Any]]:
    usual = {"data": "digits", "size": 32, "extractor_id": "a", "images": 1000, "real_images": 1797, "weights": "EMA"}
    return [{"source": "training", "step": 100 * (place + 1), "fid": fid, **usual} for place, fid in enumerate(fids)]


_SETTLED = [600, 200, 90, 60, 50, 46, 44, 45, 43, 44, 45, 43]
_FALLING = [600, 400, 280, 200, 150, 120, 95, 78, 64, 53, 45, 38]
_RISING = [600, 200, 90, 60, 40, 30, 31, 36, 42, 50, 57, 66]

#: Case → (FIDs during a training, its length in steps, verdicts that must fire); no others may.
SCORES: dict[str, tuple[list[dict[str, Any]], int, set[str]]] = {
    "settled": (curve(*_SETTLED), 1200, set()),
    "settled, noisy": (curve(600, 200, 90, 60, 44, 52, 41, 55, 46, 53, 43, 50), 1200, set()),
    "still falling": (curve(*_FALLING), 1200, {"still-improving"}),
    "still falling, but not at its end": (curve(*_FALLING), 4000, set()),
    "risen since its best": (curve(*_RISING), 1200, {"past-best"}),
    "risen, and fallen again": (curve(600, 200, 90, 40, 30, 80, 70, 35, 31, 30, 32, 31), 1200, set()),
    "one bad score at the end": (curve(*_SETTLED, 90), 1300, set()),
    "never falls": (curve(600, 590, 610, 600, 580, 605), 600, set()),
    "too few": (curve(600, 300, 100), 300, set()),
    "none": ([], 300, set()),
    "not scored during training": ([{**line, "source": "checkpoint"} for line in curve(*_FALLING)], 1200, set()),
    "scores of an earlier extractor": ([{**line, "extractor_id": "b"} for line in curve(*_RISING)] + curve(30, 30), 1200, set()),
}


@pytest.mark.parametrize("case", list(SCORES))
def test_fid_during_training_gets_the_verdicts_on_its_course(case: str) -> None:
    scored, length, must = SCORES[case]
    check(doctor.examine_scores(scored, tiny({"training.length": f"{length} steps"})), must, set())


def test_past_best_names_the_step() -> None:
    (verdict,) = doctor.examine_scores(curve(*_RISING), tiny())
    assert verdict.step == 600 and "since step 600" in verdict.sentence


#: Case → (settings of a real training, verdicts on its curves).
TRAININGS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "even": ({}, set()),
    "discriminator 100 times too strong": ({"optimizer.discriminator_lr": 1e-2}, {"discriminator-too-strong"}),
    "discriminator 100 times too strong, minimax": (
        {"objective.loss": "minimax", "optimizer.discriminator_lr": 1e-2, "training.length": "150 steps"},
        {"discriminator-too-strong"},
    ),
    "discriminator 10,000 times too weak": (
        {"optimizer.generator_lr": 1e-3, "optimizer.discriminator_lr": 1e-7, "training.length": "150 steps"},
        {"discriminator-too-weak"},
    ),
}


@pytest.mark.parametrize("loss", ["hinge", "relativistic", "wasserstein"])
def test_strength_is_judged_for_every_loss(loss: str, root: Path, one_thread: None) -> None:
    """Real trainings; a critic cannot be too strong for the Wasserstein loss, which assumes an optimal one."""
    rates = {"optimizer.generator_lr": 1e-4, "optimizer.discriminator_lr": 1e-4}
    cases: list[tuple[dict[str, Any], set[str]]] = [
        (rates, set()),
        ({**rates, "optimizer.discriminator_lr": 1e-2}, set() if loss == "wasserstein" else {"discriminator-too-strong"}),
        ({"optimizer.generator_lr": 1e-3, "optimizer.discriminator_lr": 1e-7}, {"discriminator-too-weak"}),
    ]
    bounded = {"objective.weight_clip": 0.01} if loss == "wasserstein" else {}
    for changes, must in cases:
        run = make_run(root, {"objective.loss": loss, "training.length": "120 steps", **bounded, **changes}, family="mlp")
        with run.hold():
            assert train(run).state == "finished"
        check(doctor.examine_curves(run.metrics(), run.config(), _POOR), must, set())


@pytest.mark.parametrize("case", list(TRAININGS))
def test_training_gets_the_verdict_on_its_fault(case: str, root: Path, one_thread: None) -> None:
    changes, must = TRAININGS[case]
    usual = {"optimizer.generator_lr": 1e-4, "optimizer.discriminator_lr": 1e-4, "training.length": "80 steps"}
    run = make_run(root, usual | changes, family="mlp")
    with run.hold():
        assert train(run).state == "finished"
    found = doctor.diagnose(run, {}, run.metrics(), run.scores())
    check(found, must, set())
    for verdict in found:
        assert verdict.changes, "the verdict should have changes to try"
    without_outputs = [{key: value for key, value in line.items() if key not in ("d_real", "d_fake")} for line in run.metrics()]
    found = doctor.examine_curves(without_outputs, run.config(), _POOR)
    check(found, must if "minimax" in case else set(), set())  # the gradients of the other losses never vanish


def test_prolonged_run_is_judged_by_its_new_length(root: Path) -> None:
    run = make_run(root, {"training.length": "600 steps"})
    run.write_control(length=Span(count=1200))
    (verdict,) = doctor.diagnose(run, {}, [], curve(*_FALLING))
    assert verdict.changes == {"training.length": "2400 steps"}


def test_diverged_run_gets_its_verdict(root: Path) -> None:
    run = make_run(root)
    run.write_status(Status(state="diverged"))
    (verdict,) = doctor.diagnose(run, {}, logged()[:3])
    assert verdict.name == "divergence" and verdict.changes and is_sentence(verdict.sentence)
    run.config_path.write_text("{")
    (verdict,) = doctor.diagnose(run, {}, [])
    assert verdict.name == "divergence" and not verdict.changes


def test_run_without_its_data_set_is_judged_as_far_as_possible(root: Path) -> None:
    run = make_run(root)
    config = json.loads(run.config_path.read_text())
    config["data"]["name"] = "mine"
    run.config_path.write_text(json.dumps(config))
    line = {"data": "mine", "memorised": 0.9, **_POOR}
    for changes, more in (({}, set()), ({"d_real": 0.99, "d_fake": 0.01}, {"discriminator-too-strong"})):
        found = doctor.diagnose(run, line, logged(**{"d_real": 0.5, "d_fake": 0.5, **changes}), curve(*_FALLING))
        check(found, {"memorisation", "imprecise", *more}, set())
    assert {verdict.name for verdict in doctor.diagnose(run, line, [], curve(*_RISING))} == {
        "memorisation",
        "imprecise",
        "past-best",
    }


def test_every_rule_has_a_case_in_which_it_must_fire() -> None:
    cases = [must for _, _, must, _ in IMAGES.values()] + [must for *_, must in (*CURVES.values(), *SCORES.values())]
    assert set().union(*cases) == RULES - set(doctor.EARLY), "these have cases in test_progress"
