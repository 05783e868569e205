"""The map as a PNG: its contents, damaged pictures, and saving it in a browser by keyboard."""

from __future__ import annotations

import base64
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page

from gan.runs import Run
from gan.runs.atlas import Atlas, Dot
from pages.parts.evaluation import poster
from tests.pages.conftest import Server


def picture(colour: str, side: int = 16) -> str:
    """Return a picture of one colour, encoded as in the file."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, "WEBP", lossless=True)
    return base64.b64encode(buffer.getvalue()).decode()


def drawn(real: list[Dot], generated: list[Dot], explained: tuple[float, float] = (0.5, 0.25)) -> Image.Image:
    """Return the map of these dots, opened from its bytes."""
    shown = Atlas(
        step=7, extractor="ω <b>", extractor_id="x", explained=explained, usual=1.0, samples=[], real=real, generated=generated
    )
    return Image.open(io.BytesIO(poster.draw(shown)), formats=("PNG",)).convert("RGB")


def count(image: Image.Image, colour: tuple[int, int, int]) -> int:
    """Return how many pixels have exactly this colour."""
    return next((number for number, found in image.getcolors(2**22) or [] if found == colour), 0)


RED, GREEN, INDIGO, GREY, INK = (255, 0, 0), (0, 128, 0), (0x6C, 0x63, 0xFF), (0x90, 0x97, 0xA8), (0x31, 0x33, 0x3F)


def test_pictures_are_at_their_places_framed_in_the_colour_of_their_kind() -> None:
    image = drawn([Dot(x=0, y=0, picture=picture("red"))], [Dot(x=5, y=3, picture=picture("green"))])
    assert count(image, RED) == count(image, GREEN) == 44 * 44
    left, right = image.crop((0, 900, 200, 1120)), image.crop((1240, 60, 1400, 300))
    assert count(left, RED) == count(right, GREEN) == 44 * 44
    assert count(left, GREY) == count(right, INDIGO) == 50 * 50 - 44 * 44
    assert count(image.crop((0, 0, 1400, 110)), INK) > 500 and count(image.crop((0, 300, 60, 800)), INK) > 100
    assert count(image.crop((1000, 20, 1400, 60)), INDIGO) > 100


def test_picture_that_would_hide_another_stays_a_dot() -> None:
    crowd = [Dot(x=x, y=0, picture=picture("green")) for x in (0.001, 0.002, 0.003)]
    image = drawn([Dot(x=0, y=0, picture=picture("red")), Dot(x=1, y=1, picture=picture("red"))], crowd)
    assert (count(image, RED), count(image, GREEN)) == (2 * 44 * 44, 0)


@pytest.mark.parametrize("text", ["AAAA", "A", picture("red")[:40], picture("red", 4000)], ids=["no picture", "odd", "cut", "huge"])
def test_unusable_picture_stays_a_dot(text: str) -> None:
    one = Dot(x=1, y=1, picture=text)
    image = drawn([one], [one])
    assert count(image, RED) == 0 and count(image, INDIGO) > 50


def test_browser_saves_the_map_by_keyboard(shown: Run, page: Page, serve: Callable[[Path], Server], tmp_path: Path) -> None:
    page.goto(f"{serve(shown.path.parent).address}/evaluate?runs={shown.id}")
    page.get_by_text("Why?", exact=True).first.click()
    button = page.get_by_role("button", name="Save map as PNG")
    button.wait_for()
    button.focus()
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == "gan-duel-map.png"
    saved = tmp_path / "map.png"
    shutil.copy(download.value.path(), saved)
    with Image.open(saved, formats=("PNG",)) as image:
        assert image.size == (1400, 1120) and len(image.convert("L").getcolors(256) or []) > 50
