"""Settings changed on the Watch page while a run trains, their marks in every chart, and a run that is rewound."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from gan import config as configs
from gan import runs
from gan.config import changing
from gan.runs import Run, changes
from gan.runs.changes import Change
from gan.storage.files import write_json
from pages.parts import words
from tests.helpers import make_run
from tests.pages.test_pages import texts
from tests.pages.test_watch import append

Visit = Callable[..., AppTest]


@pytest.fixture
def training(shown: Run) -> Iterator[Run]:
    """Return a run that seems to train: this test holds its lock, and is its trainer."""
    shown.write_status(shown.status().model_copy(update={"state": "running", "total_steps": 1000, "heartbeat": time.time()}))
    with shown.hold():
        yield shown


def grant(run: Run, request: Change, step: int = 12) -> None:
    """Do as the trainer does."""
    changes.record(run, request.model_copy(update={"step": step}))
    changes.withdraw(run, request)


def opened(run: Run, visit: Visit) -> AppTest:
    test = visit("watch", run=run.id)
    return test.button(key="knobs").click().run()


def knob(test: AppTest, key: str) -> Any:
    (found,) = [one for one in test.number_input if str(one.key).endswith(f"/{key}")]
    return found


def test_change_is_asked_for_granted_told_and_marked(training: Run, visit: Visit) -> None:
    test = opened(training, visit)
    assert not test.exception and test.button(key="knobs/send").disabled
    before = training.config().optimizer.generator_lr
    knob(test, "optimizer.generator_lr").set_value(1e-3).run()
    assert words.escape(f"Generator learning rate {before:g} → 0.001.") in texts(test)
    test.text_input(key="knobs/who").set_value("*Ada*").run()
    test.button(key="knobs/send").click().run()
    assert not test.exception
    (request,) = changes.requests(training)
    assert (request.changes, request.before, request.who) == (
        {"optimizer.generator_lr": 1e-3},
        {"optimizer.generator_lr": before},
        "*Ada*",
    )
    assert words.escape("Waits, for the next step: Generator learning rate") in texts(test)
    grant(training, request)
    test.run()
    assert not test.exception
    assert words.escape(f"After step 12: Generator learning rate {before:g} → 0.001 (*Ada*).") in texts(test)
    assert knob(test, "optimizer.generator_lr").value == 1e-3, "the form shows the new value"
    charts = [json.loads(chart.proto.spec) for chart in test.get("vega_lite_chart")]
    marked = [
        [layer["data"]["values"] for layer in spec["layer"] if "data" in layer and layer["data"]["values"] != [{}]]
        for spec in charts
    ]
    assert len(marked) >= 2 and all(one[0] == [{"step": 12, "text": "lr_G 0.001"}] for one in marked)
    texts_of = [layer["mark"] for spec in charts for layer in spec["layer"] if "limit" in layer.get("mark", ())]
    assert texts_of and all("'right'" in mark["align"]["expr"] for mark in texts_of), "not cut off at the right edge"
    # Compare marks it, too, and tells the difference.
    other = make_run(training.root)
    append(other.metrics_path, {"step": 1, "images_seen": 32, "generator_loss": 1.0, "discriminator_loss": 1.0})
    test = visit("compare", runs=f"{training.id},{other.id}")
    assert not test.exception
    specs = [chart.proto.spec for chart in test.get("vega_lite_chart")]
    assert specs and all("lr_G 0.001" in spec for spec in specs)
    assert any("Generator learning rate" in frame.value.columns for frame in test.dataframe)


def test_what_cannot_change_says_why(training: Run, visit: Visit) -> None:
    test, config = opened(training, visit), training.config()
    shown = {str(one.key).rpartition("/")[2] for one in test.number_input}
    assert shown <= set(changing.LIVE) and "networks.width" not in shown
    for key in configs.flatten(config):
        if reason := changing.fixed_reason(config, key):
            assert words.escape(reason) in texts(test)


def test_refusal_of_the_trainer_is_shown_until_it_is_read(training: Run, visit: Visit) -> None:
    test = opened(training, visit)
    knob(test, "optimizer.discriminator_steps").set_value(3).run()
    test.button(key="knobs/send").click().run()
    (request,) = changes.requests(training)
    changes.refuse(training, request, "The change was *not* made, because the disk is full; free some space.")
    test.run()
    assert "The change was \\*not\\* made" in test.warning[0].value
    test.button(key=f"knobs/read/{request.id}").click().run()
    assert not test.exception and not test.warning and changes.requests(training) == []


def test_impossible_value_is_one_sentence(training: Run, visit: Visit) -> None:
    test = opened(training, visit)
    knob(test, "optimizer.generator_lr").set_value(-1.0).run()
    assert test.button(key="knobs/send").disabled
    assert (
        not test.exception and words.escape("“Generator learning rate” is -1.0, expected a number above 0") in test.error[0].value
    )
    assert changes.requests(training) == []


def test_change_of_a_run_that_has_just_ended_is_refused(training: Run, visit: Visit) -> None:
    test = opened(training, visit)
    knob(test, "optimizer.generator_lr").set_value(1e-3).run()
    button = test.button(key="knobs/send")
    training.write_status(training.status().model_copy(update={"state": "finished", "step": 1000}))
    with pytest.raises(Exception, match="nothing can change"):
        changes.ask(training, {"optimizer.generator_lr": 1e-3})
    button.click().run()
    assert not test.exception and changes.requests(training) == []


def test_second_person_at_the_same_knob_sees_who_was_first(training: Run, visit: Visit) -> None:
    test = opened(training, visit)
    grant(training, changes.ask(training, {"optimizer.generator_lr": 5e-4}, who="Bob"))
    knob(test, "optimizer.generator_lr").set_value(1e-3).run()
    test.button(key="knobs/send").click().run()
    assert not test.exception and "Bob changed it at step 12" in test.error[0].value
    assert words.escape("Generator learning rate 0.0005 → 0.001.") in texts(test), "the value entered stays"
    test.button(key="knobs/send").click().run()
    (request,) = changes.requests(training)
    assert request.before == {"optimizer.generator_lr": 5e-4} and request.changes == {"optimizer.generator_lr": 1e-3}


def test_planned_change_can_be_withdrawn(training: Run, visit: Visit) -> None:
    request = changes.ask(training, {"objective.label_smoothing": 0.1}, step=900)
    test = visit("watch", run=training.id)
    assert words.escape("Waits, after step 900: Label smoothing 0 → 0.1") in texts(test)
    test.button(key=f"knobs/withdraw/{request.id}").click().run()
    assert not test.exception and changes.requests(training) == []


def test_undo_starts_a_run_from_before_the_change(shown: Run, visit: Visit) -> None:
    before = shown.config().optimizer.generator_lr
    change = Change(id="0" * 24, step=10, changes={"optimizer.generator_lr": 1e-3}, before={"optimizer.generator_lr": before})
    changes.record(shown, change)
    changes.record(shown, change.model_copy(update={"id": "1" * 24, "step": 11}))
    test = visit("watch", run=shown.id)
    assert test.button(key=f"knobs/undo/{'1' * 24}").disabled, "it has no checkpoint"
    test.button(key=f"knobs/undo/{change.id}").click().run()
    assert not test.exception
    child = next(run for run in runs.list_runs(shown.root) if run != shown)
    origin = child.origin()
    assert origin is not None and origin.step == 10 and child.config().optimizer.generator_lr == before
    assert test.query_params["run"] == child.id


def test_rewind_opens_two_futures_on_compare(shown: Run, visit: Visit) -> None:
    shown.scores_path.unlink()
    config = configs.replace(shown.config(), {"training.length": "400 steps"})
    write_json(shown.config_path, config.model_dump(mode="json"))
    losses = {"generator_loss": 9.0, "discriminator_loss": 0.001, "d_real": 0.999, "d_fake": 0.001}
    for step in range(13, 300):
        append(shown.metrics_path, {"step": step, **losses})
    shown.write_status(shown.status().model_copy(update={"state": "stopped", "step": 299, "total_steps": 400}))
    test = visit("watch", run=shown.id)
    test.session_state[f"next/{shown.id}"] = True
    test.run()
    (button,) = [one for one in test.button if str(one.key).startswith("rewind/")]
    assert button.label == "Rewind to step 12"
    button.click().run()
    assert not test.exception
    made = [run for run in runs.list_runs(shown.root) if run != shown]
    assert len(made) == 2 and {run.origin().step for run in made} == {12}  # type: ignore[union-attr]
    assert [one.value for one in test.title] == ["Compare"]
    assert set(test.query_params["runs"].split(",")) == {run.id for run in made}
