"""Points in the plane: the statistics of the built-in sets, and the refusal of CSV files that are not lists of points."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gan.data.rendered import points
from gan.errors import InputError
from tests.helpers import is_sentence

every_set = pytest.mark.parametrize("name", list(points.CLASSES))
ROWS = "".join(f"{number},{number**2}\n" for number in range(20))


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


# The user's own CSV files


def read(raw: bytes | str, name: str = "mine.csv") -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(raw.encode() if isinstance(raw, str) else raw)
        return points.read_csv(path)


@pytest.mark.parametrize(
    "text",
    [
        ROWS,
        "\ufeff" + ROWS,
        "x,y\n" + ROWS,
        "\ufeffx,y\r\n" + ROWS.replace("\n", "\r\n"),
        ROWS.replace(",", ";"),
        ROWS.replace(",", "\t").rstrip(),
        ROWS.replace("\n", "\n\n").replace(",", " , "),
        "“Länge”;“Höhe”\n" + ROWS.replace(",", ".0;").replace("\n", ",0\n"),
        '"x","y"\n' + ROWS.replace(",", '","').replace("\n", '"\n"')[:-1].replace("0", '"0', 1),
    ],
    ids=["plain", "byte order mark", "headings", "from Windows", "semicolons", "tabs", "blanks", "decimal commas", "quotes"],
)
def test_common_file_formats_give_the_same_points(text: str) -> None:
    number = np.arange(20.0)
    wanted = np.stack([number, number**2], axis=1)
    wanted -= wanted.mean(axis=0)
    wanted /= np.sqrt(np.mean(wanted**2))
    found = read(text)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1e300, 0.0), (1e-310, 0.0), (1.0, 1e9), (1e-3, -1e9), (-8e306, 0.0)])
def test_points_are_centred_and_scaled_by_one_factor(scale: float, shift: float) -> None:
    number = np.arange(21.0)
    found = read("".join(f"{x * scale + shift!r},{(x % 3) * scale + shift!r}\n" for x in number.tolist()))
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-6)
    assert found.std() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(np.ptp(found[:, 0]) / np.ptp(found[:, 1]), 10, rtol=1e-3)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ("", "has no points"),
        ("\n \n\n", "has no points"),
        ("x,y\n", "has no points"),
        ("x,y\n1,2\n", "only 1 point,"),
        ("".join(f"{n},1\n" for n in range(15)), "only 15 points, but at least 16"),
        ("3,4\n" * 20, "equal"),
        (ROWS + "seven,8\n", "Line 21 of “mine.csv” has “seven”, which is not a number"),
        ("x,y\n\n" + ROWS + "1,\n", "Line 23 of “mine.csv” has an empty column"),
        ("x,1\n" + ROWS, "Line 1"),
        (ROWS + "1_000,2\n", "“1_000”, which is not a number"),
        (ROWS + "nan,2\n", "“nan”, which is not finite"),
        (ROWS + "1,-inf\n", "“-inf”, which is not finite"),
        (ROWS + "1,1e999\n", "“1e999”, which is not finite"),
        ("1\n" * 20, "Line 1 of “mine.csv” has 1 column, but two"),
        ("1 2\n" * 20, "1 column"),
        ("1,2,3\n" * 20, "Line 1 of “mine.csv” has 3 columns, but two"),
        (ROWS + "1,2,3\n", "Line 21 of “mine.csv” has 3 columns"),
        ("x,y\n" + ROWS.replace(",", ";"), "1 column"),
        ("é,y\n".encode("latin-1") + ROWS.encode(), "UTF-8"),
        (ROWS.encode("utf-16"), "UTF-8"),
        (ROWS.encode("utf-16-le"), "binary"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "UTF-8"),
        (b"PK\x03\x04" + bytes(100), "binary"),
        ("1" * 5000 + ",2\n", "Line 1 of “mine.csv” has 1,000 characters or more"),
        (ROWS + "\x1b[31m" + "word" * 100 + ",2\n", "Line 21"),
    ],
)
def test_bad_files_are_refused_in_one_sentence(raw: bytes | str, says: str) -> None:
    with pytest.raises(InputError) as refusal:
        read(raw)
    assert is_sentence(str(refusal.value)), str(refusal.value)
    assert says in str(refusal.value)
    assert "“mine.csv”" in str(refusal.value)
    assert len(str(refusal.value)) < 250


def test_too_large_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(points, "MOST_POINTS", 20)
    assert len(read("x,y\n" + ROWS)) == 20
    with pytest.raises(InputError, match="more than 20 points"):
        read("x,y\n" + ROWS + "1,1\n")
    with pytest.raises(InputError, match="more than 20 blank lines"):
        read(21 * "\n" + ROWS)
    monkeypatch.setattr(points, "MOST_BYTES", 10)
    with pytest.raises(InputError, match="larger than"):
        read(ROWS)


def test_a_folder_or_a_missing_file_is_refused_in_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.csv"):
        with pytest.raises(InputError) as refusal:
            points.read_csv(path)
        assert is_sentence(str(refusal.value))


def test_file_name_cannot_break_the_sentence() -> None:
    with pytest.raises(InputError) as refusal:
        read("", "a\nb\x1b[0m" + "c" * 100 + ".csv")
    assert is_sentence(str(refusal.value))


cells = st.one_of(st.floats().map(repr), st.integers().map(str), st.text(max_size=4), st.sampled_from(["", " ", "1e-320", "-0"]))
lines = st.lists(cells, min_size=1, max_size=3)
pairs = st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))


def _table(separator: str, rows: list[list[str]]) -> bytes:
    return "\n".join(separator.join(row) for row in rows).encode("utf-8", "replace")


texts = st.builds(_table, st.sampled_from(",;\t"), st.lists(lines, max_size=20))
numbers = st.builds(
    _table, st.sampled_from(",;\t"), st.lists(pairs.map(lambda pair: [repr(value) for value in pair]), min_size=14, max_size=24)
)


@given(st.one_of(st.binary(max_size=400), texts, numbers))
@example(("1e308,-1e308\n-1e308,1e308\n" * 10).encode())
@example(("5e-324,0\n0,0\n" * 10).encode())
@example(("1,1.0000000000000002\n1,1\n" * 10).encode())
def test_any_bytes_give_finite_points_or_one_sentence(raw: bytes) -> None:
    try:
        found = read(raw)
    except InputError as refusal:
        assert is_sentence(str(refusal)), str(refusal)
    else:
        assert found.dtype == np.float32
        assert found.ndim == 2
        assert found.shape[1] == 2
        assert len(found) >= 16
        assert np.isfinite(found).all()
        assert found.std() == pytest.approx(1, abs=1e-5)
