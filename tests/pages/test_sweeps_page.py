"""Planning sweeps and following them on the Sweeps page, without a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import streamlit as st
from streamlit.proto.SelectWidgetFilterMode_pb2 import FILTER_MODE_PREFIX
from streamlit.testing.v1 import AppTest

from gan import runs
from gan.catalogue.losses import LOSSES
from gan.config import RunConfig, presets
from gan.execution import forecast, queue, speeds, steering
from gan.runs import Run
from gan.sweeps import experiments, launched
from gan.sweeps import plan as plans
from gan.sweeps.launched import Sweep
from gan.sweeps.variants import expand
from pages.parts import words
from tests.helpers import TINY_MLP, end_all, is_sentence, tiny, wait_until
from tests.pages.conftest import NASTY, Server
from tests.pages.test_pages import Visit, assert_sound, texts
from tests.report.conftest import LINE

PREFIX = "sweep/vary/preset/digits-mlp"


@pytest.fixture(autouse=True)
def one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "1")


def launch(root: Path, name: str = "Widths", **changes: Any) -> Sweep:
    """Launch a sweep of two tiny variants with one seed."""
    small = TINY_MLP | {"training.length": "100000 steps", "cadence.checkpoint_every": "1 step"} | changes
    base = {"name": name, "base": "digits-mlp", "set": small, "axes": {"networks.hidden": [8]}, "seeds": 1}
    return steering.launch_sweep(root, plans.parse(base))


@pytest.fixture
def sweep(empty: Path) -> Iterator[Sweep]:
    """Return a sweep of two runs: one is training, one is queued."""
    sweep = launch(empty)
    wait_until(lambda: states(sweep) == ["running", "queued"], "the first run trains")
    yield sweep
    end_all(empty)


def states(sweep: Sweep) -> list[str]:
    return [run.status().state for run in sweep.runs()]


def planning(visit: Visit, **chosen: object) -> AppTest:
    """Return the Sweeps page with a plan that starts from a preset, and these choices made."""
    test = visit("sweeps")
    for key, value in ({"sweep/open": True, "sweep/from": "preset/digits-mlp"} | chosen).items():
        test.session_state[key] = value
    return test.run()


def vary(visit: Visit, seeds: int = 1, **axes: str) -> AppTest:
    """Return the Sweeps page with a sweep over settings of the networks, their values separated by commas."""
    test = planning(visit, **{f"{PREFIX}/keys": [f"networks.{key}" for key in axes], "sweep/seeds": seeds})
    for key, values in axes.items():
        test.session_state[f"{PREFIX}/networks.{key}"] = values.split(", ") if values else []
    return test.run()


def table(test: AppTest) -> list[dict[str, Any]]:
    """Return the rows of the only table on a page."""
    (found,) = test.dataframe
    return found.value.to_dict("records")  # type: ignore[no-any-return]


# Planning


@pytest.mark.parametrize("name", list(experiments.EXPERIMENTS))
def test_named_sweep_shows_its_table(name: str, visit: Visit, empty: Path) -> None:
    test = planning(visit, **{"sweep/from": name})
    assert_sound(test)
    plan = experiments.find(name).plan()
    lines = table(test)
    assert [line["name"] for line in lines] == [variant.name for variant in expand(plan)]
    wrong = [line for line in lines if line["problem"] != "✓"]
    assert test.button(key="sweep/start").disabled == bool(wrong)
    assert f"**{words.count(2 * (len(lines) - len(wrong)), 'run')}**" in texts(test)


def test_sweep_cannot_be_started_before_a_setting_is_varied(visit: Visit, empty: Path) -> None:
    for test in (planning(visit), vary(visit, latent="")):
        assert_sound(test)
        assert not test.dataframe and not any(button.key == "sweep/start" for button in test.button)


def test_enter_selects_one_setting_that_contains_the_typed_text(visit: Visit, empty: Path) -> None:
    field = planning(visit).multiselect(key=f"{PREFIX}/keys").proto
    assert field.select_all == 0 and "filter_mode: FILTER_MODE_CONTAINS" in str(field)


def test_offered_values_fit_the_setting(visit: Visit, empty: Path) -> None:
    wanted: dict[str, list[object]] = {
        "data.size": [16, 28, 32, 64, 128, 256],
        "data.flips": [False, True],
        "networks.latent": ["32", "64", "128"],
        "networks.packing": ["1", "2"],
        "networks.discriminator_dropout": ["0", "0.1", "0.2"],
        "objective.loss": list(LOSSES),
        "optimizer.generator_lr": ["0.0001", "0.0002", "0.0004"],
        "optimizer.beta1": ["0.25", "0.5"],
        "training.length": ["100 epochs", "200 epochs", "400 epochs"],
    }
    test = planning(visit, **{f"{PREFIX}/keys": list(wanted)})
    assert_sound(test)
    chips = {field.key: field.options for field in test.multiselect}
    numbers = {key: values for key, values in wanted.items() if isinstance(values[0], str) and key != "objective.loss"}
    assert {key: chips[f"{PREFIX}/{key}"] for key in numbers} == numbers
    typed = [field.proto for field in test.multiselect if field.proto.accept_new_options]
    assert typed and {field.filter_mode for field in typed} == {FILTER_MODE_PREFIX}, "8 is not 128"
    assert not any(re.search(r"[a-z]\.[a-z]", field.label) for field in test.multiselect), "axes are called by their titles"
    assert "values to try for “Image size”" in texts(test)
    for key, values in wanted.items():
        test.session_state[f"{PREFIX}/{key}"] = values
    test.run()
    assert_sound(test)
    assert {line["problem"] for line in table(test)} == {"✓"}


@pytest.mark.parametrize(
    ("start", "end", "spacing", "values"),
    [(16, 64, "linear", ["8", "16", "32", "48", "64"]), (2, 16, "log", ["8", "2", "4", "16"]), (64, 8, "linear", ["8"])],
)
def test_range_adds_values(start: int, end: int, spacing: str, values: list[str], visit: Visit, empty: Path) -> None:
    test, widget = vary(visit, latent="8"), f"{PREFIX}/networks.latent"
    test.number_input(key=f"{widget}/from").set_value(start)
    test.number_input(key=f"{widget}/to").set_value(end)
    test.segmented_control(key=f"{widget}/spacing").set_value(spacing)
    test.button(key=f"{widget}/add").click().run()
    assert_sound(test)
    assert test.session_state[widget] == values, [one.value for one in test.error]
    assert len(test.error) == (values == ["8"]) and all(is_sentence(one.value) for one in test.error)


def test_settings_of_the_train_page_can_be_varied(visit: Visit, empty: Path) -> None:
    test = visit("train", preset="digits-mlp")
    test.number_input(key="train/digits-mlp/mlp/networks.latent").set_value(24).run()
    test.text_input(key="train/name").set_value(NASTY).run()
    test.button(key="train/vary").click().run()
    test.switch_page("pages/sweeps.py").run()
    assert_sound(test)
    test.session_state["sweep/vary//keys"] = ["networks.hidden"]
    test.session_state["sweep/vary//networks.hidden"] = ["8"]
    test.run()
    assert_sound(test)
    assert [line["name"] for line in table(test)] == ["baseline", "hidden size 8"]
    test.button(key="sweep/start").click().run()
    (sweep,) = launched.list_sweeps(empty)
    steering.cancel(sweep)
    assert sweep.plan().base.networks.latent == 24 and NASTY[:10] in sweep.plan().name
    assert not test.session_state["sweep/open"] and test.query_params["sweep"] in (sweep.id, [sweep.id])


def test_wrong_value_is_marked_and_blocks_the_start(visit: Visit, empty: Path) -> None:
    test = vary(visit, latent="8, x, -1")
    assert_sound(test)
    problems = {line["networks.latent"]: line["problem"] for line in table(test)}
    assert problems.keys() == {"64", "8", "x", "-1"} and problems["8"] == problems["64"] == "✓"
    for wrong in ("x", "-1"):
        assert (
            problems[wrong].startswith("⚠ ")
            and "“Latent size”" in problems[wrong]
            and is_sentence(problems[wrong].removeprefix("⚠ "))
        )
    assert test.button(key="sweep/start").disabled
    assert len(test.error) == 1 and "1 more" in test.error[0].value


def test_many_runs_need_a_confirmation(visit: Visit, empty: Path) -> None:
    test = vary(visit, seeds=plans.SURE_RUNS // 2, latent="8")
    assert not test.button(key="sweep/start").disabled and not test.checkbox
    test.number_input(key="sweep/seeds").set_value(plans.SURE_RUNS // 2 + 1).run()
    assert test.button(key="sweep/start").disabled
    test.checkbox(key="sweep/sure").check().run()
    assert_sound(test)
    assert not test.button(key="sweep/start").disabled and not launched.list_sweeps(empty)


def test_far_too_many_runs_are_refused_in_one_sentence(visit: Visit, empty: Path) -> None:
    test = planning(visit, **{f"{PREFIX}/keys": ["networks.latent", "networks.hidden"], "sweep/seeds": 1000})
    for key in ("latent", "hidden"):
        test.session_state[f"{PREFIX}/networks.{key}"] = list(map(str, range(2, 102)))
    test.segmented_control(key="sweep/combine").set_value("grid").run()
    assert_sound(test)
    assert len(test.error) == 1 and "10,000" in test.error[0].value and not test.dataframe


def test_launch_creates_the_sweep_with_its_runs_and_shows_it(visit: Visit, empty: Path) -> None:
    test = vary(visit, seeds=2, latent="8, 16")
    test.text_input(key="sweep/name").set_value(NASTY)
    test.button(key="sweep/start").click().run()
    (sweep,) = launched.list_sweeps(empty)
    steering.cancel(sweep)
    plan, made = sweep.plan(), sweep.runs()
    assert plan.axes == {"networks.latent": (8, 16)} and plan.base == presets.find("digits-mlp").config
    assert [(run.config().networks.latent, run.config().training.seed) for run in made] == [
        (latent, seed) for seed in (0, 1) for latent in (64, 8, 16)
    ]
    test = visit("sweeps")
    assert_sound(test)
    assert test.query_params["sweep"] in (sweep.id, [sweep.id])
    assert [(line["Variant"], line["Latent size"]) for line in table(test)] == [("baseline", 64), ("z 8", 8), ("z 16", 16)]
    assert not any("<b" in text or ":material/home:" in text for text in map(str, [*test.markdown, *test.caption]))


def test_unmeasured_variants_are_measured_one_after_another(visit: Visit, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[RunConfig] = []

    class Ended:
        """A measurement that is finished at the first poll."""

        def poll(self) -> int:
            speeds.keep(empty, begun[-1], 1000.0, 1, "fp32")
            player = {"parameters": 10**6}
            speeds.keep_layers(empty, begun[-1], {"generator": player, "discriminator": player, "memory": 0, "batch_size": 1})
            return 0

    def start(root: Path, config: RunConfig) -> Ended:
        begun.append(config)
        return Ended()

    monkeypatch.setattr(speeds, "start_measuring", start)
    test = vary(visit, seeds=2, latent="8, 16")
    assert " on this machine" not in texts(test)
    test.button(key="sweep/measure").click().run()
    for place in (1, 2, 3):
        assert f"Measuring {place} of 3" in texts(test)
        test.run()
    assert_sound(test)
    assert [config.networks.latent for config in begun] == [64, 8, 16]
    assert "Measuring" not in texts(test) and not any(button.key == "sweep/measure" for button in test.button)
    assert " on this machine" in texts(test)


def test_failed_measurement_is_reported(visit: Visit, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speeds, "start_measuring", lambda root, config: subprocess.Popen([sys.executable, "-c", ""]))
    test = vary(visit, latent="8")
    test.button(key="sweep/measure").click().run()
    wait_until(lambda: "could not be measured" in texts(test.run()), "both measurements have failed")
    assert_sound(test)
    assert not test.button(key="sweep/start").disabled


def test_full_disk_is_reported_before_the_launch(visit: Visit, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "free_bytes", lambda root: 3_000_000)
    test = vary(visit, latent="8")
    assert test.button(key="sweep/start").disabled
    assert "3 MB are free" in test.checkbox(key="sweep/tight").label
    test.checkbox(key="sweep/tight").check().run()
    assert_sound(test)
    assert not test.button(key="sweep/start").disabled


def test_edits_survive_a_new_name_and_their_loss_to_other_settings_is_reported(visit: Visit, empty: Path) -> None:
    test = vary(visit, latent="8")
    place = re.search(r"sweep/table/[0-9a-f]+", test.dataframe[0].proto.id)[0]  # type: ignore[index]
    lines = [{"name": "", "networks.latent": "64"}, {"name": "", "networks.latent": "24"}]
    test.session_state[f"{place}/rows"], test.session_state["sweep/edited"] = lines, place
    test.run()
    test.text_input(key="sweep/name").set_value("Another name").run()
    assert_sound(test)
    assert [line["name"] for line in table(test)] == ["baseline", "latent size 24"]
    assert "edited for other settings" not in texts(test)
    test.session_state[f"{PREFIX}/networks.latent"] = ["8", "16"]
    test.run()
    assert [line["name"] for line in table(test)] == ["baseline", "latent size 8", "latent size 16"]
    assert "edited for other settings" in texts(test)


# Following


def test_newest_sweep_is_shown_by_default(visit: Visit, empty: Path) -> None:
    for name in ("one", "other"):
        steering.cancel(launch(empty, name))
    test = visit("sweeps")
    assert_sound(test)
    assert test.selectbox(key="sweeps/choice").value == max(sweep.id for sweep in launched.list_sweeps(empty))


@pytest.mark.parametrize("wrong", ["20260101-000000-abcdef", "../../etc/passwd", "<b>x</b>", "*"])
def test_unknown_sweep_in_the_address_is_reported_in_one_sentence(wrong: str, visit: Visit, empty: Path) -> None:
    steering.cancel(launch(empty))
    test = visit("sweeps", sweep=wrong)
    assert_sound(test)
    assert len(test.error) == 1 and "\n" not in test.error[0].value and "<b>" not in test.error[0].value
    assert not test.dataframe and test.selectbox(key="sweeps/choice").value is None, "no other sweep is shown in its place"
    assert test.query_params["sweep"] == wrong
    test.selectbox(key="sweeps/choice").set_value(launched.list_sweeps(empty)[0].id).run()
    assert_sound(test)
    assert not test.error and len(table(test)) == 2


@pytest.mark.parametrize("damage", [b"", b"\xff", b"[]", b'{"schema_version": 99}', b'{"schema_version": 1, "members": 7}'])
def test_damaged_sweep_is_reported_in_one_sentence_and_others_are_shown(damage: bytes, visit: Visit, empty: Path) -> None:
    good, bad = launch(empty, "good"), launch(empty, "bad")
    for sweep in (good, bad):
        steering.cancel(sweep)
    bad.path.write_bytes(damage)
    test = visit("sweeps", sweep=bad.id)
    assert_sound(test)
    assert len(test.error) == 1 and "\n" not in test.error[0].value and not test.dataframe
    assert any(option.startswith("damaged") for option in test.selectbox(key="sweeps/choice").options)
    assert any(button.label == "Remove this sweep" for button in test.button)
    test.selectbox(key="sweeps/choice").set_value(good.id).run()
    assert_sound(test)
    assert not test.error and len(table(test)) == 2


def test_pause_holds_back_queued_runs(visit: Visit, sweep: Sweep) -> None:
    test = visit("sweeps", sweep=sweep.id)
    test.button(key="pause").click().run()
    assert_sound(test)
    assert sweep.record().is_paused and "paused" in test.get("progress")[0].proto.text
    assert states(sweep) == ["running", "queued"]
    assert test.button(key="pause").label == "Resume"
    test.button(key="pause").click().run()
    assert not sweep.record().is_paused and test.button(key="pause").label == "Pause"


def test_first_puts_the_runs_of_a_sweep_before_others(visit: Visit, sweep: Sweep) -> None:
    other = launch(sweep.root, "other")
    test = visit("sweeps", sweep=other.id)
    assert [run.id for run in queue.waiting_runs(sweep.root)][-1] == other.runs()[-1].id
    test.button(key="first").click().run()
    assert_sound(test)
    assert {run.id for run in queue.waiting_runs(sweep.root)[:2]} == {run.id for run in other.runs()}


def test_cancel_stops_all_runs_and_retry_queues_them_again(visit: Visit, sweep: Sweep) -> None:
    test = visit("sweeps", sweep=sweep.id)
    test.button(key="cancel").click().run()
    assert_sound(test)
    wait_until(lambda: states(sweep) == ["stopped", "stopped"], "both runs have stopped")
    test = visit("sweeps", sweep=sweep.id)
    keys = {button.key for button in test.button}
    assert "retry" in keys and not keys & {"pause", "first", "cancel"}
    test.button(key="retry").click().run()
    assert_sound(test)
    wait_until(lambda: states(sweep) == ["running", "queued"], "the sweep is under way again")


def test_removed_sweep_disappears_but_its_runs_stay(visit: Visit, sweep: Sweep) -> None:
    other = launch(sweep.root, "other")
    test = visit("sweeps", sweep=sweep.id)
    assert not any(button.label == "Remove this sweep" for button in test.button), "a sweep under way must not be removable"
    steering.cancel(sweep)
    wait_until(lambda: states(sweep) == ["stopped", "stopped"], "both runs have stopped")
    made = sweep.runs()
    visit("sweeps", sweep=sweep.id).button(key=f"remove/{sweep.id}/sure").click().run()
    assert launched.list_sweeps(sweep.root) == [other]
    assert all(run.path.is_dir() for run in made)
    test = visit("sweeps")
    assert_sound(test)
    assert test.selectbox(key="sweeps/choice").value == other.id


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Collect the refresh interval in seconds of each fragment that a page draws; 0 means never."""
    found: list[float] = []
    fragment = st.fragment

    def noting(function: Callable[..., None] | None = None, *, run_every: float | None = None) -> Callable[..., Any]:
        if function is None:
            return lambda one: noting(one, run_every=run_every)
        drawn = fragment(function, run_every=run_every)

        def draw(*arguments: object) -> None:
            found.append(run_every or 0.0)
            drawn(*arguments)

        return draw

    monkeypatch.setattr(st, "fragment", noting)
    return found


