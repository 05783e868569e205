"""Sentences for people on pages do not tell where the server keeps its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from gan import places


@pytest.fixture(autouse=True)
def folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_RUNS", "/srv/gan/runs")
    monkeypatch.setenv("GAN_DATA", "/srv/gan/data")
    monkeypatch.setenv("HOME", "/home/kim")


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("The disk is full: writing failed (/srv/gan/runs/2026-a/s.json); free some space.", "writing failed (2026-a/s.json)"),
        (r"It failed (\srv\gan\runs\2026-a\s.json).", r"failed (2026-a\s.json)"),  # as on Windows
        (r"It failed ('\\srv\\gan\\runs\\2026-a').", "failed ('2026-a')"),
        ("The runs in /srv/gan/runs are taken.", "in the folder of runs are"),
        ("Nothing is in /srv/gan/runs.", "in the folder of runs."),
        ("Download MNIST to /srv/gan/data; or copy it.", "to the data folder;"),
        ("The weights /home/kim/.cache/weights.pt are damaged.", "weights ~/.cache/weights.pt are"),
        (f"{places.PROJECT}/gan/x.py failed in {places.PROJECT}.", "gan/x.py failed in the folder of the program."),
        ("Other folders, as /srv/gan/runs2 and /mnt/srv/gan/runs, are as they are.", "/srv/gan/runs2 and /mnt/srv/gan/runs, are"),
    ],
)
def test_a_sentence_without_folders(sentence: str, told: str) -> None:
    assert told in places.without_folders(sentence)


def test_folders_that_are_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.setenv("GAN_RUNS", str(tmp_path / "link"))
    for folder in ("real", "link"):
        assert places.without_folders(f"{tmp_path / folder}/a is missing.") == "a is missing."


@pytest.mark.parametrize("folder", ["runs", "/"])
def test_words_that_are_no_path_stay(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_RUNS", folder)
    assert places.without_folders("Delete runs / guests, then try again.") == "Delete runs / guests, then try again."
