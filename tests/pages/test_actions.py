"""Actions on pages: an error appears where it was caused and the page stays; confirmations close and keep to their run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import streamlit as st
from streamlit.runtime.scriptrunner import RerunData, RerunException
from streamlit.runtime.state import SessionStateProxy
from streamlit.testing.v1 import AppTest

from gan import runs
from gan.errors import InputError
from gan.execution import queue, requests, speeds, steering
from gan.runs import Run, checkpoints, forks
from gan.storage import files, sealed
from gan.sweeps import launched
from gan.sweeps import plan as plans
from gan.words import percent
from pages.parts import actions, words
from tests.helpers import make_run, tiny, wait_until

Visit = Callable[..., AppTest]

REASON = "It does not work today; try again tomorrow."


def shape(test: AppTest) -> list[str]:
    """Return what a page shows except errors, one text per element."""
    said = [str(element.value) for kind in (test.title, test.subheader, test.markdown, test.caption, test.info) for element in kind]
    asked = [element.label for kind in (test.button, test.selectbox, test.number_input, test.text_input) for element in kind]
    drawn = [kind for kind in ("vega_lite_chart", "plotly_chart", "image", "arrow_data_frame", "popover") for _ in test.get(kind)]
    return said + asked + drawn


def refuse(*arguments: Any, **options: Any) -> NoReturn:
    """Stand for an action that is refused."""
    raise InputError(REASON)


def assert_refused_in_place(test: AppTest, before: list[str], sentence: str) -> None:
    """Assert that a page says one sentence more than before, and otherwise shows what it showed."""
    assert not test.exception
    assert [error.value for error in test.error] == [words.message(sentence)]
    assert shape(test) == before


@pytest.mark.parametrize(
    ("state", "key", "owner", "action"),
    [
        ("running", "stop", queue, "stop"),
        ("queued", "first", queue, "move_first"),
        ("stopped", "resume", queue, "resume"),
        ("stopped", "longer", queue, "extend"),
        ("stopped", "save-name", Run, "rename"),
        ("stopped", "delete", runs, "delete"),
    ],
)
def test_refused_action_leaves_the_watch_page_as_it_is(
    state: Any, key: str, owner: Any, action: str, visit: Visit, shown: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = shown.hold() if state == "running" else None
    shown.write_status(shown.status().model_copy(update={"state": state, "step": 3}))
    test = visit("watch", run=shown.id)
    before = shape(test)
    monkeypatch.setattr(owner, action, refuse)
    test.button(key=f"delete/{shown.id}/sure" if key == "delete" else key).click().run()
    assert_refused_in_place(test, before, REASON)
    if held:
        held.release()


@pytest.mark.parametrize(
    ("more", "sentence"), [(-5, "expected at least 1"), (0, "expected at least 1"), (99_999_999_999, "at most")]
)
def test_wrong_number_of_further_epochs_is_refused_at_the_field(more: int, sentence: str, visit: Visit, shown: Run) -> None:
    test = visit("watch", run=shown.id)
    before = shape(test)
    test.number_input(key="more").set_value(more).run()
    assert test.button(key="longer").disabled and not test.error
    assert any(sentence in caption.value for caption in test.caption)
    test.number_input(key="more").set_value(50).run()
    assert not test.button(key="longer").disabled and shape(test) == before


def test_prolonging_says_first_what_it_does_to_decayed_learning_rates(visit: Visit, empty: Path) -> None:
    run = make_run(empty, {"optimizer.lr_decay": "linear", "training.length": "100 steps"})
    run.write_status(run.status().model_copy(update={"state": "finished", "step": 100, "total_steps": 100}))
    longer = 100 + 50 * run.config().steps_per_epoch
    test = visit("watch", run=run.id)
    said = [caption.value.replace("\\", "") for caption in test.caption]
    assert any(f"from 0 % to {percent(1 - 100 / longer)}" in text and f"step {longer:,}" in text for text in said), said


def test_changed_data_set_is_told_before_resuming(visit: Visit, shown: Run) -> None:
    assert not visit("watch", run=shown.id).warning
    (step, *_) = checkpoints.steps(shown.checkpoints_path)[::-1]
    facts = checkpoints.read_facts(shown.checkpoints_path, step)
    path = checkpoints.facts_path(shown.checkpoints_path, step)
    path.write_bytes(sealed.seal({**facts, "data_version": "another"}))
    (warning,) = visit("watch", run=shown.id).warning
    assert "other contents" in warning.value


def test_run_whose_data_set_is_gone_is_refused_at_the_field(visit: Visit, shown: Run) -> None:
    config: dict[str, dict[str, Any]] = shown.config().model_dump(mode="json")
    config["data"]["name"] = "gone"
    files.write_json(shown.config_path, config)
    test = visit("watch", run=shown.id)
    assert not test.exception and len(test.get("vega_lite_chart")) >= 2
    assert test.button(key="longer").disabled and any("gone" in caption.value for caption in test.caption)


def test_refused_undo_leaves_the_watch_page_as_it_is(visit: Visit, shown: Run) -> None:
    other = make_run(shown.root, state="stopped")
    test = visit("watch", run=other.id)
    test.button(key=f"delete/{other.id}/sure").click().run()
    runs.empty_trash(shown.root)
    before = shape(test)
    test.button(key="undo").click().run()
    assert_refused_in_place(test, before, f"There is no run “{other.id}” in the trash; check its id.")


def test_refused_fork_leaves_the_watch_page_as_it_is(visit: Visit, shown: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    test = visit("watch", run=shown.id)
    test.session_state[f"fork/{shown.id}"] = True  # open the expander
    test.run()
    before = shape(test)
    monkeypatch.setattr(forks, "make", refuse)
    test.button(key="start-fork").click().run()
    assert_refused_in_place(test, before, REASON)


def test_refused_drawing_leaves_the_panel_as_it_is(visit: Visit, conditional: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    test = visit("watch", run=conditional.id)
    before = shape(test)
    monkeypatch.setattr(requests, "start_sampling", refuse)
    test.button(key="draw").click().run()
    assert_refused_in_place(test, before, REASON)


def test_refused_scoring_leaves_the_evaluate_page_as_it_is(visit: Visit, shown: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    test = visit("evaluate", runs=shown.id)
    before, plots = shape(test), len(test.get("plotly_chart"))
    monkeypatch.setattr(requests, "score", refuse)
    test.button(key="score").click().run()
    assert_refused_in_place(test, before, REASON)
    assert len(test.get("plotly_chart")) == plots > 0 and len(test.dataframe) == 1


@pytest.fixture
def sweep(empty: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[launched.Sweep]:
    """Return a sweep whose runs wait, one that failed excepted."""
    monkeypatch.setenv("GAN_CORES", "1")
    busy = make_run(empty, state="running")
    held = busy.hold()
    base = {"base": "digits-mlp", "set": {"training.length": "5 steps"}, "axes": {"networks.latent": [8]}, "seeds": 1}
    made = steering.launch_sweep(empty, plans.parse(base))
    failed = made.runs()[0]
    failed.write_status(failed.status().model_copy(update={"state": "failed", "message": "It broke."}))
    yield made
    held.release()


@pytest.mark.parametrize(
    ("key", "owner", "action"),
    [("pause", steering, "pause"), ("first", queue, "move_first"), ("cancel", steering, "cancel"), ("retry", steering, "retry")],
)
def test_refused_action_leaves_the_sweeps_page_as_it_is(
    key: str, owner: Any, action: str, visit: Visit, sweep: launched.Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = visit("sweeps", sweep=sweep.id)
    before = shape(test)
    monkeypatch.setattr(owner, action, refuse)
    test.button(key=key).click().run()
    assert_refused_in_place(test, before, REASON)
    assert len(test.dataframe) == 1


# Confirmations


def popovers(test: AppTest) -> dict[str, bool]:
    """Return label → whether open of the popovers of a page."""
    found = [block.proto.popover for block in test.get("popover")]
    return {popover.label: popover.open for popover in found}


def test_deletion_closes_and_does_not_ask_about_the_next_run(visit: Visit, shown: Run) -> None:
    doomed = make_run(shown.root, name="doomed", state="stopped")
    test = visit("watch", run=doomed.id)
    test.session_state[f"delete/{doomed.id}"] = True
    test.run()
    assert popovers(test)["Delete"]
    test.button(key=f"delete/{doomed.id}/sure").click().run()
    assert not doomed.path.exists() and not popovers(test)["Delete"]
    assert "Move “doomed”" not in " ".join(element.value for element in test.markdown)
    (button,) = [button for button in test.button if button.label == "Delete this run"]
    assert button.key == f"delete/{shown.id}/sure", "a late click on the old confirmation does not reach the next run"


def test_renaming_closes_and_its_field_follows_the_name(visit: Visit, shown: Run) -> None:
    test = visit("watch", run=shown.id)
    test.session_state[f"rename/{shown.id}"] = True
    test.run()
    assert popovers(test)["Rename"]
    test.text_input(key=f"name/{shown.id}/{shown.label()}").set_value("mine")
    test.button(key="save-name").click().run()
    assert shown.label() == "mine" and not popovers(test)["Rename"]
    shown.rename("renamed in another tab")
    test.run()
    assert test.text_input(key=f"name/{shown.id}/renamed in another tab").value == "renamed in another tab"


def test_refused_name_keeps_the_field_open(visit: Visit, shown: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    test = visit("watch", run=shown.id)
    test.session_state[f"rename/{shown.id}"] = True
    test.run()
    monkeypatch.setattr(Run, "rename", refuse)
    test.button(key="save-name").click().run()
    assert popovers(test)["Rename"] and len(test.error) == 1


def test_home_shows_the_trash_restores_from_it_and_empties_it(visit: Visit, shown: Run) -> None:
    assert not visit("home").expander
    first, second = make_run(shown.root, name="*first*", state="stopped"), make_run(shown.root, name="second", state="stopped")
    for run in (first, second):
        runs.delete(run)
    test = visit("home")
    assert [part.label for part in test.expander] == ["Trash"]
    test.session_state["home/trash"] = True
    test.run()
    assert not test.exception and words.escape("*first*") in [element.value for element in test.markdown]
    test.button(key=f"restore/{first.id}").click().run()
    assert not test.exception and runs.list_runs(shown.root) == [first, shown]
    test.button(key="home/trash/empty/sure").click().run()
    assert not test.exception and runs.list_trash(shown.root) == []
    assert runs.list_runs(shown.root) == [first, shown]


def test_refused_restoring_leaves_the_home_page_as_it_is(visit: Visit, shown: Run) -> None:
    gone = make_run(shown.root, state="stopped")
    runs.delete(gone)
    test = visit("home")
    test.session_state["home/trash"] = True
    test.run()
    before = shape(test)
    (shown.root / gone.id).mkdir()
    (shown.root / gone.id / "in the way").touch()
    test.button(key=f"restore/{gone.id}").click().run()
    assert not test.exception and len(test.error) == 1
    assert set(before) <= set(shape(test))


def test_killed_training_can_be_resumed_on_the_page_at_once(visit: Visit, empty: Path, quick_trainers: Any) -> None:
    run = queue.launch(empty, tiny({"training.length": "100000 steps"}))
    quick_trainers.of(run).kill()
    wait_until(lambda: run.status().state == "interrupted", "the page knows that the trainer is gone", seconds=5)
    test = visit("watch", run=run.id)
    test.button(key="resume").click().run()
    assert not test.exception and not test.error
    queue.stop(run)


# What stays


def test_refusal_stays_until_the_next_action(visit: Visit, sweep: launched.Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    test = visit("sweeps", sweep=sweep.id)
    before = shape(test)
    monkeypatch.setattr(queue, "move_first", refuse)
    test.button(key="first").click().run()
    for _ in range(2):  # refreshes
        test.run()
        assert_refused_in_place(test, before, REASON)
    test.button(key="pause").click().run()
    assert not test.exception and not test.error


def test_refusal_outlives_its_button(visit: Visit, shown: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    held = shown.hold()
    shown.write_status(shown.status().model_copy(update={"state": "running", "step": 3}))
    test = visit("watch", run=shown.id)
    monkeypatch.setattr(queue, "stop", refuse)
    test.button(key="stop").click().run()
    held.release()
    shown.write_status(shown.status().model_copy(update={"state": "stopped"}))
    test.run()
    assert "stop" not in [button.key for button in test.button]
    assert [error.value for error in test.error] == [words.message(REASON)]


def test_refusal_goes_with_time_and_with_its_page(visit: Visit, sweep: launched.Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "move_first", refuse)
    test = visit("sweeps", sweep=sweep.id)
    test.button(key="first").click().run()
    test.switch_page("pages/home.py").run()
    assert not test.error
    test.query_params["sweep"] = sweep.id
    test.switch_page("pages/sweeps.py").run()
    test.button(key="first").click().run()
    assert len(test.error) == 1
    monkeypatch.setattr(actions, "LEAST_SHOWN", 0.0)
    test.run()
    assert not test.error


@pytest.mark.parametrize(("page", "key"), [("home", "start"), ("train", "launch")])
def test_refused_launch_stays(page: str, key: str, visit: Visit, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speeds, "start_measuring", lambda root, config: None)
    monkeypatch.setattr(queue, "launch", refuse)
    test = visit(page)
    test.button(key=key).click().run()
    test.run()
    assert [error.value for error in test.error] == [words.message(REASON)]


# Launches


def once_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next change of page have no effect, as when another request arrives at this moment."""
    usual = st.switch_page

    def cancelled(page: str, **options: Any) -> None:
        monkeypatch.setattr(st, "switch_page", usual)
        st.stop()

    monkeypatch.setattr(st, "switch_page", cancelled)


