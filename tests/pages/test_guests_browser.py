"""A guest in a real Chromium: pictures are uploaded on Evaluate, scored, and stand in the table."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from gan.guests.guest import list_guests
from gan.runs import Run
from tests.helpers import wait_until
from tests.networks.made_elsewhere import FOLDER
from tests.pages.conftest import Server


def test_pictures_are_uploaded_scored_and_shown(page: Page, serve: Callable[[Path], Server], shown: Run) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for place, one in enumerate(np.random.default_rng(0).integers(0, 256, (20, 16, 16), dtype=np.uint8)):
            picture = io.BytesIO()
            Image.fromarray(one).save(picture, "PNG")
            archive.writestr(f"{place}.png", picture.getvalue())
    page.goto(f"{serve(shown.root).address}/evaluate")
    page.get_by_role("button", name="Add a guest").click()
    upload = {"name": "../../epoch_0007.zip", "mimeType": "application/zip", "buffer": content.getvalue()}
    page.locator("input[type=file]").set_input_files(upload)
    page.get_by_label("Name", exact=True).fill("Keras")
    page.get_by_role("button", name="Add and score").click()
    expect(page.get_by_text("“Keras (guest)” was added.")).to_be_visible()
    expect(page.get_by_text("20 pictures of 16 × 16 pixels, grey")).to_be_visible()
    (guest,) = list_guests(shown.root)
    wait_until(guest.scores, "it is scored")
    assert guest.facts().unit == "epoch" and guest.scores()[0]["epoch"] == 7, "by the name of the upload"
    assert not (shown.root.parent / "epoch_0007.zip").exists(), "names of uploads are no paths"


def test_both_networks_of_a_peer_are_uploaded(page: Page, serve: Callable[[Path], Server], shown: Run) -> None:
    page.goto(f"{serve(shown.root).address}/evaluate")
    page.get_by_role("button", name="Add a guest").click()
    page.locator("input[type=file]").set_input_files(FOLDER / "pair_generator.keras")
    expect(page.get_by_text("Its discriminator (optional)")).to_be_visible()
    page.locator("input[type=file]").last.set_input_files(FOLDER / "pair_discriminator.keras")
    page.get_by_label("Name", exact=True).fill("Pair")
    page.get_by_role("button", name="Add and score").click()
    expect(page.get_by_text("“Pair (guest)” was added.")).to_be_visible(timeout=120_000)
    expect(page.get_by_role("button", name="Train on")).to_be_visible()
    (guest,) = list_guests(shown.root)
    network = guest.facts().network
    assert guest.pair_path.is_file() and network and network.discriminator == "pair_discriminator.keras"
