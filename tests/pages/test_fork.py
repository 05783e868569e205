"""Forking on the Watch page: the form, settings refused with a reason, and the family tree."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from gan import config as configs
from gan import runs
from gan.config import changing
from gan.execution import queue
from gan.places import default_root
from gan.runs import Run, forks
from pages.parts import words
from pages.parts.planning import form
from tests.helpers import make_run, train
from tests.pages.test_pages import assert_sound, texts

Visit = Callable[..., AppTest]


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run of 12 steps, with checkpoints of steps 10 and 12; tests must not change it."""
    run = make_run(tmp_path_factory.mktemp("short"))
    assert train(run).state == "finished"
    return run


@pytest.fixture
def parent(short: Run, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Return a copy of that run in a folder that the pages show; the queue starts nothing."""
    shutil.copytree(short.path, root / short.id)
    monkeypatch.setenv("GAN_RUNS", str(root))
    monkeypatch.setattr(queue, "advance", lambda root: [])
    yield Run(root / short.id)


def opened(visit: Visit, run: Run) -> AppTest:
    """Return the page of a run with the form for forking open."""
    test = visit("watch", run=run.id)
    for part in ("", *(f"/{section}/more" for section in form.HEADINGS)):
        test.session_state[f"fork/{run.id}{part}"] = True
    test.run()
    assert_sound(test)
    return test


def start(test: AppTest) -> Run:
    """Press the button, check that the page of the fork is shown, and return the fork."""
    before = set(runs.list_runs(default_root()))
    test.button(key="start-fork").click().run()
    assert_sound(test)
    assert not test.error
    (run,) = set(runs.list_runs(default_root())) - before
    assert test.query_params["run"] in (run.id, [run.id])
    return run


def test_form_is_hidden_until_it_is_opened(visit: Visit, parent: Run) -> None:
    test = visit("watch", run=parent.id)
    assert_sound(test)
    assert "start-fork" not in [button.key for button in test.button]


def test_fork_takes_the_chosen_settings(visit: Visit, parent: Run) -> None:
    test = opened(visit, parent)
    test.selectbox(key=f"fork/{parent.id}/step").select(10).run()
    test.text_input(key=f"fork/{parent.id}/name").input("slower").run()
    test.number_input(key=f"fork/{parent.id}/optimizer.generator_lr").set_value(1e-4).run()
    assert words.escape("Generator learning rate 0.0004 → 0.0001") in texts(test)
    assert "optimizer" not in texts(test)
    child = start(test)
    assert child.label() == "slower"
    assert child.config() == configs.replace(parent.config(), {"optimizer.generator_lr": 1e-4})
    origin = child.origin()
    assert origin and origin.step == 10 and origin.changes == {"optimizer.generator_lr": 1e-4}


def test_fork_at_the_end_doubles_the_length_by_default(visit: Visit, parent: Run) -> None:
    test = opened(visit, parent)
    assert "From step 12 to step 24" in texts(test)
    child = start(test)
    assert child.config().total_steps == 24
    origin = child.origin()
    assert origin and origin.changes == {}

    test = opened(visit, parent)
    test.number_input(key=f"fork/{parent.id}/12/training.length/count").set_value(30).run()
    assert start(test).config().total_steps == 30


def test_fixed_settings_are_explained_instead_of_offered(visit: Visit, parent: Run) -> None:
    test = opened(visit, parent)
    keys = {
        widget.key.removeprefix(f"fork/{parent.id}/").removeprefix("12/").removesuffix("/count").removesuffix("/unit")
        for kind in ("number_input", "toggle", "segmented_control", "pills", "selectbox")
        for widget in test.get(kind)
        if (widget.key or "").startswith(f"fork/{parent.id}/")
    }
    config = parent.config()
    for key in configs.flatten(config):
        assert not (key in keys and changing.kept_reason(config, key)), key
    assert {"optimizer.generator_lr", "objective.loss", "data.flips", "training.length", "cadence.log_every"} <= keys
    for key in ("networks.width", "data.size", "optimizer.batch_size", "training.seed"):
        assert words.escape(changing.kept_reason(config, key)) in texts(test)


def test_invalid_combination_is_reported_and_cannot_be_started(visit: Visit, parent: Run) -> None:
    test = opened(visit, parent)
    test.number_input(key=f"fork/{parent.id}/objective.r1").set_value(1.0).run()
    assert_sound(test)
    assert words.escape("set “Discriminator norm” to none or spectral") in test.error[0].value
    assert test.button(key="start-fork").disabled


def test_fork_that_is_too_short_is_refused_in_one_sentence(visit: Visit, parent: Run) -> None:
    test = opened(visit, parent)
    test.number_input(key=f"fork/{parent.id}/12/training.length/count").set_value(5).run()
    test.button(key="start-fork").click().run()
    assert_sound(test)
    assert "increase it" in test.error[0].value
    assert runs.list_runs(parent.root) == [parent]


def test_a_waiting_fork_shows_the_real_images_of_its_parent(visit: Visit, parent: Run) -> None:
    child = forks.make(parent, 12, {})
    assert child.samples() and not child.reals_path.exists()
    test = visit("watch", run=child.id)
    assert_sound(test)
    assert not any("the picture is missing" in caption.value for caption in test.caption)


def test_a_fork_from_scratch_shows_the_curve_of_its_parent_until_its_own_comes(visit: Visit, parent: Run) -> None:
    child = forks.make(parent, None, {"networks.latent": 16, "training.length": "4 steps"})
    told = "The faint curve up to step 12 is that of the run it was forked from."
    test = visit("watch", run=child.id)
    assert_sound(test)
    assert told in texts(test)
    assert train(child).state == "finished"
    assert told not in texts(visit("watch", run=child.id))


def test_a_run_without_a_checkpoint_says_so(visit: Visit, parent: Run) -> None:
    shutil.rmtree(parent.checkpoints_path)
    assert "No checkpoint to fork from yet" in texts(opened(visit, parent))


def test_checkpoint_deleted_meanwhile_makes_no_fork(visit: Visit, parent: Run) -> None:
    test = opened(visit, parent)
    shutil.rmtree(parent.checkpoints_path)
    test.button(key="start-fork").click().run()
    assert_sound(test)
    assert runs.list_runs(parent.root) == [parent]


def test_family_is_a_tree_of_links_and_mentions_a_deleted_parent(visit: Visit, parent: Run) -> None:
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
        assert words.escape("at step 12: Generator learning rate 0.0004 → 0.0001") in shown
        assert words.escape("at step 10: Loss non-saturating → hinge") in shown
        assert f"**{words.escape(run.label())}**" in shown and "<b>" not in shown
        assert "Family of forks" in [part.label for part in test.expander]
        assert shown.count("[this run]") == 1
        assert all("Lesson" in link.proto.label for link in test.get("page_link"))  # one to a run would look like the current page
        others = [button.key for button in test.button if str(button.key).startswith("family/")]
        assert others == [f"family/{other.id}" for other in (parent, child, grandchild) if other != run]
    test.button(key=f"family/{child.id}").click().run()
    assert_sound(test)
    assert test.query_params["run"] == child.id and f"**{words.escape(child.label())}**" in texts(test)
    runs.delete(parent)
    test = visit("watch", run=child.id)
    assert_sound(test)
    assert f"has been deleted: {parent.id}" in texts(test)


def test_fork_of_a_deleted_parent_is_refused_in_one_sentence(visit: Visit, parent: Run) -> None:
    other = forks.make(parent, 12, {}, "other")
    queue.advance(parent.root)
    test = opened(visit, parent)
    runs.delete(parent)
    test.button(key="start-fork").click().run()
    assert_sound(test)
    assert any("has been deleted" in error.value for error in test.error)
    assert runs.list_runs(parent.root) == [other]
