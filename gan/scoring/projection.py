"""Build the atlas of a run: points, or images placed by PCA; near duplicates; nearest training data of samples."""

from __future__ import annotations

import base64
import io
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gan.config.data import DataConfig
from gan.data import loaders, survey
from gan.errors import InputError
from gan.runs import Run
from gan.runs.atlas import FARTHEST, Atlas, Dot, Near, Neighbour, Place, Plane, Point, Sample
from gan.scoring.extractors.extractor import Extractor
from gan.scoring.measures import MOST_COMPARED, Draw, Real
from gan.storage import files

_SHOWN = 400  # images of each kind on the map
_POINTS = 1000  # points of each kind
_SAMPLES = 24  # generated images shown with neighbours
_NEIGHBOURS = 5
_PAIRS = 6  # pairs of near duplicates shown
_FITTED = 2000  # real images used to fit the axes
_BLOCK = 4096  # training images per batch
_SUBSPACE, _ITERATIONS = 16, 16  # more than the two directions needed, for fast convergence
_TINY = 1e-300  # avoids division by a variance of 0

_SMALL, _LARGE = 32, 64  # pixels per side: on the map, and next to neighbours
_QUALITY = 80  # WebP quality on the map; neighbours are lossless


class Axes(NamedTuple):
    """Two orthogonal directions [D, 2] around a ``centre`` [D], float64, and the share of variance along each."""

    centre: Tensor
    directions: Tensor
    explained: tuple[float, float]

    def place(self, features: Tensor) -> Tensor:
        """Return the coordinates [N, 2] of features [N, D]."""
        return (features.double() - self.centre) @ self.directions


def write(run: Run, data: DataConfig, extractor: Extractor, real: Real, draw: Draw, step: int) -> None:
    """Make the atlas of one draw and write it to the run, replacing the previous one.

    The real and the training features of ``real`` must be in the order of ``loaders.load_for_scoring`` and ``loaders.load``.
    Raises InputError if features and images do not match, or if features are not finite.
    """
    made = _plane(real, draw.seen.features, step) if data.is_points else _atlas(data, extractor, real, draw, step)
    files.write_atomically(run.atlas_path, made.model_dump_json().encode())


def _atlas(data: DataConfig, extractor: Extractor, real: Real, draw: Draw, step: int) -> Atlas:
    """Return the atlas of images; arguments as in ``write``."""
    real_images, training_images = loaders.load_for_scoring(data), loaders.load(data)
    pixels, features = draw.pixels, draw.seen.features
    held = (len(real.features), len(real.training), len(features))
    if held != (len(real_images), len(training_images), len(pixels)):
        raise InputError("The number of features differs from the number of images, so no map can be drawn; score the run again.")
    axes = fit(real.features)
    shown, drawn = _some(len(real_images), _SHOWN), _some(len(pixels), _SHOWN)
    asked = drawn[:_SAMPLES]
    rows, distances = nearest(features[asked], real.training, _NEIGHBOURS)
    pictures = [_encode(part, _LARGE, is_exact=True) for part in training_images.take(rows.flatten()).split(rows.shape[1])]
    own = _encode(pixels[asked], _LARGE, is_exact=True)
    samples = [
        Sample(
            picture=own[place],
            nearer=float((real.usually > distances[place, 0]).double().mean()),
            neighbours=[
                Neighbour(distance=distance, picture=picture)
                for distance, picture in zip(distances[place].tolist(), pictures[place], strict=True)
            ],
        )
        for place in distances[:, 0].argsort(stable=True).tolist()
    ]
    return Atlas(
        step=step,
        extractor=extractor.label,
        extractor_id=extractor.id,
        explained=axes.explained,
        real=_dots(axes.place(real.features[shown]), real_images.take(shown)),
        generated=_dots(axes.place(features[drawn]), pixels[drawn]),
        usual=float(real.usually.median()),
        samples=samples,
        pairs=_pairs(pixels[: min(MOST_COMPARED, len(real_images))]),  # the images among which duplicates were counted
    )


def _plane(real: Real, generated: Tensor, step: int) -> Plane:
    """Return the atlas of generated points [N, 2]."""
    placed = generated[(generated.abs() <= FARTHEST).all(dim=1)]
    drawn = placed[_some(len(placed), _POINTS)]
    asked = drawn[:_SAMPLES]
    rows, distances = nearest(asked, real.training, _NEIGHBOURS) if len(asked) else (torch.empty(0, 1), torch.empty(0, 1))
    samples = [
        Point(
            x=float(asked[place, 0]),
            y=float(asked[place, 1]),
            nearer=float((real.usually > distances[place, 0]).double().mean()),
            neighbours=[
                Near(x=x, y=y, distance=distance)
                for (x, y), distance in zip(real.training[rows[place]].tolist(), distances[place].tolist(), strict=True)
            ],
        )
        for place in distances[:, 0].argsort(stable=True).tolist()
    ]
    return Plane(
        step=step,
        centres=[] if real.modes is None else _places(torch.from_numpy(real.modes.centres)),
        real=_places(real.features[_some(len(real.features), _POINTS)]),
        generated=_places(drawn),
        lost=len(generated) - len(placed),
        usual=float(real.usually.median()),
        samples=samples,
    )


