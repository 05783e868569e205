"""The atlas of a run: a map of real and generated images, and the training images that lie nearest to some samples; its file."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gan.errors import InputError
from gan.runs import Run

#: A small WebP picture in Base64: letters that mean nothing in a page, whoever wrote the file.
Picture = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]+={0,2}$", max_length=100_000)]
Distance = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Dot(_Part):
    """An image on the map, at its coordinates on the two axes."""

    x: float
    y: float
    picture: Picture


class Neighbour(_Part):
    """A training image, and how far it is from the sample in the space of the features."""

    distance: Distance
    picture: Picture


class Sample(_Part):
    """A generated image with its nearest training images, the nearest first.

    ``nearer`` is the share of the compared real images that are farther from their nearest training image than this one is.
    """

    picture: Picture
    nearer: Share
    neighbours: list[Neighbour] = Field(min_length=1, max_length=20)


class Atlas(_Part):
    """Everything that is shown; made by ``gan.scoring.atlas``.

    ``explained``: the share of the real images' variance along each axis. ``usual``: the median distance of other real images to
    the nearest training image (``gan.scoring.memorisation.usual``), on the features of ``extractor``. ``samples`` are some
    generated images chosen at random, those nearest to a training image first. ``pairs`` are generated images that count as near
    duplicates of one another, if there are any; files of earlier versions have none.
    """

    step: int = Field(ge=0)
    extractor: str = Field(default="", max_length=200)
    extractor_id: str
    explained: tuple[Share, Share]
    real: list[Dot] = Field(min_length=1, max_length=2000)
    generated: list[Dot] = Field(min_length=1, max_length=2000)
    usual: Distance
    samples: list[Sample] = Field(max_length=200)
    pairs: list[tuple[Picture, Picture]] = Field(default=[], max_length=24)


def read(run: Run) -> Atlas | None:
    """Return the atlas of the newest scoring; None where there is none. Raises InputError for a file that makes no sense."""
    try:
        return Atlas.model_validate_json(run.atlas_path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError):
        raise InputError("The map of the images cannot be read, so it is not shown; score the run again to make it anew.") from None
