"""Points in the plane: the statistics of the built-in sets."""

from __future__ import annotations

import numpy as np
import pytest

from gan.data.rendered import points

every_set = pytest.mark.parametrize("name", list(points.CLASSES))


@every_set
def test_samples_are_balanced_mixed_and_the_same_every_time(name: str) -> None:
    found, labels = points.sample(name)
    assert found.shape == (points.COUNT, 2)
    assert found.dtype == np.float32
    assert labels.shape == (points.COUNT,)
    assert labels.dtype == np.int64
    assert np.isfinite(found).all()
    number = len(points.CLASSES[name])
    assert np.bincount(labels).tolist() == [points.COUNT // number] * number
    assert len(np.unique(labels[:400])) == number, "labels come in blocks"
    again, again_labels = points.sample(name)
    assert found.tobytes() == again.tobytes()
    assert labels.tobytes() == again_labels.tobytes()
    assert len(np.unique(found, axis=0)) > 0.99 * points.COUNT


def test_ring_and_grid_have_the_modes_of_pacgan() -> None:
    ring, grid = points.modes("ring"), points.modes("grid")
    assert ring is not None
    assert grid is not None
    assert ring.sigma == 0.01
    assert grid.sigma == 0.05
    np.testing.assert_allclose(np.linalg.norm(ring.centres, axis=1), 1)
    gaps = np.diff(np.sort(np.arctan2(ring.centres[:, 1], ring.centres[:, 0])))
    np.testing.assert_allclose(gaps, np.pi / 4)
    assert {tuple(centre) for centre in grid.centres} == {(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)}
    assert points.modes("spiral") is points.modes("moons") is None


@pytest.mark.parametrize("name", ["ring", "grid"])
def test_points_spread_normally_around_the_mode_of_their_label(name: str) -> None:
    known = points.modes(name)
    assert known is not None
    found, labels = points.sample(name)
    away = (found - known.centres[labels]) / known.sigma
    # For a standard normal in two dimensions: mean 0, covariance 1, and a share of exp(−r²/2) of the points beyond r.
    np.testing.assert_allclose(away.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose(np.cov(away.T), np.eye(2), atol=0.05)
    beyond = np.linalg.norm(away, axis=1)
    for reach in (1, 2, 3):
        assert np.mean(beyond > reach) == pytest.approx(np.exp(-(reach**2) / 2), abs=0.015)
    for mode in range(len(known.centres)):
        np.testing.assert_allclose(away[labels == mode].mean(axis=0), 0, atol=0.25)


def test_moons_are_two_half_circles() -> None:
    found, labels = points.sample("moons")
    for label, (x, y) in enumerate([(-0.5, -0.25), (0.5, 0.25)]):
        away = found[labels == label] - (x, y)
        assert np.linalg.norm(away, axis=1).mean() == pytest.approx(1, abs=0.01)
        assert np.linalg.norm(away, axis=1).std() == pytest.approx(0.05, rel=0.05)
        upwards = 1 - 2 * label
        assert (upwards * away[:, 1] > -0.25).all()
        assert (upwards * away[:, 1]).mean() == pytest.approx(2 / np.pi, abs=0.02)  # centroid of a semicircular arc


def test_spiral_arms_turn_with_their_radius_and_do_not_touch() -> None:
    found, labels = points.sample("spiral")
    radius = np.linalg.norm(found, axis=1)
    assert np.quantile(radius, [0.001, 0.999]) == pytest.approx([0.2, 1], abs=0.06)
    angle = np.arctan2(found[:, 1], found[:, 0])
    off = np.angle(np.exp(1j * (angle - 2.5 * np.pi * radius - np.pi * labels)))
    assert np.abs(off).max() < np.pi / 2, "a point is nearer to the other arm"
    np.testing.assert_allclose([off[labels == label].mean() for label in (0, 1)], 0, atol=0.02)
