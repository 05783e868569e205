"""Fixtures of all tests: temporary folders, so that nothing is written into the project, and real data if present."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.helpers import PROJECT

# Set before torch is imported. Tiny tensors gain nothing from a second thread and lose much when the cores are busy.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Processes that tests start share their compiled modules, even where the environment says that none are to be written.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A shell ignores Ctrl-C in background jobs and all their children; some tests send it to their children.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples every time, so that failures are reproducible on every machine; no database of examples in the project.
settings.register_profile("default", database=None, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("random", parent=settings.get_profile("default"), derandomize=False, max_examples=1000)
settings.load_profile("default")


#: Files whose tests take longest; they come first, so that at the end all workers have short ones left.
LONGEST = (
    "test_browser.py",
    "test_sweep_flow.py",
    "test_doctor.py",
    "test_command_line.py",
    "test_classifier.py",
    "test_data.py",
    "test_training.py",
    "test_pages.py",
    "test_spare.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest tests first."""
    rank = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))


def pytest_collectstart() -> None:
    """Let the garbage collector rest while modules are imported and tests collected: nearly all of it stays."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Let the garbage collector work from now on, on what is made from now on."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Send runs and data of the whole session, and of all processes it starts, to temporary folders.

    The processes of pytest share the folder of data, so that each data set is prepared and each classifier trained only once.
    """
    folder = tmp_path_factory.mktemp("session")
    shared = tmp_path_factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAN_RUNS", str(folder / "runs"))
        patch.setenv("GAN_DATA", str(shared / "data"))
        patch.delenv("GAN_CORES", raising=False)
        patch.setenv("GAN_EXAMPLES", "0")
        patch.setenv("GAN_SPARE", "0")  # one for each of many servers would cost more than it saves
        yield folder


@pytest.fixture(autouse=True)
def exact_small_numbers() -> Iterator[None]:
    """Undo a setting of trainings in this process, which flush denormal numbers to zero."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder for the runs of one test; it does not exist yet."""
    return tmp_path / "runs"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real data sets (``GAN_TEST_DATA``, else ``../shared/data``); skip if it is missing."""
    folder = Path(os.environ.get("GAN_TEST_DATA", PROJECT.parent / "shared" / "data"))
    if not (folder / "MNIST" / "raw").is_dir():
        pytest.skip(f"no real MNIST in {folder}; set GAN_TEST_DATA to the folder that has MNIST/raw")
    return folder


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Compute with one thread: faster for tiny tensors, and always in the same order."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of a Chromium; skip if there is none, or fail if ``GAN_REQUIRE_BROWSER`` is set.

    The headless shell is Chromium without its windows, and takes less processor time.
    """
    for name in ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome"):
        if path := shutil.which(name):
            return path
    if os.environ.get("GAN_REQUIRE_BROWSER"):
        pytest.fail("GAN_REQUIRE_BROWSER is set, but no Chromium is installed")
    pytest.skip("no Chromium on this machine; install it to run the browser tests")
