"""The runs that ship with the program, so that a new installation has something to look at.

They lie in ``examples/`` next to the program; ``examples/make.py`` makes them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from gan.errors import InputError
from gan.places import PROJECT
from gan.runs import registry
from gan.runs.records import RUN_ID
from gan.runs.run import Run
from gan.storage.files import sync_directory

FOLDER = PROJECT / "examples"
HEALTHY = "Healthy example"  # its name
MARK = ".examples"  # file in a folder of runs that has had them
_STAGED = ".new-example-"  # what a killed copy leaves under this name is removed when a run is made


def ids() -> list[str]:
    """Return the ids of the runs that ship with the program; an empty list if there are none, or ``GAN_EXAMPLES`` is 0."""
    if os.environ.get("GAN_EXAMPLES") == "0":
        return []
    with contextlib.suppress(OSError):
        return sorted(path.name for path in FOLDER.iterdir() if RUN_ID.fullmatch(path.name))
    return []


def offer(root: Path) -> None:
    """Copy the examples into ``root`` if it holds no other runs and has never had them.

    Whoever deletes them has them in the trash, and they do not come back by themselves. A copy that is cut short is completed by
    the next call. Raises OSError if the folder cannot be written.
    """
    if not (known := ids()) or (root / MARK).exists():
        return
    root.mkdir(parents=True, exist_ok=True)
    there = {name for folder in (root, root / registry.TRASH) if folder.is_dir() for name in os.listdir(folder)}
    if any(RUN_ID.fullmatch(name) for name in there - set(known)):
        return
    for name in known:
        if name not in there:
            _copy(name, root)
    (root / MARK).touch()
    sync_directory(root)


def _copy(name: str, root: Path) -> None:
    """Copy one run under a temporary name, then rename it, so that it is complete or absent."""
    staged = Path(tempfile.mkdtemp(prefix=_STAGED, dir=root))
    try:
        shutil.copytree(FOLDER / name, staged / name)
        os.rename(staged / name, root / name)
    except OSError:
        if not (root / name).is_dir():  # else another server has been quicker
            raise
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def among(root: Path) -> list[Run]:
    """Return the examples in ``root`` that have not been deleted."""
    return [run for name in ids() if (run := Run(root / name)).path.is_dir()]


def healthy() -> Run:
    """Return the example that has learnt well, as it ships. Raises InputError if the program came without it."""
    for path in sorted(FOLDER.glob("*-*")):
        if (run := Run(path)).label() == HEALTHY:
            return run
    raise InputError(f"The “{HEALTHY}” that ships with the program is missing; install the program again.")
