"""Curves as a browser draws them: single values are visible, and nothing is cut at the edges of a plot."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from gan.runs import Run
from tests.helpers import make_run, wait_until
from tests.pages.conftest import Server
from tests.pages.test_compare import LINE, write_lines

Serve = Callable[[Path], Server]

CHART = "[data-testid=stVegaLiteChart]"
_PLOT = "g.mark-group.role-scope > g > path.background, g.mark-group.role-frame > g > path.background"


def is_inside(mark: Locator, plot: Locator) -> bool:
    """Return whether something drawn lies wholly inside a plot."""
    inner, outer = mark.bounding_box(), plot.bounding_box()
    if not inner or not outer:
        return False
    sides = (("x", "width"), ("y", "height"))
    return all(outer[at] < inner[at] and inner[at] + inner[size] < outer[at] + outer[size] for at, size in sides)


def x_ticks(chart: Locator) -> list[str]:
    return chart.locator(".role-axis-label").first.locator("text").all_text_contents()


@pytest.fixture
def run(root: Path) -> Run:
    """Return a run with one logged line, at 576 images, and two quick scores."""
    run = make_run(root)
    line = {"step": 36, "images_seen": 576, "seconds": 1.5, "epoch": 0.3, "generator_loss": 0.7, "discriminator_loss": 1.2}
    run.metrics_path.write_text(json.dumps(line) + "\n")
    write_quick_scores(run, 12, 36)
    return run


def write_quick_scores(run: Run, *steps: int) -> None:
    quick = [LINE | {"source": "training", "step": step, "images_seen": 16 * step, "fid": 900.0 / step} for step in steps]
    run.scores_path.write_text("".join(json.dumps(one) + "\n" for one in quick))


def test_single_value_is_a_dot_on_an_axis_of_whole_numbers(page: Page, serve: Serve, run: Run) -> None:
    server = serve(run.root)
    page.goto(f"{server.address}/compare?runs={run.id}&curves=generator loss")
    chart = page.locator(CHART)
    dot = chart.locator(".mark-symbol path:visible").last
    expect(dot).to_be_visible()
    wait_until(lambda: is_inside(dot, chart.locator(_PLOT).first), "the dot is inside the plot", seconds=20)
    assert x_ticks(chart) and not any(re.search(r"\d\.\d", tick) for tick in x_ticks(chart)), x_ticks(chart)


@pytest.mark.parametrize("address", ["watch?run={}", "compare?runs={}&curves=FID"], ids=["watch", "compare"])
def test_ends_of_the_fid_curve_are_inside_the_plot(address: str, page: Page, serve: Serve, run: Run) -> None:
    write_lines(run, [1.0, 0.4, 0.9])
    write_quick_scores(run, 20_000, 40_000)  # wide numbers at the ends of the axis
    page.goto(f"{serve(run.root).address}/{address.format(run.id)}")
    chart = page.locator(CHART).filter(has_text="FID").last
    dots, plot = chart.locator(".mark-symbol path"), chart.locator(_PLOT).first
    expect(dots.first).to_be_visible()
    wait_until(lambda: is_inside(dots.first, plot) and is_inside(dots.nth(1), plot), "both dots are whole", seconds=20)
    (last, whole) = (chart.locator(".role-axis-label").first.locator("text").last.bounding_box(), chart.bounding_box())
    assert last and whole and last["x"] + last["width"] <= whole["x"] + whole["width"], "the last number on the axis is whole"
