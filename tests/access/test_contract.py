"""Contract: every function that changes something lets those who may do it, and refuses others with nothing changed."""

from __future__ import annotations

import io
import random
import shutil
import types
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan import runs
from gan.access import limits, rules
from gan.access.classroom import FOLDER as FOLDER_OF_CLASS
from gan.access.classroom import Classroom
from gan.access.leading import Leading
from gan.access.people import TEACHER, VISITOR, Person, acting, current
from gan.config import presets
from gan.config.data import DataConfig
from gan.data import imported, importer
from gan.errors import InputError
from gan.execution import archives, forking, processes, queue, requests, speeds, steering
from gan.guests import networks
from gan.guests.guest import Guest, list_guests
from gan.judging import rewind
from gan.quiz import questions, rounds
from gan.quiz.questions import Quiz
from gan.runs import Run, changes, forks
from gan.runs.changes import Change
from gan.sweeps import launched
from gan.sweeps import plan as plans
from gan.sweeps.launched import Sweep
from tests.access import writers
from tests.helpers import PROJECT, is_sentence, make_run, tiny, train
from tests.networks.made_elsewhere import FOLDER, guest_of

ANN, BO = Person(id="a1", name="Ann"), Person(id="b1", name="Bo")
WHO = {"teacher": TEACHER, "owner": ANN, "other": BO, "visitor": VISITOR}

RING = {"data.name": "ring", "cadence.checkpoint_room": 5}
PLAN = plans.parse({"base": "ring-mlp", "axes": {"networks.hidden": [16, 32]}})
RATE = {"optimizer.generator_lr": 0.003}


