"""The set-up of a live game: data, settings, a second board, a start; and the configurations that follow from it."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from gan import config as configs
from gan import runs
from gan.catalogue import data_sets
from gan.config import RunConfig
from gan.config.changing import LIVE
from gan.errors import InputError, quoted
from gan.runs import changes

#: Name of the data of a set-up that brings its own points.
OWN = "own"
FEWEST_POINTS, MOST_POINTS = 8, 2000
_WIDEST = 1e3  # largest coordinate of an own point

#: Settings that may change while the game goes on.
KNOBS = ("optimizer.batch_size", "objective.loss", *(key for key in LIVE if key != "augmentation.noise_fade"))

#: Largest values in a live game, which has to draw frames on a laptop.
LIMITS = {
    "data.size": 64,
    "optimizer.batch_size": 512,
    "networks.hidden": 1024,
    "networks.width": 64,
    "networks.depth": 6,
    "networks.latent": 512,
}

# High learning rates, because a visitor waits for seconds, not minutes.
_POINTS = {
    "networks.family": "mlp",
    "networks.latent": 2,
    "networks.hidden": 64,
    "optimizer.batch_size": 128,
    "optimizer.generator_lr": 4e-3,
    "optimizer.discriminator_lr": 4e-3,
}
_IMAGES: dict[str, dict[str, Any]] = {
    "mlp": {"optimizer.generator_lr": 1e-3, "optimizer.discriminator_lr": 4e-4},
    "dcgan": {"networks.width": 16, "optimizer.generator_lr": 1e-3, "optimizer.discriminator_lr": 3e-4, "optimizer.batch_size": 32},
}
#: What every live game has: no average of the weights, since the generator itself is shown; noise that stays.
_ALONE = {"training.compile": False, "training.processes": 1, "training.device": "cpu"}
_SERVERS = (*_ALONE, "training.threads", "data.name")
_LIVE = {"optimizer.ema_half_life": 0, "augmentation.noise_fade": 0, "training.length": "100000 steps"}


class Start(BaseModel):
    """The checkpoint of a run from which a game goes on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: str = Field(max_length=64)
    checkpoint: Literal["last", "best"] = "last"


class Setup(BaseModel):
    """What a live game is asked to be.

    ``settings``: what differs from :func:`base`. ``other``: what a second board has in addition; None is one board. ``points``:
    own points in the plane, with ``data`` "own". ``explore``: only draw from the generator of ``start``. ``lab``: only
    measure, disturbed real digits ("pictures") or truncated latent vectors of the example that ships with the program.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: str = Field(default="ring", max_length=64)
    settings: dict[str, Any] = Field(default={}, max_length=60)
    other: dict[str, Any] | None = Field(default=None, max_length=20)
    points: tuple[tuple[float, float], ...] | None = Field(default=None, min_length=FEWEST_POINTS, max_length=MOST_POINTS)
    start: Start | None = None
    explore: bool = False
    lab: Literal["", "pictures", "truncation"] = ""

    @field_validator("points")
    @classmethod
    def need_finite(cls, points: tuple[tuple[float, float], ...] | None) -> tuple[tuple[float, float], ...] | None:
        """Refuse points that are not finite, far away, or all the same."""
        for point in points or ():
            if not all(math.isfinite(value) and abs(value) <= _WIDEST for value in point):
                raise ValueError(f"a point is {quoted(point)}, expected two numbers from −{_WIDEST:g} to {_WIDEST:g}; remove it")
        if points and len(set(points)) == 1:
            raise ValueError("all points are the same, expected a shape; draw points at several places")
        return points

    @model_validator(mode="after")
    def fit_together(self) -> Setup:
        """Refuse points without their name and the other way round, exploring without a run, and settings of the laboratory."""
        if (self.data == OWN) != (self.points is not None):
            raise ValueError(f"own points belong to the data set “{OWN}”, and only to it; send both or neither")
        if self.explore and self.start is None:
            raise ValueError("exploring needs a trained generator; choose a run to start from")
        if self.lab and (self.data != "digits" or self.settings or self.other is not None or self.explore or self.start):
            raise ValueError("the laboratory measures the digits, without settings, boards or runs; leave them out")
        return self


def parse(raw: Any) -> Setup:
    """Return the set-up in ``raw`` (parsed JSON). Raises InputError for the first mistake."""
    try:
        return Setup.model_validate(raw)
    except ValidationError as error:
        where, message = mistake(error)
        raise InputError(f"This set-up cannot be played: {where or 'set-up'}: {message}.") from None


def mistake(error: ValidationError, skipped: int = 0) -> tuple[str, str]:
    """Return where the first mistake is, without the ``skipped`` outermost parts of the place, and what it is."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][skipped:])
    return where, str(first.get("ctx", {}).get("error", first["msg"])).rstrip(".")


