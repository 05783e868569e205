"""Our scores, computed from pixels, against torchmetrics and torch-fidelity on the same Inception network.

With few images, FID's covariances have low rank, and the matrix whose root is taken has hundreds of eigenvalues that are 0 except
for rounding errors. Our FID avoids them. The other libraries take their roots, an error far below the tolerance used here.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest
import torch
import torch_fidelity
from torch import Tensor, nn
from torch.nn import functional
from torch_fidelity import feature_extractor_inceptionv3 as fidelity
from torch_fidelity import registry
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.inception import InceptionScore
from torchmetrics.image.kid import KernelInceptionDistance

from gan.scoring.extractors import inception
from gan.scoring.extractors.extractor import Extractor, Features
from gan.scoring.metrics import manifold
from gan.scoring.metrics.fid import fid
from gan.scoring.metrics.inception_score import inception_score
from gan.scoring.metrics.kid import kid
from tests.scoring.conftest import CPU
from tests.scoring.networks import Pictures

OUTPUTS = ["2048", "logits_unbiased"]  # of torch-fidelity's network
REAL, FAKE = 20, 16
SOME = slice(None, None, 8)  # every eighth of the 2,048 features: torchmetrics' FID takes half a minute with all of them


class Judged(NamedTuple):
    """Pixels and our extractor's output for them."""

    pixels: Tensor
    seen: Features


class Remembering(fidelity.FeatureExtractorInceptionV3):  # type: ignore[misc]
    """torch-fidelity's network, except that it computes all outputs once per batch of pixels and keeps them."""

    kept: ClassVar[dict[bytes, tuple[Tensor, ...]]] = {}

    def __init__(self, name: str, wanted: list[str], **options: Any) -> None:
        super().__init__(name, OUTPUTS, **options)
        self.wanted = wanted

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        if (key := pixels.numpy().tobytes()) not in self.kept:
            with torch.inference_mode():
                self.kept[key] = super().forward(pixels)
        return tuple(self.kept[key][OUTPUTS.index(name)] for name in self.wanted)

    def convert_features_tuple_to_dict(self, features: tuple[Tensor, ...]) -> dict[str, Tensor]:
        return dict(zip(self.wanted, features, strict=True))


class One(nn.Module):
    """Extractor for torchmetrics: one output of torch-fidelity's network, in float64."""

    def __init__(self, output: str, weights: Path) -> None:
        super().__init__()
        self.network = Remembering("random", [output], feature_extractor_weights_path=str(weights))
        self.chosen = SOME if output == "2048" else slice(None)
        self.num_features = 256 if output == "2048" else 1008

    def forward(self, pixels: Tensor) -> Tensor:
        (found,) = self.network(pixels)
        return found.double()[:, self.chosen]


def draw(count: int, seed: int, coarseness: int) -> Tensor:
    """Return images uint8 [count, 3, 32, 32] of varying brightness and contrast: noise of ``coarseness`` pixels, enlarged."""
    random = torch.Generator().manual_seed(seed)
    noise = torch.rand(count, 3, coarseness, coarseness, generator=random) * torch.rand(count, 1, 1, 1, generator=random)
    images = (noise + torch.rand(count, 3, 1, 1, generator=random)) / 2
    return functional.interpolate(images * 255, (32, 32), mode="bilinear").round().byte()


@pytest.fixture(scope="module")
def weights(state: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of random weights."""
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def judged(state: dict[str, Tensor]) -> tuple[Judged, Judged]:
    """Return real and generated images with our extractor's output."""
    network = inception.build(state).to(memory_format=torch.channels_last)
    extractor = Extractor("random", "random", None, network, CPU, batch=16)
    sets = (draw(REAL, 0, 6), torch.cat([draw(FAKE // 2, 1, 6), draw(FAKE - FAKE // 2, 2, 7)]))
    return tuple(Judged(pixels, extractor.extract(pixels.split(16))) for pixels in sets)  # type: ignore[return-value]


@pytest.fixture(scope="module")
def extractors(weights: Path) -> tuple[One, One]:
    """Return the extractors for torchmetrics: torch-fidelity's network, once for features and once for logits."""
    return One("2048", weights), One("logits_unbiased", weights)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Silence the other libraries' warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_fid_agrees_with_torchmetrics(judged: tuple[Judged, Judged], extractors: tuple[One, One]) -> None:
    real, fake = judged
    metric = FrechetInceptionDistance(feature=extractors[0])
    metric.update(real.pixels, real=True)
    metric.update(fake.pixels, real=False)
    assert fid(real.seen.features[:, SOME], fake.seen.features[:, SOME]) == pytest.approx(float(metric.compute()), rel=1e-4)


def test_kid_agrees_with_torchmetrics(judged: tuple[Judged, Judged], extractors: tuple[One, One]) -> None:
    real, fake = judged
    metric = KernelInceptionDistance(feature=extractors[0], subsets=20, subset_size=12)
    metric.update(real.pixels, real=True)
    metric.update(fake.pixels, real=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        expected = float(metric.compute()[0])
    found = kid(real.seen.features[:, SOME], fake.seen.features[:, SOME], subsets=20, size=12, seed=3)
    assert found.mean == pytest.approx(expected, rel=1e-4)


def test_inception_score_agrees_with_torchmetrics(judged: tuple[Judged, Judged], extractors: tuple[One, One]) -> None:
    metric = InceptionScore(feature=extractors[1], splits=1)
    metric.update(judged[1].pixels)
    found = inception_score(judged[1].seen.logits)[0]
    assert found > 1.01
    assert found == pytest.approx(float(metric.compute()[0]), rel=1e-4)


def test_scores_agree_with_torch_fidelity(judged: tuple[Judged, Judged], weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = judged
    monkeypatch.setitem(registry.FEATURE_EXTRACTORS_REGISTRY, "remembering", Remembering)
    expected = torch_fidelity.calculate_metrics(
        input1=Pictures(fake.pixels),
        input2=Pictures(real.pixels),
        fid=True,
        isc=True,
        prc=True,
        isc_splits=1,
        batch_size=REAL,  # one batch, as in torchmetrics
        feature_extractor="remembering",  # the default for precision and recall is VGG-16
        feature_extractor_weights_path=str(weights),
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        verbose=False,
    )
    found = manifold.precision_recall(real.seen.features, fake.seen.features)
    assert fid(real.seen.features, fake.seen.features) == pytest.approx(expected[torch_fidelity.KEY_METRIC_FID], rel=1e-4)
    assert inception_score(fake.seen.logits)[0] == pytest.approx(expected[torch_fidelity.KEY_METRIC_ISC_MEAN], rel=1e-4)
    assert 0 < found.precision < 1
    assert 0 < found.recall < 1
    assert found.precision == pytest.approx(expected[torch_fidelity.KEY_METRIC_PRECISION], rel=1e-4)
    assert found.recall == pytest.approx(expected[torch_fidelity.KEY_METRIC_RECALL], rel=1e-4)


def test_a_set_against_itself_has_fid_zero(judged: tuple[Judged, Judged]) -> None:
    features = judged[0].seen.features
    assert fid(features, features.flip(0)) == pytest.approx(0.0, abs=1e-6)
