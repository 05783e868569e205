"""Memorisation against NumPy, and for generators that copy, make new images or make bad images."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from gan.scoring.metrics import manifold, memorisation
from gan.scoring.metrics.memorisation import Memorisation


def draw(count: int, seed: int, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(count, 8, generator=torch.Generator().manual_seed(seed))


def measure(training: Tensor, held_out: Tensor, generated: Tensor) -> Memorisation:
    has_both = len(training) > 0 and len(held_out) > 0
    usually = manifold.nearest(held_out, training) if has_both else torch.empty(0, dtype=torch.double)
    return memorisation.measure(training, usually, generated)


@pytest.mark.parametrize("counts", [(50, 30, 40), (31, 21, 7), (5, 1, 1)])
def test_figures_agree_with_numpy(counts: tuple[int, int, int]) -> None:
    training, held_out, generated = (draw(count, seed) for seed, count in enumerate(counts))

    def nearest(points: Tensor) -> np.ndarray:
        return np.linalg.norm(points.double().numpy()[:, None] - training.double().numpy()[None], axis=2).min(axis=1)

    near, far = nearest(generated), nearest(held_out)
    expected = (np.median(near), np.median(far), np.median(near) / np.median(far), (near < np.quantile(far, 0.05)).mean())
    assert measure(training, held_out, generated) == pytest.approx(expected, rel=1e-9)


def test_new_images_of_the_same_kind_are_not_memorised() -> None:
    found = measure(draw(500, 0), draw(500, 1), draw(500, 2))
    assert found.ratio == pytest.approx(1.0, abs=0.05)
    assert found.near == pytest.approx(0.05, abs=0.03)
    same = measure(draw(500, 0), draw(500, 1), draw(500, 1))
    assert same.ratio == 1.0
    assert same.near == pytest.approx(0.05)


def test_copies_are_detected_whether_all_or_some() -> None:
    training, held_out = draw(200, 0), draw(200, 1)
    assert measure(training, held_out, training.flip(0))[::2] == (0.0, 0.0)
    assert measure(training, held_out, training).near == 1.0
    assert measure(training, held_out, training + 1e-3 * draw(200, 3)).ratio < 0.01
    half = torch.cat([training[:100], draw(100, 2)])
    assert measure(training, held_out, half).near == pytest.approx(0.5 + 0.05 / 2, abs=0.03)


def test_bad_images_are_far_from_all_training_images() -> None:
    found = measure(draw(200, 0), draw(200, 1), draw(200, 2, 10.0))
    assert found.ratio > 3
    assert found.near == 0.0


def test_copies_among_held_out_images_are_not_evidence_of_memorisation() -> None:
    training = draw(100, 0)
    generated, held_out, ratio, near = measure(training, training, training)
    assert (generated, held_out, near) == (0.0, 0.0, 0.0)
    assert math.isnan(ratio)
    constant = torch.full((20, 8), 0.1)
    assert measure(constant, constant, constant).near == 0.0


@pytest.mark.parametrize("repeated", [0, 100, 300])
def test_copies_are_detected_in_a_set_with_repeats(repeated: int) -> None:
    """Repeated real images neither hide copies nor make new images of the same kind count as copies."""
    random = torch.Generator().manual_seed(0)
    once = torch.randn(1000, 16, generator=random)
    training = torch.cat([once, once[:repeated]])
    usually = memorisation.usual(training, torch.empty(0, 16))
    assert memorisation.measure(training, usually, training).near > 0.99
    fresh = torch.cat([torch.randn(1000 - repeated, 16, generator=random), once[:repeated]])
    assert memorisation.measure(training, usually, fresh).near < 0.1


def test_usual_distances_are_those_of_held_out_images_or_of_training_images_among_themselves() -> None:
    training, held_out = draw(400, 0), draw(60, 1)
    assert torch.equal(memorisation.usual(training, held_out).sort().values, manifold.nearest(held_out, training).sort().values)
    pairs = torch.cdist(training.double(), training.double()).fill_diagonal_(math.inf).min(dim=1).values
    few = memorisation.usual(training, held_out[:49])
    assert few.sort().values.numpy() == pytest.approx(pairs.sort().values.numpy(), rel=1e-9)
    assert float(few.median()) == pytest.approx(float(memorisation.usual(training, draw(400, 2)).median()), rel=0.05)
    assert len(memorisation.usual(draw(2000, 0), held_out[:0])) == memorisation.MOST
    assert len(memorisation.usual(training[:1], held_out)) == 0


def test_missing_or_broken_features_have_no_figures() -> None:
    training, held_out, generated = draw(20, 0), draw(20, 1), draw(20, 2)
    assert all(math.isnan(value) for value in measure(training[:0], held_out, generated))
    alone = measure(training, held_out[:0], generated)
    assert alone.generated > 0
    assert all(math.isnan(value) for value in alone[1:])
    broken = generated.clone()
    broken[3, 1] = math.nan
    found = measure(training, held_out, broken)
    assert found.usual > 0
    assert math.isnan(found.generated)
    assert math.isnan(found.ratio)
    assert math.isnan(found.near)
    assert all(math.isnan(value) for value in measure(broken, held_out, generated))


def test_sources_count_the_training_images_that_are_copied() -> None:
    """The inverse Simpson index: equal shares count fully, a training image that takes nearly everything counts alone."""
    assert memorisation.examine(torch.arange(20)).sources == pytest.approx(20)
    assert memorisation.examine(torch.tensor([3, 3, 8, 8, 9, 9])).sources == pytest.approx(3)
    assert memorisation.examine(torch.tensor([7] * 490 + list(range(100, 110)))).sources == pytest.approx(1.04, abs=0.01)
    nothing = memorisation.examine(torch.empty(0, dtype=torch.int64))
    assert math.isnan(nothing.sources) and math.isnan(nothing.likeness)
    assert math.isnan(memorisation.examine(torch.arange(3)).likeness), "points have no pixels"


def test_likeness_agrees_with_numpy_and_ignores_brightness_contrast_and_tint() -> None:
    random = torch.Generator().manual_seed(0)
    images, others = (torch.randint(0, 256, (70, 1, 8, 8), dtype=torch.uint8, generator=random) for _ in range(2))
    expected = [
        np.corrcoef(one.flatten(), other.flatten())[0, 1] for one, other in zip(images.numpy(), others.numpy(), strict=True)
    ]
    assert memorisation.correlation(images, others).numpy() == pytest.approx(expected, abs=1e-9)
    assert memorisation.examine(torch.arange(70), images, others).likeness == pytest.approx(np.median(expected))
    darker = (images.float() * 0.5).byte()
    assert memorisation.correlation(images, darker).numpy() == pytest.approx(1, abs=1e-3)
    tinted = torch.cat([others // 4 + 40 * channel for channel in range(3)], dim=1)
    assert memorisation.correlation(images.expand(-1, 3, -1, -1), tinted).numpy() == pytest.approx(expected, abs=0.01)
    flat = torch.full((70, 1, 8, 8), 9, dtype=torch.uint8)
    assert memorisation.correlation(images, flat).tolist() == [0.0] * 70


def test_near_images_are_those_that_the_share_counts() -> None:
    training, held_out, generated = draw(300, 0), draw(300, 1), torch.cat([draw(300, 0)[:100], draw(100, 2)])
    usually = memorisation.usual(training, held_out)
    distances, rows = memorisation.find(training, generated)
    is_near = memorisation.are_near(distances, usually)
    assert float(is_near.double().mean()) == memorisation.measure(training, usually, generated).near
    assert rows[:100].tolist() == list(range(100)) and bool(is_near[:100].all())
    assert torch.allclose(distances, torch.cdist(generated.double(), training.double()).min(dim=1).values, atol=1e-6)
    assert not memorisation.are_near(distances, torch.empty(0, dtype=torch.double)).any()


def test_one_image_on_each_side() -> None:
    zero = torch.zeros(1, 2)
    found = measure(zero, torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 1.0]]))
    assert found == pytest.approx((1.0, 5.0, 0.2, 1.0))
