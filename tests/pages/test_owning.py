"""Whose is what on the pages of a class: names, the filter, and buttons that say why they are disabled; nothing without a class."""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from gan import runs
from gan.access import owners, people, rules
from gan.access.people import TEACHER, VISITOR, Person, acting
from gan.data import imported, importer
from gan.execution import requests
from gan.places import data_root
from gan.runs import Run, Status
from gan.storage import files
from gan.storage.jobs import Task
from gan.sweeps import launched
from gan.sweeps import plan as plans
from pages.parts import words
from tests.access import writers
from tests.access.test_contract import TABLE
from tests.helpers import make_run

Visit = Callable[..., AppTest]

ASA, BO = Person(id="a1", name="Åsa <b> *x*"), Person(id="b1", name="Bo")
NAME = words.escape(ASA.name)


@pytest.fixture
def be(monkeypatch: pytest.MonkeyPatch) -> Callable[[Person], None]:
    """Return a function that lets the pages of a class be visited by a person."""

    def be(person: Person) -> None:
        monkeypatch.setenv("GAN_CLASS", "1")
        monkeypatch.setattr(people._Source, "ask", staticmethod(lambda: person))

    return be


@pytest.fixture
def of_asa(shown: Run) -> Run:
    """Return the trained run, which is Åsa's."""
    owners.write(shown.path, ASA)
    return shown


def disabled(test: AppTest) -> dict[str, str]:
    """Return the help of all disabled buttons and popovers by label."""
    drawn = [one.proto for one in test.button] + [one.proto.popover for one in test.get("popover")]
    return {one.label: one.help for one in drawn if one.disabled}


def told(test: AppTest) -> list[str]:
    return [one.value for one in test.caption]


def links(test: AppTest) -> set[str]:
    return {link.proto.query_string for link in test.get("page_link")}


def run_of(root: Path, person: Person, name: str, state: str = "finished") -> Run:
    with acting(person):
        run = make_run(root, name=name)
        run.write_status(Status(state=state, step=6, total_steps=12))  # type: ignore[arg-type]
    return run


@contextmanager
def sweep_of(root: Path, person: Person) -> Iterator[launched.Sweep]:
    with acting(person):
        sweep = launched.create(root, plans.parse({"name": "Sizes", "base": "ring-mlp", "axes": {"networks.hidden": [16]}}))
        launched.complete(sweep)
    for run in sweep.runs():
        run.write_status(run.status().model_copy(update={"state": "stopped"}))
    yield sweep


@pytest.mark.parametrize("page", ["home", "watch", "evaluate", "compare", "sweeps", "explore", "data"])
def test_without_a_class_nothing_tells_of_owners(page: str, of_asa: Run, visit: Visit) -> None:
    test = visit(page)
    assert not test.exception and not test.error
    assert "Owner" not in [one.label for one in test.button_group]
    texts = [*told(test), *(option for box in [*test.selectbox, *test.multiselect] for option in box.options)]
    assert not any("Åsa" in text or "Teacher" in text for text in texts)
    assert not any("may" in help for help in disabled(test).values())


@pytest.mark.parametrize("page", ["home", "watch", "evaluate", "compare", "sweeps", "explore", "data", "quiz", "train", "play"])
def test_a_visitor_can_change_nothing_and_breaks_nothing(
    page: str, of_asa: Run, visit: Visit, be: Callable[[Person], None]
) -> None:
    be(VISITOR)
    before = {path: path.read_bytes() for path in of_asa.path.rglob("*") if path.is_file()}
    test = visit(page)
    assert not test.exception
    assert {path: path.read_bytes() for path in of_asa.path.rglob("*") if path.is_file()} == before


def test_others_look_at_a_run_and_fork_it(of_asa: Run, visit: Visit, be: Callable[[Person], None]) -> None:
    be(BO)
    test = visit("watch", run=of_asa.id)
    assert not test.exception
    assert f"by {NAME}" in told(test)
    found = disabled(test)
    assert set(found) == {"Train longer", "Delete", "Save"}
    for verb, label in (("resume", "Train longer"), ("delete", "Delete"), ("rename", "Save")):
        assert found[label] == words.escape(rules.refusal(BO, verb, ASA, f"run {of_asa.id}"))
    assert test.text_input(key=f"name/{of_asa.id}/fixed").disabled
    assert found["Save"] in told(test), "readable without pointing at anything"
    assert "Fork" in [one.label for one in test.expander]


@pytest.mark.parametrize("who", [ASA, TEACHER], ids=["owner", "teacher"])
def test_the_owner_and_the_teacher_may_do_everything(who: Person, of_asa: Run, visit: Visit, be: Callable[[Person], None]) -> None:
    be(who)
    test = visit("watch", run=of_asa.id)
    assert not test.exception and not disabled(test)
    test.text_input(key=f"name/{of_asa.id}/{of_asa.label()}").set_value("renamed").run()
    test.button(key="save-name").click().run()
    assert of_asa.label() == "renamed"


