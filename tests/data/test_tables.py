"""Points from CSV files of the user: common formats, the columns that are taken, and files that are no lists of points."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gan.data import tables
from gan.errors import InputError
from tests.helpers import is_sentence

ROWS = "".join(f"{number},{number**2}\n" for number in range(20))


def read(raw: bytes | str, name: str = "mine.csv") -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(raw.encode() if isinstance(raw, str) else raw)
        return tables.read(path)[0]


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
        ("1,2,3\n" * 20, "0 columns that may be coordinates (none), but a point has two; choose them with --columns"),
        ("1,2,3\n" * 20 + "1,2\n", "Line 21 of “mine.csv” has 2 columns, but 3 were expected"),
        ("1," * 16 + "2\n", "17 columns, more than 16"),
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


GRID = [(0.5 * x, y * y + 0.25, (x + y) % 3) for x in range(6) for y in range(6)]


def csv(heading: str, *columns: str) -> str:
    """Return a CSV with a heading line and columns that may use the row number ``i`` and ``x``, ``y`` and ``label``."""
    rows = (
        ",".join(column.format(i=i, x=x, y=y, label=label, name="abc"[label]) for column in columns)
        for i, (x, y, label) in enumerate(GRID)
    )
    return heading + "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (csv("x,y\n", "{x}", "{y}"), "The points are both columns."),
        (csv(",x,y\n", "{i}", "{x}", "{y}"), "The points are the columns “x” and “y”; left out: number 1."),
        (csv("", "{i}", "{x}", "{y}"), "The points are the columns number 2 and number 3; left out: number 1."),
        (csv("x,y,label\n", "{x}", "{y}", "{label}"), "The points are the columns “x” and “y”; left out: “label”."),
        (csv("lon,lat,kind\n", "{x}", "{y}", "{name}"), "The points are the columns “lon” and “lat”; left out: “kind”."),
        (csv("", "{x}", "{y}", "{label}"), "The points are the columns number 1 and number 2; left out: number 3."),
        (
            csv("id,a,b,class\n", "{i}", "{x}", "{y}", "{label}"),
            "The points are the columns “a” and “b”; left out: “id”, “class”.",
        ),
        (csv(",0,1,2\n", "{i}", "{x}", "{y}", "{name}"), "The points are the columns “0” and “1”; left out: number 1, “2”."),
        (csv("a,X,b,Y\n", "{y}", "{x}", "{x}", "{y}"), "The points are the columns “X” and “Y”; left out: “a”, “b”."),
    ],
    ids=[
        "two",
        "pandas",
        "no heading",
        "label",
        "text",
        "label without heading",
        "index and label",
        "numbers for names",
        "x and y",
    ],
)
def test_index_and_labels_are_passed_over(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(text)
    found, columns = tables.read(path)
    assert columns.sentence == sentence
    np.testing.assert_array_equal(found, read("".join(f"{x},{y}\n" for x, y, _ in GRID)))
    with open(path, "rb") as content:
        assert tables.look(content, "mine.csv") == columns
        assert content.read().decode() == text


def test_columns_are_chosen_by_name_or_number(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(csv("a,b,c,note\n", "{x}", "{y}", "{x}1", "{name}"))
    with pytest.raises(InputError, match="3 columns that may be coordinates") as refusal:
        tables.read(path)
    assert is_sentence(str(refusal.value))
    with open(path, "rb") as content:
        assert tables.look(content, "mine.csv").taken is None
    wanted = read("".join(f"{y},{x}\n" for x, y, _ in GRID))
    for chosen in (("b", "a"), ("B", "1"), ("2", "1")):
        np.testing.assert_array_equal(tables.read(path, chosen)[0], wanted)
    for chosen, says in (
        (("b", "b"), "twice"),
        (("b", "z"), "no column “z”"),
        (("0", "1"), "no column"),
        (("a", "note"), "Line 2"),
    ):
        with pytest.raises(InputError, match=says) as refusal:
            tables.read(path, chosen)
        assert is_sentence(str(refusal.value))


def test_one_wrong_cell_does_not_make_a_column_text() -> None:
    text = csv("", "{i}", "{x}", "{y}").replace("\n3,", "\n3,oops")
    with pytest.raises(InputError, match="Line 4 of “mine"):
        read(text)


def test_too_large_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_POINTS", 20)
    assert len(read("x,y\n" + ROWS)) == 20
    with pytest.raises(InputError, match="more than 20 points"):
        read("x,y\n" + ROWS + "1,1\n")
    with pytest.raises(InputError, match="more than 20 blank lines"):
        read(21 * "\n" + ROWS)
    monkeypatch.setattr(tables, "MOST_BYTES", 10)
    with pytest.raises(InputError, match="larger than"):
        read(ROWS)


def test_a_folder_or_a_missing_file_is_refused_in_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.csv"):
        with pytest.raises(InputError) as refusal:
            tables.read(path)[0]
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
