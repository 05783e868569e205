"""The range of a chart of many runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from pages.parts import words
from pages.parts.comparison import ranges
from tests.helpers import make_run
from tests.pages.test_compare import charts, write_lines
from tests.pages.test_pages import Visit, assert_sound

LINE = np.linspace(0, 1, 100)


def test_diverged_runs_do_not_set_the_range() -> None:
    curves = {"a": 1 + 0.3 * LINE, "b": 0.8 + 0.5 * LINE, "bad": -6000 * LINE}
    found = ranges.of(curves)
    assert found and found.leaving == ("bad",)
    low, high = found.ends
    assert 0.6 < low <= 0.8 and 1.3 <= high < 1.5
    assert ranges.of({"a": curves["a"], "bad": curves["bad"]}) is not None, "of two, the calmer one counts"


@pytest.mark.parametrize(
    "curves",
    [
        {},
        {"alone": 1e6 * LINE},
        {"lost": 0 * LINE, "usual": 1.4 * LINE, "winning": 4 - LINE},
        {"spike": np.where(LINE > 0.995, 50.0, 1.0), "usual": LINE},
        {"critic": 100 * LINE, "other": 40 * LINE},
        {"sure of all": 8 + 6 * LINE, "usual": 0.8 + 0.1 * LINE},
    ],
)
def test_curves_that_fit_together_are_shown_whole(curves: dict[str, np.ndarray]) -> None:
    assert ranges.of(curves) is None


def test_a_leaving_curve_is_seen_until_it_leaves() -> None:
    table = pa.table(
        {"curve": pa.array(["a", "a", "bad", "bad"]).dictionary_encode(), "at": [0.0, 1, 0, 1], "value": [1.0, 9, 1, 9]}
    )
    assert ranges.within(table, ranges.Range((0.0, 2.0), ("bad",)))["value"].to_pylist() == [1.0, 9.0, 1.0, None]


def test_page_names_runs_far_outside_and_shows_them_on_demand(visit: Visit, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_RUNS", str(root))
    calm, diverged = make_run(root, name="calm"), make_run(root, {"training.seed": 1}, name="wild")
    write_lines(calm, [1.0 + 0.01 * place for place in range(30)])
    write_lines(diverged, [-100.0 * place for place in range(30)])
    test = visit("compare", runs=f"{calm.id},{diverged.id}")
    assert words.escape("Far outside: “wild” in generator loss.") in [caption.value for caption in test.caption]
    low, high = scale(test)["domain"]
    assert 0 < low <= 1 and 1.29 <= high < 2
    (whole,) = (toggle for toggle in test.toggle if toggle.label == "All values")
    whole.set_value(True).run()
    assert_sound(test)
    assert "domain" not in scale(test)


def scale(test: AppTest) -> dict[str, Any]:
    """Return the scale of the values of the only chart."""
    (chart,) = charts(test)
    found: dict[str, Any] = json.loads(chart.proto.spec)["layer"][1]["encoding"]["y"]["scale"]
    return found
