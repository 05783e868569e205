"""The command line for users and scripts: exit status, one sentence per error, Ctrl-C, JSON."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gan import config as configs
from gan import runs
from gan.config import RunConfig, presets
from gan.config.data import DataConfig
from gan.data import loaders, prepared
from gan.execution import queue
from gan.runs import Run, Status, changes
from gan.storage.jobs import say_nothing
from gan.storage.lines import read_lines
from tests.helpers import (
    PROJECT,
    TINY,
    assert_one_sentence,
    command,
    environment,
    is_sentence,
    make_run,
    mount,
    run_anew,
    run_gan,
    start_gan,
    start_quickly,
    unmount,
    wait_until,
)

SMALL = [part for key, value in TINY.items() if key != "training.length" for part in ("--set", f"{key}={value}")]
UNKNOWN_RUN = "20260131-093000-1a2b3c"

#: Keep requests on this machine: the proxy is a port without a listener.
OFFLINE = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9") | {"no_proxy": ""}


@pytest.fixture(scope="module", autouse=True)
def prepared_digits(own_folders: Path) -> None:
    """Prepare the images once: preparing them shows a bar on standard error, before the sentence that a test checks."""
    loaders.ensure(DataConfig(), lambda sentence, share: None)


def only_run(root: Path) -> Run:
    """Return the only run in a folder."""
    (run,) = runs.list_runs(root)
    return run


# Wrong input: status 2 and one sentence


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--preset", "digit-dcgan"], "did you mean “digits-dcgan”"),
        (["train", "--preset", "nothing\nof the kind"], "There is no preset"),
        (["train", "--set", "optimizer.batch_size=1"], "optimizer.batch_size is 1, expected a whole number from 2 to 4096"),
        (["train", "--set", "optimizer.batch_size=many"], "optimizer.batch_size is “many”, expected a whole number"),
        (["train", "--set", "optimizer.batchsize=32"], "did you mean “optimizer.batch_size”"),
        (["train", "--set", "optimizer.batch_size"], "is not a setting; expected section.field=value"),
        (["train", "--set", "networks.hidden=8"], "belongs to mlp"),
        (["train", "--set", "data.size=16", "--set", "networks.depth=4"], "at most 3 times"),
        (["train", "--set", "data.name=minst"], "did you mean “mnist”"),
        (["train", "--set", "a\nb=1"], "There is no setting “a b”"),
        (["train", "--steps", "0"], "--steps is 0, expected a whole number from 1"),
        (["train", "--epochs", "-3"], "--epochs is -3, expected a whole number from 1"),
        (["train", "--steps", "many"], "--steps"),
        (["train", "--steps", "5", "--epochs", "5"], "not allowed with"),
        (["train", "--name", "x" * 300], "The name has 300 characters, expected at most 120"),
        (["train", "--colour", "blue"], "--colour"),
        (["estimate", "--preset", "nothing"], "There is no preset"),
        (["resume", UNKNOWN_RUN], f"There is no run {UNKNOWN_RUN}"),
        (["resume", "../../etc"], "“../../etc” is not a run id"),
        (["resume", "a\nb"], "is not a run id"),
        (["resume", UNKNOWN_RUN, "--from-queue"], f"There is no run {UNKNOWN_RUN}"),
        (["score", UNKNOWN_RUN], f"There is no run {UNKNOWN_RUN}"),
        (["resume"], "required: RUN"),
        (["dance"], "dance"),
        ([], "required: COMMAND"),
    ],
    ids=lambda value: " ".join(value)[:40].replace("\n", " ") if isinstance(value, list) else "",
)
def test_wrong_input_is_answered_with_one_sentence(root: Path, arguments: list[str], words: str) -> None:
    sentence = assert_one_sentence(done := run_gan(*arguments, root=root))
    assert words in sentence
    assert done.stdout == ""
    assert not root.exists() or runs.list_runs(root) == []


@pytest.mark.parametrize("is_quiet", [False, True])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"schema_version": 4}', "update the program"),
        (b'{"schema_version": 1, "colour": "blue"}', "There is no setting “colour”"),
        (b'{"schema_version": 1, "data": ', "cannot be read"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_unusable_config_is_answered_with_one_sentence(root: Path, content: bytes, words: str, is_quiet: bool) -> None:
    run = make_run(root, state="stopped")
    run.config_path.write_bytes(content)
    assert words in assert_one_sentence(run_gan("resume", run.id, *(["--from-queue"] if is_quiet else []), root=root))


@pytest.mark.parametrize(("state", "words"), [("finished", "ask for more"), ("running", "under way"), ("starting", "under way")])
def test_run_that_cannot_be_resumed_is_answered_with_one_sentence(root: Path, state: Any, words: str) -> None:
    run = make_run(root)
    status = Status(state=state, step=12, total_steps=12, heartbeat=2e9)
    run.write_status(status)
    lock = run.hold()
    try:
        assert words in assert_one_sentence(run_gan("resume", run.id, root=root))
        assert run.status() == status
    finally:
        lock.release()


def test_run_held_by_another_trainer_is_left_alone(root: Path) -> None:
    run = make_run(root, state="stopped")
    lock = run.hold()
    try:
        for arguments in (["resume", run.id], ["resume", run.id, "--from-queue"]):
            assert "another process" in assert_one_sentence(run_gan(*arguments, root=root))
        assert run.status().state == "stopped"
    finally:
        lock.release()


def test_unavailable_data_leaves_no_run_and_no_unfinished_bar(root: Path, tmp_path: Path) -> None:
    done = run_gan("train", "--preset", "mnist-dcgan", root=root, env={**OFFLINE, "GAN_DATA": str(tmp_path / "data")})
    sentence = assert_one_sentence(done)
    assert "there is no network" in sentence
    assert done.stdout == ""
    assert not root.exists()


# Folders that are missing, empty, a file or read-only


def test_empty_folder_says_how_to_start(root: Path) -> None:
    for _ in ("missing", "empty"):
        done = run_gan("runs", root=root)
        assert (done.returncode, done.stderr) == (0, "")
        assert "python -m gan train" in done.stdout
        assert json.loads(run_gan("runs", "--json", root=root).stdout) == []
        root.mkdir(exist_ok=True)


@pytest.mark.parametrize("arguments", [["runs"], ["train"], ["resume", UNKNOWN_RUN], ["score", UNKNOWN_RUN]], ids=" ".join)
def test_root_that_is_a_file_is_answered_with_one_sentence(root: Path, arguments: list[str]) -> None:
    root.write_text("no folder")
    assert str(root) in assert_one_sentence(run_gan(*arguments, root=root, seconds=30))
    assert root.read_text() == "no folder"


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[tuple[Path, Run]]:
    """Return a folder of runs on a read-only disk and a run in it that could be resumed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount(disk, "size=4m")
    try:
        run = make_run(disk / "runs", state="stopped")
        mount(disk, "remount,ro")
        yield run.root, run
    finally:
        unmount(disk)


