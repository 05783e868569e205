"""The questions of a quiz: moments of a training, and pictures cut out of its grids, as many real as generated at each moment."""

from __future__ import annotations

import base64
import io
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from gan import runs
from gan.config import GRID
from gan.errors import InputError, shown
from gan.runs import Opinions, Run

SIZES = (8, 12, 16, 20)  # pictures at each moment
USUAL_SIZE = 16
MOST_MOMENTS = 4

_GAP = 2  # pixels between images; see gan.training.pictures.grid
_PLACES = (0.05, 0.3, 1.0)  # of the training at which it is asked about, unless chosen otherwise
_THUMBNAIL = 64  # pixels to a side
_MOST_PIXELS = 50_000_000  # of a grid


class Picture(BaseModel):
    """One question: the ``step`` that it belongs to, and a PNG in base64."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    step: int = Field(ge=0)
    is_real: bool
    png: str

    def pixels(self) -> np.ndarray:
        """Return the picture as uint8 [H, W, 3]."""
        with Image.open(io.BytesIO(base64.b64decode(self.png)), formats=("PNG",)) as image:
            return np.asarray(image.convert("RGB"))

    def thumbnail(self) -> str:
        """Return the picture as a PNG in base64 with at most 64 pixels to a side."""
        pixels = self.pixels()
        if max(pixels.shape[:2]) <= _THUMBNAIL:
            return self.png
        return _png(np.asarray(Image.fromarray(pixels).resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.LANCZOS)))


class Quiz(BaseModel):
    """The pictures of a quiz in the order in which they are asked, moment by moment.

    It does not depend on its run, which may be deleted meanwhile. ``opinions`` holds the discriminator's opinions by step, except
    for runs of earlier versions. Only one image of each pack of ``packing`` images has an opinion of its own.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    run: str
    name: str
    pictures: tuple[Picture, ...] = Field(min_length=1, max_length=MOST_MOMENTS * SIZES[-1])
    opinions: dict[int, Opinions] = {}
    packing: int = Field(default=1, ge=1)

    @property
    def steps(self) -> tuple[int, ...]:
        """The moments, in the order in which they are asked about."""
        return tuple(dict.fromkeys(picture.step for picture in self.pictures))

    def places(self, step: int) -> list[int]:
        """Return the places of the pictures of a moment."""
        return [place for place, picture in enumerate(self.pictures) if picture.step == step]


def usual(steps: Sequence[int]) -> list[int]:
    """Return a few moments spread over a training, given the steps of its samples in ascending order: early, middle, last."""
    trained = [step for step in steps if step] or list(steps)
    return sorted({min(trained, key=lambda step, aim=share * trained[-1]: abs(step - aim)) for share in _PLACES})  # type: ignore[misc]


def draw(run: Run, steps: Sequence[int], size: int, chance: random.Random | None = None) -> Quiz:
    """Return a quiz of ``size`` pictures, half of them real, at each of the steps of a run of images.

    No picture is asked twice if the grids have enough different ones: one that returned at every moment would be known as
    real. Raises InputError if pictures are missing, damaged or too few.
    """
    chance = chance or random.SystemRandom()
    config = runs.find(run.root, run.id).config()
    if config.data.is_points:
        raise InputError("The run was trained on points, expected pictures; choose another run.")
    if not 0 < len(steps) <= MOST_MOMENTS or size not in SIZES:
        raise InputError(f"A quiz has 1 to {MOST_MOMENTS} moments with {SIZES[0]} to {SIZES[-1]} pictures each; choose some.")
    samples = run.samples()
    if gone := [step for step in steps if step not in samples]:
        raise InputError(f"The samples of step {gone[0]:,} are missing; choose another moment or another run.")
    reals = _cut(run.reals_path, GRID, config.data.size)[: config.data.images]
    columns = len(config.columns) or GRID
    half = size // 2
    if len(reals) < half * len(steps):
        raise InputError(
            f"The run keeps {len(reals)} real pictures, expected {half * len(steps)}; choose fewer moments or pictures."
        )
    known = _different(reals, half * len(steps), chance, set())
    seen = set(known)
    pictures: list[Picture] = []
    for place, step in enumerate(sorted(steps)):
        fakes = _different(_cut(samples[step], columns, config.data.size), half, chance, seen)
        seen |= set(fakes)
        asked = [(True, png) for png in known[place * half : (place + 1) * half]] + [(False, png) for png in fakes]
        chance.shuffle(asked)
        pictures += [Picture(step=step, is_real=is_real, png=png) for is_real, png in asked]
    opinions = {step: found for step in steps if (found := run.opinions(step))}
    return Quiz(run=run.id, name=run.label(), pictures=tuple(pictures), opinions=opinions, packing=config.networks.packing)


def _different(cells: Sequence[str], count: int, chance: random.Random, seen: set[str]) -> list[str]:
    """Return ``count`` random pictures: new ones first, then repeated ones, as of a generator that draws only one picture."""
    order = chance.sample(list(cells), len(cells))
    new = [png for png in dict.fromkeys(order) if png not in seen]
    return [*new, *order][:count]


def _cut(path: Path, columns: int, size: int) -> list[str]:
    """Return the images of a grid as PNGs in base64, all encoded alike. Raises InputError if it is missing or damaged."""
    try:
        with Image.open(path, formats=("PNG",)) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise ValueError("it is too large")
            pixels = np.asarray(image.convert("RGB"))
    except FileNotFoundError:
        raise InputError(f"The picture {path.name} is missing; choose another moment or another run.") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # Pillow raises all of them on damage
        raise InputError(f"The picture {path.name} is damaged ({shown(str(error))}); choose another moment or run.") from None
    factor, is_odd = divmod(pixels.shape[1], columns * (size + _GAP) - _GAP)
    rows, is_cut = divmod(pixels.shape[0] + _GAP * factor, (size + _GAP) * max(1, factor))
    if not factor or is_odd or is_cut:
        raise InputError(f"The picture {path.name} is not a grid of {columns} columns; choose another moment or another run.")
    pixels = pixels[::factor, ::factor]
    corners = [(row * (size + _GAP), column * (size + _GAP)) for row in range(rows) for column in range(columns)]
    return [_png(pixels[top : top + size, left : left + size]) for top, left in corners]


def _png(pixels: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
