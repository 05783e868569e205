"""The Home page: cards, sweeps folded into one, the filter, and the examples."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from gan import runs
from gan.config import presets
from gan.runs import Run, Status, examples
from gan.sweeps import launched
from gan.sweeps import plan as plans
from pages.parts import cards
from tests.helpers import make_run, tiny

Visit = Callable[..., AppTest]


def links(test: AppTest) -> list[str]:
    """Return the targets of the cards."""
    return [link.proto.query_string for link in test.get("page_link")]


def ended(root: Path, name: str, **changes: object) -> Run:
    run = make_run(root, changes, name=name)
    run.write_status(Status(state="finished", step=12, total_steps=12, made_at=time.time()))
    return run


def test_a_card_shows_fid_beside_that_of_real_images(shown: Run, visit: Visit) -> None:
    test = visit("home")
    assert not test.exception
    told = [one.proto.body for one in test.get("html")]
    assert any("FID <b>" in one and "real images: " in one and "features: digits CNN" in one for one in told), told


def test_a_small_curve_falls_from_its_top_to_its_bottom() -> None:
    drawn = cards.curve([1000.0, 100.0, 10.0], 10.0)
    assert "polygon(0% 100%,0.0% 8.0%,50.0% 54.0%,100.0% 100.0%,100% 100%)" in drawn
    assert "from 1000 to 10, log scale" in drawn or "from 1,000 to 10, log scale" in drawn
    assert cards.curve([5.0], 1.0) == "" and cards.curve([float("nan"), 0.0, 3.0], None) == ""
    assert "100.0% 8.0%" not in cards.curve([3.0, 3.0], None)


def test_runs_of_a_sweep_share_a_card(empty: Path, visit: Visit) -> None:
    single = ended(empty, "alone")
    base = tiny().model_dump(mode="json")
    plan = plans.parse({"name": "Latent sizes", "base": base, "axes": {"networks.latent": [8, 16]}, "combine": "grid", "seeds": 2})
    sweep = launched.create(empty, plan)
    launched.complete(sweep)
    for run in sweep.runs():
        run.write_status(Status(state="finished", step=12, total_steps=12))
    test = visit("home")
    assert not test.exception
    assert sorted(links(test)) == sorted([f"run={single.id}", f"sweep={sweep.id}"])
    assert "**Latent sizes**" in [link.proto.label for link in test.get("page_link")]
    sweep.path.unlink()
    assert len(links(visit("home"))) == 5, "runs of a removed sweep are cards of their own"


def test_a_run_of_a_paused_sweep_has_no_place_in_the_queue(empty: Path, visit: Visit) -> None:
    sweep = launched.create(empty, plans.parse({"name": "Sizes", "base": "digits-mlp", "axes": {"networks.hidden": [8]}}))
    launched.complete(sweep)
    sweep.change(is_paused=True)
    (first, *_), alone = sweep.runs(), make_run(empty, state="queued")
    told = " ".join(str(bar.proto.text) for bar in visit("home").get("progress"))
    assert "ended · paused" in told
    captions = [caption.value for caption in visit("watch", run=first.id).caption]
    assert "Waiting: its sweep is paused." in captions
    captions = [caption.value for caption in visit("watch", run=alone.id).caption]
    assert "Waiting for free cores: place 1 of 1 in the queue." in captions


def test_the_filter_asks_for_name_data_set_and_state(empty: Path, visit: Visit) -> None:
    for number in range(9):
        ended(empty, f"digits {number}")
    ring = runs.create(empty, presets.find("ring-mlp").config, "ring one", state="starting", threads=1)
    ring.write_status(Status(state="stopped", step=5, total_steps=12))
    test = visit("home")
    test.text_input(key="home/text").set_value("DIGITS 7").run()
    assert len(links(test)) == 1
    test.text_input(key="home/text").set_value("").run()
    test.multiselect(key="home/data").set_value(["ring"]).run()
    assert links(test) == [f"run={ring.id}"]
    test.text_input(key="home/text").set_value("digits").run()
    assert not test.exception and links(test) == [] and "None of 10 runs matches" in test.info[0].value


def test_the_examples_can_be_removed_for_good(empty: Path, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GAN_EXAMPLES", raising=False)
    examples.offer(empty)
    test = visit("home")
    assert len(links(test)) == 2
    test.button(key="home/examples").click().run()
    assert not test.exception and links(test) == [] and len(runs.list_trash(empty)) == 2
    assert not [button for button in test.button if button.key == "home/examples"]


def test_dates_are_said_as_people_do() -> None:
    now = time.time()
    assert cards.date(0) == "" and cards.date(now) == time.strftime("%H:%M", time.localtime(now))
    then = time.mktime((2001, 2, 3, 4, 5, 6, 0, 0, -1))
    assert cards.date(then) == "3 Feb 2001"


def test_a_crowd_of_runs_is_drawn_in_part(empty: Path, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages.parts.cards.MOST", 9)
    waiting = [make_run(empty, name=f"run {number}", state="queued") for number in range(11)]
    test = visit("home")
    assert links(test) == [f"run={run.id}" for run in waiting[:8]], "those that start next"
    test.toggle(key="home/all-waiting").set_value(True).run()
    assert len(links(test)) == 9
    assert any("The first 9 of 11" in caption.value for caption in test.caption)


def test_all_running_runs_are_shown_before_those_that_wait(empty: Path, visit: Visit) -> None:
    waiting = make_run(empty, name="waits", state="queued")
    going = [make_run(empty, name=f"run {number}", state="starting") for number in range(9)]
    assert set(links(test := visit("home"))[:9]) == {f"run={run.id}" for run in going}
    assert links(test)[9:] == [f"run={waiting.id}"] and not test.toggle