def test_read_only_root_is_answered_with_one_sentence(read_only: tuple[Path, Run]) -> None:
    root, run = read_only
    for arguments in (["train", "--steps", "5"], ["resume", run.id], ["resume", run.id, "--from-queue"]):
        assert "No permission" in assert_one_sentence(run_gan(*arguments, root=root))
    done = run_gan("runs", root=root)
    assert (done.returncode, done.stderr) == (0, "")
    assert run.id in done.stdout


# Success


def test_training_in_the_foreground_shows_progress_and_the_next_step(root: Path) -> None:
    done = run_gan("train", *SMALL, "--steps", 8, "--name", "Mine <b>ü</b>", root=root)
    assert done.returncode == 0, done.stderr
    run = only_run(root)
    assert run.status().state == "finished"
    assert done.stdout == f"Finished 8 steps. Samples: {run.samples_path}. Score it with: python -m gan score {run.id}\n"
    assert "8/8" in done.stderr
    assert "100%" in done.stderr
    assert done.stderr.endswith("\n")
    assert "Traceback" not in done.stderr
    assert "from step 0 to 8" in run.log_path.read_text()

    listed = run_gan("runs", root=root)
    assert re.search(rf"{run.id} +finished +8/8 +Mine <b>ü</b>", listed.stdout)
    (row,) = json.loads(run_gan("runs", "--json", root=root).stdout)
    assert (row["id"], row["name"], row["state"], row["step"]) == (run.id, "Mine <b>ü</b>", "finished", 8)
    assert {"epoch", "total_steps", "images_seen", "images_per_second", "seconds", "precision", "message"} <= set(row)

    further = run_gan("resume", run.id, "--steps", 11, root=root)
    assert further.returncode == 0, further.stderr
    assert "Finished 11 steps" in further.stdout
    assert [line["step"] for line in run.metrics()] == list(range(1, 12))


def test_failed_run_exits_with_status_1_and_one_sentence(root: Path) -> None:
    prepared.obtain(
        configs.replace(RunConfig(), configs.parse_assignments(SMALL[1::2])).data, say_nothing
    )  # a first preparation shows a bar
    done = run_gan("train", *SMALL, "--set", "training.precision=fp16", "--steps", 5, root=root)
    sentence = assert_one_sentence(done, status=1)
    assert sentence.startswith("Failed at step 0: training.precision is “fp16”")
    run = only_run(root)
    assert str(run.log_path) in sentence
    assert run.status().state == "failed"
    quiet = run_gan("resume", run.id, "--from-queue", root=root)
    assert quiet.returncode == 1
    assert quiet.stdout == ""
    assert "Traceback" not in quiet.stderr


