"""What one visitor plays at: one or two boards with the same data, moved by the visitor's messages."""

from __future__ import annotations

import base64
import binascii
import time
from pathlib import Path
from typing import Any

from gan import config as configs
from gan import runs
from gan.config import coded
from gan.errors import InputError
from gan.play import setup as setups
from gan.play import wire
from gan.play.setup import Setup
from gan.playground.board import Board, images_of
from gan.playground.pictures import PicturesView
from gan.playground.points import PointsView
from gan.playground.views import View, work
from gan.training import sampling
from gan.training.checkpoints import Checkpoint

FRAMES = 30  # a second, at most
CREDITS = 2  # frames on their way that have not been acknowledged
_SLICE = 0.06  # seconds that a table computes before it is another's turn
_BEAT = 0.9  # seconds between the parts of a step in slow motion
_PARTS = ("deal", "d", "gradients", "g")
_MOST_WORK = 1e11  # multiply-adds of a step, in one to two seconds of which no other game of the worker goes on
_KEPT = 500  # points of the curves
_NUMBERS = ("d_loss", "g_loss", "d_real", "d_fake", "modes", "precision", "recall")


class Table:
    """A live game: boards, pace, curves, and what the visitor wants to see."""

    def __init__(self, setup: Setup, root: Path) -> None:
        """Load the data and build the boards. Raises InputError if the set-up cannot be played."""
        self.setup, self._root = setup, root
        self.state, self.speed, self.part = "paused", 1, ""
        self.until: int | None = None  # the step at which playing ends
        self.layers: tuple[str, ...] = ("heat",)
        self.credits, self._due = CREDITS, 0.0
        self._configs = setups.boards(setup, root)
        self._saved = self._checkpoint()
        first = self._configs[0]
        self._images = images_of(setup, first)
        self.view: View = PointsView(setup.data, self._images) if first.data.is_points else PicturesView(self._images)
        self._begin()
        if any(work(board) > _MOST_WORK for board in self.boards):
            raise InputError(
                "A step of these networks takes too long for a live game; choose smaller images, widths or batches, or train a run."
            )

    def _checkpoint(self) -> Checkpoint | None:
        if self.setup.start is None:
            return None
        return sampling.newest(runs.find(self._root, self.setup.start.run), "Playing on from", self.setup.start.checkpoint)

    def _begin(self) -> None:
        """Set up both boards at their first step."""
        try:
            self.boards = [Board(config, self._images, self._saved) for config in self._configs]
        except RuntimeError as error:
            if self._saved is None:
                raise
            raise InputError("The weights in the checkpoint do not fit the networks of the run; choose another run.") from error
        self.marks: list[tuple[int, int, str]] = []
        self._has_new_marks = False
        self.curves: dict[str, list[Any]] = {"step": []}
        self.state, self.part = "paused", ""

    # What the visitor asks for

    def obey(self, message: dict[str, Any]) -> list[bytes]:
        """Do what a message (:mod:`gan.play.messages`) asks for; return what is sent at once. Raises InputError."""
        do = message["do"]
        if do == "ack":
            self.credits = min(CREDITS, self.credits + message["count"])
            return []
        if do in ("draw", "measure"):
            raise InputError("This is a game, and only a trained generator can be explored or measured; reload the page.")
        if do == "judge":
            return [self._judged(message["pixels"])]
        if do in ("play", "pause", "slow"):
            self.state = {"play": "playing", "pause": "paused", "slow": "slow"}[do]
            self.part, self._due, self.until = "", 0.0, message.get("until")
            if do != "pause":
                self._require_finite()
                return []
        elif do == "step":
            self._require_finite()
            self.state = "paused"
            for board in self.boards:
                {"d": board.step_discriminator, "g": board.step_generator, "both": board.step_both}[message["who"]]()
            self.part = message["who"]
            return [self.frame(is_kept=True)]
        elif do == "speed":
            self.speed = message["value"]
            return []
        elif do == "reset":
            if message.get("seed") is not None:
                self._configs = [
                    configs.replace(config, {"training.seed": (message["seed"] + apart) % 2**31})
                    for config, apart in zip(self._configs, self._seeds_apart(), strict=True)
                ]
            self._begin()
            return [self.opened(is_continued=False), self.frame()]
        elif do == "set":
            self._turn_knob(message["board"], message["key"], message["value"])
            if self.state != "paused":
                return []
        elif do == "show":
            self.layers = tuple(message["layers"])
            if self.state != "paused":
                return []
        return [self.frame()]

    def _seeds_apart(self) -> list[int]:
        """Return how far the seed of each board is from that of the first; boards may differ in nothing else."""
        seeds = [config.training.seed for config in self._configs]
        return [seed - seeds[0] for seed in seeds]

    def _turn_knob(self, place: int, key: str, value: Any) -> None:
        if place >= len(self.boards):
            raise InputError("There is no second board; compare with another setting first.")
        board = self.boards[place]
        changed = setups.turned(board.config, key, value)
        if changed == board.config:
            return
        board.turn_knob(changed)
        self._configs[place] = changed
        flat = changed.model_dump(mode="json")
        section, _, field = key.partition(".")
        self.marks.append((board.step, place, coded(key, flat[section][field])))
        self._has_new_marks = True

    def _judged(self, pixels: str) -> bytes:
        if not isinstance(self.view, PicturesView):
            raise InputError("The discriminator of this game judges points, not pictures; choose a data set of images.")
        size, channels = self.view.about["size"], self.view.about["channels"]
        try:
            content = base64.b64decode(pixels, validate=True)
        except (binascii.Error, ValueError):
            raise InputError("The picture is not base64, expected its pixels; reload the page.") from None
        if len(content) != size * size * channels:
            raise InputError(
                f"The picture has {len(content):,} bytes, expected {size} × {size} pixels with {channels} each; reload the page."
            )
        head, arrays = self.view.judge(self.boards[0], content)
        return wire.pack({"kind": "judged", **head}, arrays)

    def _require_finite(self) -> None:
        if not all(board.is_finite for board in self.boards):
            raise InputError(_NOT_FINITE)

    # Turns

    def wait(self, now: float) -> float | None:
        """Return the seconds until this table has work; None if it waits for its visitor."""
        if self.state == "paused" or self.credits <= 0:
            return None
        return max(0.0, self._due - now)

    def turn(self) -> bytes:
        """Play for a moment, and return a frame."""
        began = time.monotonic()
        if self.state == "slow":
            self.part = _PARTS[(_PARTS.index(self.part) + 1) % len(_PARTS) if self.part in _PARTS else 0]
            for board in self.boards:
                if self.part == "deal":
                    board.deal()
                elif self.part == "d":
                    board.step_discriminator(is_dealt=True)
                elif self.part == "g":
                    board.step_generator()
            self._due = began + _BEAT
        else:
            self.part = ""
            for _ in range(self.speed):
                for board in self.boards:
                    board.step_both()
                if self.boards[0].step == self.until:
                    self.state = "paused"
                    break
                if time.monotonic() - began > _SLICE:
                    break
            self._due = max(began, self._due + 1 / FRAMES)
        if not all(board.is_finite for board in self.boards):
            self.state = "paused"
        self.credits -= 1
        return self.frame(is_kept=self.part in ("", "g"))

    # What the visitor sees

    def opened(self, *, is_continued: bool) -> bytes:
        """Return the message with which a game begins, or goes on in a new socket."""
        first = self.boards[0].config
        head = {
            "kind": "opened",
            "is_continued": is_continued,
            "is_points": first.data.is_points,
            "classes": list(first.columns),
            "is_probability": [board.game.is_probability for board in self.boards],
            "boards": len(self.boards),
            "names": setups.titles(self._configs),
            "limit": FRAMES,
            "state": self.state,
            "speed": self.speed,
            "layers": list(self.layers),
            "history": self.curves,
            "marks": self.marks,
            "batch": first.optimizer.batch_size,
            "seed": first.training.seed,
            **self.view.about,
        }
        self.credits = CREDITS
        return wire.pack(head, [self.view.reals()])

    def frame(self, *, is_kept: bool = False) -> bytes:
        """Return what all boards show now; a point of the curves if it ``is_kept``."""
        described, arrays = [], list[wire.Array]()
        for place, board in enumerate(self.boards):
            seen, found = self.view.frame(board, self.layers, is_still=self.state != "playing")
            sentence = "" if board.is_finite else _NOT_FINITE
            numbers = {name: None if value is None else round(value, 5) for name, value in board.numbers.items()}
            described.append({**numbers, **seen, "sentence": sentence})
            arrays += [(f"{place}/{array[0]}", *array[1:]) for array in found]
        head: dict[str, Any] = {
            "kind": "frame",
            "step": self.boards[0].step,
            "state": self.state,
            "part": self.part,
            "boards": described,
        }
        if self._has_new_marks:
            head["marks"], self._has_new_marks = self.marks, False
        if is_kept:
            self._keep(described)
        return wire.pack(head, arrays)

    def _keep(self, described: list[dict[str, Any]]) -> None:
        """Add a point to the curves; halve them where they become long."""
        self.curves["step"].append(self.boards[0].step)
        for place, seen in enumerate(described):
            for name in _NUMBERS:
                value = seen[name]
                self.curves.setdefault(f"{place}/{name}", []).append(value[0] if isinstance(value, list) else value)
        if len(self.curves["step"]) > _KEPT:
            self.curves = {name: values[::2] for name, values in self.curves.items()}


_NOT_FINITE = "A loss became NaN or infinite; reset the game, or choose smaller learning rates."