@dataclass(frozen=True)
class Stage:
    """A class: runs, sweeps, a data set and a quiz of Ann."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "runs"

    def run(self, name: str) -> Run:
        return next(run for run in runs.list_runs(self.root) if run.label() == name)

    @property
    def ended(self) -> Run:
        return self.run("ended")

    @property
    def waiting(self) -> Run:
        return self.run("waiting")

    @property
    def sweep(self) -> Sweep:
        return self._sweep("queued")

    @property
    def over(self) -> Sweep:
        return self._sweep("stopped")

    def _sweep(self, state: str) -> Sweep:
        return next(one for one in launched.list_sweeps(self.root) if one.runs()[0].status().state == state)

    @property
    def guest(self) -> Guest:
        return list_guests(self.root)[0]

    @property
    def change(self) -> Change:
        return changes.applied(self.ended)[0]

    @property
    def round(self) -> rounds.Round:
        (path,) = (self.root / rounds.FOLDER).glob("*.json")
        return rounds.Round(self.root, path.stem)

    @property
    def token(self) -> str:
        return next(iter(self.round.standing().students))

    @property
    def student(self) -> str:
        return next(iter(Classroom(self.root).state().students))

    def digest(self) -> str:
        """Return a digest of all files, their contents and all folders."""
        found = sha256()
        for path in sorted(self.folder.rglob("*")):
            found.update(f"{path.relative_to(self.folder)}\0".encode())
            found.update(path.read_bytes() if path.is_file() else b"")
        return found.hexdigest()


def rewound(stage: Stage) -> object:
    return rewind.start(stage.ended, rewind.Rewind(5, "", "", RATE))


def put_away(stage: Stage, action: Callable[[Path], object]) -> object:
    """Archive or clear; the teacher stops first what is under way."""
    if current().is_teacher:
        archives.stop(stage.root)
    return action(stage.root)


def led(stage: Stage) -> Leading:
    """Return where the tab "old" of the teacher leads."""
    found = Leading(lambda: stage.root / FOLDER_OF_CLASS)
    if current().is_teacher:
        found.begin_leading("old", "pages/data.py", {})
    return found


def put_back(stage: Stage) -> object:
    """Restore an archive, which the teacher makes first."""
    name = str(put_away(stage, archives.archive)) if current().is_teacher else "2026-11-30-1a2b"
    return archives.restore(stage.root, name)


#: Every function that changes something for a person, the verb that it asks for, and a call of it.
TABLE: dict[str, tuple[str, Callable[[Stage], object]]] = {
    "gan.runs.registry.create": ("launch", lambda stage: runs.create(stage.root, tiny(RING, family="mlp"))),
    "gan.runs.registry.delete": ("delete", lambda stage: runs.delete(stage.ended)),
    "gan.runs.registry.restore": ("restore", lambda stage: runs.restore(stage.root, runs.list_trash(stage.root)[0].id)),
    "gan.runs.registry.empty_trash": ("empty the trash", lambda stage: runs.empty_trash(stage.root)),
    "gan.runs.run.Run.rename": ("rename", lambda stage: stage.ended.rename("another")),
    "gan.runs.run.Run.annotate": ("annotate", lambda stage: stage.ended.annotate(["good"], "a note")),
    "gan.runs.changes.ask": ("change", lambda stage: changes.ask(stage.waiting, {"objective.r1": 2.0}, step=5)),
    "gan.runs.changes.withdraw": ("change", lambda stage: changes.withdraw(stage.waiting, changes.requests(stage.waiting)[0])),
    "gan.runs.forks.make": ("fork", lambda stage: forks.make(stage.ended, 5, RATE)),
    "gan.runs.forks.undo": ("fork", lambda stage: forks.undo(stage.ended, stage.change)),
    "gan.judging.rewind.start": ("fork", rewound),
    "gan.sweeps.launched.create": ("launch", lambda stage: launched.create(stage.root, PLAN)),
    "gan.execution.forking.fork": ("fork", lambda stage: forking.fork(stage.ended, 5, RATE)),
    "gan.execution.forking.adopt": ("fork", lambda stage: forking.adopt(stage.guest, {"training.length": "4 steps"})),
    "gan.guests.networks.fork": ("fork", lambda stage: networks.fork(stage.guest, {"training.length": "4 steps"})),
    "gan.execution.forking.undo": ("fork", lambda stage: forking.undo(stage.ended, stage.change)),
    "gan.execution.forking.rewind": ("fork", lambda stage: forking.rewind(stage.ended, rewind.Rewind(5, "", "", RATE))),
    "gan.execution.queue.launch": ("launch", lambda stage: queue.launch(stage.root, presets.find("ring-mlp").config)),
    "gan.execution.queue.resume": ("resume", lambda stage: queue.resume(stage.run("stopped"))),
    "gan.execution.queue.extend": ("resume", lambda stage: queue.extend(stage.ended, 1)),
    "gan.execution.queue.stop": ("stop", lambda stage: queue.stop(stage.waiting)),
    "gan.execution.queue.move_first": ("order the queue", lambda stage: queue.move_first(stage.root, stage.sweep.runs())),
    "gan.execution.steering.launch_sweep": ("launch", lambda stage: steering.launch_sweep(stage.root, PLAN)),
    "gan.execution.steering.pause": ("pause", lambda stage: steering.pause(stage.sweep)),
    "gan.execution.steering.cancel": ("stop", lambda stage: steering.cancel(stage.sweep)),
    "gan.execution.steering.retry": ("resume", lambda stage: steering.retry(stage.over, ("stopped",))),
    "gan.execution.steering.remove": ("delete", lambda stage: steering.remove(stage.over)),
    "gan.execution.requests.score": ("score", lambda stage: requests.score([stage.ended])),
    "gan.execution.requests.start_sampling": ("sample", lambda stage: requests.start_sampling(stage.ended, None, 0)),
    "gan.execution.requests.start_preparing": ("prepare", lambda stage: requests.start_preparing(DataConfig(size=16))),
    "gan.execution.requests.start_export": ("prepare", lambda stage: requests.start_export(DataConfig(size=16), "npz")),
    "gan.execution.requests.start_import": (
        "prepare",
        lambda stage: requests.start_import(io.BytesIO(b"1,2\n3,4\n"), ".csv", "More", 32),
    ),
    "gan.execution.requests.start_guest": (
        "prepare",
        lambda stage: requests.start_guest(stage.root, io.BytesIO(b"x"), "a.zip", [], name="Keras", data="digits"),
    ),
    "gan.execution.speeds.start_measuring": ("prepare", lambda stage: speeds.start_measuring(stage.root, stage.ended.config())),
    "gan.execution.speeds.start_describing": ("prepare", lambda stage: speeds.start_describing(stage.root, stage.ended.config())),
    "gan.execution.speeds.wait_for_measuring": (
        "prepare",
        lambda stage: speeds.wait_for_measuring(stage.root, stage.ended.config()),
    ),
    "gan.execution.requests.start_class_export": ("run the class", lambda stage: requests.start_class_export(stage.root)),
    "gan.execution.archives.stop": ("run the class", lambda stage: archives.stop(stage.root)),
    "gan.execution.archives.stop_and_wait": ("run the class", lambda stage: archives.stop_and_wait(stage.root)),
    "gan.execution.archives.archive": ("run the class", lambda stage: put_away(stage, archives.archive)),
    "gan.execution.archives.clear": ("run the class", lambda stage: put_away(stage, archives.clear)),
    "gan.execution.archives.restore": ("run the class", put_back),
    "gan.data.imported.remove": ("delete", lambda stage: imported.remove("dark", stage.folder / "data", stage.root)),
    "gan.data.imported.stretch": ("change", lambda stage: imported.stretch("dark", stage.folder / "data", stage.root)),
    "gan.execution.requests.dismiss": ("prepare", lambda stage: requests.dismiss(requests.import_path())),
    "gan.quiz.rounds.create": ("take part", lambda stage: rounds.create(stage.root, Quiz(**vars(stage.round.record())))),
    "gan.quiz.rounds.Round.join": ("take part", lambda stage: stage.round.join("Cy")),
    "gan.quiz.rounds.Round.answer": ("take part", lambda stage: stage.round.answer(stage.token, 0, is_real=True)),
    "gan.quiz.rounds.Round.reveal": ("take part", lambda stage: stage.round.reveal((stage.folder / "key").read_text())),
    "gan.access.limits.write": ("run the class", lambda stage: limits.write(stage.root, limits.Limits(waiting=1))),
    "gan.access.leading.Leading.begin_leading": (
        "run the class",
        lambda stage: led(stage).begin_leading("tab", "pages/home.py", {}),
    ),
    "gan.access.leading.Leading.note_move": ("run the class", lambda stage: led(stage).note_move("old", "pages/home.py", {})),
    "gan.access.leading.Leading.end_leading": ("run the class", lambda stage: led(stage).end_leading()),
    "gan.access.classroom.Classroom.change_code": ("run the class", lambda stage: Classroom(stage.root).change_code()),
    "gan.access.classroom.Classroom.change_teacher_code": (
        "run the class",
        lambda stage: Classroom(stage.root).change_teacher_code(),
    ),
    "gan.access.classroom.Classroom.remove": ("run the class", lambda stage: Classroom(stage.root).remove(stage.student)),
    "gan.access.classroom.Classroom.end": ("run the class", lambda stage: Classroom(stage.root).end()),
    "gan.access.classroom.Classroom.reopen": ("run the class", lambda stage: Classroom(stage.root).reopen()),
}

#: What the server does by itself, whoever happens to be there; pages may call it.
BY_ITSELF = {
    "gan.execution.queue.advance": "starts what is due, of all owners",
    "gan.execution.dispatching.ensure": "starts the process that sends runs to engines",
    "gan.execution.processes.converse": "starts the worker of live games, which writes nothing",
    "gan.judging.doctor.kept.keep": "a cache",
    "gan.runs.announcing.announce": "a hint for lists",
    "gan.access.presence.tell": "a hint for the other servers of a class",
    "gan.runs.index.keep": "a cache",
    "gan.runs.index._Index.keep": "a cache",
    "gan.runs.examples.offer": "fills a new folder of runs",
    "gan.access.classroom.Classroom.enter": "lets a visitor in",
    "gan.access.classroom.Classroom.open": "the start of a server",
}

#: Parts of the functions above, and the work of trainers and commands; no page may call them.
INTERNAL = {
    "gan.access.owners.write",
    "gan.data.imported.remove_preparations",
    "gan.execution.dispatcher.Dispatcher.look",
    "gan.execution.dispatcher.work",
    "gan.execution.processes.Spare.run",
    "gan.execution.processes.spawn",
    "gan.execution.queue.admission",
    "gan.execution.queue.end_run",
    "gan.execution.queue.put_back",
    "gan.execution.queue.queue_lock",
    "gan.execution.requests.import_turn",
    "gan.execution.silent.end",
    "gan.execution.speeds.hold",
    "gan.execution.speeds.keep",
    "gan.execution.speeds.keep_layers",
    "gan.guests.importer.bring",
    "gan.runs.adopted.write",
    "gan.runs.changes.record",
    "gan.runs.changes.refuse",
    "gan.runs.changes.store",
    "gan.runs.checkpoints.copy",
    "gan.runs.dispatch.ask_for_score",
    "gan.runs.dispatch.drop_request",
    "gan.runs.dispatch.write",
    "gan.runs.dispatch.write_job",
    "gan.runs.holding.hold",
    "gan.runs.holding.take_away",
    "gan.runs.run.Run.clear_rubbish",
    "gan.runs.run.Run.hold",
    "gan.runs.run.Run.hold_scoring",
    "gan.runs.run.Run.write_control",
    "gan.runs.run.Run.write_label",
    "gan.runs.run.Run.write_membership",
    "gan.runs.run.Run.write_opinions",
    "gan.runs.run.Run.write_origin",
    "gan.runs.run.Run.write_scoring",
    "gan.runs.run.Run.write_status",
    "gan.sweeps.launched.Sweep.change",
    "gan.sweeps.launched.complete",
    "gan.sweeps.launched.give_up",
}

#: Where functions live that pages may call.
COVERED = ("gan.access.", "gan.runs.", "gan.sweeps.", "gan.judging.", "gan.quiz.", "gan.execution.", "gan.data.imported.")
COVERED += ("gan.guests.",)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with everything that Ann has; tests copy it."""
    folder = tmp_path_factory.mktemp("class")
    root, data = folder / "runs", folder / "data"
    limits.write(root, limits.Limits(waiting=100))
    Classroom(root).open()
    Classroom(root).enter("Bo", Classroom(root).state().code)
    with acting(ANN):
        ended = make_run(root, RING, family="mlp", name="ended")
        train(ended)
        make_run(root, RING, family="mlp", name="stopped", state="stopped")
        waiting = make_run(root, RING, family="mlp", name="waiting", state="queued")
        changes.ask(waiting, RATE, step=6)
        runs.delete(make_run(root, RING, family="mlp", name="deleted", state="stopped"))
        over, sweep = launched.create(root, PLAN), launched.create(root, PLAN)
        for one in (over, sweep):
            launched.complete(one)
        for run in over.runs():
            run.write_status(run.status().model_copy(update={"state": "stopped"}))
        pictures = folder / "pictures"
        pictures.mkdir()
        for shade in range(3):
            Image.fromarray(np.full((16, 16), shade * 20, np.uint8)).save(pictures / f"{shade}.png")
        importer.import_pictures(pictures, "dark", lambda sentence, share: None, root=data)
        guest_of(root, folder, FOLDER / "pair_generator.keras", FOLDER / "pair_discriminator.keras")
        shutil.rmtree(pictures)
        example = next(run for run in runs.list_runs(PROJECT / "examples") if "Healthy" in run.label())
        opened, key = rounds.create(root, questions.draw(example, [160, 16800], 8, random.Random(0)))
        opened.join("Ann")
        (folder / "key").write_text(key)
    before = {"optimizer.generator_lr": ended.config().optimizer.generator_lr}
    changes.record(ended, Change(id="0" * 24, step=5, changes=RATE, before=before))
    return folder


