"""The Data page with the field's formats: what an upload is recognised as, its first pictures, its import, and exports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from gan.access import people
from gan.access.people import Person
from gan.catalogue import data_sets
from gan.config.data import DataConfig
from gan.data import importer, prepared
from gan.data.formats import opening
from gan.execution import requests
from gan.storage.jobs import read
from pages.parts.data_sets import exporting
from tests.data.formats.samples import COLOUR, GREY, SAMPLES, Sample, npy
from tests.helpers import wait_until
from tests.pages.in_class import told

Visit = Callable[..., AppTest]

#: One format of each kind: arrays, an archive, a table, tar, rows.
UPLOADED = [one for one in SAMPLES if one.name in ("medmnist.npz", "train.csv", "000000.tar.gz", "tiff.parquet")]


def upload(test: AppTest, name: str, content: bytes) -> None:
    test.file_uploader(key="data/upload/0").set_value((name, content, "application/octet-stream")).run()


def finished(path: Path) -> str:
    """Wait for the end of a task and return its result. Fails with its message."""
    task = wait_until(lambda: (task := read(path)) and task.state != "running" and task, "the end of the task")
    assert task.state == "finished", task.message
    return task.result


@pytest.mark.parametrize("sample", UPLOADED, ids=lambda sample: sample.name)
def test_an_upload_is_recognised_shown_and_imported(sample: Sample, visit: Visit, data: Path) -> None:
    test = visit("data", data="ring")
    upload(test, sample.name, sample.content)
    assert not test.exception and not test.error
    (info,) = test.info
    assert sample.words in info.value.replace("\\", "")
    assert "Classes are" in info.value
    assert test.get("image"), "the first pictures must be shown"
    test.button(key="import").click().run()
    assert not test.exception and not test.error
    name = finished(requests.import_path())
    entry = data_sets.find(name)
    assert dict(zip(entry.classes, entry.counts, strict=True)) == sample.classes
    found = prepared.obtain(DataConfig(name=name, size=32), lambda sentence, share: None)
    assert len(found.pixels) == 30


def test_the_name_of_an_upload_turns_emnist_upright(visit: Visit, data: Path) -> None:
    (sample,) = (one for one in SAMPLES if one.name == "emnist-letters-train-images-idx3-ubyte.gz")
    test = visit("data", data="ring")
    upload(test, sample.name, sample.content)
    assert "turned upright" in test.info[0].value
    test.button(key="import").click().run()
    finished(requests.import_path())
    (name,) = set(data_sets.all_sets()) - set(data_sets.DATA_SETS)
    pixels = next(importer.decode_all(data_sets.own_folder(name), 28, "crop", 1))
    assert np.array_equal(pixels, GREY)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("set.rar", b"Rar!\x1a\x07\x01\0" + bytes(90), "RAR archive"),
        ("objects.npy", npy(np.array([GREY[0], None], dtype=object)), "never loaded"),
        ("cut.npy", npy(COLOUR)[:-9], "damaged or cut off"),
        ("notes.txt", b"hello", "no known format"),
    ],
)
def test_other_uploads_are_one_sentence(name: str, content: bytes, words: str, visit: Visit, data: Path) -> None:
    test = visit("data", data="ring")
    upload(test, name, content)
    assert not test.exception
    (error,) = test.error
    assert words in error.value
    assert name in error.value.replace("\\", "")
    assert test.button(key="import").disabled


def test_a_data_set_is_exported_and_offered(visit: Visit, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = DataConfig(name="digits", size=16)
    prepared.obtain(small, lambda sentence, share: None)
    test = visit("data", data="digits")
    test.button_group(key="data/size").set_value(16).run()
    test.button_group(key="data/export-kind").set_value("parquet").run()
    test.button(key="data/export").click().run()
    assert not test.exception and not test.error
    target = Path(finished(requests.export_path(small, "parquet")[0]))
    assert target.is_relative_to(data)
    with opening.open_pictures(target) as source:
        assert (source.count, len(source.counts)) == (1797, 10)
    test.run()
    (offer,) = test.get("download_button")
    assert "Download" in offer.proto.label
    assert "data/export" not in [button.key for button in test.button]
    monkeypatch.setattr(exporting, "MOST_DOWNLOADED", 1)
    assert f"It lies on the server as {target}." in told(test.run())
    monkeypatch.setattr(people._Source, "ask", staticmethod(lambda: Person(id="a1", name="Ann")))
    assert "Ask your teacher for the file." in told(test.run()) and str(target) not in told(test)
