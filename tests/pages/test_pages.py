"""The pages without a browser: every page with no runs, good runs and damaged ones, and what its buttons do."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from gan import config as configs
from gan import launcher, presets, runs, sections
from gan.runs import Run
from pages.parts import form, words
from tests.helpers import PROJECT, make_run, tiny, wait_until
from tests.pages.conftest import NASTY

PAGES = sorted(path.stem for path in (PROJECT / "pages").glob("*.py"))

Visit = Callable[..., AppTest]


def texts(test: AppTest) -> str:
    """Return all text that a page shows."""
    kinds = (test.title, test.header, test.subheader, test.markdown, test.caption, test.error, test.info, test.warning)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def assert_sound(test: AppTest) -> None:
    """Assert that a page has run to its end."""
    assert not test.exception, test.exception


@pytest.mark.parametrize("page", PAGES)
def test_router_lists_every_page(page: str) -> None:
    assert f'"pages/{page}.py"' in (PROJECT / "dashboard.py").read_text()


@pytest.mark.parametrize("page", PAGES)
def test_page_without_runs(page: str, visit: Visit, empty: Path) -> None:
    test = visit(page)
    assert_sound(test)
    assert not test.error


@pytest.mark.parametrize("page", PAGES)
def test_page_without_folder(page: str, visit: Visit, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_RUNS", str(root / "not" / "there"))
    test = visit(page)
    assert_sound(test)
    assert not test.error


@pytest.mark.parametrize("page", PAGES)
def test_page_where_folder_is_a_file(page: str, visit: Visit, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root.write_text("not a folder")
    monkeypatch.setenv("GAN_RUNS", str(root))
    assert_sound(visit(page))


@pytest.mark.parametrize("page", PAGES)
def test_page_with_a_run(page: str, visit: Visit, shown: Run) -> None:
    test = visit(page)
    assert_sound(test)
    assert not test.error


@pytest.mark.parametrize("damage", ["config.json", "status.json", "metrics.jsonl", "scores.jsonl", "label.json", "samples"])
@pytest.mark.parametrize("page", PAGES)
def test_page_with_a_damaged_run(page: str, damage: str, visit: Visit, shown: Run) -> None:
    if damage == "samples":
        for picture in shown.samples().values():
            picture.write_bytes(b"not a picture")
    else:
        (shown.path / damage).write_bytes(b'{"step": "x", \xff\n{"fid": 1}\n[]\n')
    assert_sound(visit(page))


def test_names_are_text_and_never_markup(visit: Visit, shown: Run) -> None:
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
    wait_until(lambda: run.status().state == "running", "the training is on")
    launcher.stop(run)
    wait_until(lambda: run.status().state == "stopped", "the training has stopped")


def test_home_says_why_nothing_can_be_started(visit: Visit, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root.write_text("not a folder")
    monkeypatch.setenv("GAN_RUNS", str(root))
    test = visit("home")
    test.button(key="start").click().run()
    assert_sound(test)
    assert all(words.escape(str(root)) in error.value and "\n" not in error.value for error in test.error) and len(test.error) == 2


def test_train_says_what_is_wrong_with_an_address(visit: Visit, empty: Path) -> None:
    test = visit("train", preset="digits-dcgn")
    assert_sound(test)
    assert words.escape("did you mean “digits-dcgan”") in test.error[0].value


@pytest.mark.parametrize("name", list(presets.PRESETS))
def test_untouched_form_gives_the_preset(name: str, visit: Visit, empty: Path) -> None:
    test = visit("train", preset=name)
    assert_sound(test)
    config = presets.find(name).config
    shown = {widget.key: widget.value for kind in (test.number_input, test.toggle) for widget in kind}
    prefix = f"train/{name}/"
    for key, value in configs.flatten(config).items():
        section, _, field = key.partition(".")
        if config.data.is_points and key in ("data.size", "data.fit", "data.colour", "data.flips"):
            continue
        if field == "classes":
            assert test.session_state[f"{prefix}{key}/{config.data.name}"] == list(value) if config.data.classes else not value
            continue
        prefixed = f"{prefix}{config.networks.family}/{key}" if section == "networks" and field != "family" else prefix + key
        if isinstance(value, (int, float)) and prefixed in shown:
            assert shown[prefixed] == pytest.approx(value)
        elif f"{prefixed}/count" in shown:
            assert f"{shown[f'{prefixed}/count']}" == str(value).split()[0]
        else:
            assert prefixed in test.session_state and test.session_state[prefixed] == value
    assert not test.error


def test_every_section_has_a_heading() -> None:
    assert list(form.HEADINGS) == list(configs.sections())


def test_form_refuses_what_does_not_fit_together(visit: Visit, empty: Path) -> None:
    test = visit("train")
    test.number_input(key="train/digits-dcgan/dcgan/networks.depth").set_value(5).run()
    assert_sound(test)
    assert words.escape("networks.depth is 5") in test.error[0].value
    assert test.button(key="launch").disabled


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


def test_watch_says_what_is_wrong_with_an_address(visit: Visit, shown: Run) -> None:
    for wanted in ("../../etc/passwd", "20200101-000000-abcdef", "<script>"):
        test = visit("watch", run=wanted)
        assert_sound(test)
        assert len(test.error) == 1


def test_watch_renames(visit: Visit, shown: Run) -> None:
    test = visit("watch", run=shown.id)
    test.text_input(key=f"name/{shown.id}").set_value("  another\nname ")
    test.button(key="save-name").click().run()
    assert_sound(test)
    assert shown.label() == "another name"


def test_watch_deletes_to_the_trash_and_back(visit: Visit, shown: Run) -> None:
    test = visit("watch", run=shown.id)
    test.button(key="delete").click().run()
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
    first = launcher.launch(empty, tiny({"training.length": "100000 steps", "training.threads": 1}))
    waiting = [launcher.launch(empty, tiny()) for _ in range(2)]
    test = visit("watch", run=waiting[1].id)
    assert_sound(test)
    assert "place 2 of 2" in texts(test)
    for run in [*waiting, first]:
        launcher.stop(run)


def test_evaluate_shows_scores_and_floor(visit: Visit, shown: Run) -> None:
    test = visit("evaluate", runs=shown.id)
    assert_sound(test)
    (table,) = test.dataframe
    (line,) = shown.scores()
    assert next(iter(table.value["Run"])).startswith("Real images")
    assert list(table.value["FID · digits CNN"]) == pytest.approx([line["floor_fid"], line["fid"]])
    assert "FID" not in table.value.columns


def test_evaluate_refuses_to_rank_what_cannot_be_compared(visit: Visit, shown: Run) -> None:
    other = make_run(shown.root)
    line = shown.scores()[0] | {"images": 999}
    other.scores_path.write_text(json.dumps(line) + "\n")
    test = visit("evaluate", runs=f"{shown.id},{other.id}")
    assert_sound(test)
    assert len(test.warning) == 1 and "not ranked" in test.warning[0].value
    assert not test.get("plotly_chart")


def test_evaluate_scores(visit: Visit, shown: Run) -> None:
    os.unlink(shown.scores_path)
    test = visit("evaluate", runs=shown.id)
    test.button(key="score").click().run()
    assert_sound(test)
    wait_until(lambda: shown.scoring().state == "finished", "the scoring has ended", seconds=180)
    assert len(shown.scores()) == 1


def test_evaluate_goes_on_without_a_run_that_is_gone(visit: Visit, shown: Run) -> None:
    test = visit("evaluate", runs=f"20200101-000000-abcdef,{shown.id}")
    assert_sound(test)
    assert len(test.error) == 1 and len(test.dataframe) == 1


def test_evaluate_goes_on_without_a_damaged_picture(visit: Visit, shown: Run) -> None:
    for picture in shown.samples().values():
        picture.write_bytes(b"")
    test = visit("evaluate", runs=shown.id)
    assert_sound(test)
    assert not test.error and len(test.dataframe) == 1


def test_address_is_never_markup(visit: Visit, shown: Run) -> None:
    for page, key in (("watch", "run"), ("train", "preset"), ("evaluate", "runs")):
        test = visit(page, **{key: "![x](http://127.0.0.1/x.png)"})
        assert_sound(test)
        assert test.error and all("![x](" not in error.value for error in test.error)


def test_watch_refuses_to_train_for_ever(visit: Visit, shown: Run) -> None:
    shown.write_control(length=sections.Span(count=99_999_999))
    test = visit("watch", run=shown.id)
    test.button(key="longer").click().run()
    assert_sound(test)
    assert "expected at most 100000000" in test.error[0].value
    assert shown.status().state == "finished"


def test_watch_offers_to_resume_a_run_whose_status_is_lost(visit: Visit, shown: Run) -> None:
    before = shown.status()
    shown.status_path.write_bytes(b"")
    test = visit("watch", run=shown.id)
    test.button(key="resume").click().run()
    assert_sound(test)
    wait_until(lambda: shown.status().state == "finished", "the run has found its place again")
    assert shown.status().step == before.step


def test_samples_follow_again_after_the_page_was_left(visit: Visit, shown: Run) -> None:
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


def test_watch_says_that_fewer_epochs_are_not_more(visit: Visit, shown: Run) -> None:
    test = visit("watch", run=shown.id)
    test.number_input(key="more").set_value(-5)
    test.button(key="longer").click().run()
    assert_sound(test)
    assert "expected at least 1" in test.error[0].value
    assert shown.status().state == "finished"
