"""The atlas of a run: a map of real and generated images or points, and training ones nearest to some samples; its file."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from gan.errors import InputError
from gan.runs import Run

#: A small WebP picture in Base64: letters that mean nothing in a page, whoever wrote the file.
Picture = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]+={0,2}$", max_length=100_000)]
Distance = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]

FARTHEST = 1e9  # what lies beyond has no place on a map
Coordinate = Annotated[float, Field(ge=-FARTHEST, le=FARTHEST)]
_MOST_BYTES = 16 * 2**20  # no atlas that was made here is nearly as large


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Place(_Part):
    """A point of the plane."""

    x: Coordinate
    y: Coordinate


class Dot(Place):
    """An image on the map, at its coordinates on the two axes."""

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
    """Everything that is shown of images; made by ``gan.scoring.atlas``.

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


class Near(Place):
    """A training point, and how far it is from the sample."""

    distance: Distance


class Point(Place):
    """A generated point with its nearest training points, the nearest first; ``nearer`` as for a :class:`Sample`."""

    nearer: Share
    neighbours: list[Near] = Field(min_length=1, max_length=20)


class Plane(_Part):
    """Everything that is shown of points, which are their own features; made by ``gan.scoring.atlas``.

    ``centres``: of the modes, none where they are not known. ``lost``: how many generated points have no place on the map, since
    they are not finite or farther out than ``FARTHEST``. ``usual`` and ``samples`` are as for an :class:`Atlas`.
    """

    step: int = Field(ge=0)
    centres: list[Place] = Field(max_length=1000)
    real: list[Place] = Field(min_length=1, max_length=2000)
    generated: list[Place] = Field(max_length=2000)
    lost: int = Field(ge=0)
    usual: Distance
    samples: list[Point] = Field(max_length=200)


_ANY = TypeAdapter[Atlas | Plane](Atlas | Plane)


def read(run: Run) -> Atlas | Plane | None:
    """Return the atlas of the newest scoring; None where there is none. Raises InputError for a file that makes no sense."""
    try:
        with run.atlas_path.open("rb") as file:
            return _ANY.validate_json(file.read(_MOST_BYTES))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError):
        raise InputError("The map cannot be read, so it is not shown; score the run again to make it anew.") from None
