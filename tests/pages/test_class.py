"""The page Class without a browser: as teacher, student and visitor."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import segno
from streamlit.testing.v1 import AppTest

from gan import runs
from gan.access import limits, owners
from gan.access.classroom import Classroom
from gan.access.leading import leading
from gan.access.limits import Limits
from gan.access.people import TEACHER, VISITOR, Person
from gan.errors import InputError
from gan.execution import archives, requests
from gan.storage import jobs
from pages.parts import words
from pages.parts.classroom import board, members, projector, tiles
from pages.parts.door import hosts, middleware
from tests.helpers import PROJECT, make_run, wait_until
from tests.pages.conftest import NASTY
from tests.pages.in_class import Act, Visit, ann, as_, bo, classroom, example, here, html, nobody_leads, press, told

__all__ = ["ann", "as_", "bo", "classroom", "nobody_leads"]


def keys(test: AppTest) -> set[str]:
    return {str(button.key) for button in test.button}


def opened(test: AppTest, key: str) -> AppTest:
    """Open a popover, as a click does."""
    test.session_state[key] = True
    return test.run()


def links(test: AppTest) -> list[tuple[str, str]]:
    return [(link.proto.label, link.proto.query_string) for link in test.get("page_link")]


# Without a class


@pytest.mark.parametrize("value", [None, "0", ""])
def test_without_a_class_nothing_of_it_exists(
    visit: Visit, empty: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv("GAN_CLASS", raising=False)
    else:
        monkeypatch.setenv("GAN_CLASS", value)
    test = visit("home")
    assert "class-bar" not in html(test) and not test.toggle and not test.exception
    test.switch_page("pages/class.py").run()
    assert here(test) == "pages/home.py" and not test.exception


def test_a_folder_without_a_class_says_how_to_start_one(visit: Visit, empty: Path) -> None:
    shutil.rmtree(empty)
    assert "python -m gan class" in visit("class").info[0].value


# The board


def test_the_board_shows_everybodys_newest_run(visit: Visit, classroom: Classroom, ann: Person, bo: Person, as_: Act) -> None:
    root = classroom.root
    example(root, TEACHER, "of the teacher", heartbeat=1.0)
    example(root, ann, "older", made_at=1.0, queued_at=1.0)
    newest = example(root, ann, NASTY, heartbeat=200.0)
    active = make_run(root, state="queued", name="just begun")
    owners.write(active.path, bo)
    as_(ann)
    test = visit("class")
    assert not test.exception and not test.error
    assert [label for label, _ in links(test)] == ["**Teacher**", r"**Bo \<b\>\*x\***", "**Ann** · you"]
    assert [query for _, query in links(test)][1:] == [f"run={active.id}", f"run={newest.id}"]
    assert "older" not in html(test) and "<b onclick" not in html(test) and "bold" in html(test)
    assert "waiting, no pictures yet" in html(test) and "× real" in html(test)
    code = classroom.state().students[ann.id].code
    assert f"You are **Ann**. Your personal code is **{code}**" in told(test)
    assert classroom.state().students[bo.id].code not in told(test).replace(code, "")
    assert classroom.state().code not in told(test) and classroom.state().teacher_code not in told(test)


def test_the_board_orders_by_activity(classroom: Classroom, ann: Person, bo: Person) -> None:
    root = classroom.root
    cy = Person(id="c1", name="Cy")
    example(root, ann, heartbeat=100.0)
    example(root, bo, heartbeat=200.0)
    owners.write(make_run(root, state="queued").path, cy)
    example(root, TEACHER, heartbeat=1.0)
    assert [tile.person.name for tile in tiles.read(root)] == ["Teacher", "Cy", "Bo <b>*x*", "Ann"]


def test_a_waiting_run_does_not_hide_the_pictures_of_one_that_has_begun(classroom: Classroom, ann: Person, bo: Person) -> None:
    root = classroom.root
    begun = example(root, ann, state="running")
    for person in (ann, bo):
        owners.write(make_run(root, state="queued").path, person)
    shown = {tile.person.name: tile for tile in tiles.read(root)}
    assert shown["Ann"].run == begun and shown["Ann"].picture and shown["Ann"].runs == 2
    assert shown[bo.name].status.state == "queued"


def test_a_tile_tells_fid_and_state(classroom: Classroom, ann: Person) -> None:
    run = example(classroom.root, ann)
    (tile,) = tiles.read(classroom.root)
    scored = [line for line in run.scores() if line.get("source") == "training"]
    assert (tile.fid, tile.floor) == (scored[-1]["fid"], scored[-1]["floor_fid"])
    assert tile.ratio == pytest.approx(scored[-1]["fid"] / scored[-1]["floor_fid"])
    assert tile.step == max(run.samples()) and tile.sentence.endswith(".")
    run.write_status(run.status().model_copy(update={"state": "failed", "message": "The disk is full."}))
    assert tiles.read(classroom.root)[0].sentence == "The disk is full."


@pytest.mark.parametrize(("ratio", "share"), [(0.5, 1.0), (1.0, 1.0), (10.0, 0.5), (100.0, 0.0), (5000.0, 0.0)])
def test_closeness(ratio: float, share: float) -> None:
    assert board._closeness(ratio) == pytest.approx(share)


@pytest.mark.parametrize(("fid", "floor"), [(None, 1.0), (1.0, None), (1.0, 0.0), (1.0, -0.1), (0.0, 1.0)])
def test_no_ratio_without_a_positive_floor(fid: float | None, floor: float | None, classroom: Classroom, ann: Person) -> None:
    run = make_run(classroom.root)
    tile = tiles.Tile(ann, run, run.status(), "x", 1, fid=fid, floor=floor, sentence="a < b")
    assert tile.ratio is None and "× real" not in board._about(tile) and "a &lt; b" in board._about(tile)


def test_tiles_are_shared_for_a_moment(classroom: Classroom, ann: Person) -> None:
    clock = iter([0.0, 1.0, 9.0])
    shared = tiles._Shared(lambda: next(clock))
    tiles.FRESH = 2.0
    example(classroom.root, ann)
    assert shared.tiles(classroom.root) is shared.tiles(classroom.root)
    example(classroom.root, TEACHER)
    assert len(shared.tiles(classroom.root)) == 2


# Who sees what


@pytest.mark.parametrize("view", ["projector", "people", "limits", "after", "x"])
def test_a_student_has_the_board_alone(view: str, visit: Visit, classroom: Classroom, ann: Person, as_: Act) -> None:
    as_(ann)
    test = visit("class", view=view)
    assert not test.exception and not test.button_group and not test.button
    assert classroom.state().code not in told(test) and "You are **Ann**" in told(test)


def test_a_visitor_gets_a_sentence(visit: Visit, classroom: Classroom, as_: Act) -> None:
    as_(VISITOR)
    test = visit("class", view="people")
    assert "You have not joined this class" in told(test) and "not joined" in html(test) and 'href="door"' in html(test)
    assert not test.button and not test.toggle


def test_the_teacher_may_choose_the_view(visit: Visit, classroom: Classroom, as_: Act) -> None:
    as_(TEACHER)
    test = visit("class")
    for view, part in (
        ("people", "Nobody has joined yet"),
        ("after", "Nothing here belongs to students"),
        ("board", "No runs yet"),
    ):
        test.button_group(key="class/view").set_value(view).run()
        assert part in told(test) and not test.exception and test.query_params["view"] in (view, [view])
    test.button_group(key="class/view").set_value("limits").run()
    assert not test.exception
    test.number_input(key="class/limits/minutes/15.0").set_value(0.5).run()  # parts of a minute count
    press(test, "class/limits/save")
    assert limits.read(classroom.root).minutes == 0.5


# The projector


def test_the_projector_shows_address_and_code(
    visit: Visit, classroom: Classroom, ann: Person, as_: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_(TEACHER)
    monkeypatch.setattr(hosts, "links", lambda here: ["http://192.168.1.20:8501", "http://10.0.0.7:8501"])
    test = visit("class")
    press(test, "class/projector")
    state, page = classroom.state(), html(test)
    assert state.code in page and "http://192.168.1.20:8501" in page and "<b>1</b> joined" in page
    assert state.teacher_code not in told(test) and state.students[ann.id].code not in re.sub(r"data:[^\"]*", "", page)
    assert projector.qr("http://192.168.1.20:8501") in page
    test.selectbox(key="class/address").set_value("http://10.0.0.7:8501").run()
    assert projector.qr("http://10.0.0.7:8501") in html(test)
    press(test, "class/back")
    assert "view" not in test.query_params and test.title[0].value == "Class"


def test_the_qr_code_holds_the_address_alone_with_its_quiet_zone() -> None:
    address = "http://192.168.1.20:8501"
    drawn = projector.qr(address)
    size = segno.make(address, error="m", micro=False).symbol_size(border=4)
    assert f"viewBox%3D%270%200%20{size[0]}%20{size[1]}%27" in drawn
    assert drawn.startswith("data:image/svg+xml") and "%23fff" in drawn and "%23000" in drawn
    assert drawn == segno.make(address, error="m", micro=False).svg_data_uri(border=4, dark="#000", light="#fff", omitsize=True)


@pytest.mark.parametrize(
    ("link", "reachable"),
    [
        ("http://localhost:8501", False),
        ("http://127.0.0.1:8501", False),
        ("http://[::1]:8501", False),
        ("http://10.0.0.7:8501", True),
    ],
)
def test_an_address_that_others_cannot_reach(link: str, reachable: bool) -> None:
    assert projector.is_reachable(link) == reachable


# People


def test_the_table_tells_who_is_there(classroom: Classroom, ann: Person, bo: Person) -> None:
    example(classroom.root, ann)
    owners.write(make_run(classroom.root, state="queued").path, ann)
    rows = members.table(classroom.root, {bo.id})
    assert [(row["Name"], row["Here"], row["Runs"], row["Waiting"]) for row in rows] == [
        ("Bo <b>*x*", "now", 0, 0),
        ("Ann", "", 2, 1),
    ]
    assert 0 < rows[1]["MB"] < 10 and rows[0]["MB"] == 0
    classroom.remove(bo.id)
    assert members.table(classroom.root, {bo.id})[-1]["Here"] == "removed"


def test_the_table_cuts_no_name(visit: Visit, classroom: Classroom, ann: Person, as_: Act) -> None:
    long = classroom.enter("Alexandria Featherstonehaugh-Q", classroom.state().code)[0]
    as_(TEACHER)
    columns = json.loads(visit("class", view="people").dataframe[0].proto.columns)
    assert columns["Name"]["width"] == words.width_of([ann.name, long.name]) > words.width_of([ann.name])


def test_present_comes_from_the_door(
    visit: Visit, classroom: Classroom, ann: Person, as_: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(middleware, "present", lambda: {ann.id, TEACHER.id})
    as_(TEACHER)
    test = visit("class", view="people")
    assert "1 student, 1 here now" in told(test) and "1 present" in html(test)


def test_a_student_is_removed_and_let_in_again(visit: Visit, classroom: Classroom, ann: Person, as_: Act) -> None:
    as_(TEACHER)
    test = visit("class", view="people")
    assert test.selectbox(key="class/student").value == ann.id
    assert classroom.state().students[ann.id].code in told(test)
    opened(test, f"class/remove/{ann.id}")
    assert "Their runs stay, and go on" in told(test)
    press(test, f"class/remove/{ann.id}/sure")
    assert classroom.state().students[ann.id].is_removed
    press(test, f"class/let-in/{ann.id}")
    assert not classroom.state().students[ann.id].is_removed


def test_the_class_gets_a_new_code_ends_and_is_opened_again(visit: Visit, classroom: Classroom, ann: Person, as_: Act) -> None:
    as_(TEACHER)
    test, before = visit("class", view="people"), classroom.state()
    opened(test, "class/new-code")
    assert "All students have to enter it" in told(test)
    press(test, "class/new-code/sure")
    assert classroom.state().code != before.code and classroom.state().code in told(test)
    leading.begin_leading("tab", "pages/home.py", {})
    press(opened(test, "class/end"), "class/end/sure")
    assert not classroom.state().is_open and leading.place() is None and "The class has ended" in told(test)
    assert "class/end/sure" not in keys(test)
    press(test, "class/reopen")
    assert classroom.state().is_open and classroom.enter("Ann", classroom.state().code, classroom.state().students[ann.id].code)


def test_the_new_teachers_code_is_shown_before_it_counts(visit: Visit, classroom: Classroom, as_: Act) -> None:
    as_(TEACHER)
    test, before = visit("class", view="people"), classroom.state().teacher_code
    assert before not in told(test)
    opened(test, "class/teacher-code")
    shown = [block.value for block in test.code]
    assert shown[0] == before and len(shown) == 2
    test.run()
    assert [block.value for block in test.code] == shown
    press(test, "class/teacher-code/sure")
    assert classroom.state().teacher_code == shown[1] and classroom.enter("", shown[1])[0] == TEACHER


def test_a_damaged_class_gets_a_sentence(visit: Visit, classroom: Classroom, as_: Act) -> None:
    as_(TEACHER)
    visit("class")
    classroom.path.write_text("{")
    for view in ("people", "projector"):
        test = AppTest.from_file(str(PROJECT / "dashboard.py"), default_timeout=60).run()
        test.query_params["view"] = view
        test.switch_page("pages/class.py").run()
        assert not test.exception and "cannot be read" in told(test)


# After class


def test_export_in_a_process_of_its_own(visit: Visit, classroom: Classroom, ann: Person, as_: Act) -> None:
    example(classroom.root, ann)
    as_(TEACHER)
    test = visit("class", view="after")
    press(test, "class/export")
    path = requests.class_export_path(classroom.root)

    def has_ended() -> bool:
        task = jobs.read(path)
        return task is not None and task.state != "running"

    wait_until(has_ended, "the export has ended")
    test.run()
    (download,) = test.get("download_button")
    assert download.proto.label.startswith("Download (") and path.with_suffix(".zip").is_file()


def test_export_says_why_there_is_nothing(visit: Visit, classroom: Classroom, as_: Act) -> None:
    as_(TEACHER)
    with jobs.Progress(requests.class_export_path(classroom.root), "The export"), pytest.raises(InputError):
        raise InputError("There is no ended run to export yet.")
    with pytest.raises(InputError), jobs.Progress(requests.class_export_path(classroom.root), "The export"):
        raise InputError("There is no ended run to export yet.")
    assert "no ended run to export" in told(visit("class", view="after"))


def test_stop_archive_restore_and_clear(visit: Visit, classroom: Classroom, ann: Person, as_: Act) -> None:
    root = classroom.root
    mine, waiting = example(root, TEACHER), make_run(root, state="queued")
    example(root, ann)
    owners.write(waiting.path, ann)
    as_(TEACHER)
    test = visit("class", view="after")
    assert "**1 student** has 2 runs" in told(test) and "1 run is training" in told(test)
    for name in ("class/archive", "class/clear"):
        sure = opened(test, name).button(key=f"{name}/sure")
        assert sure.disabled and "stop them first" in sure.help
    press(test, "class/stop")
    assert waiting.status().state == "stopped" and "Asked to stop" in told(test)
    test.run()
    assert "class/stop" not in keys(test)
    press(opened(test, "class/archive"), "class/archive/sure")
    (one,) = archives.list_archives(root)
    assert runs.list_runs(root) == [mine] and f"Moved 2 runs to the archive {one.name}" in told(test) and str(one) == "2 runs"
    press(test, f"class/restore/{one.name}/button")
    assert len(runs.list_runs(root)) == 3 and "Restored 2 runs" in told(test)
    opened(test, "class/clear")
    assert "Move 2 runs to the trash? Runs and guests can be restored on Home. Your own" in told(test)
    press(test, "class/clear/sure")
    assert runs.list_runs(root) == [mine] and len(runs.list_trash(root)) == 2


def test_students_do_not_read_where_the_server_keeps_its_files(visit: Visit, classroom: Classroom, ann: Person, as_: Act) -> None:
    root = classroom.root
    failed = f"The disk is full: writing failed ({root}/2026/status.json); free some space, then try again."
    run = example(root, ann, state="failed", message=failed)
    damaged = example(root, TEACHER, "damaged")
    damaged.config_path.write_text("{")
    cases = [("home", {}, "status.json"), ("watch", {"run": run.id}, "status.json"), ("watch", {"run": damaged.id}, "config.json")]
    for page, query, file in [*cases, ("class", {}, "status.json")]:
        as_(ann)
        test = visit(page, **query)
        assert file in told(test) and str(root) not in told(test), page
        as_(TEACHER)
        assert f"{root}/" in told(visit(page, **query)), page
    as_(ann)
    commands = [code.value for page in ("train", "watch") for code in visit(page, run=run.id).code]
    assert commands and not any("--root" in command for command in commands)


def test_browser_knows_the_limit_of_an_upload(as_: Act, visit: Visit, classroom: Classroom, ann: Person) -> None:
    limits.write(classroom.root, Limits(upload_megabytes=7))
    for person, most in ((ann, 7), (TEACHER, 1000)):
        as_(person)
        (upload,) = visit("data").get("file_uploader")
        assert upload.proto.max_upload_size_mb == most, "so that it says so in a sentence"
