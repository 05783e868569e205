"""The HTML page and the Markdown text: names of any kind are shown literally, and nothing is loaded from outside."""

from __future__ import annotations

import io
import json
import re
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from playwright.sync_api import Page, sync_playwright

from gan import palette, report, words
from gan.report import chart, contents, drawings
from gan.report.chart import Series
from gan.report.markup import Html, join, tag
from gan.runs import Run
from tests.helpers import PROJECT, make_run
from tests.report.conftest import NASTY, scored


@pytest.fixture
def unpacked(pair: tuple[Run, Run], tmp_path: Path) -> Path:
    """Return the folder of an unpacked report whose names from outside (run, data set, extractor, weights) are hostile."""
    run, fork = pair
    scored(run, extractor=NASTY, data=NASTY, weights=NASTY)
    raw = json.loads(fork.config_path.read_text())
    raw["data"]["name"] = NASTY[:60]
    fork.config_path.write_text(json.dumps(raw))
    zipfile.ZipFile(io.BytesIO(report.as_zip(pair))).extractall(tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def page(request: pytest.FixtureRequest) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=request.getfixturevalue("chromium"), args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": 390, "height": 844})
        browser.close()


def test_page_runs_no_script_and_loads_nothing(page: Page, unpacked: Path) -> None:
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.goto((unpacked / "report.html").as_uri(), wait_until="networkidle")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}
    assert sum(url.startswith("file:") for url in asked) == 2
    assert page.title() == "GAN report: 2 runs compared" and said == []
    assert page.locator("script").count() == 0 and page.locator("img:not([src^='data:'])").count() == 0
    assert page.locator("h2", has_text=NASTY).count() == 2  # shown as text; the fork's name contains its parent's
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert page.locator("svg polyline").count() >= 5
    assert not page.evaluate("document.querySelector('details dl').checkVisibility()")
    page.emulate_media(media="print")
    assert page.evaluate("[...document.querySelectorAll('details dl')].every(list => list.checkVisibility())"), (
        "closed sections are printed too"
    )
    assert page.evaluate("parseFloat(getComputedStyle(document.querySelector('.wide')).maxWidth)") < 520, "at most 135 mm in print"
    assert len(page.pdf()) > 10_000


def test_text_links_only_to_its_own_pictures(unpacked: Path) -> None:
    text = (unpacked / "report.md").read_text(encoding="utf-8")
    links = re.findall(r"(?<!\\)\]\((.+?)\)", text)
    assert links and {link.partition("/")[0] for link in links} == {"images"}
    assert all((unpacked / link).is_file() for link in links)
    assert not re.search(r"(?<!\\)<", re.sub(r"(?s)```.*?```|(?<!\\)`[^`\n]*`", "", text))
    for drawing in (unpacked / "images").glob("*.svg"):
        ElementTree.parse(drawing)


@given(text=st.text(), more=st.text())
def test_elements_hold_text_as_text(text: str, more: str) -> None:
    made = tag("p", text, title=more)
    assert isinstance(made, Html) and made.count("<") == made.count(">") == 2 and made.count('"') == 2
    made.encode()
    assert join(made) == made and tag("i", None) == "<i></i>"


@given(text=st.text(min_size=1))
def test_markdown_holds_text_as_text(text: str) -> None:
    shown = words.escape(text)
    assert "\n" not in shown
    shown.encode()
    bare = re.sub(r"\\[\\`*_{}\[\]<>()#|~$&!:@^]", "", shown)
    assert not re.search(r"[\\`*_{}\[\]<>()#|~$&!:@^]", bare)


FINITE = st.floats(allow_nan=True, allow_infinity=True)


@given(
    points=st.lists(st.tuples(FINITE, FINITE), max_size=30).map(lambda points: sorted(points, key=lambda point: str(point[0]))),
    name=st.text(),
    is_log=st.booleans(),
)
@example(points=[(0.0, 0.0), (0.0, 5e-324)], name="", is_log=False)
def test_chart_of_any_numbers_is_valid_svg(points: list[tuple[float, float]], name: str, is_log: bool) -> None:
    drawn = chart.lines([Series("".join(filter(str.isprintable, name)), points)], "images seen", "FID", is_log=is_log)
    if drawn:
        ElementTree.fromstring(drawn)
        assert "nan" not in drawn.lower().replace(name.lower(), "") or "nan" in name.lower()


def drawn_in(drawing: str) -> dict[str, str]:
    """Return the colours in a chart's legend by entry name."""
    return {name: colour for colour, name in re.findall(r'var\(--line-\d,(#\w+)\);stroke-width:3"/><text[^>]+>([^<]+)<', drawing)}


def test_page_and_dashboard_use_the_palette() -> None:
    style = (PROJECT / "gan" / "report" / "style.css").read_text()
    light, dark = style.partition("(prefers-color-scheme: dark)")[::2]
    theme = tomllib.loads((PROJECT / ".streamlit" / "config.toml").read_text())["theme"]
    assert tuple(re.findall(r"--line-\d: (#\w+);", light)) == palette.ON_WHITE == tuple(theme["light"]["chartCategoricalColors"])
    assert re.findall(r"--line-\d: (#\w+);", dark) == theme["dark"]["chartCategoricalColors"]


def test_players_and_distributions_have_the_colours_of_the_pages(root: Path) -> None:
    run = make_run(root)
    fields = ("generator_loss", "discriminator_loss", "d_real", "d_fake")
    logged = [{"step": step, "images_seen": 16 * step} | dict.fromkeys(fields, 0.5) for step in (10, 20)]
    run.metrics_path.write_text("".join(json.dumps(line) + "\n" for line in logged))
    curves = contents.gather([run]).entries[0].curves
    orange, indigo, *_, gray = palette.ON_WHITE
    assert drawn_in(curves["Loss"]) == {"Generator": orange, "Discriminator": indigo}
    assert drawn_in(curves["Output of D"]) == {"D(fake)": orange, "D(real)": indigo}
    counted = {"class_counts": [4, 6], "real_class_counts": [5, 5]}
    assert drawn_in(drawings.drawings(counted)["classes"]) == {"Generated": indigo, "Real": gray}
    run.metrics_path.write_text("".join(json.dumps(line | {"generator_loss": None}) + "\n" for line in logged))
    assert drawn_in(contents.gather([run]).entries[0].curves["Loss"]) == {"Discriminator": indigo}, "a player keeps its colour"


def test_long_lines_keep_their_peaks() -> None:
    points = [(float(x), 1000.0 if x == 70_001 else 1.0) for x in range(100_000)]
    drawn = chart.lines([Series("D", points)], "step", "Loss")
    assert len(drawn) < 50_000 and ">1k</text>" in drawn
    ((path,),) = [re.findall(r'points="([^"]+)"', drawn)]
    assert len({pair.split(",")[1] for pair in path.split()}) == 2
