"""Settings changed while a run trains: made between two steps, on record, replayed exactly, refused in a sentence."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gan.errors import InputError
from gan.runs import Run, Status, changes, forks
from gan.runs.changes import Change
from gan.training import checkpoints
from tests import nursery
from tests.helpers import environment, is_sentence, losses, make_run, tiny, train

LENGTH = {"training.length": "16 steps", "cadence.checkpoint_every": "1000 steps", "cadence.checkpoint_room": 10}
FIRST = {
    "optimizer.generator_lr": 5e-4,
    "optimizer.discriminator_steps": 2,
    "augmentation.instance_noise": 0.1,
    "augmentation.noise_fade": 0.0,
}
SECOND = {"objective.label_smoothing": 0.1, "objective.r1": 0.5, "optimizer.discriminator_steps": 1}


def changing(root: Path, more: dict[str, Any] | None = None) -> Run:
    """Return a new run that changes after steps 7 and 11."""
    run = make_run(root, {**LENGTH, **(more or {})}, family="mlp")
    changes.ask(run, FIRST, who="Ada", step=7)
    assert changes.requests(run)[0].changes == FIRST
    second = Change(id="f" * 24, step=11, changes=SECOND, before={**dict.fromkeys(SECOND, 0.0), "optimizer.discriminator_steps": 2})
    changes.store(run, [second])
    return run


def record(run: Run) -> list[dict[str, Any]]:
    """Return the record of a run without ids and times."""
    return [change.model_dump(exclude={"id", "at"}) for change in changes.applied(run)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a finished run that was changed at steps 7 and 11; tests must not change it."""
    run = changing(tmp_path_factory.mktemp("undisturbed"))
    assert train(run).state == "finished"
    return run


