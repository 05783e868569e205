"""Forking on the Watch page: what is asked, what is refused with a reason, and the family tree."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from gan import config as configs
from gan import runs
from gan.execution import queue
from gan.places import default_root
from gan.runs import Run, forks
from pages.parts import words
from tests.helpers import make_run, train
from tests.pages.test_pages import assert_sound, texts

Visit = Callable[..., AppTest]


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run of 12 steps, with checkpoints of steps 10 and 12; not to be changed."""
    run = make_run(tmp_path_factory.mktemp("short"))
    assert train(run).state == "finished"
    return run


@pytest.fixture
def parent(short: Run, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Return a copy of that run in a folder that the pages show, in which the queue starts nothing."""
    shutil.copytree(short.path, root / short.id)
    monkeypatch.setenv("GAN_RUNS", str(root))
    monkeypatch.setattr(queue, "advance", lambda root: [])
    yield Run(root / short.id)


def opened(visit: Visit, run: Run) -> AppTest:
    """Return the page of a run with the part open in which it is forked."""
    test = visit("watch", run=run.id)
    test.session_state[f"fork/{run.id}"] = True
    test.run()
    assert_sound(test)
    return test


def start(test: AppTest) -> Run:
    """Press the button and return the fork, whose page is shown then."""
    before = set(runs.list_runs(default_root()))
    test.button(key="start-fork").click().run()
    assert_sound(test)
    assert not test.error
    (run,) = set(runs.list_runs(default_root())) - before
    assert test.query_params["run"] in (run.id, [run.id])
    return run


def test_nothing_is_asked_before_the_part_is_opened(visit: Visit, parent: Run) -> None:
    test = visit("watch", run=parent.id)
    assert_sound(test)
    assert "start-fork" not in [button.key for button in test.button]


def test_a_fork_takes_what_was_chosen(visit: Visit, parent: Run) -> None:
    test = opened(visit, parent)
    test.selectbox(key=f"fork/{parent.id}/step").select(10).run()
    test.text_input(key=f"fork/{parent.id}/name").input("slower").run()
    test.number_input(key=f"fork/{parent.id}/optimizer.generator_lr").set_value(1e-4).run()
    assert words.escape("optimizer.generator_lr 0.0004 → 0.0001") in texts(test)
    child = start(test)
    assert child.label() == "slower" and child.status().step == 10
    assert child.config() == configs.replace(parent.config(), {"optimizer.generator_lr": 1e-4})
    origin = child.origin()
    assert origin and origin.changes == {"optimizer.generator_lr": 1e-4}


def test_a_fork_at_the_end_lasts_as_long_again_unless_asked(visit: Visit, parent: Run) -> None:
    test = opened(visit, parent)
    assert "From step 12 to step 24" in texts(test)
    child = start(test)
    assert child.config().total_steps == 24
    origin = child.origin()
    assert origin and origin.changes == {}

    test = opened(visit, parent)
    test.number_input(key=f"fork/{parent.id}/12/training.length/count").set_value(30).run()
    assert start(test).config().total_steps == 30


def test_settings_that_cannot_change_are_not_asked_for_but_explained(visit: Visit, parent: Run) -> None:
    test = opened(visit, parent)
    keys = {
        widget.key.removeprefix(f"fork/{parent.id}/").removeprefix("12/").removesuffix("/count").removesuffix("/unit")
        for kind in ("number_input", "toggle", "segmented_control", "pills", "selectbox")
        for widget in test.get(kind)
        if (widget.key or "").startswith(f"fork/{parent.id}/")
    }
    config = parent.config()
    for key in configs.flatten(config):
        assert not (key in keys and forks.kept_reason(config, key)), key
    assert {"optimizer.generator_lr", "objective.loss", "data.flips", "training.length", "cadence.log_every"} <= keys
    for key in ("networks.width", "data.size", "optimizer.batch_size", "training.seed"):
        assert words.escape(forks.kept_reason(config, key)) in texts(test)


def test_what_does_not_go_together_is_told_and_cannot_be_started(visit: Visit, parent: Run) -> None:
    test = opened(visit, parent)
    test.number_input(key=f"fork/{parent.id}/objective.r1").set_value(1.0).run()
    assert_sound(test)
    assert words.escape("networks.discriminator_norm") in test.error[0].value
    assert test.button(key="start-fork").disabled


def test_too_short_a_fork_is_refused_in_a_sentence(visit: Visit, parent: Run) -> None:
    test = opened(visit, parent)
    test.number_input(key=f"fork/{parent.id}/12/training.length/count").set_value(5).run()
    test.button(key="start-fork").click().run()
    assert_sound(test)
    assert "increase it" in test.error[0].value
    assert runs.list_runs(parent.root) == [parent]


def test_a_run_without_a_checkpoint_says_so(visit: Visit, parent: Run) -> None:
    shutil.rmtree(parent.checkpoints_path)
    assert "No checkpoint to fork from yet" in texts(opened(visit, parent))


def test_a_checkpoint_that_is_gone_meanwhile_is_told(visit: Visit, parent: Run) -> None:
    test = opened(visit, parent)
    shutil.rmtree(parent.checkpoints_path)
    test.button(key="start-fork").click().run()
    assert_sound(test)
    assert runs.list_runs(parent.root) == [parent]


def test_a_family_is_a_tree_of_links_and_a_deleted_parent_is_said(visit: Visit, parent: Run) -> None:
    assert "Family of forks" not in [part.label for part in visit("watch", run=parent.id).expander]
    parent.rename("<b>first</b>")
    child = forks.make(parent, 12, {"optimizer.generator_lr": 1e-4}, "second")
    queue.advance(parent.root)
    grandchild = forks.make(parent, 10, {"objective.loss": "hinge"})
    queue.advance(parent.root)
    for run in (parent, child, grandchild):
        test = visit("watch", run=run.id)
        assert_sound(test)
        shown = texts(test)
        assert words.escape("at step 12: optimizer.generator_lr 0.0004 → 0.0001") in shown
        assert words.escape("at step 10: objective.loss non-saturating → hinge") in shown
        assert f"**{words.escape(run.label())}**" in shown and "<b>" not in shown
        assert "Family of forks" in [part.label for part in test.expander]
        assert shown.count("[this run]") == 1 and not test.get("page_link")  # such a link to this page looks like the current one
        others = [button.key for button in test.button if str(button.key).startswith("family/")]
        assert others == [f"family/{other.id}" for other in (parent, child, grandchild) if other != run]
    test.button(key=f"family/{child.id}").click().run()
    assert_sound(test)
    assert test.query_params["run"] == child.id and f"**{words.escape(child.label())}**" in texts(test)
    runs.delete(parent)
    test = visit("watch", run=child.id)
    assert_sound(test)
    assert f"has been deleted: {parent.id}" in texts(test)


def test_a_fork_of_a_deleted_parent_is_one_sentence(visit: Visit, parent: Run) -> None:
    other = forks.make(parent, 12, {}, "other")
    queue.advance(parent.root)
    test = opened(visit, parent)
    runs.delete(parent)
    test.button(key="start-fork").click().run()
    assert_sound(test)
    assert any("has been deleted" in error.value for error in test.error)
    assert runs.list_runs(parent.root) == [other]
