"""Commands that reproduce a run: parsing them gives the same configuration, and running them gives the same training."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gan import config as configs
from gan import runs
from gan.commands.arguments import changes_of, config_of
from gan.commands.main import make_parser
from gan.config import RunConfig, presets
from gan.errors import InputError
from gan.report import reproduce
from gan.runs import Control, Run, changes, forks
from gan.storage import files
from tests.helpers import losses, make_run, run_gan, tiny, train


def parsed(command: str) -> Any:
    python, dash, gan, *arguments = shlex.split(command)
    assert (python, dash, gan) == ("python", "-m", "gan")
    return make_parser().parse_args(arguments)


def asked(command: str) -> RunConfig:
    """Return the configuration that a ``train`` command asks for, even if its data set is missing."""
    options = parsed(command)
    return configs.replace(presets.find(options.preset).config, changes_of(options))


@pytest.mark.parametrize("name", list(presets.PRESETS))
def test_command_of_a_preset_is_short(name: str) -> None:
    config = presets.find(name).config
    assert reproduce.train(config) == f"python -m gan train --preset {name}"
    assert asked(reproduce.train(config)) == config


CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "networks.family": st.sampled_from(["mlp", "dcgan", "keras-dcgan", "resnet", "modern"]),
        "networks.latent": st.integers(1, 512),
        "data.name": st.sampled_from(["digits", "shapes", "ring", "moons", "bedrooms"]),
        "data.classes": st.lists(st.sampled_from(["3", "7", "0"]), unique=True).map(tuple),
        "data.held_out": st.sampled_from([0.0, 0.1, 0.25]),
        "objective.loss": st.sampled_from(["hinge", "wasserstein", "relativistic", "least-squares"]),
        "objective.r1": st.floats(0, 10),
        "augmentation.policies": st.sampled_from([[], ["colour", "cutout"]]),
        "optimizer.generator_lr": st.floats(1e-9, 1),
        "optimizer.ema_half_life": st.integers(0, 100000),
        "training.length": st.sampled_from(["7 steps", "1000 epochs"]),
        "training.seed": st.integers(0, 2**31 - 1),
        "cadence.score_every": st.sampled_from(["0 steps", "3 epochs"]),
    },
)


@given(start=st.sampled_from(list(presets.PRESETS)), changes=CHANGES)
def test_command_gives_the_same_configuration(start: str, changes: dict[str, Any]) -> None:
    try:
        config = configs.replace(presets.find(start).config, changes)
    except InputError:
        assume(False)
    assert asked(reproduce.train(config)) == config


@pytest.mark.parametrize("preset", ["", "gone by now", "$(touch x) `touch x`"])
def test_configuration_without_a_known_preset_is_written_in_full(preset: str) -> None:
    config = tiny(family="mlp").model_copy(update={"preset": preset})
    found = asked(reproduce.train(config))
    assert configs.flatten(found) == configs.flatten(config)


@pytest.mark.parametrize("name", ["12", "true", "a b; touch x", "it's", "näme"])
def test_data_set_with_any_name(name: str) -> None:
    config = tiny()
    config = config.model_copy(update={"data": config.data.model_copy(update={"name": name})})
    assert changes_of(parsed(reproduce.train(config)))["data.name"] == name


def test_length_from_the_control_file_is_used(root: Path) -> None:
    run = make_run(root)
    run.write_control(length=Control.model_validate({"length": "99 steps"}).length)
    (command,) = reproduce.recipe(run).commands
    assert config_of(parsed(command)).training.length.count == 99


def test_recipe_of_changed_runs_and_their_forks_trains_the_same(root: Path) -> None:
    """Changes before and at the fork, after it, and undone; the commands give the same losses in a folder of their own."""
    length = {"training.length": "14 steps", "cadence.checkpoint_every": "1000 steps", "cadence.checkpoint_room": 10}
    run = make_run(root, length, family="mlp")
    planned = [(5, {"optimizer.generator_lr": 5e-4, "optimizer.discriminator_steps": 2}), (8, {"objective.r1": 0.5})]
    changes.store(run, changes.planned(run.config(), planned))
    assert train(run).state == "finished"
    fork = forks.make(run, 8, {"objective.label_smoothing": 0.1}, state="starting", threads=1)
    changes.store(fork, changes.planned(fork.config(), [(10, {"objective.r1": 0.0})], begun=8))
    undone = forks.undo(run, changes.applied(run)[1], state="starting", threads=1)
    assert train(fork).state == train(undone).state == "finished"
    again = root / "again"
    for number, original in enumerate((run, fork, undone)):
        before, ids = {one.id for one in runs.list_runs(again)}, {}
        for command in reproduce.recipe(original).commands:
            arguments = [ids.get(part, part) for part in shlex.split(command)[3:]]
            done = run_gan(*arguments, root=again)
            assert done.returncode == 0, done.stderr
            (made,) = {one.id for one in runs.list_runs(again)} - before
            before.add(made)
            ids[run.id] = made
        assert losses(Run(again / made)) == losses(original), number


def test_score_command_asks_for_the_same_scores(pair: tuple[Run, Run]) -> None:
    run, _ = pair
    line = run.scores()[-1]
    options = parsed(reproduce.score(run, line))
    assert (options.images, options.draws, options.checkpoint) == (line["images"], line["draws"], line["checkpoint"])
    for start, wanted in (("inception-2015-1", "inception"), ("random-vgg-1-ab", "random-vgg"), ("coordinates-1", "coordinates")):
        assert parsed(reproduce.score(run, {**line, "extractor_id": start})).extractor == wanted


def test_commands_of_a_fork_train_the_same_again(pair: tuple[Run, Run], tmp_path: Path) -> None:
    """Run the commands unchanged, except that the parent's id is replaced by the id of its new copy."""
    run, fork = pair
    again = tmp_path / "again"
    for command in reproduce.recipe(fork).commands:
        words = shlex.split(command)[3:]
        there = runs.list_runs(again)
        done = run_gan(*(there[0].id if word == run.id else word for word in words), root=again)
        assert done.returncode == 0, done.stderr
    (new,) = [one for one in runs.list_runs(again) if one.origin()]
    assert new.config() == fork.config()
    assert losses(new) == losses(fork)


def test_fork_without_its_parent_says_so(pair: tuple[Run, Run]) -> None:
    run, fork = pair
    runs.delete(run)
    recipe = reproduce.recipe(fork)
    assert len(recipe.commands) == 1
    assert run.id in recipe.notes[0] and "no longer exists" in recipe.notes[0]


def test_recipe_of_runs_forked_from_each_other_ends(pair: tuple[Run, Run]) -> None:
    run, fork = pair
    origin = fork.origin()
    assert origin is not None
    run.write_origin(origin.model_copy(update={"run": fork.id}))
    assert reproduce.recipe(fork).commands


def test_decaying_rates_keep_the_length_of_the_parent(pair: tuple[Run, Run]) -> None:
    run, fork = pair
    files.write_json(
        run.config_path,
        configs.replace(run.config(), {"optimizer.lr_decay": "linear", "training.length": "50 steps"}).model_dump(mode="json"),
    )
    recipe = reproduce.recipe(fork)
    assert "'training.length=50 steps'" in recipe.commands[0]
    assert any("Stop run" in note for note in recipe.notes)
