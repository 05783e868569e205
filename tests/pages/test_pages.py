"""Page tests without a browser: every page with no runs, with good runs and with damaged runs, and its buttons."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
from pydantic.fields import FieldInfo
from streamlit.testing.v1 import AppTest

from gan import config as configs
from gan import runs
from gan.catalogue import data_sets
from gan.catalogue.losses import LOSSES
from gan.config import RunConfig, advice, families, presets
from gan.config.fields import Span
from gan.execution import processes, queue, speeds
from gan.runs import Run
from pages.parts import words
from pages.parts.planning import form, layers
from tests.helpers import PROJECT, make_run, tiny, wait_until
from tests.pages.conftest import NASTY

PAGES = sorted(path.stem for path in (PROJECT / "pages").glob("*.py"))

Visit = Callable[..., AppTest]


def texts(test: AppTest) -> str:
    """Return all text that a page shows."""
    kinds = (test.title, test.header, test.subheader, test.markdown, test.caption, test.error, test.info, test.warning)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def assert_sound(test: AppTest) -> None:
    """Assert that a page ran without an exception."""
    assert not test.exception, test.exception


@pytest.mark.parametrize("page", PAGES)
def test_router_lists_every_page(page: str) -> None:
    assert f'"pages/{page}.py"' in (PROJECT / "dashboard.py").read_text()


@pytest.mark.parametrize("page", PAGES)
def test_page_begins_with_the_frame(page: str) -> None:
    """Otherwise a deep link to a fresh server would show it without the list of pages."""
    statements = ast.parse((PROJECT / "pages" / f"{page}.py").read_text(encoding="utf-8")).body[1:]
    first = next(one for one in statements if any(isinstance(part, ast.Call) for part in ast.walk(one)))
    assert ast.unparse(first).removeprefix("root = ") == f"frame.begin('{page.capitalize()}')"


@pytest.mark.parametrize("page", PAGES)
def test_page_without_runs(page: str, visit: Visit, empty: Path) -> None:
    test = visit(page)
    assert_sound(test)
    assert not test.error, [one.value for one in test.error]


@pytest.mark.parametrize("page", PAGES)
def test_page_without_folder(page: str, visit: Visit, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_RUNS", str(root / "not" / "there"))
    test = visit(page)
    assert_sound(test)
    assert not test.error, [one.value for one in test.error]


@pytest.mark.parametrize("page", PAGES)
def test_page_if_the_folder_is_a_file(page: str, visit: Visit, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root.write_text("not a folder")
    monkeypatch.setenv("GAN_RUNS", str(root))
    assert_sound(visit(page))


@pytest.mark.parametrize("page", PAGES)
def test_page_with_a_run(page: str, visit: Visit, shown: Run) -> None:
    test = visit(page)
    assert_sound(test)
    assert not test.error, [one.value for one in test.error]


@pytest.mark.parametrize("damage", ["config.json", "status.json", "metrics.jsonl", "scores.jsonl", "label.json", "samples"])
@pytest.mark.parametrize("page", PAGES)
def test_page_with_a_damaged_run(page: str, damage: str, visit: Visit, shown: Run) -> None:
    if damage == "samples":
        for picture in shown.samples().values():
            picture.write_bytes(b"not a picture")
    else:
        (shown.path / damage).write_bytes(b'{"step": "x", \xff\n{"fid": 1}\n[]\n')
    assert_sound(visit(page))


def test_names_are_shown_as_text_not_markup(visit: Visit, shown: Run) -> None:
    test = visit("home")
    assert "<b onclick" not in texts(test) and ":material/home:" not in texts(test)
    assert words.escape("<b>*x* :a: $y$") == r"\<b\>\*x\* \:a\: \$y\$"
    assert shown.label() == NASTY.replace("\u202e", "").replace("  ", " ")


def test_home_starts_the_default(visit: Visit, empty: Path) -> None:
    test = visit("home")
    test.button(key="start").click().run()
    assert_sound(test)
    (run,) = runs.list_runs(empty)
    assert run.config() == presets.find(presets.DEFAULT).config
    wait_until(lambda: run.status().state == "running", "the training is running")
    queue.stop(run)
    wait_until(lambda: run.status().state == "stopped", "the training has stopped")


def test_home_says_why_nothing_can_be_started(visit: Visit, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root.write_text("not a folder")
    monkeypatch.setenv("GAN_RUNS", str(root))
    test = visit("home")
    test.button(key="start").click().run()
    assert_sound(test)
    assert all(words.escape(str(root)) in error.value and "\n" not in error.value for error in test.error) and len(test.error) == 2


def test_train_says_what_is_wrong_with_a_url(visit: Visit, empty: Path) -> None:
    test = visit("train", preset="digits-dcgn")
    assert_sound(test)
    assert words.escape("did you mean “digits-dcgan”") in test.error[0].value


def launched(test: AppTest, preset: str) -> RunConfig:
    """Return the configuration that the form would launch, read from the command it shows."""
    (command,) = (block.value for block in test.code)
    words = shlex.split(command)
    return configs.replace(
        presets.find(preset).config, configs.parse_assignments([after for word, after in pairwise(words) if word == "--set"])
    )


def test_train_starts_with_the_default_preset_and_lists_presets_by_title(visit: Visit, empty: Path) -> None:
    (choice,) = (box for box in visit("train").selectbox if box.key == "train/preset")
    assert choice.value == presets.DEFAULT
    assert choice.options == list(dict.fromkeys(preset.title for preset in presets.PRESETS.values()))


def test_train_warns_of_unwise_settings(visit: Visit, empty: Path) -> None:
    test = visit("train")
    assert not test.warning
    test.session_state["train/digits-dcgan/objective.loss"] = "wasserstein"
    test.session_state["train/digits-dcgan/objective.weight_clip"] = 0.01
    test.run()
    assert_sound(test)
    assert [warning.value for warning in test.warning] == [
        words.escape(one) for one in advice.warnings(launched(test, "digits-dcgan"))
    ]
    assert test.warning and not test.button(key="launch").disabled


def test_train_lists_the_layers_of_both_networks(visit: Visit, empty: Path) -> None:
    test = visit("train")
    test.session_state["train/digits-dcgan/networks.family"] = "resnet"
    test.session_state["train/layers"] = True  # open the list of layers
    test.run()
    assert_sound(test)
    assert "Building both networks" in texts(test) and not test.table
    config = launched(test, "digits-dcgan")
    known = wait_until(lambda: speeds.find_layers(empty, config), "the layers are stored")
    test.run()
    assert_sound(test)
    assert [len(table.value) for table in test.table] == [len(known[player]["layers"]) for player in ("generator", "discriminator")]
    assert layers.describe_memory(known) in texts(test)
    assert "Building both networks" not in texts(test)


@pytest.mark.parametrize("name", list(presets.PRESETS))
def test_untouched_form_gives_the_preset(name: str, visit: Visit, empty: Path) -> None:
    test = visit("train", preset=name)
    assert_sound(test)
    config = presets.find(name).config
    if config.data.name in data_sets.all_sets():
        assert not test.error, [one.value for one in test.error]
        assert launched(test, name) == config
    else:  # LSUN must be downloaded by hand
        assert len(test.error) == 1 and test.button(key="launch").disabled


#: Values for fields where an arbitrary change could clash with the other changes.
CHANGED = {
    "data.name": "digits",
    "data.subset": 900,
    "objective.loss": "minimax",
    "optimizer.algorithm": "rmsprop",
    "training.processes": 1,  # more are refused with other changes
}


def another(info: FieldInfo, value: object) -> object:
    """Return a valid value for a field other than its current one, in the form its widget holds."""
    if choices := configs.choices_of(info):
        return choices[:2]
    if get_origin(info.annotation) is Literal:
        return [option for option in get_args(info.annotation) if option != value][-1]
    if info.annotation is bool:
        return not value
    if info.annotation is int:
        return 2 * value or 2  # type: ignore[operator]
    return value / 2 or 0.05  # type: ignore[operator]


def unfolded(visit: Visit) -> AppTest:
    """Return the form of the default preset with all sections open."""
    return visit("train", {f"train/digits-dcgan/{section}/more": True for section in form.HEADINGS})


@pytest.mark.parametrize("family", list(families.FAMILIES))
def test_every_field_can_be_changed(family: str, visit: Visit, empty: Path) -> None:
    test = unfolded(visit)
    test.session_state["train/digits-dcgan/networks.family"] = family
    test.run()
    config = configs.replace(presets.find("digits-dcgan").config, {"networks.family": family})
    wanted: dict[str, object] = {"networks.family": family}
    for _ in range(2):  # some fields appear only after another has changed
        for key, value in configs.flatten(config).items():
            info, name = configs.field_info(config, key), f"{family}/{key}" if key.startswith("networks.") else key
            widget = f"train/digits-dcgan/{name}" + {"data.classes": "/digits"}.get(key, "/count" * (info.annotation is Span))
            if key in wanted or widget not in test.session_state:
                continue
            if key == "data.classes":
                test.session_state[widget] = wanted[key] = ["3", "7", "8"]
            elif info.annotation is Span:
                test.session_state[widget], wanted[key] = 7, f"7 {str(value).split()[1]}s".replace("ss", "s")
            else:
                test.session_state[widget] = wanted[key] = CHANGED[key] if key in CHANGED else another(info, value)
        test.run()
        assert_sound(test)
        assert not test.error, test.error[0].value
    assert configs.flatten(launched(test, "digits-dcgan")) == wanted


def test_every_section_has_a_heading() -> None:
    assert list(form.HEADINGS) == list(configs.setting_groups())


def test_every_family_has_a_title() -> None:
    assert set(form.FAMILIES) == set(families.FAMILIES)


def shows(test: AppTest, key: str) -> bool:
    """Return whether the form shows a setting of the default preset."""
    return f"train/digits-dcgan/{key}" in test.session_state


def test_form_hides_settings_without_effect(visit: Visit, empty: Path) -> None:
    test = unfolded(visit)
    assert shows(test, "dcgan/networks.conditional") and shows(test, "optimizer.beta2") and shows(test, "augmentation.policies")
    assert not shows(test, "augmentation.noise_fade")
    test.session_state["train/digits-dcgan/augmentation.instance_noise"] = 0.1
    test.session_state["train/digits-dcgan/optimizer.algorithm"] = "sgd"
    test.session_state["train/digits-dcgan/dcgan/networks.conditional"] = True
    test.run()
    assert shows(test, "augmentation.noise_fade") and not any(widget.key.endswith("beta2") for widget in test.number_input)
    assert launched(test, "digits-dcgan").networks.conditional

    test.session_state["train/digits-dcgan/data.name"] = "bedrooms"  # without classes
    test.run()
    assert not test.error and not launched(test, "digits-dcgan").networks.conditional
    assert not any(widget.key.endswith("networks.conditional") for widget in test.toggle)

    test.session_state["train/digits-dcgan/data.name"] = "ring"  # points
    test.session_state["train/digits-dcgan/networks.family"] = "mlp"
    test.run()
    assert_sound(test)
    assert not test.error and not any(widget.key.endswith("data.flips") for widget in test.toggle)


def badges(test: AppTest) -> dict[str, str]:
    """Return what stands behind the headings of the sections of the default preset."""
    styles = "".join(element.proto.body for element in test.get("html"))
    return dict(re.findall(r'st-key-train-digits-dcgan-(\w+)-more summary p::after {content: "([^"]+)"}', styles))


def test_folded_sections_say_how_many_settings_differ_from_the_preset(visit: Visit, empty: Path) -> None:
    test = visit("train")
    assert not badges(test)
    test.session_state["train/digits-dcgan/augmentation.instance_noise"] = 0.1
    test.session_state["train/digits-dcgan/dcgan/networks.width"] = 16  # in view
    test.run()
    test.session_state["train/digits-dcgan/augmentation.noise_fade"] = 0.25
    test.session_state["train/digits-dcgan/cadence.log_every/count"] = 20
    test.run()
    assert_sound(test)
    assert badges(test) == {"augmentation": "2 changed", "cadence": "1 changed"}


def test_folded_sections_keep_their_values_without_drawing_them(visit: Visit, empty: Path) -> None:
    form_of = "train/digits-dcgan"
    test = visit("train")
    usual = launched(test, "digits-dcgan")
    assert not shows(test, "optimizer.generator_lr") and usual == presets.find("digits-dcgan").config
    test = unfolded(visit)
    assert shows(test, "optimizer.generator_lr") and launched(test, "digits-dcgan") == usual
    test.number_input(key=f"{form_of}/optimizer.generator_lr").set_value(0.001).run()
    assert test.session_state[f"{form_of}/optimizer/more"], "a changed setting folds the section"
    test.multiselect(key=f"{form_of}/data.classes/digits").set_value(["7", "3"])
    test.pills(key=f"{form_of}/augmentation.policies").set_value(["colour"])
    test.number_input(key=f"{form_of}/cadence.log_every/count").set_value(7).run()
    changed = launched(test, "digits-dcgan")
    assert changed.optimizer.generator_lr == 0.001 and changed.data.classes == ("7", "3")
    for section in form.HEADINGS:
        test.session_state[f"{form_of}/{section}/more"] = False
    for _ in range(2):
        test.run()
        assert not [widget for widget in test.number_input if widget.key == f"{form_of}/optimizer.generator_lr"]
        assert launched(test, "digits-dcgan") == changed
    test.switch_page("pages/home.py").run()
    test.switch_page("pages/train.py").run()
    assert launched(test, "digits-dcgan") == changed
    test.session_state[f"{form_of}/optimizer/more"] = True
    test.run()
    assert test.number_input(key=f"{form_of}/optimizer.generator_lr").value == 0.001


def in_minutes(visit: Visit, count: int) -> AppTest:
    test = visit("train", preset="digits-mlp")
    test.number_input(key="train/digits-mlp/training.length/count").set_value(count)
    test.segmented_control(key="train/digits-mlp/training.length/unit").set_value("minutes")
    return test.run()


def test_length_in_minutes_becomes_steps_once_the_speed_is_measured(
    visit: Visit, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[RunConfig] = []
    monkeypatch.setattr(speeds, "start_measuring", lambda root, config: begun.append(config))
    test = in_minutes(visit, 3)
    assert_sound(test)
    assert begun and test.button(key="launch").disabled and "Length not known until the speed is measured" in texts(test)
    speeds.keep(empty, begun[0], 640.0, 1, "fp32")
    test.run()
    assert_sound(test)
    assert not test.button(key="launch").disabled and "≈ 1,800 steps" in texts(test)
    assert launched(test, "digits-mlp").total_steps == 3 * 60 * 640 // 64


@pytest.mark.parametrize("count", [0, -3, 10**9])
def test_bad_number_of_minutes_is_refused_in_one_sentence(count: int, visit: Visit, empty: Path) -> None:
    test = in_minutes(visit, count)
    (error,) = test.error
    assert "“Train for”" in error.value and "minutes" in error.value and test.button(key="launch").disabled


def test_launch_panel_names_the_runs_ahead(visit: Visit, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "1")
    assert "waits ahead" not in texts(visit("train"))
    make_run(empty, name="first of all", state="queued")
    test = visit("train")
    assert_sound(test)
    assert "1 run waits ahead: first of all" in texts(test)


@pytest.mark.parametrize("name", list(LOSSES))
def test_form_explains_every_loss(name: str, visit: Visit, empty: Path) -> None:
    test = visit("train", {"train/loss-facts": True})
    test.session_state["train/digits-dcgan/objective.loss"] = name
    test.run()
    assert_sound(test)
    facts = LOSSES[name]
    formulas = "".join(block.value for block in test.latex).replace(r" \\ & ", " ")
    assert facts.discriminator in formulas and facts.generator in formulas
    assert all(words.escape(part) in texts(test) for part in (facts.good, facts.sign, facts.source))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"objective.r1": 1.0, "dcgan/networks.discriminator_norm": "batch"}, "“R1 γ” penalises the slope"),
        ({"dcgan/networks.packing": 3}, "“Packing” is 3, but a batch of 64 does not divide"),
        ({"data.name": "ring"}, "holds points, not images"),
    ],
)
def test_form_explains_bad_settings_in_one_sentence(changes: dict[str, object], sentence: str, visit: Visit, empty: Path) -> None:
    test = visit("train")
    for key, value in changes.items():
        test.session_state[f"train/digits-dcgan/{key}"] = value
    test.run()
    assert_sound(test)
    (error,) = test.error
    assert words.escape(sentence) in error.value and "\n" not in error.value
    assert test.button(key="launch").disabled


def test_form_drops_a_setting_that_the_loss_does_not_use(visit: Visit, empty: Path) -> None:
    test = visit("train")
    smoothing = "train/digits-dcgan/objective.label_smoothing"
    test.session_state[smoothing] = 0.1
    test.run()
    assert launched(test, "digits-dcgan").objective.label_smoothing == 0.1
    test.session_state["train/digits-dcgan/objective.loss"] = "hinge"
    test.run()
    assert_sound(test)
    assert not test.error and smoothing not in [widget.key for widget in test.number_input]
    assert launched(test, "digits-dcgan").objective.label_smoothing == 0


def test_form_refuses_a_depth_that_does_not_fit(visit: Visit, empty: Path) -> None:
    test = visit("train")
    test.number_input(key="train/digits-dcgan/dcgan/networks.depth").set_value(5).run()
    assert_sound(test)
    assert words.escape("“Depth” is 5") in test.error[0].value
    assert test.button(key="launch").disabled


def test_form_refuses_a_length_of_zero(visit: Visit, empty: Path) -> None:
    test = visit("train")
    test.number_input(key="train/digits-dcgan/training.length/count").set_value(0).run()
    assert_sound(test)
    assert "“Train for” is 0 epochs, so nothing would be trained" in test.error[0].value and not test.warning
    assert test.button(key="launch").disabled


def test_form_keeps_a_name_while_another_page_is_open_until_it_is_used(visit: Visit, empty: Path) -> None:
    test = visit("train")
    test.text_input(key="train/name").set_value("Wider").run()
    test.switch_page("pages/home.py").run()
    test.switch_page("pages/train.py").run()
    assert test.text_input(key="train/name").value == "Wider"
    test.number_input(key="train/digits-dcgan/training.length/count").set_value(1).run()
    test.button(key="launch").click().run()
    test.switch_page("pages/train.py").run()
    assert_sound(test)
    assert test.text_input(key="train/name").value == ""
    (run,) = runs.list_runs(empty)
    assert run.label() == "Wider"
    wait_until(lambda: run.status().state == "finished", "the short training has ended")


def test_form_launches_what_it_shows(visit: Visit, empty: Path) -> None:
    test = visit("train")
    test.number_input(key="train/digits-dcgan/dcgan/networks.width").set_value(4)
    test.number_input(key="train/digits-dcgan/training.length/count").set_value(1)
    test.text_input(key="train/name").set_value(NASTY)
    test.run()
    test.button(key="launch").click().run()
    assert_sound(test)
    (run,) = runs.list_runs(empty)
    assert run.config().networks.width == 4 and run.status().total_steps == 28
    wait_until(lambda: run.status().state == "finished", "the short training has ended")


def test_watch_says_what_is_wrong_with_a_url(visit: Visit, shown: Run) -> None:
    for wanted in ("../../etc/passwd", "20200101-000000-abcdef", "<script>"):
        test = visit("watch", run=wanted)
        assert_sound(test)
        assert len(test.error) == 1


def test_watch_renames(visit: Visit, shown: Run) -> None:
    test = visit("watch", run=shown.id)
    test.text_input(key=f"name/{shown.id}/{shown.label()}").set_value("  another\nname ")
    test.button(key="save-name").click().run()
    assert_sound(test)
    assert shown.label() == "another name"


def test_watch_offers_the_generator_once_there_is_a_checkpoint(visit: Visit, shown: Run) -> None:
    def offered(run: Run) -> bool:
        return any(button.proto.label == "Export generator" for button in visit("watch", run=run.id).get("download_button"))

    assert offered(shown)
    assert not offered(runs.create(shown.root, tiny(), state="stopped"))


def test_watch_moves_a_run_to_the_trash_and_back(visit: Visit, shown: Run) -> None:
    test = visit("watch", run=shown.id)
    test.button(key=f"delete/{shown.id}/sure").click().run()
    assert_sound(test)
    assert not shown.path.exists()
    test.button(key="undo").click().run()
    assert_sound(test)
    assert shown.path.exists() and shown.status().state == "finished"


def test_watch_trains_longer(visit: Visit, shown: Run) -> None:
    before = shown.status()
    test = visit("watch", run=shown.id)
    test.number_input(key="more").set_value(1)
    test.button(key="longer").click().run()
    assert_sound(test)
    wait_until(lambda: shown.status().state == "finished" and shown.status().step > before.step, "the longer training has ended")
    assert shown.status().step == before.total_steps + before.steps_per_epoch


def test_watch_shows_the_end_of_the_log_of_a_failed_run(visit: Visit, shown: Run) -> None:
    shown.write_status(shown.status().model_copy(update={"state": "failed", "message": "The disk is full."}))
    shown.log_path.write_text("the last words")
    test = visit("watch", run=shown.id)
    assert_sound(test)
    assert "The disk is full" in test.error[0].value
    assert any("the last words" in block.value for block in test.code)


def test_watch_shows_the_place_in_the_queue(visit: Visit, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "1")
    first = queue.launch(empty, tiny({"training.length": "100000 steps", "training.threads": 1}))
    waiting = [queue.launch(empty, tiny()) for _ in range(2)]
    test = visit("watch", run=waiting[1].id)
    assert_sound(test)
    assert "place 2 of 2" in texts(test)
    test.button(key="first").click().run()
    assert "place 1 of 2" in texts(test) and queue.waiting_runs(empty) == waiting[::-1]
    for run in [*waiting, first]:
        queue.stop(run)


def test_home_lists_the_running_training_before_the_queue(visit: Visit, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_CORES", "1")
    first = queue.launch(empty, tiny({"training.length": "100000 steps", "training.threads": 1}))
    waiting = [queue.launch(empty, tiny()) for _ in range(3)]
    queue.move_first(empty, waiting[2:])
    test = visit("home")
    assert_sound(test)
    links = [link.proto.query_string for link in test.get("page_link")]
    assert links == [f"run={run.id}" for run in (first, waiting[2], waiting[0], waiting[1])]
    for run in [*waiting, first]:
        queue.stop(run)


def axes(test: AppTest) -> dict[str, dict[str, object]]:
    """Return the vertical axis (title and scale) of each chart of curves, keyed by title."""
    specs = [json.loads(chart.proto.spec) for chart in test.get("vega_lite_chart")]
    found = [spec["layer"][0]["layer"][0]["encoding"]["y"] for spec in specs]
    return {axis["title"]: axis for axis in found}


def test_watch_shows_probabilities_only_if_the_loss_yields_them(visit: Visit, shown: Run) -> None:
    test = visit("watch", run=shown.id)
    assert_sound(test)
    assert axes(test)["probability of “real”"]["scale"]["domain"] == [0, 1]  # type: ignore[index]
    assert "penalty" not in axes(test)
    assert words.escape(LOSSES["non-saturating"].good) in texts(test)
    assert "Mouse: Ctrl + wheel zooms" in texts(test)  # two fingers zoom the page, not the chart


def test_watch_shows_outputs_and_the_penalty_of_a_critic(visit: Visit, conditional: Run) -> None:
    test = visit("watch", run=conditional.id)
    assert_sound(test)
    assert "domain" not in axes(test)["output of the discriminator"]["scale"]  # type: ignore[operator]
    assert "penalty" in axes(test) and "probability of “real”" not in axes(test)
    assert words.escape(LOSSES["hinge"].good) in texts(test)


def test_watch_names_the_columns_of_a_conditional_run(visit: Visit, conditional: Run) -> None:
    test = visit("watch", run=conditional.id)
    names = [str(digit) for digit in range(10)]
    assert [caption.value for caption in test.caption if caption.value in names] == names, "one column per digit"
    some = configs.replace(conditional.config(), {"data.classes": ["7", "3"]})
    assert some.columns == ("3", "7") * 4
    assert presets.find("digits-dcgan").config.columns == ()


def test_watch_draws_the_chosen_class(visit: Visit, conditional: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    spawn, asked = processes.spawn, []
    monkeypatch.setattr(processes, "spawn", lambda *given, **options: asked.append(given))
    test = visit("watch", run=conditional.id)
    pictures = len(test.get("image"))
    test.selectbox(key=f"asked/{conditional.id}/class").set_value("7")
    test.button(key="draw").click().run()
    assert_sound(test)
    assert "Drawing “7”" in texts(test) and test.button(key="draw").disabled
    spawn(*asked[0])  # only now, since the picture may be there within a second
    wait_until(conditional.asked_path.exists, "the picture has been drawn")
    test.run()
    assert_sound(test)
    assert not test.error and not test.button(key="draw").disabled
    assert len(test.get("image")) == pictures + 1 and "Drawing" not in texts(test)


def test_watch_offers_a_class_only_for_conditional_runs_with_a_checkpoint(visit: Visit, conditional: Run, trained: Run) -> None:
    shutil.copytree(trained.path, conditional.root / trained.id)
    assert "Samples of one class" not in texts(visit("watch", run=trained.id))
    shutil.rmtree(conditional.checkpoints_path)
    test = visit("watch", run=conditional.id)
    assert_sound(test)
    assert "samples can be drawn after the first one" in texts(test)
    assert "draw" not in [button.key for button in test.button]


def test_evaluate_shows_scores_and_floor(visit: Visit, shown: Run) -> None:
    test = visit("evaluate", runs=shown.id)
    assert_sound(test)
    (table,) = test.dataframe
    (line,) = shown.scores()
    assert next(iter(table.value["Run"])).startswith("Real images")
    assert list(table.value["FID · digits CNN"]) == pytest.approx([line["floor_fid"], line["fid"]])
    assert "FID" not in table.value.columns


def test_evaluate_does_not_rank_scores_that_cannot_be_compared(visit: Visit, shown: Run) -> None:
    other = make_run(shown.root)
    line = shown.scores()[0] | {"images": 999}
    other.scores_path.write_text(json.dumps(line) + "\n")
    test = visit("evaluate", runs=f"{shown.id},{other.id}")
    assert_sound(test)
    assert len(test.warning) == 1 and "cannot be ranked" in test.warning[0].value
    assert not test.get("plotly_chart")


def test_evaluate_scores(visit: Visit, shown: Run) -> None:
    os.unlink(shown.scores_path)
    test = visit("evaluate", runs=shown.id)
    test.button(key="score").click().run()
    assert_sound(test)
    wait_until(lambda: shown.scoring().state == "finished", "the scoring has ended", seconds=180)
    assert len(shown.scores()) == 1


def test_evaluate_works_without_a_missing_run(visit: Visit, shown: Run) -> None:
    test = visit("evaluate", runs=f"20200101-000000-abcdef,{shown.id}")
    assert_sound(test)
    assert len(test.error) == 1 and len(test.dataframe) == 1


def test_evaluate_works_with_damaged_pictures(visit: Visit, shown: Run) -> None:
    for picture in shown.samples().values():
        picture.write_bytes(b"")
    test = visit("evaluate", runs=shown.id)
    assert_sound(test)
    assert not test.error and len(test.dataframe) == 1


def test_url_parameters_are_not_rendered_as_markup(visit: Visit, shown: Run) -> None:
    for page, key in (("watch", "run"), ("train", "preset"), ("evaluate", "runs")):
        test = visit(page, **{key: "![x](http://127.0.0.1/x.png)"})
        assert_sound(test)
        assert test.error and all("![x](" not in error.value for error in test.error)


def test_speed_that_was_given_up_is_a_bound_on_both_figures(visit: Visit, empty: Path) -> None:
    speeds.keep(empty, presets.find(presets.DEFAULT).config, 2.0, 1, "fp32", is_bound=True)
    test = visit("train")
    assert test.metric[0].value.startswith("more than ")
    assert any("less than 2 images/s" in caption.value for caption in test.caption)


def test_watch_refuses_too_long_a_training(visit: Visit, shown: Run) -> None:
    shown.write_control(length=Span(count=99_999_999))
    test = visit("watch", run=shown.id)
    assert_sound(test)
    assert test.button(key="longer").disabled
    assert any("expected at most 100,000,000" in caption.value for caption in test.caption)


def test_watch_offers_to_resume_a_run_whose_status_is_lost(visit: Visit, shown: Run) -> None:
    before = shown.status()
    shown.status_path.write_bytes(b"")
    test = visit("watch", run=shown.id)
    test.button(key="resume").click().run()
    assert_sound(test)
    wait_until(lambda: shown.status().state == "finished", "the resumed run has finished")
    assert shown.status().step == before.step


def test_samples_show_the_newest_again_after_leaving_the_page(visit: Visit, shown: Run) -> None:
    test = visit("watch", run=shown.id)
    key = f"snapshot/{shown.id}"
    test.select_slider(key=key).set_value(0).run()
    assert test.session_state[key] == 0
    test.switch_page("pages/home.py").run()
    test.switch_page("pages/watch.py").run()
    newest = list(shown.samples())[-1]
    (shown.samples_path / f"{newest + 1:08d}.png").write_bytes(shown.samples()[newest].read_bytes())
    test.run()
    assert test.session_state[key] == newest + 1


@pytest.mark.parametrize("value", [0, -1, 99_999_999_999])
def test_form_says_what_is_out_of_range(value: int, visit: Visit, empty: Path) -> None:
    test = visit("train")
    test.number_input(key="train/digits-dcgan/dcgan/networks.latent").set_value(value).run()
    assert_sound(test)
    assert "expected a whole number from 1 to 1024" in test.error[0].value
    assert test.button(key="launch").disabled
