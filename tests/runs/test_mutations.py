"""A slice of the benchmark of mutated files: readers show what is there, or refuse in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import mutations
from gan import config as configs
from gan.config import presets
from gan.errors import InputError
from gan.runs import Run, registry
from gan.storage import jobs
from gan.words import figure
from tests.helpers import is_sentence, make_run, tiny


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder for all files, the data root included."""
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "data"))
    return tmp_path


def test_mutated_records_are_read_or_refused(folder: Path) -> None:
    faults, outcomes, _ = mutations.measure(mutations.records(folder), range(320), seed=3)
    assert faults == []
    assert {name for name, counted in outcomes.items() if counted["refused"]} >= {"facts of a checkpoint", "quiz", "sweep"}


def test_mutated_configurations_and_sweep_files_are_read_or_refused(folder: Path) -> None:
    faults, outcomes, _ = mutations.measure(mutations.plans(folder), range(1500), seed=3)
    assert faults == []
    assert all(counted["read"] and counted["refused"] for counted in outcomes.values())


@pytest.mark.parametrize("key", ["preset", "data.name"])
def test_text_that_no_file_can_hold_is_refused(key: str) -> None:
    raw = json.loads(presets.find("digits-mlp").config.model_dump_json())
    section, _, field = key.rpartition(".")
    (raw[section] if section else raw)[field] = "\ud800"
    with pytest.raises(InputError) as caught:
        configs.parse(raw)
    assert is_sentence(str(caught.value)) and key in str(caught.value)


def test_note_with_half_a_character_is_kept_without_it(root: Path) -> None:
    run = make_run(root, state="stopped")
    run.annotate(["good"], "a \ud800 note")
    assert Run(run.path).told().note == "a ? note"


@pytest.mark.parametrize("share", ["1" + "0" * 400, "[" * 100_000])
def test_damaged_progress_is_none(tmp_path: Path, share: str) -> None:
    path = tmp_path / "task.json"
    path.write_text(f'{{"state": "running", "message": "", "share": {share}, "seconds_left": null, "result": "", "time": 0}}')
    assert jobs.read(path) is None


@pytest.mark.parametrize("spread", [-1.0, 5e-324, 1e308, float("inf"), float("nan")])
def test_senseless_spread_is_left_out(spread: float) -> None:
    assert figure(3.5, spread, is_share=True) == figure(3.5, None, is_share=True)


def test_status_with_negative_progress_is_damaged(root: Path) -> None:
    run = registry.create(root, tiny(), state="stopped")
    for key in ("epochs", "seconds"):
        run.status_path.write_text(json.dumps({"state": "stopped", key: -1}))
        assert is_sentence(run.status().message) and run.status().state == "interrupted"


def test_points_with_a_flipped_bit_are_refused(folder: Path) -> None:
    _, dots = mutations._imported(folder)
    whole = (dots / "points.npy").read_bytes()
    assert len(mutations.sources.points_of(mutations.data_sets.find("dots"))[0]) == 50
    for damaged in (whole[:-9] + bytes([whole[-9] ^ 4]) + whole[-8:], whole.replace(b"(50, 2)", b"((50,2)"), b""):
        (dots / "points.npy").write_bytes(damaged)
        with pytest.raises(InputError, match="cannot be read; remove the data set"):
            mutations.sources.points_of(mutations.data_sets.find("dots"))
