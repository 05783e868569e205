"""The map on the page: its contents and texts, and one sentence instead of a traceback for any content of its file."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from PIL import Image
from streamlit.testing.v1 import AppTest

from gan.errors import InputError
from gan.runs import Run
from gan.runs import atlas as files
from gan.runs.atlas import Atlas, Dot, Near, Neighbour, Place, Plane, Point, Sample
from pages.parts.evaluation import atlas
from tests.helpers import is_sentence

SCRIPT = """
import sys
from pathlib import Path
from gan.runs import Run
from pages.parts.evaluation import atlas

atlas.panel(Run(Path({path!r})))
"""


def picture(grey: int) -> str:
    """Return a picture of one grey level, encoded as in the file."""
    buffer = io.BytesIO()
    Image.new("L", (16, 16), grey).save(buffer, "WEBP", lossless=True)
    return base64.b64encode(buffer.getvalue()).decode()


BLACK, WHITE = picture(0), picture(255)
COPY = Sample(picture=WHITE, nearer=1.0, neighbours=[Neighbour(distance=0.0, picture=WHITE)])
NEAR = Sample(picture=BLACK, nearer=0.98, neighbours=[Neighbour(distance=one, picture=WHITE) for one in (1.0, 2.0)])
USUAL = Sample(picture=BLACK, nearer=0.4, neighbours=[Neighbour(distance=3.0, picture=WHITE)])
SOUND = Atlas(
    step=1200,
    extractor="digits CNN",
    extractor_id="digits-1",
    explained=(0.5, 0.25),
    usual=2.0,
    samples=[COPY, NEAR, USUAL],
    real=[Dot(x=0.0, y=1.0, picture=WHITE)],
    generated=[Dot(x=2.0, y=-1.0, picture=BLACK)] * 2,
)

POINTS = Plane(
    step=300,
    centres=[Place(x=0, y=0)],
    real=[Place(x=-1, y=-1), Place(x=1, y=1)],
    lost=2,
    usual=0.5,
    generated=[Place(x=0, y=0), Place(x=0.5, y=0), Place(x=50, y=0)],
    samples=[
        Point(x=0.5, y=0, nearer=0.97, neighbours=[Near(x=0.6, y=0, distance=0.1), Near(x=1, y=1, distance=1.118)]),
        Point(x=50, y=0, nearer=0.0, neighbours=[Near(x=1, y=1, distance=49.01)]),
    ],
)


def show(folder: Path, content: bytes | None = None) -> AppTest:
    """Show the panel of a run whose file holds ``content``; None means no file."""
    if content is not None:
        Run(folder).atlas_path.write_bytes(content)
    test = AppTest.from_string(SCRIPT.format(path=str(folder)), default_timeout=60).run()
    assert not test.exception
    return test


def said(test: AppTest) -> str:
    return " ".join(element.value for kind in ("markdown", "caption") for element in test.get(kind))


def test_map_holds_every_picture_and_labels_axes_with_explained_variance() -> None:
    spec = atlas.chart(SOUND.real, SOUND.generated, SOUND.explained)
    dots = spec["data"]["values"]
    assert [dot["kind"] for dot in dots] == ["real", "generated", "generated"]
    assert [dot["picture"] for dot in dots] == [WHITE, BLACK, BLACK]
    assert "50%" in spec["encoding"]["x"]["title"] and "25%" in spec["encoding"]["y"]["title"]


def test_samples_are_described_in_words(tmp_path: Path) -> None:
    test = show(tmp_path, SOUND.model_dump_json().encode())
    assert "step 1,200" in said(test) and "75%" in said(test) and "the digits CNN features" in said(test)
    assert "2 of them are nearer than 95% of other real images" in said(test)
    assert "this is a training image" in said(test)
    test.slider[0].set_value(2).run()
    assert "98%" in said(test) and "may be a copy" in said(test)
    test.slider[0].set_value(3).run()
    assert "40%" in said(test) and "no sign of a copy" in said(test)
    alone = SOUND.model_copy(update={"samples": [USUAL]})
    test = show(tmp_path, alone.model_dump_json().encode())
    assert not test.slider and "40%" in said(test)


def test_strip_names_every_picture() -> None:
    drawn = atlas.strip(NEAR, 2.0, 2)
    assert drawn.count("<img") == drawn.count('alt="') == 3
    assert "0.50 × usual" in drawn and "1.00 × usual" in drawn and "Generated sample 2" in drawn
    assert "3 away" in atlas.strip(USUAL, 0.0, 1)


def test_near_duplicates_are_shown_below_the_map(tmp_path: Path) -> None:
    test = show(tmp_path, SOUND.model_copy(update={"pairs": [(WHITE, WHITE), (BLACK, WHITE)]}).model_dump_json().encode())
    drawn = "".join(
        element.proto.html.body if hasattr(element.proto, "html") else str(element.proto) for element in test.get("html")
    )
    assert "Near duplicates" in said(test) and "pair 2, image 1" in drawn and "pair 3" not in drawn
    older = SOUND.model_dump()
    del older["pairs"]
    assert "Near duplicates" not in said(show(tmp_path, json.dumps(older).encode()))


def test_points_are_plotted_with_a_sample_and_its_nearest_training_points(tmp_path: Path) -> None:
    test = show(tmp_path, POINTS.model_dump_json().encode())
    assert "Map of the points" in said(test) and "step 300" in said(test) and "3 of 5 generated points lie outside" in said(test)
    assert "1 of them is nearer than 95% of other real points" in said(test)
    assert "may be a copy" in said(test) and "0.1, 1.12 away; the usual distance is 0.5" in said(test)
    test.slider[0].set_value(2).run()
    assert "fewer than 1%" in said(test) and "49 away" in said(test)


def test_sample_and_its_nearest_training_points_are_marked() -> None:
    figure = atlas.plot(POINTS, POINTS.samples[0], False)
    places = {one.name: list(zip(one.x, one.y, strict=True)) for one in figure.data}
    assert places["nearest training points"] == [(0.6, 0), (1, 1)] and places["sample"] == [(0.5, 0)]
    assert places["centre of a mode"] == [(0, 0)] and len(places["real"]) == 2 and len(places["generated"]) == 3
    assert figure.layout.xaxis.range == (-1.5, 1.5) and figure.layout.yaxis.scaleanchor == "x"
    assert atlas.plot(POINTS, POINTS.samples[0], True).layout.xaxis.range == pytest.approx((0.5 - 1.677, 0.5 + 1.677))
    alone = POINTS.model_copy(update={"centres": [], "generated": []})
    assert [one.name for one in atlas.plot(alone, None, False).data] == ["real"]


def test_points_without_samples_are_shown(tmp_path: Path) -> None:
    test = show(tmp_path, POINTS.model_copy(update={"generated": [], "samples": [], "lost": 7}).model_dump_json().encode())
    assert "7 of 7 generated points lie outside" in said(test) and not test.slider and not test.toggle


def test_map_of_points_is_not_evidence_about_images(tmp_path: Path) -> None:
    Run(tmp_path).atlas_path.write_bytes(POINTS.model_dump_json().encode())
    assert atlas.of(Run(tmp_path), {"step": 300, "extractor_id": "coordinates-1"}) is None


def test_atlas_of_another_scoring_is_not_evidence(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert atlas.of(run, {"step": 1200}) is None
    run.atlas_path.write_bytes(SOUND.model_dump_json().encode())
    assert atlas.of(run, {"step": 1200, "extractor_id": "digits-1"}) == SOUND
    assert atlas.of(run, {"step": 600, "extractor_id": "digits-1"}) is None
    run.atlas_path.write_bytes(b"{}")
    assert atlas.of(run, {"step": 1200, "extractor_id": "digits-1"}) is None


def test_run_without_map_shows_nothing(tmp_path: Path) -> None:
    assert not said(show(tmp_path))


@pytest.mark.parametrize(
    "changes",
    [
        {"real": [{"x": 0, "y": 0, "picture": "x' onerror='alert(1)"}]},
        {"real": [{"x": 0, "y": 0, "picture": "https://example.org/a.png"}]},
        {"real": []},
        {"usual": -1},
        {"explained": [0.5]},
        {"samples": [{**USUAL.model_dump(), "neighbours": []}]},
        {"pairs": [[WHITE, "x' onerror='alert(1)"]]},
        {"generated": [{"x": 1e300, "y": 0, "picture": WHITE}]},
        {"generated": [{"x": 1e999, "y": 0, "picture": WHITE}]},
    ],
    ids=["markup", "address", "empty", "negative", "one axis", "no neighbour", "foreign pair", "too far", "infinite"],
)
def test_invalid_file_is_reported_in_one_sentence(changes: dict[str, Any], tmp_path: Path) -> None:
    test = show(tmp_path, json.dumps({**SOUND.model_dump(), **changes}).encode())
    assert "score the run again" in said(test) and "Map of the images" not in said(test)


def test_huge_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    assert "score the run again" in said(show(tmp_path, SOUND.model_dump_json().encode()[:-1] + b" " * 17 * 2**20 + b"}"))


def test_folder_instead_of_the_file_is_reported(tmp_path: Path) -> None:
    Run(tmp_path).atlas_path.mkdir()
    assert "score the run again" in said(show(tmp_path))


LEAVES = some.one_of(
    some.none(), some.booleans(), some.integers(), some.floats(), some.text(max_size=8), some.just(WHITE), some.just(10**400)
)
VALUES = some.recursive(
    LEAVES, lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=4), inner, max_size=3), max_leaves=8
)
DAMAGED = some.builds(
    lambda sound, changes: json.dumps({**sound.model_dump(), **changes}).encode(),
    some.sampled_from([SOUND, POINTS]),
    some.dictionaries(some.sampled_from([*Atlas.model_fields, *Plane.model_fields]), VALUES, min_size=1, max_size=3),
)
CUT = some.builds(lambda place: SOUND.model_dump_json().encode()[:place], some.integers(0, 400))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=some.one_of(some.binary(max_size=200), DAMAGED, CUT, some.just(b"[" * 100_000)))
def test_any_file_can_be_shown_or_is_refused_in_one_sentence(content: bytes, tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.atlas_path.write_bytes(content)
    try:
        found = files.read(run)
    except InputError as error:
        assert is_sentence(str(error))
        return
    assert found is not None
    if isinstance(found, Plane):
        for is_close in (False, True):
            atlas.plot(found, next(iter(found.samples), None), is_close).to_json()
        return
    json.dumps(atlas.chart(found.real, found.generated, found.explained), allow_nan=False)
    assert atlas.couples(found.pairs).count("<img") == 2 * len(found.pairs)
    for number, sample in enumerate(found.samples, 1):
        assert atlas.strip(sample, found.usual, number).count("<img") == 1 + len(sample.neighbours)
        assert atlas.closeness(sample)
