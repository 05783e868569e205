"""The atlas file of a run: a map of real and generated images or points, and samples with their nearest training examples."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from gan.errors import InputError
from gan.runs.run import Run

#: A small WebP picture in Base64. The pattern keeps a tampered file from injecting markup into a page.
Picture = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]+={0,2}$", max_length=100_000)]
Distance = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]

FARTHEST = 1e9  # limit of the coordinates of a map
Coordinate = Annotated[float, Field(ge=-FARTHEST, le=FARTHEST)]
_MOST_BYTES = 16 * 2**20  # far above the size of any generated atlas


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Place(_Part):
    """A point in the plane."""

    x: Coordinate
    y: Coordinate


class Dot(Place):
    """An image at its place on the map."""

    picture: Picture


class Neighbour(_Part):
    """A training image and its distance from the sample in feature space."""

    distance: Distance
    picture: Picture


class Sample(_Part):
    """A generated image with its nearest training images, nearest first.

    ``nearer`` is the share of the compared real images that are farther from their nearest training image than this sample is.
    """

    picture: Picture
    nearer: Share
    neighbours: list[Neighbour] = Field(min_length=1, max_length=20)


class Atlas(_Part):
    """Atlas of images; created by ``gan.scoring.projection``.

    ``explained``: share of the real images' variance along each axis. ``usual``: median distance of other real images to their
    nearest training image (``gan.scoring.metrics.memorisation.usual``), in the features of ``extractor``. ``samples``:
    randomly chosen generated images, sorted by the distance to their nearest training image. ``pairs``: near-duplicate generated
    images; empty in files of earlier versions.
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
    """A training point and its distance from the sample."""

    distance: Distance


class Point(Place):
    """A generated point with its nearest training points, nearest first; ``nearer`` as in :class:`Sample`."""

    nearer: Share
    neighbours: list[Near] = Field(min_length=1, max_length=20)


class Plane(_Part):
    """Atlas of points, which are their own features; created by ``gan.scoring.projection``.

    ``centres``: centres of the modes, empty if unknown. ``lost``: number of generated points off the map, either not finite or
    beyond ``FARTHEST``. ``usual`` and ``samples`` as in :class:`Atlas`.
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
    """Return the atlas of the latest scoring; None if the file is missing. Raises InputError if the file is invalid."""
    try:
        with run.atlas_path.open("rb") as file:
            return _ANY.validate_json(file.read(_MOST_BYTES))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError):
        raise InputError("The map cannot be read and is not shown; score the run again to recreate it.") from None
