"""What a browser may send to a live game; everything else is refused."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from gan.errors import InputError
from gan.play.setup import Setup, mistake

MOST_BYTES = 1 << 16  # of one message
LATENTS = 64  # latent vectors of a seed that can be named

Pick = tuple[Annotated[int, Field(ge=0, le=2**31 - 1)], Annotated[int, Field(ge=0, lt=LATENTS)]]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Open(_Message):
    """Begin a game, or go on with the one of this token."""

    do: Literal["open"]
    token: str = Field(pattern=r"^[0-9a-f]{32}$")
    setup: Setup


class Play(_Message):
    """Play, up to a step if one is given."""

    do: Literal["play"]
    until: int | None = Field(default=None, ge=1, le=10**6)


class Simple(_Message):
    """Pause, or play in slow motion."""

    do: Literal["pause", "slow"]


class Step(_Message):
    """Step the discriminator, the generator, or both once."""

    do: Literal["step"]
    who: Literal["d", "g", "both"]


class Speed(_Message):
    """Steps a frame."""

    do: Literal["speed"]
    value: int = Field(ge=1, le=50)


class Reset(_Message):
    """Begin again, with the same seed or another."""

    do: Literal["reset"]
    seed: int | None = Field(default=None, ge=0, le=2**31 - 1)


class Set(_Message):
    """Turn a knob of one board."""

    do: Literal["set"]
    board: int = Field(ge=0, le=1)
    key: str = Field(max_length=64)
    value: bool | int | float | Annotated[str, Field(max_length=64)]


class Show(_Message):
    """Layers to compute."""

    do: Literal["show"]
    layers: tuple[Literal["heat", "gradients", "manifold", "better"], ...] = Field(max_length=4)


class Judge(_Message):
    """A drawn picture for the discriminator: base64 of its pixels."""

    do: Literal["judge"]
    pixels: str = Field(max_length=MOST_BYTES)


class Draw(_Message):
    """Pictures of a trained generator (:mod:`gan.playground.explore`).

    Latent vectors are named by a seed and their number among its first 64. ``share`` is a place on a walk, None all of it;
    ``truncation`` scales latent vectors; ``label`` is a class, empty for all in turn. The answer repeats ``ticket``.
    """

    do: Literal["draw"]
    mode: Literal["samples", "walk", "neighbours", "arithmetic", "nearest", "film"]
    ticket: int = Field(default=0, ge=0, le=2**31 - 1)
    picks: tuple[Pick, ...] = Field(default=(), max_length=16)
    minus: tuple[Pick, ...] = Field(default=(), max_length=16)
    plus: tuple[Pick, ...] = Field(default=(), max_length=16)
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    share: float | None = Field(default=None, ge=0, le=1)
    radius: float = Field(default=0.3, ge=0, le=1)
    truncation: float = Field(default=1.0, ge=0, le=2)
    label: str = Field(default="", max_length=100)


class Measure(_Message):
    """Scores of pictures with something wrong, in the laboratory (:mod:`gan.playground.lab`). The answer repeats ``ticket``.

    ``classes``: number of classes that are left. ``distinct``: number of different pictures. ``copied``: share of training
    pictures. For the others see :mod:`gan.playground.disturbances`; ``truncation`` scales the latent vectors of a generator.
    """

    do: Literal["measure"]
    ticket: int = Field(default=0, ge=0, le=2**31 - 1)
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    classes: int = Field(default=10, ge=1, le=10)
    distinct: int = Field(default=898, ge=1, le=898)
    copied: float = Field(default=0.0, ge=0, le=1)
    contrast: float = Field(default=1.0, ge=0, le=4)
    brightness: float = Field(default=0.0, ge=-1, le=1)
    blur: float = Field(default=0.0, ge=0, le=8)
    noise: float = Field(default=0.0, ge=0, le=1)
    truncation: float = Field(default=1.0, ge=0, le=2)


class Ack(_Message):
    """Frames that have arrived."""

    do: Literal["ack"]
    count: int = Field(ge=1, le=4)


Message = Annotated[Union[Open, Play, Simple, Step, Speed, Reset, Set, Show, Judge, Draw, Measure, Ack], Field(discriminator="do")]
_ADAPTER: TypeAdapter[Any] = TypeAdapter(Message)


def read(text: str | bytes) -> Any:
    """Return the message in ``text``. Raises InputError if it is too large or none of those above."""
    if len(text) > MOST_BYTES:
        raise InputError(f"The message has {len(text):,} bytes, expected at most {MOST_BYTES:,}; draw fewer points.")
    try:
        return _ADAPTER.validate_python(json.loads(text))
    except ValidationError as error:
        where, message = mistake(error, skipped=1)  # the kind of the message
        raise InputError(f"The message is not one of a live game ({where or 'do'}: {message}); reload the page.") from None
    except (ValueError, RecursionError):
        raise InputError("The message is not JSON, expected one of a live game; reload the page.") from None