@pytest.fixture
def stage(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Return a copy of the class; processes are not started but counted."""
    found = Stage(tmp_path / "class")
    shutil.copytree(made, found.folder)
    monkeypatch.setenv("GAN_DATA", str(found.folder / "data"))
    monkeypatch.setattr(processes, "spawn", lambda *arguments, **options: types.SimpleNamespace(wait=lambda: 0, pid=0))
    return found


@pytest.mark.parametrize("name", TABLE)
def test_only_those_who_may_change_anything(name: str, stage: Stage) -> None:
    verb, call = TABLE[name]
    allowed = [who for who, person in WHO.items() if rules.may(person, verb, ANN)]
    unchanged = stage.digest()
    for who in set(WHO) - set(allowed):
        with acting(WHO[who]), pytest.raises(InputError) as caught:
            call(stage)
        assert is_sentence(str(caught.value)), who
        assert stage.digest() == unchanged, f"the {who} has changed something"
    kept = stage.folder.with_name("kept")
    shutil.copytree(stage.folder, kept)
    for who in allowed:
        with acting(WHO[who]):
            call(stage)
        shutil.rmtree(stage.folder)
        shutil.copytree(kept, stage.folder)


def test_every_function_that_changes_something_is_in_a_table() -> None:
    found = {name for name in writers.writers() if name.startswith(COVERED) and writers.is_public(name)}
    assert not found - set(TABLE) - set(BY_ITSELF) - INTERNAL, "add it to TABLE, with a check of permissions"
    known = set(writers.functions())
    assert not (set(TABLE) | set(BY_ITSELF) | INTERNAL) - known, "it has gone"


def test_pages_call_only_what_checks_permissions() -> None:
    asked = writers.asked_by_pages()
    assert len(asked) > 20, "they are still found"
    assert {name: where for name, where in asked.items() if name not in TABLE and name not in BY_ITSELF} == {}