def test_changes_take_effect_between_two_steps_and_are_on_record(undisturbed: Run, root: Path) -> None:
    plain = make_run(root, LENGTH, family="mlp")
    train(plain)
    changed, before = losses(undisturbed), losses(plain)
    assert [step for step in changed if changed[step] != before[step]] == list(range(8, 17))
    assert [(one.step, one.who) for one in changes.applied(undisturbed)] == [(7, "Ada"), (11, "")]
    assert changes.applied(undisturbed)[0].before["optimizer.discriminator_steps"] == 1
    assert changes.requests(undisturbed) == []
    lines = {line["step"]: line for line in undisturbed.metrics()}
    assert lines[7].get("penalty") is None and lines[12]["penalty"] > 0
    # Twice as many images from step 8 to 11, in their order, and as many epochs.
    assert [lines[step]["images_seen"] // 32 for step in (7, 8, 11, 12, 16)] == [7, 9, 15, 16, 20]
    assert lines[11]["epoch"] == pytest.approx(7 / (1797 // 32) + 4 / (1797 // 64), abs=1e-4)
    assert undisturbed.status().epoch == pytest.approx(lines[16]["epoch"], abs=1e-4)
    now = changes.config_at(undisturbed)
    assert now.objective.r1 == 0.5 and now.optimizer.discriminator_steps == 1 and now.optimizer.generator_lr == 5e-4
    assert changes.config_at(undisturbed, 10).optimizer.discriminator_steps == 2
    assert undisturbed.config().optimizer.generator_lr != 5e-4, "what was asked for stays as it was"


def test_checkpoint_before_each_change_stays(undisturbed: Run) -> None:
    assert checkpoints.steps(undisturbed.checkpoints_path) == [7, 11, 16]


@pytest.mark.skipif(not nursery.is_available, reason="kills itself at an exact place, which needs fork")
@pytest.mark.parametrize(
    "death",
    [
        ("gan.training.checkpoints", "save", 1, "before"),
        ("gan.training.checkpoints", "save", 1, "after"),
        ("gan.runs.changes", "record", 1, "after"),
        ("gan.runs.changes", "withdraw", 1, "after"),
        ("gan.training.checkpoints", "save", 2, "before"),
        ("gan.runs.changes", "record", 2, "before"),
        ("gan.runs.changes", "record", 2, "after"),
        ("gan.training.checkpoints", "save", 3, "before"),
    ],
    ids=lambda death: " ".join(map(str, death)),
)
def test_run_killed_around_a_change_ends_like_an_undisturbed_one(death: nursery.Death, undisturbed: Run, root: Path) -> None:
    run = changing(root)
    arguments = ["resume", run.id, "--from-queue"]
    assert nursery.start(arguments, environment(root), run.log_path, run.log_path, death).wait() == -signal.SIGKILL
    assert nursery.start(arguments, environment(root), run.log_path, run.log_path).wait() == 0, run.log_tail()
    assert losses(run) == losses(undisturbed)
    assert record(run) == record(undisturbed)
    assert changes.requests(run) == []
    ended, wanted = (checkpoints.load(one.checkpoints_path, 16) for one in (run, undisturbed))
    assert all(bool((ended.tensors[name] == tensor).all()) for name, tensor in wanted.tensors.items())
    assert ended.facts["count"] == wanted.facts["count"]


def test_change_is_replayed_from_an_older_checkpoint(undisturbed: Run, root: Path) -> None:
    """The checkpoint of the second change and the last one are damaged: the run goes back to step 7, and changes again."""
    run = changing(root)
    train(run)
    for step in (11, 16):
        (run.checkpoints_path / f"{step:08d}.safetensors").write_bytes(b"damaged")
    assert train(run).state == "finished"
    assert losses(run) == losses(undisturbed)
    assert record(run) == record(undisturbed)


def test_damaged_record_ends_the_training_with_a_sentence_instead_of_another_training(root: Path) -> None:
    run = changing(root)
    stop = iter([False] * 12 + [True])
    assert train(run, should_stop=lambda: next(stop)).state == "stopped"
    whole = run.changes_path.read_bytes()
    first, second = whole.splitlines()
    run.changes_path.write_bytes(first[:-5] + b"\n" + second + b"\n")
    status = train(run)
    assert status.state == "failed" and is_sentence(status.message) and "Line 1" in status.message
    assert [one.step for one in changes.applied(run)] == [11], "pages show what can be read"
    run.changes_path.write_bytes(whole + first[:9])  # a crash in the middle of a third line
    assert train(run).state == "finished"


def test_request_after_the_last_look_of_the_trainer_is_too_late(root: Path) -> None:
    run = make_run(root, LENGTH, family="mlp")
    train(run)
    (late,) = changes.planned(run.config(), [(15, {"objective.r1": 1.0})])
    changes.store(run, [late])
    answer = changes.answered(run, late)
    assert answer is not None and "ended at step 16" in answer.refusal


def test_fork_before_a_change_undoes_it(undisturbed: Run, root: Path) -> None:
    plain = make_run(root, LENGTH, family="mlp")
    train(plain)
    first = changes.applied(undisturbed)[0]
    child = forks.undo(undisturbed, first, "as it was")
    train(child)
    wanted = losses(plain)
    assert {step: values for step, values in losses(child).items() if step > 7} == {step: wanted[step] for step in range(8, 17)}
    origin = child.origin()
    assert origin is not None and (origin.step, origin.changes, origin.before) == (7, {}, {})


def test_time_left_follows_the_speed_since_the_last_change() -> None:
    status = Status(step=100, total_steps=200, seconds=100.0)
    assert status.seconds_left == 100
    slower = status.model_copy(update={"changed_step": 90, "changed_seconds": 50.0})
    assert slower.seconds_left == 500
    assert slower.model_copy(update={"step": 90, "seconds": 50.0}).seconds_left == pytest.approx(110 * 50 / 90), "nothing known yet"


def test_advice_that_cannot_be_taken_while_a_run_trains_is_not_given() -> None:
    with pytest.raises(InputError, match="start a new run") as caught:
        changes.changed(tiny(), {"objective.r1": 1.0})
    assert is_sentence(str(caught.value)) and "set networks" not in str(caught.value)


def test_fork_of_a_changed_run_goes_on_as_it_did(undisturbed: Run) -> None:
    child = forks.make(undisturbed, 11, {"training.length": "16 steps"}, state="starting", threads=1)
    train(child)
    wanted = losses(undisturbed)
    assert losses(child) == {step: wanted[step] for step in range(12, 17)}
    assert child.metrics()[-1]["images_seen"] == undisturbed.metrics()[-1]["images_seen"]


# Requests to a training under way


def steered(root: Path, act: Callable[[Run], None], at: int = 5, more: dict[str, Any] | None = None) -> Run:
    """Train a run of 16 steps during which something is done once, after a step."""
    run, waiting = make_run(root, {**LENGTH, **(more or {})}, family="mlp"), [act]

    def observe(status: Any, line: dict[str, Any] | None) -> None:
        if line and line["step"] == at and waiting:
            waiting.pop()(run)

    with run.hold():
        assert train(run, observe).state == "finished"
    return run


def test_request_is_granted_before_the_next_step(root: Path) -> None:
    asked: list[Change] = []
    run = steered(root, lambda run: asked.append(changes.ask(run, {"optimizer.generator_lr": 1e-3}, who="Ada")))
    (change,) = changes.applied(run)
    assert (change.step, change.id) == (5, asked[0].id)
    assert changes.answered(run, asked[0]) == change


def test_of_two_people_who_turn_the_same_knob_the_second_is_told(root: Path) -> None:
    asked: list[Change] = []

    def both(run: Run) -> None:
        seen = {"optimizer.generator_lr": run.config().optimizer.generator_lr}
        asked.append(changes.ask(run, {"optimizer.generator_lr": 1e-3}, seen=seen, who="Ada"))
        asked.append(changes.ask(run, {"optimizer.generator_lr": 2e-3}, seen=seen, who="Bob"))

    run = steered(root, both)
    (change,) = changes.applied(run)
    assert change.changes == {"optimizer.generator_lr": 1e-3}
    refused = changes.answered(run, asked[1])
    assert refused is not None and is_sentence(refused.refusal)
    assert "Ada changed it at step 5" in refused.refusal


def test_request_that_comes_too_late_is_refused(root: Path) -> None:
    asked: list[Change] = []
    run = steered(root, lambda run: asked.append(changes.ask(run, {"objective.r1": 1.0}, step=15)), at=16 - 2)
    assert [one.step for one in changes.applied(run)] == [15]
    late = steered(root, lambda run: asked.append(changes.ask(run, {"objective.r1": 1.0})), at=16)
    assert changes.applied(late) == []
    answer = changes.answered(late, asked[1])
    assert answer is not None and "ended at step 16" in answer.refusal and is_sentence(answer.refusal)
    with pytest.raises(InputError, match=r"is finished, so nothing can change"):
        changes.ask(late, {"objective.r1": 1.0})


def test_impossible_request_that_reached_the_trainer_is_refused(root: Path) -> None:
    """Validated when asked for, and again when applied: the file may come from anywhere."""

    def forge(run: Run) -> None:
        run.requests_path.mkdir(exist_ok=True)
        for place, asked in enumerate(({"objective.r1": -1}, {"data.name": "mnist"}, {"no.such": 1})):
            changes.store(run, [Change(id=f"{place:024x}", step=5, changes=asked, before={})])
        (run.requests_path / "nonsense.json").write_text("{")

    run = steered(root, forge)
    assert changes.applied(run) == []
    refusals = [one.refusal for one in changes.requests(run)]
    assert len(refusals) == 3 and all(map(is_sentence, refusals))


def test_full_disk_at_the_checkpoint_before_a_change_leaves_everything_as_it_was(disk: Path, root: Path) -> None:
    asked: list[Change] = []
    filler = disk / "filler"

    def fill(run: Run) -> None:
        asked.append(changes.ask(run, {"optimizer.generator_lr": 1e-3}))
        with open(filler, "wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass

    plain = make_run(root, LENGTH, family="mlp")
    train(plain)
    run = make_run(disk / "runs", LENGTH, family="mlp")

    def observe(status: Any, line: dict[str, Any] | None) -> None:
        if line and line["step"] == 5:
            fill(run)
        if line and line["step"] == 6:
            filler.unlink()

    with run.hold():
        assert train(run, observe).state == "finished"
    assert changes.applied(run) == [] and losses(run) == losses(plain)
    answer = changes.answered(run, asked[0])
    assert answer is not None and is_sentence(answer.refusal), answer
    assert "not made" in answer.refusal and "disk is full" in answer.refusal


def test_training_without_changes_never_reads_requests(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "requests", lambda run: pytest.fail("requests were read"))
    assert train(make_run(root, LENGTH, family="mlp")).state == "finished"