def test_root_on_the_command_line_overrides_the_environment(root: Path, tmp_path: Path) -> None:
    make_run(root)
    (here,) = json.loads(run_gan("runs", "--json", root=root).stdout)
    assert json.loads(run_gan("runs", "--json", "--root", tmp_path / "other", root=root).stdout) == []
    assert json.loads(run_gan("runs", "--json", "--root", root, root=tmp_path / "other").stdout) == [here]


def test_weights_that_differ_from_the_published_ones_are_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(bytes(1000))
    for network, variable in (("inception", "GAN_INCEPTION"), ("alexnet", "GAN_ALEXNET")):
        done = run_gan("weights", network, env={variable: str(tmp_path / "weights.pth")})
        assert "has 1000 bytes" in assert_one_sentence(done)


def test_presets_are_listed_as_text_and_as_json() -> None:
    done = run_gan("presets")
    assert done.returncode == 0
    rows = json.loads(run_gan("presets", "--json").stdout)
    assert [row["name"] for row in rows] == list(presets.PRESETS)
    for row in rows:
        assert configs.parse(row["config"], stored=True) == presets.find(row["name"]).config
        assert row["name"] in done.stdout
        assert row["description"] in done.stdout


COMMANDS = [
    "train",
    "resume",
    "change",
    "runs",
    "trash",
    "score",
    "guest",
    "guests",
    "compare-sets",
    "presets",
    "estimate",
    "class",
]


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS)], ids=" ".join)
def test_every_command_has_help(arguments: list[str]) -> None:
    done = run_gan(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert "usage: python -m gan" in done.stdout


def test_estimate_prints_a_speed_for_scripts(root: Path) -> None:
    done = run_gan("estimate", *SMALL, "--steps", 100, "--json", root=root)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["images_per_second"] > 0
    assert found["seconds"] == pytest.approx(100 * 32 / found["images_per_second"])
    assert runs.list_runs(root) == []


def test_output_works_in_an_ascii_terminal(root: Path) -> None:
    runs.create(root, RunConfig(), "né – “x” 👩‍👧")
    for arguments in (["presets"], ["presets", "--json"], ["runs"], ["runs", "--json"]):
        done = run_anew(*arguments, root=root, env={"PYTHONIOENCODING": "ascii"})
        assert (done.returncode, done.stderr) == (0, "")
    done = run_anew("train", "--preset", "x", root=root, env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["presets"], ["presets", "--json"]], ids=" ".join)
def test_closed_pipe_prints_no_error(arguments: list[str]) -> None:
    process = start_gan(*arguments)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=60) in (0, 1)


# Ctrl-C


def words_on_how_to_go_on(output: str) -> list[str]:
    """Return the arguments of the resume command from the output of a stopped training."""
    match = re.search(r"Stopped at step \d+ of \d+\. Go on with: python -m gan (resume .+)\n\Z", output)
    assert match, output
    return shlex.split(match[1])


@pytest.mark.parametrize("way", ["environment", "option"])
def test_ctrl_c_stops_cleanly_and_the_printed_command_resumes(root: Path, way: str) -> None:
    root = root.with_name("my runs")
    env = {"GAN_RUNS": str(root if way == "environment" else root.parent / "elsewhere")}
    place = [] if way == "environment" else ["--root", root]
    training = start_gan("train", *SMALL, "--steps", 100_000, *place, env=env)
    wait_until(lambda: runs.list_runs(root) and only_run(root).metrics(), "the first line is logged")
    training.send_signal(signal.SIGINT)
    output, errors = training.communicate(timeout=60)
    assert training.returncode == 0, errors
    assert "Traceback" not in errors
    run = only_run(root)
    stopped = run.status()
    assert stopped.state == "stopped"
    assert f"Stopped at step {stopped.step} of 100000." in output

    go_on = words_on_how_to_go_on(output)
    assert run.id in go_on
    done = run_gan(*go_on, "--steps", stopped.step + 5, env=env)
    assert done.returncode == 0, done.stderr
    assert run.status().state == "finished"
    assert [line["step"] for line in run.metrics()] == list(range(1, stopped.step + 6))


