"""Names of runs that are shown together: short, told apart, the same from the files and from the index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gan import runs
from gan.config import presets, replace
from gan.runs import Run, index, listing, names
from gan.runs.records import LONGEST_NAME
from gan.sweeps import launched
from gan.sweeps import plan as plans


def swept(root: Path, name: str = "Sizes", **plan: Any) -> list[Run]:
    sweep = launched.create(root, plans.parse({"name": name, "base": "digits-mlp", **plan}))
    launched.complete(sweep)
    return sweep.runs()


def called(chosen: list[Run]) -> list[str]:
    return list(names.short(names.names(chosen)).values())


def single(root: Path, name: str = "", **changes: Any) -> Run:
    wanted = {key.replace("__", "."): value for key, value in changes.items()}
    return runs.create(root, replace(presets.find("digits-mlp").config, wanted), name)


def test_variants_are_told_apart_by_codes(tmp_path: Path) -> None:
    axes = {"networks.latent": [8], "networks.hidden": [512], "optimizer.generator_lr": [1e-4]}
    chosen = swept(tmp_path, axes=axes, seeds=2)
    assert called(chosen[:4]) == ["baseline", "z 8", "h 512", "lr_G 1e-4"]
    assert called(chosen)[-2:] == ["h 512 · s1", "lr_G 1e-4 · s1"]
    assert called([chosen[1], chosen[2]]) == ["z 8 · h 256", "z 64 · h 512"], "without the baseline, both values are told"


def test_grid_tells_every_varied_setting(tmp_path: Path) -> None:
    axes = {"networks.hidden": [128, 512], "optimizer.batch_size": [16, 32]}
    expected = ["h 128 · B 16", "h 128 · B 32", "h 512 · B 16", "h 512 · B 32"]
    assert called(swept(tmp_path, axes=axes, combine="grid")) == expected


def test_name_given_by_a_user_wins(tmp_path: Path) -> None:
    listed = [{"name": "my favourite", "set": {"networks.hidden": 512}}, {"set": {"networks.hidden": 128}}]
    chosen = swept(tmp_path, variants=listed, combine="list", seeds=1)
    assert called(chosen) == ["Sizes · my favourite", "Sizes"]
    chosen[1].rename("other")
    assert called(chosen) == ["Sizes · my favourite", "other"]


def test_runs_of_the_same_name_differ_in_settings_then_in_ids(tmp_path: Path) -> None:
    one, other = single(tmp_path, "mine"), single(tmp_path, "mine", networks__hidden=16)
    assert called([one, other]) == ["h 256", "h 16"]
    assert list(names.names([one, other]).values()) == ["mine · h 256", "mine · h 16"]
    twin = single(tmp_path, "mine")
    assert called([one, twin]) == [f"mine · {run.id[-6:]}" for run in (one, twin)]
    seeds = [single(tmp_path, training__seed=seed) for seed in (0, 1)]
    assert called(seeds) == ["digits-mlp · s0", "digits-mlp · s1"], "a seed alone is not a name"


def test_long_name_of_a_sweep_leaves_the_variant_whole(tmp_path: Path) -> None:
    chosen = swept(tmp_path, name="x" * LONGEST_NAME, axes={"networks.hidden": [512]}, seeds=2)
    labels = [run.label() for run in chosen]
    assert all(len(label) <= LONGEST_NAME for label in labels)
    assert labels[-1].endswith(" · hidden size 512 · seed 1") and "…" in labels[-1]
    assert called(chosen) == ["baseline · s0", "h 512 · s0", "baseline · s1", "h 512 · s1"]


def test_label_cut_by_an_earlier_version_is_recognised(tmp_path: Path) -> None:
    chosen = swept(tmp_path, axes={"networks.hidden": [512]})
    for run, rest in zip(chosen, (" · baseline · seed 0", " · hidden size 512 · seed 0"), strict=True):
        run.rename(runs.shortened(f"{'x' * 105}{rest}"))
    assert all(run.label().endswith("…") for run in chosen)
    assert called(chosen) == ["baseline", "h 512"]


def test_networks_of_other_families_are_told_by_their_family(tmp_path: Path) -> None:
    axes = {"networks.family": ["mlp", "dcgan"], "optimizer.batch_size": [16, 32]}
    assert called(swept(tmp_path, axes=axes, combine="grid")) == ["mlp · B 16", "mlp · B 32", "dcgan · B 16", "dcgan · B 32"]


def test_damaged_run_keeps_its_label(tmp_path: Path) -> None:
    one, other = single(tmp_path), single(tmp_path, "mine")
    one.config_path.write_text("{")
    assert list(names.names([one, other]).values()) == [one.id, "mine"]


def test_names_from_the_index_are_those_from_the_files(tmp_path: Path) -> None:
    swept(tmp_path, axes={"networks.hidden": [512]}, seeds=2)
    single(tmp_path)
    listed = index.read(tmp_path)
    found = listing.names_of(listed)
    assert found == listing.names_of(list(listed)) == names.names([one.run for one in listed]) and len(set(found.values())) == 5
    listed[0].run.rename("renamed")
    assert listing.names_of(index.read(tmp_path))[listed[0].run.id] == "renamed"


@pytest.mark.parametrize("most", [5, 8, 64])
def test_names_in_one_line_are_cut_in_the_middle_and_stay_different(most: int) -> None:
    long = {"1": "a sweep of many sizes · h 128", "2": "a sweep of many sizes · h 512", "3": "b"}
    cut = names.on_one_line(long, most)
    assert len(set(cut.values())) == 3 and cut["3"] == "b"
    assert all(name == long[run_id] or (len(name) == most and name[-2:] == long[run_id][-2:]) for run_id, name in cut.items())


def test_run_with_a_damaged_configuration_leaves_the_names_of_others_alone(tmp_path: Path) -> None:
    whole, twin, damaged = (single(tmp_path, "Twin") for _ in range(3))
    damaged.config_path.write_text("{")
    assert called([whole, damaged]) == [f"Twin · {run.id[-6:]}" for run in (whole, damaged)]
    assert called([whole, twin, damaged]) == [f"Twin · {run.id[-6:]}" for run in (whole, twin, damaged)]
    wider = single(tmp_path, "Twin", networks__hidden=512, training__seed=1)
    assert called([damaged, whole, wider]) == ["Twin", "Twin · h 256 · s0", "Twin · h 512 · s1"]
