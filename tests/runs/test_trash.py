"""The trash of a folder of runs: what is in it, restoring, and emptying it for good."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gan import runs
from gan.errors import InputError
from gan.execution import queue, requests
from gan.runs import Run
from tests.helpers import PROJECT, environment, is_sentence, make_run, wait_until


def deleted(root: Path, count: int) -> list[Run]:
    """Make runs and delete them; return them as they were, oldest first."""
    made = [make_run(root, state="stopped") for _ in range(count)]
    for run in made:
        runs.delete(run)
    return made


def test_trash_lists_deleted_runs_newest_first(root: Path) -> None:
    assert runs.list_trash(root) == []
    first, second = deleted(root, 2)
    found = runs.list_trash(root)
    assert [run.id for run in found] == [second.id, first.id]
    assert found[0].label() == f"digits-dcgan · {second.id[-6:]}"
    assert runs.restore(root, second.id) == second
    assert [run.id for run in runs.list_trash(root)] == [first.id]


def test_deleted_run_is_refused_with_the_way_to_restore_it(root: Path) -> None:
    (run,) = deleted(root, 1)
    with pytest.raises(InputError) as caught:
        runs.find(root, run.id)
    assert is_sentence(str(caught.value))
    assert f"python -m gan trash restore {run.id}" in str(caught.value)


def test_emptied_trash_is_gone_for_good_and_the_runs_outside_stay(root: Path) -> None:
    kept = make_run(root, state="stopped")
    (run, _) = deleted(root, 2)
    removed_sweep = root / runs.TRASH / "20260131-093000-1a2b3c.json"
    removed_sweep.write_text("{}")
    assert runs.empty_trash(root) == 2
    assert list((root / runs.TRASH).iterdir()) == []
    assert runs.list_runs(root) == [kept]
    with pytest.raises(InputError, match="in the trash"):
        runs.restore(root, run.id)
    assert runs.empty_trash(root) == 0


def test_trash_without_a_folder_is_empty(root: Path) -> None:
    assert runs.list_trash(root / "not there") == []
    assert runs.empty_trash(root / "not there") == 0


def test_size_counts_the_files_of_a_run(root: Path) -> None:
    run = make_run(root, state="stopped")
    before = runs.size(run)
    (run.checkpoints_path / "x").write_bytes(b"0" * 5000)
    (run.path / "dangling").symlink_to("nowhere")
    assert runs.size(run) == before + 5000


def test_kill_while_emptying_leaves_whole_runs_or_none(root: Path) -> None:
    for run in deleted(root, 3):
        folder = root / runs.TRASH / run.id / "samples"
        for number in range(400):
            (folder / f"{number:08d}.png").touch()
    code = "import sys; from pathlib import Path; from gan import runs; runs.empty_trash(Path(sys.argv[1]))"
    process = subprocess.Popen([sys.executable, "-c", code, str(root)], cwd=PROJECT, env=environment(), stdout=subprocess.PIPE)
    wait_until(lambda: any((root / runs.TRASH).glob(".gone-*")), "the first run is being deleted", every=0.0005)
    process.kill()
    process.communicate()
    for run in runs.list_trash(root):
        assert len(os.listdir(run.samples_path)) == 400, "a listed run is whole"
    runs.empty_trash(root)
    assert list((root / runs.TRASH).iterdir()) == []


@pytest.mark.parametrize(
    "late",
    [
        lambda run: run.hold(),  # by a trainer that took long to start
        lambda run: run.hold_scoring(),
        lambda run: run.rename("late"),
        lambda run: run.annotate([], "late"),
        lambda run: run.write_control(stop=True),
        queue.stop,
        queue.resume,
        lambda run: requests.score([run]),
    ],
)
def test_nothing_makes_the_folder_of_a_deleted_run_again(late: Callable[[Run], object], root: Path) -> None:
    run = make_run(root, state="queued")
    run.write_status(run.status().model_copy(update={"state": "stopped"}))
    runs.delete(run)
    with pytest.raises((InputError, OSError)) as refused:
        late(run)
    assert is_sentence(str(refused.value))
    assert not run.path.exists()
    assert runs.restore(root, run.id).status().state == "stopped"