def _places(points: Tensor) -> list[Place]:
    return [Place(x=x, y=y) for x, y in points.tolist()]


def fit(real: Tensor) -> Axes:
    """Return the first two principal components of features [N, D], N and D at least 2.

    With more than 2,000 images, a fixed random subset of 2,000 is used. The method is subspace iteration from a seeded start
    (Halko, Martinsson and Tropp 2009, 0909.4061), because a full decomposition of thousands of features takes many seconds. The
    largest entry of each direction is made positive, so the same real images always give the same axes. Raises InputError
    for non-finite features.
    """
    if not real.isfinite().all():
        raise InputError("Some features of the real images are not finite, so no map can be drawn; choose another extractor.")
    some = real[_some(len(real), _FITTED)].double()
    centre = some.mean(dim=0)
    some -= centre
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        _, lengths, directions = torch.svd_lowrank(some, q=min(_SUBSPACE, *some.shape), niter=_ITERATIONS)
    directions = directions[:, :2]
    directions = directions * directions.gather(0, directions.abs().argmax(dim=0, keepdim=True)).sign()
    first, second = (lengths[:2].square() / some.square().sum().clamp_min(_TINY)).clamp_max(1.0).tolist()
    return Axes(centre, directions, (first, second))


def nearest(points: Tensor, training: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the rows (int64 [n, k]) and distances (float64 [n, k]) of the ``count`` training features nearest to each point.

    Euclidean, nearest first; k is the smaller of ``count`` and the number of training features. The search runs in float32 blocks;
    the distances are then recomputed from differences, so copies have distance exactly 0.
    """
    centre = training[:_BLOCK].float().mean(dim=0)  # products of centred values lose fewer digits
    points = points.float()
    around = points - centre
    best = torch.empty(len(points), 0)
    rows = torch.empty(len(points), 0, dtype=torch.int64)
    for start in range(0, len(training), _BLOCK):
        block = training[start : start + _BLOCK].float() - centre
        squared = torch.addmm(block.square().sum(dim=1), around, block.T, alpha=-2)
        best = torch.cat([best, squared], dim=1)
        rows = torch.cat([rows, torch.arange(start, start + len(block)).expand(len(points), -1)], dim=1)
        best, places = best.topk(min(2 * count, best.shape[1]), dim=1, largest=False)
        rows = rows.gather(1, places)
    exact = torch.stack(
        [torch.linalg.vector_norm(training[row].double() - point.double(), dim=1) for row, point in zip(rows, points, strict=True)]
    )
    distances, places = exact.sort(dim=1, stable=True)
    return rows.gather(1, places)[:, :count], distances[:, :count]


def _pairs(pixels: Tensor) -> list[tuple[str, str]]:
    """Return some pairs of near duplicates among images uint8 [N, C, S, S] as pictures, pairs of new images first."""
    images = pixels.permute(0, 2, 3, 1).contiguous().numpy()
    found = survey.look(images, np.zeros(len(images), dtype=np.int64))
    fresh: list[tuple[int, int]] = []
    known: list[tuple[int, int]] = []
    seen: set[int] = set()
    for pair in (*found["exact_pairs"], *found["near_pairs"]):
        (known if seen.intersection(pair) else fresh).append(pair)
        seen.update(pair)
    pairs = [*fresh, *known][:_PAIRS]
    if not pairs:
        return []
    first, second = (_encode(pixels[[pair[side] for pair in pairs]], _LARGE, is_exact=True) for side in (0, 1))
    return list(zip(first, second, strict=True))


def _some(count: int, most: int) -> Tensor:
    """Return at most ``most`` of ``count`` row numbers, in a fixed random order."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(0))[:most]


def _dots(places: Tensor, pixels: Tensor) -> list[Dot]:
    pictures = _encode(pixels, _SMALL, is_exact=False)
    return [Dot(x=x, y=y, picture=picture) for (x, y), picture in zip(places.tolist(), pictures, strict=True)]


def _encode(pixels: Tensor, most: int, *, is_exact: bool) -> list[str]:
    """Return images (uint8 [n, C, S, S]) as WebP in Base64, scaled down to at most ``most`` pixels per side."""
    found = []
    for part in pixels.split(64):
        for image in loaders.resize(part, min(most, part.shape[-1])).permute(0, 2, 3, 1).contiguous().numpy():
            buffer = io.BytesIO()
            Image.fromarray(image.squeeze()).save(buffer, "WEBP", lossless=is_exact, quality=_QUALITY)
            found.append(base64.b64encode(buffer.getvalue()).decode())
    return found