def test_page_of_an_ended_sweep_stays_live_while_runs_are_scored_or_interrupted(
    visit: Visit, sweep: Sweep, called: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    steering.cancel(sweep)
    wait_until(lambda: states(sweep) == ["stopped", "stopped"], "both runs have stopped")
    assert_sound(visit("sweeps", sweep=sweep.id))
    assert called[-1] == 0

    first, other = sweep.runs()
    scoring = runs.Scoring(state="running", progress=0.5, seconds_left=60.0, message="Drawing", heartbeat=time.time())
    first.write_scoring(scoring)
    monkeypatch.setattr(Run, "has_checkpoint", True)
    other.write_scoring(scoring.model_copy(update={"progress": 0.0, "seconds_left": None, "message": "Waiting"}))
    test = visit("sweeps", sweep=sweep.id)
    assert_sound(test)
    assert called[-1] > 0
    assert test.button(key="score").disabled
    bar = test.get("progress")[1].proto
    assert bar.text == "2 runs left to score · Drawing · about 3 min left" and bar.value == 25
    for run in (first, other):
        run.write_scoring(scoring.model_copy(update={"state": "finished"}))
    test = visit("sweeps", sweep=sweep.id)
    assert called[-1] == 0 and test.button(key="score").label == "Score 2 runs"

    first.write_control(stop=False)
    first.write_status(first.status().model_copy(update={"state": "running"}))  # but its trainer has ended
    assert states(sweep) == ["interrupted", "stopped"]
    visit("sweeps", sweep=sweep.id)
    assert called[-1] > 0


def test_sweep_that_was_scored_shows_the_scores_and_asks_for_no_more(visit: Visit, sweep: Sweep) -> None:
    steering.cancel(sweep)
    wait_until(lambda: states(sweep) == ["stopped", "stopped"], "both runs have stopped")
    for run in sweep.runs():
        shutil.rmtree(run.checkpoints_path, ignore_errors=True)
        run.checkpoints_path.mkdir()
        (run.checkpoints_path / "00000012.json").touch()
        run.write_scoring(runs.Scoring(state="running", heartbeat=time.time()))
    test = visit("sweeps", sweep=sweep.id)
    assert_sound(test)
    assert not test.success and not any("FID" in column for column in test.dataframe[0].value)
    for fid, run in enumerate(sweep.runs(), 1):
        run.scores_path.write_text(json.dumps(LINE | {"fid": float(fid)}) + "\n")
        run.write_scoring(runs.Scoring(state="finished"))
    test.run()
    assert_sound(test)
    assert [message.value for message in test.success] == ["Scored 2 runs\\."]
    assert [line["FID · digits CNN"] for line in table(test)] == [1.0, 2.0] and "FID in training" not in table(test)[0]
    assert test.button(key="score").label == "Score again"
    (sweep.runs()[0].checkpoints_path / "00000024.json").touch()  # trained for longer
    assert visit("sweeps", sweep=sweep.id).button(key="score").label == "Score 1 run"


def test_failed_scoring_gives_its_reason(visit: Visit, sweep: Sweep) -> None:
    first = sweep.runs()[0]
    wait_until(lambda: first.has_checkpoint, "the first run has a checkpoint")
    first.write_scoring(runs.Scoring(state="failed", message="The weights are damaged; set cadence.score_every."))
    (error,) = visit("sweeps", sweep=sweep.id).error
    assert words.escape("The weights are damaged; set “Scores every”.") in error.value


def test_only_ended_runs_can_be_scored(visit: Visit, sweep: Sweep) -> None:
    first, other = sweep.runs()
    wait_until(lambda: first.has_checkpoint, "the first run has a checkpoint")
    test = visit("sweeps", sweep=sweep.id)
    assert_sound(test)
    assert not any(button.key == "score" for button in test.button)
    queue.stop(other)
    queue.stop(first)
    wait_until(lambda: states(sweep) == ["stopped", "stopped"], "both runs have stopped")
    assert visit("sweeps", sweep=sweep.id).button(key="score").label == "Score 1 run"


def test_server_runs_the_queue_without_a_visitor(serve: Callable[[Path], Server], root: Path) -> None:
    run = runs.create(root, tiny({"training.threads": 0}))
    server = serve(root)
    wait_until(lambda: run.status().state == "finished", "the queued run is finished")
    assert not any("libtorch" in one.path for one in psutil.Process(server.process.pid).memory_maps())


def test_deleted_run_is_listed_as_deleted(visit: Visit, sweep: Sweep) -> None:
    steering.cancel(sweep)
    wait_until(lambda: states(sweep) == ["stopped", "stopped"], "both runs have stopped")
    runs.delete(sweep.runs()[1])
    test = visit("sweeps", sweep=sweep.id)
    assert_sound(test)
    assert [line["State"] for line in table(test)] == [words.STATES["stopped"][0], "deleted"]
