"""Shared fixtures of the scoring tests: the digits classifier and a tiny trained run, each made once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from gan.config.data import DataConfig
from gan.runs import Run
from gan.scoring import reference
from gan.scoring.extractors import classifier
from gan.scoring.extractors.extractor import Extractor
from gan.scoring.reference import Reference
from tests.helpers import make_run, train
from tests.scoring.networks import random_inception

CPU = torch.device("cpu")


def ignore(sentence: str, share: float) -> None:
    """Ignore a progress report."""


@pytest.fixture(scope="session")
def digits(own_folders: Path) -> Extractor:
    """Return the digits classifier that ships with the program, trained with its real recipe."""
    return classifier.load("digits", CPU, ignore)


@pytest.fixture(scope="session")
def real(digits: Extractor) -> Reference:
    """Return the reference of the real digits at 32 pixels, computed with the classifier."""
    return reference.load(DataConfig(size=32), digits, ignore)


@pytest.fixture(scope="session")
def trained(own_folders: Path) -> Iterator[Run]:
    """Return a tiny run trained for 12 steps. Tests must not change it; ``run`` is a copy for that."""
    threads = torch.get_num_threads()
    run = make_run(own_folders / "scored")
    with run.hold():
        assert train(run).state == "finished"
    torch.set_num_threads(threads)
    torch.set_flush_denormal(False)
    yield run


@pytest.fixture
def run(trained: Run, root: Path) -> Run:
    """Return a copy of the trained run for one test."""
    shutil.copytree(trained.path, root / trained.id)
    return Run(root / trained.id)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Make the classifier quick to train (and poor), in a separate data folder; return that folder."""
    return make_quick(monkeypatch, tmp_path)


def make_quick(patch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Do what the fixture ``quick`` does."""
    patch.setenv("GAN_DATA", str(folder / "data"))
    patch.setitem(classifier.RECIPES, "digits", replace(classifier.RECIPES["digits"], epochs=1))
    patch.setattr(classifier, "_FEWEST_STEPS", 1)
    patch.setattr(classifier, "_SHIPPED", folder)
    return folder / "data"


@pytest.fixture(scope="session")
def state() -> dict[str, Tensor]:
    """Return random weights of the Inception network."""
    return random_inception()
