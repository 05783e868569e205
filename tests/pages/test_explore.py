"""The Explore page: which runs it offers, and a visit in a real browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from streamlit.testing.v1 import AppTest

from gan.runs import Run, names
from tests.helpers import make_run, wait_until
from tests.networks.made_elsewhere import FOLDER, guest_of
from tests.pages.conftest import Server

Visit = Callable[..., AppTest]
Serve = Callable[[Path], Server]

_PAINTED = "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.join()"


def setup_of(test: AppTest) -> dict[str, object]:
    (found,) = (one for one in test.get("bidi_component") if one.proto.component_name == "gan_explore")
    setup: dict[str, object] = json.loads(found.proto.json)[0]["setup"]
    return setup


def test_generators_of_images_are_offered(visit: Visit, shown: Run) -> None:
    make_run(shown.root, name="untrained")
    test = visit("explore")
    assert not test.exception
    assert test.selectbox[0].options == list(names.on_one_line({shown.id: shown.label()}).values())
    assert setup_of(test)["start"] == {"run": shown.id, "checkpoint": "last"}
    assert test.query_params["run"] in (shown.id, [shown.id])


def test_guests_that_are_generators_are_offered(visit: Visit, shown: Run, tmp_path: Path) -> None:
    guest = guest_of(shown.root, tmp_path, FOLDER / "pair_generator.keras")
    test = visit("explore", run=guest.id)
    assert not test.exception and not test.error
    assert test.selectbox[0].options == list(names.on_one_line({"": shown.label(), guest.id: guest.label()}).values())
    assert setup_of(test)["start"] == {"run": guest.id, "checkpoint": "last"}
    guest.export_path.unlink()
    test = visit("explore", run=guest.id)
    assert not test.exception and "pictures only" in test.error[0].value


@pytest.mark.parametrize("run_id", ["nowhere", "../../etc", "<b>"])
def test_unknown_runs_get_a_sentence(run_id: str, visit: Visit, shown: Run) -> None:
    test = visit("explore", run=run_id)
    assert not test.exception
    assert len(test.error) == 1
    assert not test.get("bidi_component")


def test_runs_without_a_generator_of_images_get_a_sentence(visit: Visit, shown: Run) -> None:
    untrained, points = make_run(shown.root), make_run(shown.root, {"data.name": "ring"}, family="mlp")
    for run, sentence in ((untrained, "no checkpoint"), (points, "generates points")):
        test = visit("explore", run=run.id)
        assert not test.exception and len(test.error) == 1 and sentence in test.error[0].value
        assert not test.get("bidi_component")


def test_without_runs_a_first_training_is_offered(visit: Visit, empty: Path) -> None:
    test = visit("explore")
    assert not test.exception
    assert test.info and test.button


def test_visitor_explores_a_guest(page: Page, serve: Serve, shown: Run, tmp_path: Path) -> None:
    guest = guest_of(shown.root, tmp_path, FOLDER / "pair_generator.keras")
    page.goto(f"{serve(shown.root).address}/explore?run={guest.id}")
    expect(page.get_by_text("there is no film")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("button", name="Film")).to_be_hidden()
    page.get_by_role("button", name="Nearest").click()
    page.get_by_role("button", name="Sample 3", exact=True).click()
    expect(page.get_by_text("pictures of Digits")).to_be_visible()


def test_visitor_walks_between_samples(page: Page, serve: Serve, shown: Run) -> None:
    server = serve(shown.root)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{server.address}/explore?run={shown.id}")
    first, second = (page.get_by_role("button", name=f"Sample {number}", exact=True) for number in (1, 2))
    expect(page.get_by_text("0 % of the way through 2 samples.")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Clear choice").click()
    expect(page.get_by_text("Choose two or more samples.")).to_be_visible()
    first.click()
    second.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sample 2, chosen as number 2")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text("0 % of the way through 2 samples.")).to_be_visible()
    big = page.get_by_role("img", name="The picture at this place of the walk")
    sample = page.get_by_role("button", name="Sample 1, chosen as number 1").locator("canvas")
    wait_until(lambda: big.evaluate(_PAINTED) == sample.evaluate(_PAINTED), "the walk begins at the first sample")
    page.get_by_role("slider", name="Place on the walk").fill("1")
    other = page.get_by_role("button", name="Sample 2, chosen as number 2").locator("canvas")
    wait_until(lambda: big.evaluate(_PAINTED) == other.evaluate(_PAINTED), "the walk ends at the second one")
    page.get_by_role("button", name="Nearest").click()
    expect(page.get_by_text("Nearest of 1,797 training pictures")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
