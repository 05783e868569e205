"""A run on a user's own colour pictures without labels."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from gan.data.rendered import bedrooms
from gan.runs import Run
from tests.helpers import make_run, run_gan, train


def trained_on_rooms(root: Path, folder: Path, count: int) -> Run:
    """Import ``count`` bedrooms from a folder as a data set, and train a run on it for two steps."""
    (folder / "rooms").mkdir()
    for index, pixels in enumerate(bedrooms.render(32, 0, count)[0]):
        Image.fromarray(pixels).save(folder / "rooms" / f"{index}.png")
    imported = run_gan("data", "import", folder / "rooms", "--name", "rooms", "--size", 16, "--quiet")
    assert imported.returncode == 0, imported.stderr
    run = make_run(root, {"data.name": "rooms", "training.length": "2 steps"})
    assert train(run).state == "finished"
    return run