def test_sigterm_stops_as_cleanly_as_ctrl_c(root: Path) -> None:
    run = make_run(root, {"training.length": "100000 steps"})
    log = root / "log"
    training = start_quickly("resume", run.id, "--from-queue", root=root, log=log)
    wait_until(run.metrics, "the first line is logged")
    os.kill(training.pid, signal.SIGTERM)
    assert training.wait() == 0, log.read_text()
    assert "Traceback" not in log.read_text()
    assert run.status().state == "stopped"
    assert read_lines(run.metrics_path)[0][-1]["step"] == run.status().step


def test_ctrl_c_while_torch_is_still_loading_stops_cleanly(root: Path) -> None:
    run = make_run(root, {"training.length": "100000 steps"}, state="stopped")
    training = start_gan("resume", run.id, root=root)
    wait_until((run.path / "log.txt").exists, "the log of the run exists")
    training.send_signal(signal.SIGINT)
    output, errors = training.communicate(timeout=60)
    assert training.returncode == 0, errors
    assert "Traceback" not in errors
    assert run.status().state == "stopped"
    assert words_on_how_to_go_on(output)


MNIST_MIRRORS = range(2)  # number of mirrors in torchvision


def test_ctrl_c_during_a_download_is_answered_with_one_sentence(root: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        proxy = f"http://127.0.0.1:{silent.getsockname()[1]}"
        env = dict.fromkeys(OFFLINE, proxy) | {"no_proxy": "", "GAN_DATA": str(tmp_path / "data")}
        training = start_gan("train", "--preset", "mnist-dcgan", root=root, env=env)
        connections = [silent.accept()[0] for _ in MNIST_MIRRORS]  # all mirrors have been tried; the command waits
        for _ in range(4):  # Python may lose a signal during clean-up; a user would press again
            training.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                training.wait(timeout=0.8)
                break
        output, errors = training.communicate(timeout=60)
        for connection in connections:
            connection.close()
    assert training.returncode == 130
    assert output == ""
    assert is_sentence(errors.removesuffix("\n"))
    assert not root.exists()


def test_program_needs_no_terminal_and_no_home(root: Path) -> None:
    bare = {key: value for key, value in environment(root).items() if key in ("PATH", "GAN_RUNS", "GAN_DATA", "LD_LIBRARY_PATH")}
    done = subprocess.run(
        command("runs"), cwd=PROJECT, env=bare, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert os.environ["GAN_RUNS"] not in done.stdout


# Changes while a run trains


def test_change_command_changes_a_training_under_way_and_refuses_the_impossible(root: Path) -> None:
    run = make_run(root, {"training.length": "100000 steps"}, family="mlp")
    log = root / "log"
    trainer = start_quickly("resume", run.id, "--from-queue", root=root, log=log)
    try:
        wait_until(lambda: run.status().state == "running" and run.status().step > 0, "the run trains")
        done = run_gan("change", run.id, "--set", "optimizer.generator_lr=1e-4", "--who", "Ada", root=root)
        assert (done.returncode, done.stderr) == (0, "")
        (change,) = changes.applied(run)
        assert done.stdout == f"Changed after step {change.step:,}: Generator learning rate 0.0004 → 0.0001.\n"
        for assignment, words in {
            "optimizer.generator_lr=-1": "optimizer.generator_lr is -1",
            "optimizer.generator_lr=1e-4": "the present settings already",
            "optimizer.batch_size=8": "Batch size (optimizer.batch_size) cannot change while a run trains",
            "training.length=5": "training longer",
            "networks.latent=9": "the weights in a checkpoint",
            "x=1": "There is no setting",
        }.items():
            assert words in assert_one_sentence(run_gan("change", run.id, "--set", assignment, root=root))
        done = run_gan("change", run.id, "--set", "objective.r1=1", "--step", 90000, root=root)
        assert done.stdout == "Planned for step 90,000: R1 γ 0 → 1.\n"
    finally:
        queue.stop(run)
        trainer.wait()
    assert "is stopped" in assert_one_sentence(run_gan("change", run.id, "--set", "objective.r1=2", root=root))
    assert [one.step for one in changes.requests(run)] == [90000], "what was planned waits for the run to resume"


@pytest.mark.parametrize(
    "planned, words",
    [
        (["400", "objective.r1=1"], "expected 1 to 11"),
        (["0", "objective.r1=1"], "The step is 0"),
        (["soon", "objective.r1=1"], "begins with “soon”"),
        (["5"], "none given"),
        (["5", "data.name=ring"], "cannot change while a run trains"),
    ],
)
def test_impossible_plans_make_no_run(planned: list[str], words: str, root: Path) -> None:
    arguments = [*SMALL, "--steps", 12, "--change", *planned]
    assert words in assert_one_sentence(run_gan("train", *arguments, root=root))
    assert runs.list_runs(root) == []
