"""What a student of a class reads before a launch, and the form of the limits."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from gan.access import limits, people
from gan.access.limits import Limits
from gan.access.people import TEACHER, Person, acting
from gan.config import presets
from gan.errors import InputError
from gan.execution import queue
from gan.execution.speeds import keep
from gan.runs import Run, Status
from pages.parts import launches
from tests.helpers import make_run, tiny, train
from tests.pages.test_sweeps_page import vary

Visit = Callable[..., AppTest]

ANN, BO = Person(id="ann", name="Ann"), Person(id="bo", name="Bo")


@pytest.fixture
def busy(empty: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of runs with one that trains on the only core for another minute."""
    monkeypatch.setenv("GAN_CORES", "1")
    going = {"step": 100, "total_steps": 200, "seconds": 60.0}
    make_run(empty).write_status(Status(state="starting", threads=1, heartbeat=time.time() + 25, **going))
    limits.write(empty, Limits(waiting=2))
    return empty


@pytest.fixture
def ann(monkeypatch: pytest.MonkeyPatch) -> Person:
    """Let Ann look at the pages."""
    monkeypatch.setenv("GAN_CLASS", "1")
    monkeypatch.setattr(people._Source, "ask", staticmethod(lambda: ANN))
    return ANN


def captions(test: AppTest) -> str:
    assert not test.exception, test.exception
    return "\n".join(caption.value for caption in test.caption)


def wait(root: Path, person: Person, count: int = 1) -> list[Run]:
    with acting(person):
        return [queue.launch(root, tiny()) for _ in range(count)]


def test_home_tells_place_and_start_and_refuses_in_advance(busy: Path, visit: Visit, ann: Person) -> None:
    test = visit("home")
    assert "You have no run waiting (limit 2); this one would be 1st and start in about 1 min." in captions(test)
    test.button(key="start").click().run()
    (run,) = queue.waiting_runs(busy)
    assert (run.config().preset, run.owner()) == (presets.CLASS, ANN)
    assert run.config().training.seed > 0, "not the same digits for all students (0 comes up once in a million)"
    wait(busy, ANN)
    test = visit("home")
    assert "The limit of this class is 2 waiting runs a student, and with the 2 that you have" in captions(test)
    assert test.button(key="start").disabled
    with acting(BO):
        queue.launch(busy, tiny({"networks.width": 6}))
    queue.stop(run)
    test = visit("home")
    assert "You have 1 run waiting (limit 2); this one would be 3rd; its start cannot be forecast yet." in captions(test)
    assert not test.button(key="start").disabled


def test_without_a_class_home_is_as_it_was(busy: Path, visit: Visit) -> None:
    test = visit("home")
    assert "waiting (limit" not in captions(test)
    test.button(key="start").click().run()
    assert [run.config().preset for run in queue.waiting_runs(busy)] == [presets.DEFAULT]


def test_a_class_trains_its_preset_whoever_asks(busy: Path, visit: Visit, ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people._Source, "ask", staticmethod(lambda: TEACHER))
    wait(busy, ANN, 2)
    test = visit("home")
    assert "(limit" not in captions(test) and not test.button(key="start").disabled
    test.button(key="start").click().run()
    found = queue.waiting_runs(busy)
    assert [(run.owner(), run.config().preset) for run in found[1:2]] == [(TEACHER, presets.CLASS)], "in turn with the students"


def test_train_tells_and_refuses_in_advance(busy: Path, visit: Visit, ann: Person) -> None:
    config = presets.find("digits-mlp").config
    keep(busy, config, 100_000, 1, "fp32")
    wait(busy, BO)
    test = visit("train", preset="digits-mlp")
    told = captions(test)
    assert "You have no run waiting (limit 2); this one would be 2nd and start in about 1 min 10 s." in told
    assert "yours starts" not in told and not test.button(key="launch").disabled
    keep(busy, config, 10, 1, "fp32")
    test = visit("train", preset="digits-mlp")
    assert "The limit of this class is 15 minutes of training a run, and this one would take about" in captions(test)
    assert test.button(key="launch").disabled
    test.number_input(key="train/digits-mlp/training.length/count").set_value(1).run()
    assert not test.button(key="launch").disabled, captions(test)