@cache
def base(data: str, family: str = "mlp") -> RunConfig:
    """Return the configuration that a game starts from. Raises InputError if there is no such data set."""
    name = "ring" if data == OWN else data
    entry = data_sets.find(name)
    changes: dict[str, Any] = {"data.name": name, **_LIVE}
    if entry.kind == "points":
        changes |= {**_POINTS, "networks.family": family, "training.precision": "fp32"}
    else:
        changes |= {"networks.family": family, **_IMAGES.get(family, {})}
    return configs.replace(RunConfig(preset=""), changes)


def boards(setup: Setup, root: Path) -> list[RunConfig]:
    """Return the configuration of each board, one or two.

    Raises InputError for settings that cannot be played, and for a run or data set that is not there.
    """
    if setup.start is not None:
        run = runs.find(root, setup.start.run)
        begun = changes.config_at(run)
        first = configs.replace(begun, {**_LIVE, **_ALONE, **_checked(setup.settings)})
        first = configs.replace(first, {"optimizer.ema_half_life": begun.optimizer.ema_half_life})  # a part of the checkpoint
    else:
        settings = _checked(setup.settings)
        family = settings.get("networks.family", "mlp")
        first = configs.replace(base(setup.data, family if isinstance(family, str) else "mlp"), settings)
    found = [first] if setup.other is None else [first, configs.replace(first, _checked(setup.other))]
    for config in found:
        require_small(config)
        configs.require_data(config)
    if len(found) == 2 and configs.difference([one.model_copy(update={"preset": ""}) for one in found]) == []:
        raise InputError("Both boards have the same settings; change one for the second board.")
    if setup.start is not None and any(config.networks != begun.networks or config.data != begun.data for config in found):
        raise InputError("A game from a checkpoint keeps the networks and the data of its run; change other settings.")
    return found


def titles(found: list[RunConfig]) -> list[str]:
    """Return short names of two boards by what differs between them; empty for one."""
    if len(found) < 2:
        return []
    keys = configs.difference(found)
    flat = [configs.flatten(one) for one in found]
    return [", ".join(configs.coded(key, one[key]) for key in keys if key in one) for one in flat]


def turned(config: RunConfig, key: str, value: Any) -> RunConfig:
    """Return the configuration after a knob was turned. Raises InputError if ``key`` is no knob or the value is impossible."""
    if key not in KNOBS:
        raise InputError(f"{quoted(key)} cannot change while the game goes on; start a new game with it.")
    changed = configs.replace(config, {key: value})
    require_small(changed)
    return changed


def _checked(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings as they may come from a visitor. Raises InputError for those that belong to the server."""
    for key in settings:
        if key in _SERVERS or key.startswith("cadence."):
            raise InputError(f"{quoted(key)} is not a setting of a live game; remove it.")
    return settings


def require_small(config: RunConfig) -> None:
    """Raise InputError for sizes that are too large to be played live."""
    flat = configs.flatten(config)
    for key, most in LIMITS.items():
        if key == "data.size" and config.data.is_points:
            continue
        if isinstance(value := flat.get(key), int) and value > most:
            raise InputError(f"{key} is {value}, expected at most {most} in a live game; choose less, or train it as a run.")
