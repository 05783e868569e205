"""Comparing two sets of pictures: the figures of torch-fidelity and clean-fid, streamed, with intervals that hold."""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
import math
import shutil
import statistics
from pathlib import Path

import numpy as np
import pytest
import torch
import torch_fidelity
from PIL import Image
from torch import Tensor
from torch_fidelity import registry
from torch_fidelity.metric_kid import kid_features_to_metric

from gan.config.data import DataConfig
from gan.data import prepared
from gan.errors import InputError
from gan.scoring import sets
from gan.scoring.extractors import inception, vgg
from gan.scoring.extractors.extractor import Extractor
from gan.scoring.metrics import fid as exact
from gan.scoring.metrics import kid as kernel
from gan.scoring.metrics import streamed as streams
from gan.scoring.metrics.streamed import GROUPS, Stream, Sums, distance, jackknife, quick_distance
from gan.storage.jobs import say_nothing
from tests.helpers import is_sentence
from tests.scoring.conftest import CPU
from tests.scoring.networks import for_torch_fidelity

COUNT = 40


def draw(count: int, size: int, seed: int) -> Tensor:
    """Return features [count, size] of a fixed Gaussian, correlated and off centre."""
    mixing = torch.randn(size, size, generator=torch.Generator().manual_seed(99)) / math.sqrt(size)
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed)) @ mixing + 3


def streamed(features: Tensor, most: int = 10_000, seed: int = 0) -> Stream:
    stream = Stream(most, seed)
    for part in features.split(37):
        stream.add(part)
    return stream


# Streams


@pytest.mark.parametrize("few", [0, 2048])
@pytest.mark.parametrize(("count", "size"), [(500, 16), (40, 64)])
def test_streamed_moments_give_the_fid_of_all_features(count: int, size: int, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "FEW", few)
    a, b = draw(count, size, 0), draw(count + 7, size, 1) * 1.1
    one, other = streamed(a), streamed(b)
    expected = exact.fid(a, b)
    assert isinstance(one.total(), Tensor) == bool(few)
    assert distance(one.total(), other.total()) == pytest.approx(expected, rel=1e-6)
    assert quick_distance(one.total(), other.total()) == pytest.approx(expected, rel=1e-2)
    sizes = [part.count if isinstance(part, Sums) else len(part) for part in (one.half(0), one.half(1), one.total(0))]
    assert sizes[0] + sizes[1] == one.count == count
    assert sizes[2] == pytest.approx(count * (1 - 1 / GROUPS), abs=1)


def test_a_stream_keeps_no_more_than_its_sample() -> None:
    stream = streamed(torch.arange(3000.0)[:, None].repeat(1, 2), most=50)
    kept = stream.sample[:, 0]
    assert len(kept) == 50 and len(stream._kept) == 50 and stream.count == 3000
    assert abs(float(kept.mean()) - 1500) < 4 * 866 / math.sqrt(50), "from the whole stream"
    assert len(set(kept.tolist())) == 50
    small = streamed(draw(30, 4, 0), most=50)
    assert sorted(map(tuple, small.sample.tolist())) == sorted(map(tuple, draw(30, 4, 0).tolist()))


def test_features_that_are_not_finite_give_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "FEW", 0)
    broken = draw(40, 4, 0)
    broken[3, 1] = math.nan
    one, other = streamed(broken), streamed(draw(40, 4, 1))
    assert math.isnan(distance(one.total(), other.total())) and math.isnan(quick_distance(one.total(), other.total()))
    assert all(map(math.isnan, jackknife(1.0, [1.0, math.nan])))


def test_the_interval_of_fid_is_as_wide_as_fid_varies() -> None:
    found, widths = [], []
    for seed in range(15):
        one, other = streamed(draw(600, 16, seed), seed=seed), streamed(draw(600, 16, 100 + seed) + 0.1, seed=seed)
        value = distance(one.total(), other.total())
        low, high = jackknife(value, [quick_distance(one.total(number), other.total(number)) for number in range(GROUPS)])
        found.append(value)
        widths.append((high - low) / 2)
    assert 1.2 < statistics.fmean(widths) / statistics.stdev(found) < 6, "the quantile of Student's t is 2.6"


