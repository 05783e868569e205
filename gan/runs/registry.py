"""All runs in a folder: make, find, list; delete to the trash, restore from it, and empty it."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from gan.access import owners
from gan.access.people import Person, current
from gan.access.rules import require
from gan.config import RunConfig, require_data, require_length
from gan.errors import InputError, explained, shown
from gan.runs import index
from gan.runs.moments import new_id
from gan.runs.records import RUN_ID, UNDER_WAY, Label, State, Status, checked_name
from gan.runs.run import Run
from gan.storage.files import clear_staged, mark, sync_directory, write_json

TRASH, ARCHIVE = ".trash", ".archive"
GUESTS, GUEST = ".guests", "guest.json"  # folder of pictures made elsewhere, and the file that tells one from a run

_GONE = ".gone-"  # prefix in the trash of what is being deleted for good


def create(
    root: Path,
    config: RunConfig,
    name: str = "",
    *,
    state: State = "queued",
    threads: int = 0,
    engine: str = "",
    owner: Person | None = None,
    fill: Callable[[Run], None] = lambda run: None,
) -> Run:
    """Create a run directory and return the run; the queue starts it if its state is "queued".

    The directory is prepared under a temporary name and then renamed, so a run is either complete or absent, and concurrent
    calls never share a directory. ``engine`` is where it trains, empty for this machine. ``fill`` adds files before the rename.
    ``owner``: by default the acting person, who then has to be allowed to launch runs. Raises InputError if the folder is not
    writable.
    """
    if owner is None:
        require("launch")
        owner = current()
    total, per_epoch = config.total_steps, config.steps_per_epoch
    require_length(require_data(config))
    with explained(f"creating a run in {root}"):
        root.mkdir(parents=True, exist_ok=True)
        clear_staged(root, ".new-*")
        while True:
            run_id = new_id()
            run, staged = Run(root / run_id), Run(root / f".new-{run_id}.{mark()}")
            with contextlib.suppress(FileExistsError):
                staged.path.mkdir()  # if two processes draw the same id, one of them draws again
                if not run.path.exists():
                    break
                staged.path.rmdir()
        try:
            staged.samples_path.mkdir()
            staged.checkpoints_path.mkdir()
            owners.write(staged.path, owner)
            write_json(staged.config_path, config.model_dump(mode="json"))
            if name:
                staged.write_label(Label(name=checked_name(name)))
            now = time.time()
            staged.write_status(
                Status(
                    state=state,
                    total_steps=total,
                    steps_per_epoch=per_epoch,
                    threads=threads,
                    engine=engine,
                    made_at=now,
                    queued_at=now,
                    heartbeat=now,
                )
            )
            fill(staged)
            os.rename(staged.path, run.path)
            index.forget()
        except BaseException:
            shutil.rmtree(staged.path, ignore_errors=True)
            raise
        sync_directory(root)
    return run


def find(root: Path, run_id: str) -> Run:
    """Return the run with this id. Raises InputError if ``root`` contains no run with this id."""
    if not RUN_ID.fullmatch(run_id):
        raise InputError(f"“{shown(run_id)}” is not a run id; use an id like 20260131-093000-1a2b3c from the list of runs.")
    run = Run(root / run_id)
    with explained(f"looking for run {run_id} in {root}"):
        is_there, is_deleted = run.path.is_dir(), (root / TRASH / run_id).is_dir()
        is_guest = (root / GUESTS / run_id).is_dir()
        archive = "" if is_there else next((path.parent.name for path in (root / ARCHIVE).glob(f"*/{run_id}")), "")
    if not is_there and is_deleted:
        how = f"“python -m gan trash restore {run_id}”"
        raise InputError(f"Run {run_id} has been deleted; restore it with {how} or from the trash on the Home page.")
    if not is_there and is_guest:
        raise InputError(f"{run_id} is a guest, made elsewhere; choose a run, or see the guest on the Evaluate page.")
    if not is_there and archive:
        how = f"“python -m gan class restore {archive}”"
        raise InputError(f"Run {run_id} has been archived; the teacher can restore it with {how} or on the page Class.")
    if not is_there:
        raise InputError(f"There is no run {run_id} in {root}; check the list of runs.")
    return run


def list_runs(root: Path) -> list[Run]:
    """Return all runs in ``root``, newest first; an empty list if the folder does not exist."""
    return [listed.run for listed in index.read(root)]


def delete(run: Run) -> Path:
    """Move a run to the trash folder and return its new path. Raises InputError if it is still under way."""
    require("delete", run.owner(), f"run {run.id}")
    if run.status().state in UNDER_WAY or run.is_held():
        raise InputError(f"Run {run.id} is still under way; stop it first.")
    if run.scoring().state == "running":
        raise InputError(f"Run {run.id} is being scored; wait until it finishes.")
    trash = run.root / TRASH
    with explained(f"deleting run {run.id}"):
        trash.mkdir(exist_ok=True)
        os.rename(run.path, trash / run.id)
        index.forget()
        sync_directory(run.root)
    return trash / run.id


def restore(root: Path, run_id: str) -> Run:
    """Restore a run, or a guest, from the trash folder."""
    if not RUN_ID.fullmatch(run_id) or not (root / TRASH / run_id).is_dir():
        raise InputError(f"There is no run “{shown(run_id)}” in the trash; check its id.")
    require("restore", owners.read(root / TRASH / run_id), f"run {run_id}")
    is_guest = (root / TRASH / run_id / GUEST).is_file()
    run = Run((root / GUESTS if is_guest else root) / run_id)
    with explained(f"restoring run {run_id}"):
        run.path.parent.mkdir(exist_ok=True)
        os.rename(root / TRASH / run_id, run.path)
        index.forget()
        sync_directory(root)
    return run


def list_trash(root: Path) -> list[Run]:
    """Return the deleted runs of ``root``, newest first; their folders are in the trash."""
    return [run for run in list_runs(root / TRASH) if run.path.is_dir()]


def empty_trash(root: Path) -> int:
    """Delete the contents of the trash for good, removed sweeps included, and return the number of runs.

    A kill leaves no run half deleted: what was begun is not listed any more, and the next call completes it.
    """
    require("empty the trash")
    trash, found = root / TRASH, list_trash(root)
    with explained("emptying the trash"):
        for run in found:
            os.rename(run.path, trash / f"{_GONE}{run.id}-{secrets.token_hex(4)}")
        index.forget()
        for path in trash.glob(f"{_GONE}*"):
            shutil.rmtree(path)
        for path in trash.glob("*.json"):
            path.unlink()
    return len(found)


def size(run: Run) -> int:
    """Return the bytes of the files of a run."""
    paths = (Path(folder) / name for folder, _, names in os.walk(run.path) for name in names)
    return sum(path.stat().st_size for path in paths if path.is_file())