def test_a_launch_belongs_to_who_clicks(empty: Path, visit: Visit, be: Callable[[Person], None]) -> None:
    be(BO)
    test = visit("home")
    test.button(key="start").click().run()
    assert [run.owner() for run in runs.list_runs(empty)] == [BO]


def test_only_the_teacher_orders_the_queue(empty: Path, visit: Visit, be: Callable[[Person], None]) -> None:
    run = run_of(empty, BO, "waits", "queued")
    be(BO)
    assert list(disabled(visit("watch", run=run.id))) == ["Move to front"]
    be(TEACHER)
    assert not disabled(visit("watch", run=run.id))


def test_home_shows_mine(empty: Path, visit: Visit, be: Callable[[Person], None]) -> None:
    mine, others, teachers = run_of(empty, BO, "mine"), run_of(empty, ASA, "others"), run_of(empty, TEACHER, "teachers")
    be(BO)
    test = visit("home")
    assert links(test) == {f"run={run.id}" for run in (mine, others, teachers)}
    assert {caption.partition(" · ")[0] for caption in told(test) if " · Digits" in caption} == {"Bo", NAME, "Teacher"}
    test.button_group(key="whose/pages/home.py").set_value("Mine").run()
    assert links(test) == {f"run={mine.id}"}


def test_the_teacher_looks_for_a_person(empty: Path, visit: Visit, be: Callable[[Person], None]) -> None:
    run_of(empty, BO, "of Bo"), run_of(empty, TEACHER, "teachers")
    of_asa = run_of(empty, ASA, "of Asa")
    be(TEACHER)
    test = visit("home")
    assert test.selectbox(key="whose/person/pages/home.py").options == ["Everyone", "Bo", "Teacher", ASA.name]
    test.selectbox(key="whose/person/pages/home.py").set_value(ASA.id).run()
    assert links(test) == {f"run={of_asa.id}"}
    test.switch_page("pages/watch.py").run()
    assert test.selectbox(key="whose/person/pages/watch.py").value == ASA.id, "another page begins with the choice"
    test.selectbox(key="whose/person/pages/watch.py").set_value("").run()
    assert len(test.selectbox(key="watch/choice").options) == 3


def test_pickers_name_owners_and_keep_what_a_link_names(empty: Path, visit: Visit, be: Callable[[Person], None]) -> None:
    others, mine = run_of(empty, ASA, "others"), run_of(empty, BO, "mine")
    be(BO)
    test = visit("watch", {"whose": "Mine"})
    assert test.selectbox(key="watch/choice").options == ["Bo · mine"]
    test = visit("watch", {"whose": "Mine"}, run=others.id)
    assert test.selectbox(key="watch/choice").value == others.id
    test = visit("compare", {"whose": "Mine"})
    assert test.multiselect(key="compare/runs").value == [mine.id], "chosen by default are own runs"
    runs.delete(mine)
    test = visit("watch", {"whose": "Mine"})
    assert not test.exception and "No runs of this owner." in told(test)


def test_evaluate_scores_own_runs_and_names_owners(of_asa: Run, visit: Visit, be: Callable[[Person], None]) -> None:
    be(BO)
    test = visit("evaluate", runs=of_asa.id)
    assert not test.exception
    assert disabled(test)["Score now"] == words.escape(rules.refusal(BO, "score", ASA, f"run {of_asa.id}"))
    assert any("Only the owners of these runs can score them" in text for text in told(test))
    (table,) = (one.value for one in test.dataframe if "Owner" in one.value)
    assert ASA.name in set(table["Owner"])
    be(ASA)
    assert "Score 1 run now" not in disabled(visit("evaluate", runs=of_asa.id))


def test_compare_keeps_notes_of_others(of_asa: Run, visit: Visit, be: Callable[[Person], None]) -> None:
    be(BO)
    test = visit("compare", runs=of_asa.id)
    assert not test.exception
    assert words.escape(rules.refusal(BO, "annotate", ASA, f"run {of_asa.id}")) in told(test)


def test_sweeps_of_others(empty: Path, visit: Visit, be: Callable[[Person], None]) -> None:
    with sweep_of(empty, ASA) as sweep:
        be(BO)
        test = visit("sweeps")
        assert not test.exception
        assert test.selectbox(key="sweeps/choice").options[0].startswith(f"{ASA.name} · Sizes · ")
        assert disabled(test) == {
            "Retry 2": words.escape(rules.refusal(BO, "resume", ASA, f"sweep {sweep.id}")),
            "Remove": words.escape(rules.refusal(BO, "delete", ASA, f"sweep {sweep.id}")),
        }
        assert "No sweeps of this owner." in told(visit("sweeps", {"whose": "Mine"}))
        be(ASA)
        assert not disabled(visit("sweeps"))