# Against the other libraries


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return two folders of smooth pictures in colour, 40 × 32 pixels."""
    place = tmp_path_factory.mktemp("sets")
    for number, name in enumerate(("a", "b")):
        (place / name).mkdir()
        random = np.random.default_rng(number)
        for index in range(COUNT):
            coarse = Image.fromarray(random.integers(0, 200 + 50 * number, (6, 6, 3), dtype=np.uint8))
            coarse.resize((40, 32), Image.Resampling.BILINEAR).save(place / name / f"{index}.png")
    return place / "a", place / "b"


@pytest.fixture
def random_weights(state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch) -> Extractor:
    """Let Inception have random weights, and return it."""
    network = inception.build(state).to(memory_format=torch.channels_last)
    extractor = Extractor("Inception", "random", None, network, CPU, 10)
    monkeypatch.setattr(inception, "load", lambda device, report: extractor)
    return extractor


def test_figures_equal_those_of_torch_fidelity(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The pictures are read and compared as there; that Inception's features are equal is a test of ``test_agreement``."""
    monkeypatch.setitem(registry.FEATURE_EXTRACTORS_REGISTRY, "vgg", for_torch_fidelity(vgg.build, 64))
    found = sets.compare(str(folders[0]), str(folders[1]), sets.Plan("random-vgg"), say_nothing)
    expected = torch_fidelity.calculate_metrics(
        input1=str(folders[1]),
        input2=str(folders[0]),
        fid=True,
        prc=True,
        kid=True,
        kid_subsets=2,
        kid_subset_size=COUNT,  # all pictures, as here if there are fewer than 1,000
        batch_size=10,
        feature_extractor="vgg",
        cuda=False,
        cache=False,
        verbose=False,
    )
    figures = found.figures
    assert figures["fid"].value == pytest.approx(expected[torch_fidelity.KEY_METRIC_FID], rel=1e-4)
    assert found.counts == (COUNT, COUNT) and any("64 features" in note for note in found.notes)
    assert figures["precision"].value == pytest.approx(expected[torch_fidelity.KEY_METRIC_PRECISION], rel=1e-4)
    assert figures["recall"].value == pytest.approx(expected[torch_fidelity.KEY_METRIC_RECALL], rel=1e-4)
    assert figures["kid"].value == pytest.approx(expected[torch_fidelity.KEY_METRIC_KID_MEAN], rel=1e-4)


def test_kid_over_the_subsets_of_torch_fidelity_is_its_kid() -> None:
    real, fake = draw(300, 32, 0), draw(250, 32, 1) * 1.1
    options = {"kid_subsets": 7, "kid_subset_size": 60, "rng_seed": 5, "verbose": False, "kid_kernel": "poly"}
    options |= {"kid_kernel_poly_degree": 3, "kid_kernel_poly_gamma": None, "kid_kernel_poly_coef0": 1}
    expected = kid_features_to_metric(fake.double(), real.double(), **options)
    random, found = np.random.RandomState(5), []
    for _ in range(7):
        chosen = [torch.from_numpy(random.choice(count, 60, replace=False)) for count in (len(fake), len(real))]
        found.append(kernel.kid(real[chosen[1]], fake[chosen[0]]).mean)
    assert statistics.fmean(found) == pytest.approx(expected[torch_fidelity.KEY_METRIC_KID_MEAN], rel=1e-6)
    ours = kernel.kid(real, fake, subsets=50, size=60)
    assert ours.low is not None and ours.high is not None
    assert ours.low < expected[torch_fidelity.KEY_METRIC_KID_MEAN] < ours.high, "other subsets differ within the interval"
    assert ours.mean == pytest.approx(expected[torch_fidelity.KEY_METRIC_KID_MEAN], rel=0.2)


