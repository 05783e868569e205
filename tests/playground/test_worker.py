"""The worker as a real process: many games, errors that stay with their game, and its end."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from gan.play import wire
from gan.play.messages import Measure
from tests.helpers import PROJECT, command, environment, is_sentence, make_run, wait_until

_RING = {"data": "ring", "settings": {"networks.hidden": 16, "optimizer.batch_size": 16}}


class Talk:
    """A worker, and what it says to each game."""

    def __init__(self, root: Path) -> None:
        self.process = subprocess.Popen(
            command("play", "--root", root), stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT, env=environment(root)
        )

    def send(self, game: int, do: str, **rest: Any) -> None:
        assert self.process.stdin
        wire.send(self.process.stdin, game, json.dumps({"do": do, **rest}).encode())

    def hear(self) -> tuple[int, dict[str, Any]]:
        assert self.process.stdout
        received = wire.receive(self.process.stdout)
        assert received is not None
        return received[0], wire.unpack(received[1])[0]


@pytest.fixture(scope="module")
def talk(own_folders: Path) -> Iterator[Talk]:
    talk = Talk(own_folders)
    yield talk
    talk.process.kill()
    talk.process.wait()


def test_games_are_played_in_turn(talk: Talk) -> None:
    for game in (1, 2, 3):
        talk.send(game, "open", setup=_RING)
    assert [(game, head["kind"]) for game, head in (talk.hear() for _ in range(6))] == [
        (game, kind) for game in (1, 2, 3) for kind in ("opened", "frame")
    ]
    for game in (1, 2, 3):
        talk.send(game, "play")
    steps = {1: 0, 2: 0, 3: 0}
    while min(steps.values()) < 20:
        game, head = talk.hear()
        steps[game] = head["step"]
        talk.send(game, "ack", count=1)
    assert max(steps.values()) < 60
    for game in (1, 2, 3):
        talk.send(game, "close")


def test_a_sentence_names_no_folder_of_the_server(root: Path) -> None:
    run = make_run(root)
    run.config_path.write_text("{")
    talk = Talk(root)
    try:
        talk.send(1, "open", setup={"explore": True, "start": {"run": run.id}})
        _, head = talk.hear()
        assert head["is_end"] and f"{run.id}/config.json" in head["sentence"] and str(root) not in head["sentence"]
    finally:
        talk.process.kill()
        talk.process.wait()


def test_errors_stay_with_their_game(talk: Talk) -> None:
    talk.send(11, "open", setup=_RING)
    talk.send(12, "open", setup={"data": "nowhere"})
    talk.send(11, "step", who="both")
    talk.send(11, "set", board=0, key="optimizer.generator_lr", value=-3)
    talk.send(11, "step", who="d")
    said: dict[int, list[dict[str, Any]]] = {11: [], 12: []}
    while len(said[11]) < 5 or not said[12]:
        game, head = talk.hear()
        if game in said:
            said[game].append(head)
    assert [head["kind"] for head in said[11]] == ["opened", "frame", "frame", "sentence", "frame"]
    assert (said[11][3]["is_end"], said[12][0]["is_end"]) == (False, True)
    assert is_sentence(said[11][3]["sentence"])
    assert is_sentence(said[12][0]["sentence"])
    talk.send(11, "continue")
    assert [talk.hear()[1].get("is_continued") for _ in range(2)] == [True, None]
    talk.send(11, "close")


def test_laboratory_measures_next_to_a_game(talk: Talk) -> None:
    talk.send(21, "open", setup={"data": "digits", "lab": "pictures"})
    talk.send(22, "open", setup=_RING)
    talk.send(22, "measure", ticket=1)
    talk.send(21, "measure", **Measure(do="measure", ticket=5, blur=2).model_dump(exclude={"do"}))
    heard = [talk.hear() for _ in range(6)]
    assert [(game, head["kind"]) for game, head in heard] == [
        *((21, kind) for kind in ("opened", "measured")),
        *((22, kind) for kind in ("opened", "frame", "sentence")),
        (21, "measured"),
    ]
    assert heard[1][1]["scores"]["fid"] < heard[5][1]["scores"]["fid"] and heard[5][1]["ticket"] == 5
    assert is_sentence(heard[4][1]["sentence"])
    for game in (21, 22):
        talk.send(game, "close")


def test_worker_ends_with_its_input(root: Path) -> None:
    talk = Talk(root)
    talk.send(1, "open", setup=_RING)
    assert talk.hear()[1]["kind"] == "opened"
    talk.send(1, "play")
    assert talk.process.stdin
    talk.process.stdin.close()
    wait_until(lambda: not psutil.pid_exists(talk.process.pid) or talk.process.poll() is not None, "the worker has ended")
    assert talk.process.returncode == 0
