"""A lesson: one question, a bet, one thing to do on a stage, the answer, one sentence to take home."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gan import words
from gan.play.setup import Setup

MINUTES = (1, 3, 1)  # for the bet, for playing, for the answer


class Paper(NamedTuple):
    """A source: authors, year and title, and its number on arXiv ("1406.2661")."""

    title: str
    arxiv: str

    @property
    def url(self) -> str:
        """Address of the abstract."""
        return f"https://arxiv.org/abs/{self.arxiv}"


@dataclass(frozen=True)
class Claim:
    """What holds for a figure with every seed: between ``least`` and ``most``, both inclusive; None is no bound.

    ``figure``: a number of a board (:class:`gan.playground.board.Board`) or "modes", "precision", "recall" of its points.
    """

    figure: str
    least: float | None = None
    most: float | None = None

    def holds(self, value: float) -> bool:
        """Return whether a measured value keeps the bounds."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        """Return the bounds in words: "at least 5", "at most 0.2", "0"; "varies" without bounds."""
        bounds = {} if self.least is None else {self.least: "at least"}
        if self.most is not None:
            bounds[self.most] = "" if self.most == 0 or self.most in bounds else "at most"
        return " and ".join(f"{word} {words.number(limit)}".strip() for limit, word in bounds.items()) or "varies"


@dataclass(frozen=True)
class Side:
    """One board of a game: its name, its settings in addition to those of the game, and what it does for certain."""

    name: str
    claims: tuple[Claim, ...]
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Spread:
    """What holds over five seeds together: the highest and the lowest ``figure`` of the left board are ``least`` or more apart.

    The means with and without ``changes``, a small change of the settings, are nearer to each other than that.
    """

    figure: str
    least: float
    changes: Mapping[str, Any]
    name: str  # of the change


@dataclass(frozen=True)
class Game:
    """A stage: one or two live boards, played for ``steps`` steps, ``speed`` a picture.

    ``first`` is the left board. One of ``others`` is the right one; with several, the visitor chooses. The settings of the right
    board are those of the left one and its own. ``controls``: what of :data:`CONTROLS` is shown in addition to Play. With a
    ``spread``, boards are called by their seeds.
    """

    first: Side
    others: tuple[Side, ...]
    steps: int
    data: str = "ring"
    settings: Mapping[str, Any] = field(default_factory=dict)
    speed: int = 5
    controls: tuple[str, ...] = ("reset", "seed")
    spread: Spread | None = None

    def setup(self, other: int = 0, seed: int = 0) -> Setup:
        """Return the set-up of the left board and the right one numbered ``other``, for both with ``seed``.

        A right board that differs in its seed keeps its distance from the left one.
        """
        settings = {**self.settings, **self.first.changes, "training.seed": seed}
        changes = dict(self.others[other].changes) if self.others else None
        if changes and "training.seed" in changes:
            changes["training.seed"] = (seed + changes["training.seed"]) % 2**31
        return Setup(data=self.data, settings=settings, other=changes)

    def sides(self, other: int = 0) -> tuple[Side, ...]:
        """Return the boards that are shown, from the left."""
        return (self.first, *self.others[other : other + 1])

    def names(self, other: int = 0, seed: int = 0) -> list[str]:
        """Return what the boards that are shown are called, from the left."""
        if self.spread is None:
            return [side.name for side in self.sides(other)]
        return [f"Seed {seed + side.changes.get('training.seed', 0)}" for side in self.sides(other)]


#: What the face of a game can show in addition to Play: single steps, slow motion, speeds, begin again, another seed, layers, the
#: table of numbers, the curves.
CONTROLS = ("steps", "slow", "speed", "reset", "seed", "layers", "numbers", "curves")


@dataclass(frozen=True)
class Lesson:
    """A lesson of some five minutes.

    ``name``: in the address. ``summary``: what it is about, without the answer. ``choices``: the bets, of which number ``right`` is
    right. ``task``: the one thing to do. ``stage``: where it is done, a :class:`Game` or another type for which the page has a
    stage. ``answer``: why it is so. ``take_home``: one sentence. ``scores`` and ``losses``: keys of the glossary and of the
    catalogue of losses, whose texts explain the words used. ``about``: further words whose explanations link to the lesson, such
    as the names of verdicts.
    """

    name: str
    title: str
    summary: str
    question: str
    choices: tuple[str, ...]
    right: int
    task: str
    stage: Any
    answer: str
    take_home: str
    papers: tuple[Paper, ...]
    scores: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    about: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError for a lesson that cannot be shown."""
        if not re.fullmatch(r"[a-z]+(-[a-z]+)*", self.name):
            raise ValueError(f"the name of a lesson is “{self.name}”, expected lower-case words with hyphens")
        if not 0 <= self.right < len(self.choices):
            raise ValueError(f"{self.name}: choice {self.right} is right, but there are {len(self.choices)}")