def test_clean_resizing_is_pillow_bicubic_and_the_network_the_same(random_weights: Extractor) -> None:
    pixels = torch.randint(0, 256, (2, 3, 299, 299), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    clean = inception.clean(random_weights)
    assert torch.allclose(clean.extract([pixels]).features, random_weights.extract([pixels]).features, rtol=1e-4, atol=1e-4)
    small = pixels[:, :, :40, :32]
    assert not torch.allclose(clean.extract([small]).features, random_weights.extract([small]).features, rtol=1e-2)
    assert clean.id.endswith("-clean") and clean.extract([small[:, :1]]).features.shape == (2, 2048)
    with pytest.raises(InputError):
        inception.clean(dataclasses.replace(random_weights, network=torch.nn.Flatten()))


@pytest.mark.skipif(importlib.util.find_spec("cleanfid") is None, reason="clean-fid is not installed")
def test_figures_equal_those_of_clean_fid(folders: tuple[Path, Path], random_weights: Extractor, tmp_path: Path) -> None:
    from cleanfid import fid as cleanfid

    chosen = inception.clean(random_weights)
    features = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for place in range(16):  # as few as can be compared
            shutil.copy(folders["ab".index(name)] / f"{place}.png", tmp_path / name)

        def network(pixels: Tensor) -> Tensor:
            found = (pixels - 128) / 128
            for layer in inception._LAYERS:
                found = getattr(chosen.network.network, layer)(found)
            return found.flatten(1)

        options = {"num_workers": 0, "batch_size": 8, "device": CPU, "mode": "clean", "verbose": False}
        features.append(torch.from_numpy(cleanfid.get_folder_features(str(tmp_path / name), network, **options)))
    ours = sets.compare(str(tmp_path / "a"), str(tmp_path / "b"), sets.Plan("inception", "clean"), say_nothing)
    assert ours.figures["fid"].value == pytest.approx(exact.fid(*features), rel=1e-4)
    kid = cleanfid.kernel_distance(*(one.double().numpy() for one in features), num_subsets=2, max_subset_size=16)
    assert ours.figures["kid"].value == pytest.approx(kid, rel=1e-4)


# Sources


def test_a_data_set_equals_a_folder_of_its_pictures(tmp_path: Path) -> None:
    real = prepared.obtain(DataConfig(size=16), say_nothing).pixels
    (tmp_path / "copies").mkdir()
    for place in range(0, len(real), 3):
        Image.fromarray(real[place, ..., 0]).save(tmp_path / "copies" / f"{place}.png")
    np.savez(tmp_path / "others.npz", x=255 - real[::3])
    told: list[float] = []
    plan = sets.Plan(size=16)
    same = sets.compare("digits", str(tmp_path / "copies"), plan, lambda said, share: told.append(share))
    other = sets.compare("digits", str(tmp_path / "others.npz"), plan, say_nothing)
    assert same.extractor == "digits CNN" and same.counts == (len(real), len(range(0, len(real), 3)))
    assert same.figures["fid"].value < 3 * same.figures["fid"].floor < other.figures["fid"].low
    for figure in same.figures.values():
        assert math.isnan(figure.low) or figure.low <= figure.value <= figure.high
    assert same.figures["precision"].value > 0.8 and other.figures["precision"].value < 0.5
    assert all(after > before - 1e-9 for before, after in itertools.pairwise(told)) and max(told) < 1
    text = sets.describe(same)
    assert "Precision" in text and "floor" in text and "%" in text
    assert sets.as_json(same)["figures"]["kid"]["value"] == same.figures["kid"].value


def test_pictures_of_several_sizes_and_colours_are_compared(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for place in range(18):
            shape = (20 + place % 2, 24, 3) if place % 3 else (24, 24)
            noise = np.random.default_rng(place).integers(0, 256, shape, dtype=np.uint8)
            Image.fromarray(noise).save(tmp_path / name / f"{place}.png")
    found = sets.compare(str(tmp_path / "a"), str(tmp_path / "b"), sets.Plan("random-vgg"), say_nothing)
    assert found.figures["fid"].value == pytest.approx(0, abs=1e-3)
    assert any("sizes" in note for note in found.notes)


def test_a_set_with_too_few_pictures_says_what_was_skipped(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((28, 28), np.uint8)).save(tmp_path / "0.png")
    with pytest.raises(InputError, match=r"has 0 pictures, .* 1 file of .* skipped, the first: No grid of pictures was found"):
        sets.compare(str(tmp_path), str(tmp_path), sets.Plan("random-vgg", size=16), say_nothing)


@pytest.mark.parametrize(
    ("name", "plan", "said"),
    [
        ("nowhere", sets.Plan(), "nothing to read"),
        ("ring", sets.Plan(), "holds points"),
        ("digits", sets.Plan("random-vgg", "clean", 16), "Clean resizing is for Inception"),
        ("few", sets.Plan("random-vgg", size=16), "expected at least 16"),
    ],
)
def test_bad_sets_are_refused(name: str, plan: sets.Plan, said: str, tmp_path: Path) -> None:
    few = tmp_path / "few.npy"
    np.save(few, np.zeros((3, 16, 16), np.uint8))
    with pytest.raises(InputError) as caught:
        sets.compare(str(few) if name == "few" else name, "digits", plan, say_nothing)
    assert is_sentence(str(caught.value)) and said in str(caught.value)


@pytest.mark.parametrize("changes", [{"most": 3}, {"most": 10**9}, {"seed": -1}])
def test_plans_out_of_range_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(InputError) as caught:
        sets.Plan(**changes)  # type: ignore[arg-type]
    assert is_sentence(str(caught.value))


def test_a_classifier_needs_a_data_set(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((20, 16, 16), np.uint8))
    with pytest.raises(InputError) as caught:
        sets.compare(str(tmp_path / "a.npy"), str(tmp_path / "a.npy"), sets.Plan("classifier"), say_nothing)
    assert is_sentence(str(caught.value))
