"""The commands on guests and on sets of pictures, as processes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gan.execution import requests
from gan.guests.guest import list_guests
from gan.storage import jobs
from tests.helpers import assert_one_sentence, run_gan

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 16, 16), dtype=np.uint8)


@pytest.fixture
def array(tmp_path: Path) -> Path:
    np.save(tmp_path / "pictures.npy", PIXELS)
    return tmp_path / "pictures.npy"


def test_a_guest_is_imported_scored_listed_scored_again_and_deleted(array: Path, root: Path) -> None:
    done = run_gan("guest", array, "--data", "digits", "--name", "Keras", "--note", "by hand", "--draws", 1, "--json", root=root)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (guest,) = list_guests(root)
    assert found["guest"] == guest.id and found["images"] == 24 and found["score"]["images"] == 24 and found["size"] == 16
    assert guest.told().note == "by hand" and guest.scores()[0]["fid"] == found["score"]["fid"]
    task = jobs.read(requests.guest_path(root))
    assert task and task.state == "finished" and task.result == guest.id

    again = run_gan("score", guest.id, "--extractor", "random-vgg", "--images", 20, "--draws", 1, root=root)
    assert again.returncode == 0 and "FID · random VGG" in again.stdout, again.stderr
    listed = json.loads(run_gan("guests", "--json", root=root).stdout)
    assert [(one["id"], one["name"]) for one in listed] == [(guest.id, "Keras (guest)")]
    report = run_gan("report", guest.id, "--out", root / "report.zip", root=root)
    assert report.returncode == 0 and (root / "report.zip").exists(), report.stderr

    assert "“Keras (guest)” is in the trash" in run_gan("guests", "delete", guest.id, root=root).stdout
    assert list_guests(root) == []
    assert run_gan("trash", "restore", guest.id, root=root).returncode == 0
    assert list_guests(root) == [guest]


def test_an_upload_is_consumed_whatever_happens(array: Path, root: Path) -> None:
    options = ["--data", "digits", "--name", "x", "--consume", "--quiet", "--no-score"]
    assert run_gan("guest", array, *options, root=root).returncode == 0
    assert not array.exists() and len(list_guests(root)) == 1
    np.save(array, PIXELS[:3])
    assert "Only 3 pictures" in assert_one_sentence(run_gan("guest", array, *options, root=root))
    assert not array.exists() and len(list_guests(root)) == 1
    task = jobs.read(requests.guest_path(root))
    assert task and task.state == "failed" and "Only 3 pictures" in task.message
    np.save(array, PIXELS)  # its data set was removed meanwhile
    said = assert_one_sentence(run_gan("guest", array, *options, "--data", "removed", root=root))
    task = jobs.read(requests.guest_path(root))
    assert not array.exists() and task and task.state == "failed" and task.message in said
    array.write_bytes(b"\x93NUMPY nothing")
    sentence = assert_one_sentence(run_gan("guest", array, *options, "--source", "mine.npy", root=root))
    assert "mine.npy" in sentence and array.name not in sentence


def test_bad_input_is_one_sentence(array: Path, root: Path) -> None:
    assert_one_sentence(run_gan("guest", array, "--data", "mnits", "--name", "x", root=root))
    assert jobs.read(requests.guest_path(root)) is None, "the failure is told in the terminal, not on the page"
    assert_one_sentence(run_gan("guest", root / "nowhere", "--data", "digits", "--name", "x", root=root))
    assert_one_sentence(run_gan("guest", array, "--data", "digits", "--name", "x", "--images", 1, root=root))
    assert_one_sentence(run_gan("guests", "delete", root=root))
    assert_one_sentence(run_gan("guests", "delete", "../..", root=root))
    assert_one_sentence(run_gan("compare-sets", array, "ring", root=root))


def test_two_sets_are_compared(array: Path, root: Path) -> None:
    done = run_gan("compare-sets", array, array, "--extractor", "random-vgg", "--json", root=root)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["figures"]["fid"]["value"] == pytest.approx(0, abs=1e-3) and found["counts"] == [24, 24]
    done = run_gan("compare-sets", array, array, "--extractor", "random-vgg", "--quiet", root=root)
    assert "Precision" in done.stdout and "95 % interval" in done.stdout
