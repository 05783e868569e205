"""What the scoring tests share: the digits classifier and a tiny trained run, each made once."""

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
    """Take a report of progress and do nothing."""


@pytest.fixture(scope="session")
def digits(own_folders: Path) -> Extractor:
    """Return the digits classifier, trained for real."""
    return classifier.load("digits", CPU, ignore)


@pytest.fixture(scope="session")
def real(digits: Extractor) -> Reference:
    """Return the real digits of 32 pixels as the classifier sees them."""
    return reference.load(DataConfig(size=32), digits, ignore)


@pytest.fixture(scope="session")
def trained(own_folders: Path) -> Iterator[Run]:
    """Return a tiny run that was trained for 12 steps; not to be changed, see ``run``."""
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
    """Make the classifier a matter of a moment (and a poor one) in a data folder of its own; return that folder."""
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    monkeypatch.setitem(classifier.RECIPES, "digits", replace(classifier.RECIPES["digits"], epochs=1))
    monkeypatch.setattr(classifier, "_FEWEST_STEPS", 1)
    return tmp_path / "data"


@pytest.fixture(scope="session")
def state() -> dict[str, Tensor]:
    """Return random weights of the Inception network."""
    return random_inception()