@pytest.mark.parametrize(("page", "key"), [("home", "start"), ("train", "launch")])
def test_launch_arrives_although_a_request_cancels_the_change_of_page(
    page: str, key: str, visit: Visit, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speeds, "start_measuring", lambda root, config: None)
    monkeypatch.setattr(queue, "advance", lambda root: None)
    test = visit(page)
    once_cancelled(monkeypatch)
    test.button(key=key).click().run()
    (run,) = runs.list_runs(empty)
    test.run()
    assert test.query_params["run"] in (run.id, [run.id]) and "stop" in [button.key for button in test.button]
    test.switch_page(f"pages/{page}.py").run()
    assert f"{key}/1" in [button.key for button in test.button], "it has arrived, so the way back is free"


def test_change_of_page_is_not_repeated_once_the_user_went_elsewhere(
    visit: Visit, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "advance", lambda root: None)
    test = visit("home")
    once_cancelled(monkeypatch)
    test.button(key="start").click().run()
    test.switch_page("pages/compare.py").run()
    assert [title.value for title in test.title] == ["Compare"]
    test.switch_page("pages/home.py").run()
    assert "start/1" in [button.key for button in test.button]


def test_a_click_is_not_lost_when_a_request_overtakes_the_page(visit: Visit, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "advance", lambda root: None)
    test = visit("home")
    taken: list[object] = []
    usual = SessionStateProxy.pop

    def interrupted(self: SessionStateProxy, key: str, *default: Any) -> Any:
        if key == actions._REFUSAL and not taken:
            taken.append(key)
            raise RerunException(RerunData())
        return usual(self, key, *default)

    monkeypatch.setattr(SessionStateProxy, "pop", interrupted)
    test.button(key="start").click().run()
    assert taken and len(runs.list_runs(empty)) == 1