def test_watch_tells_and_refuses_in_advance(busy: Path, visit: Visit, ann: Person) -> None:
    with acting(ANN):
        run = make_run(busy, {"training.length": "20 steps"}, family="mlp")
        train(run)
    stopped = run.status().model_copy(update={"state": "stopped", "step": 15})
    run.write_status(stopped)
    test = visit("watch", {f"fork/{run.id}": True}, run=run.id)
    told = captions(test)
    assert told.count("You have no run waiting (limit 2); this one would be 1st and start in about 1 min.") == 2
    assert not test.button(key="resume").disabled and not test.button(key="start-fork").disabled
    wait(busy, ANN, 2)
    test = visit("watch", {f"fork/{run.id}": True, f"longer/{run.id}": True, f"next/{run.id}": True}, run=run.id)
    assert captions(test).count("The limit of this class is 2 waiting runs") >= 3
    refused = ("resume", "start-fork", "longer", "next/wider")
    assert all(test.button(key=key).disabled for key in refused)
    queue.stop(queue.waiting_runs(busy)[0])
    test = visit("watch", {f"fork/{run.id}": True}, run=run.id)
    test.button(key="start-fork").click().run()
    assert not test.exception
    assert queue.waiting_runs(busy)[-1].owner() == ANN and queue.waiting_runs(busy)[-1].origin().run == run.id  # type: ignore[union-attr]


def test_a_sweep_is_refused_in_advance(busy: Path, visit: Visit, ann: Person) -> None:
    test = vary(visit, latent="16")
    assert "You have no run waiting (limit 2); the first of these 2 would be 1st and start in about 1 min." in captions(test)
    assert not test.button(key="sweep/start").disabled
    wait(busy, ANN)
    test = vary(visit, latent="16")
    assert "with the 1 that you have this would make 3" in captions(test) and test.button(key="sweep/start").disabled


@pytest.mark.parametrize(
    ("place", "word"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (21, "21st"), (113, "113th")]
)
def test_places_in_words(place: int, word: str) -> None:
    assert launches.ordinal(place) == word


@pytest.mark.parametrize(("seconds", "told"), [(2, "10 s"), (72, "1 min 10 s"), (677, "11 min"), (3700, "1 h 2 min")])
def test_a_forecast_is_rounded(seconds: float, told: str) -> None:
    assert launches.roughly(seconds) == told


FORM = """
from pathlib import Path
from pages.parts.classroom import limits
limits.draw(Path({root!r}))
"""


def test_limits_are_saved_with_one_click_and_bad_ones_refused_in_place(empty: Path) -> None:
    test = AppTest.from_string(FORM.format(root=str(empty))).run()
    assert [field.label for field in test.number_input] == [field.title for field in Limits.model_fields.values()]
    assert test.button[0].disabled
    test.number_input(key="class/limits/waiting/3").set_value(0).run()
    test.button[0].click().run()
    assert "“Runs waiting” is 0, expected a number: from 1 to 1,000; change it." in test.error[0].value.replace("\\", "")
    assert test.number_input(key="class/limits/waiting/3").value == 0, "what was entered stays"
    test.number_input(key="class/limits/waiting/3").set_value(5)
    test.button[0].click().run()
    assert limits.read(empty) == Limits(waiting=5)
    assert not test.error and test.caption[-1].value.endswith("Saved.") and test.button[0].disabled
    limits.write(empty, Limits(waiting=7))
    assert test.run().number_input(key="class/limits/waiting/7").value == 7, "changed in another tab"


def test_only_the_teacher_changes_limits(empty: Path) -> None:
    with acting(ANN), pytest.raises(InputError, match="Only the teacher"):
        limits.write(empty, Limits())
