"""The duel on the Watch page: frames in the right places and colours, and pictures without frames if opinions are unknown."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from gan.palette import INDIGO, ORANGE
from gan.runs import Opinions, Run
from pages.parts.watching import duel

Visit = Callable[..., AppTest]


def of(real: tuple[float | None, ...], fake: tuple[float | None, ...], *, is_probability: bool = True) -> Opinions:
    return Opinions(is_probability=is_probability, real=real, fake=fake)


def html(test: AppTest) -> str:
    return "".join(str(element.proto.body) for element in test.get("html"))


def test_frames_lie_over_the_images_of_the_grid() -> None:
    values = (0.0, 0.5, 1.0, None, 0.25)
    found = duel.frames(values, columns=4, size=16, opinions=of((), values))
    places = re.findall(r"left:([\d.]+)%;top:([\d.]+)%;width:([\d.]+)%;height:([\d.]+)%", found)
    wide, high = 4 * 18 - 2, 2 * 18 - 2
    expected = [(100 * 18 * (place % 4) / wide, 100 * 18 * (place // 4) / high, 1600 / wide, 1600 / high) for place in range(5)]
    for place, one in zip(places, expected, strict=True):
        assert tuple(map(float, place)) == pytest.approx(one, abs=0.01)
    assert re.findall(r"outline-color:(#\w+)", found)[:4] == [ORANGE, "#909090", INDIGO, "#888"]
    assert re.findall(r'data-opinion="([^"]+)"', found)[:4] == ["0 % real", "50 % real", "100 % real", "not a number"]


def test_outputs_without_a_scale_are_coloured_by_their_range() -> None:
    opinions = of((4.0,), (-2.0, 1.0), is_probability=False)
    assert re.findall(r"outline-color:(#\w+)", duel.frames((4.0, -2.0, 1.0), 3, 16, opinions)) == [INDIGO, ORANGE, "#909090"]
    assert "mean output <b>4</b>" in duel.strip(opinions) and "taken for real" not in duel.strip(opinions)


def test_strip_counts_what_is_taken_for_real() -> None:
    told = duel.strip(of((0.9, 0.8, 0.4, None), (0.1, 0.6)))
    assert "Real: <b>66.7 %</b>" in told.replace("67 %", "66.7 %") and "Generated: <b>50 %</b>" in told


def test_opinions_that_are_no_numbers_are_a_sentence() -> None:
    assert "not numbers at this step" in duel.strip(of((None,), (None, None), is_probability=False))


@pytest.mark.parametrize("values", [(), (None,), (float("-1e300"), 1e300)])
def test_any_opinions_can_be_drawn(values: tuple[float | None, ...]) -> None:
    for is_probability in (True, False):
        opinions = of(values, values, is_probability=is_probability)
        assert duel.strip(opinions) and duel.frames(values, 8, 16, opinions)


def test_watch_frames_both_pictures(visit: Visit, shown: Run) -> None:
    test = visit("watch", run=shown.id)
    assert not test.exception
    opinions = shown.opinions(max(shown.samples()))
    assert opinions
    assert html(test).count("data-opinion=") == len(opinions.real) + len(opinions.fake)


def test_watch_without_opinions_shows_the_pictures_alone(visit: Visit, shown: Run) -> None:
    for step in shown.samples():
        shown.opinions_path(step).write_bytes(b"[")
    test = visit("watch", run=shown.id)
    assert not test.exception
    assert "data-opinion=" not in html(test)
    assert any("Generated" in caption.value for caption in test.caption)