@pytest.fixture
def leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a data set of Åsa."""
    monkeypatch.setenv("GAN_DATA", str(tmp_path))
    for shade in range(2):
        Image.fromarray(np.full((16, 16), shade, np.uint8)).save(tmp_path / f"{shade}.png")
    with acting(ASA):
        return importer.import_pictures(tmp_path, "Leaves", lambda sentence, share: None, root=tmp_path)


def test_data_sets_of_others(empty: Path, leaves: str, visit: Visit, be: Callable[[Person], None]) -> None:
    be(BO)
    test = visit("data", data=leaves)
    assert not test.exception
    assert f"Leaves · {ASA.name}" in test.selectbox(key="data/name").options
    assert disabled(test)["Remove"] == words.escape(rules.refusal(BO, "delete", ASA, "the data set “Leaves”"))
    be(ASA)
    assert "Remove" not in disabled(visit("data", data=leaves))


def test_imported_data_sets_are_filtered_by_owner(empty: Path, leaves: str, visit: Visit, be: Callable[[Person], None]) -> None:
    be(BO)
    test = visit("data")
    everything = test.selectbox(key="data/name").options
    assert f"Leaves · {ASA.name}" in everything
    test.button_group(key="whose/pages/data.py").set_value("Mine").run()
    assert not test.exception
    assert test.selectbox(key="data/name").options == [one for one in everything if not one.startswith("Leaves")]
    test = visit("data", {"whose": "Mine"}, data=leaves)
    assert test.selectbox(key="data/name").value == leaves, "what the URL names stays"
    be(ASA)
    assert visit("data", {"whose": "Mine"}).selectbox(key="data/name").options == everything
    imported.remove(leaves, data_root(), runs_root=empty)
    assert not [one for one in visit("data").button_group if one.key == "whose/pages/data.py"], "nothing to filter"


def test_an_import_leads_only_its_owner_to_the_new_data_set(
    empty: Path, leaves: str, visit: Visit, be: Callable[[Person], None]
) -> None:
    with acting(ASA):
        files.write_json(requests.import_path(), {**vars(Task("finished", result=leaves)), "time": time.time()})
    be(BO)
    test = visit("data", {"data/import": 16})
    assert not test.exception and not test.success and test.selectbox(key="data/name").value != leaves
    be(ASA)
    test = visit("data", {"data/import": 16})
    assert test.selectbox(key="data/name").value == leaves and "was added" in test.success[0].value


def test_the_trash_is_open_to_owners(empty: Path, visit: Visit, be: Callable[[Person], None]) -> None:
    for person, name in ((ASA, "others"), (BO, "mine")):
        runs.delete(run_of(empty, person, name))
    be(BO)
    test = visit("home", {"home/trash": True})
    assert disabled(test) == {
        "Restore": words.escape(rules.refusal(BO, "restore", ASA, f"run {runs.list_trash(empty)[1].id}")),
        "Empty": words.escape(rules.refusal(BO, "empty the trash")),
    }
    (own,) = (one for one in test.button if one.label == "Restore" and not one.disabled)
    own.click().run()
    assert [run.label() for run in runs.list_runs(empty)] == ["mine"]


#: Parts of the page Class that are drawn for the teacher alone.
TEACHERS = {"pages.parts.classroom.after", "pages.parts.classroom.members"}


def test_buttons_that_may_be_refused_say_why() -> None:
    strict = {name for name, (verb, _) in TABLE.items() if rules.VERBS[verb] != "everyone"}
    seen = 0
    for module, path in writers.modules().items():
        if module in TEACHERS:
            continue
        functions = [node for node in ast.walk(writers.tree(path)) if isinstance(node, ast.FunctionDef)]
        local = {node.name: node for node in functions}
        for function in functions:
            calls = [node for node in ast.walk(function) if isinstance(node, ast.Call) and called(node).startswith("actions.")]
            is_guarded = any(called(call) == "actions.popover" and has_reason(call) for call in calls)
            for call in (one for one in calls if called(one) == "actions.button"):
                names = {part.id for part in ast.walk(call) if isinstance(part, ast.Name)}
                targets = {
                    name for one in (call, *(local[name] for name in names & set(local))) for name in writers.mentioned(module, one)
                }
                if targets & strict:
                    seen += 1
                    assert has_reason(call) or is_guarded, f"{path.name}, line {call.lineno}: give why_not=owning.why_not(…)"
    assert seen > 10, "they are still found"


def called(call: ast.Call) -> str:
    return ast.unparse(call.func)


def has_reason(call: ast.Call) -> bool:
    return any(keyword.arg == "why_not" for keyword in call.keywords)
