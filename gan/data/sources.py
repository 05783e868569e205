"""Images of every data set, decoded and scaled, chunk by chunk; torch-free except for downloads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from gan.catalogue import data_sets, lsun
from gan.catalogue.data_sets import DataSet
from gan.data import decoder, downloads, importer, parallel
from gan.data.rendered import bedrooms, points, shapes
from gan.errors import InputError
from gan.storage.jobs import Report

_EMBEDDED = Path(__file__).with_name("digits.npz")
_CHUNK = 256  # images

Fit = Literal["crop", "pad"]
#: uint8 [n, S, S, C] with the labels [n].
Chunk = tuple[np.ndarray, np.ndarray]


def images(entry: DataSet, size: int, fit: Fit, channels: int, report: Report) -> Iterator[Chunk]:
    """Yield all images of a data set in order. Raises InputError if the data cannot be obtained."""
    if entry.name == data_sets.LSUN:
        yield from _lsun(size, fit, channels)
    elif entry.origin == "own":
        yield from _own(entry, size, fit, channels)
    elif entry.name in _RENDERED:
        tasks = [(entry.name, size, start, min(start + _CHUNK, entry.images)) for start in range(0, entry.images, _CHUNK)]
        with parallel.pool(is_worth_it=True) as processes:
            for _, (pixels, labels) in parallel.each(processes, _render, tasks):
                yield pixels if channels == 3 else _fitted(pixels, size, fit, 1), labels
    elif entry.name in STACKED:
        yield from _stacked(STACKED[entry.name], entry, size, fit, channels, report)
    else:
        pixels, labels = raw(entry.name, report)
        for start in range(0, len(pixels), _CHUNK):
            yield _fitted(pixels[start : start + _CHUNK], size, fit, channels), labels[start : start + _CHUNK]


def raw(name: str, report: Report, *, is_test: bool = False) -> Chunk:
    """Return a data set stored as one array, at its original size: uint8 [N, H, W, C] and labels [N]."""
    if name == "digits":
        with np.load(_EMBEDDED, allow_pickle=False) as file:
            return file["pixels"][..., None], file["labels"].astype(np.int64)
    downloads.ensure(name, report)
    return downloads.arrays(name, is_test=is_test)


def points_of(entry: DataSet) -> Chunk:
    """Return a data set of points: float32 [N, 2] and labels [N]. Raises InputError if imported points are damaged."""
    if entry.origin != "own":
        return points.sample(entry.name)
    try:
        values = np.load(data_sets.own_folder(entry.name) / "points.npy", allow_pickle=False)
        if values.shape != (entry.images, 2) or hashlib.sha256(values.tobytes()).hexdigest() != entry.version:
            raise ValueError("its points are not those that were imported")
    except importer.UNREADABLE as error:
        raise InputError(f"The points of “{entry.title}” cannot be read; remove the data set and import it again.") from error
    return values, np.zeros(len(values), dtype=np.int64)


def test_part(name: str, size: int, report: Report) -> Chunk:
    """Return the official test split of a downloaded data set, scaled to ``size``."""
    pixels, labels = raw(name, report, is_test=True)
    return _fitted(pixels, size, "crop", pixels.shape[-1]), labels


#: Rendered data sets, and sets stacked from three images of another set.
_RENDERED: dict[str, Any] = {"shapes": shapes, "bedrooms": bedrooms}
#: Stacked set → the set whose images it combines.
STACKED = {entry.name: entry.made_of for entry in data_sets.DATA_SETS.values() if entry.made_of}


def _render(task: tuple[str, int, int, int]) -> Chunk:
    name, size, start, stop = task
    pixels, labels = _RENDERED[name].render(size, start, stop)
    return pixels, labels


def _fitted(pixels: np.ndarray, size: int, fit: Fit, channels: int) -> np.ndarray:
    """Scale images [n, H, W, C] to [n, size, size, channels]."""
    out = np.empty((len(pixels), size, size, channels), dtype=np.uint8)
    for index, one in enumerate(pixels):
        out[index] = decoder.fit(Image.fromarray(one[..., 0] if one.shape[-1] == 1 else one), size, fit, channels)  # type: ignore[arg-type]
    return out


def _stacked(of: str, entry: DataSet, size: int, fit: Fit, channels: int, report: Report) -> Iterator[Chunk]:
    """Yield images of three digits: hundreds in red, tens in green, ones in blue; each number equally often.

    Metz et al. 2016 (1611.02163) draw the digits at random instead, so that their 1,000 modes differ in size.
    """
    pixels, labels = raw(of, report)
    scaled = _fitted(pixels, size, fit, 1)[..., 0]
    random = np.random.Generator(np.random.PCG64(0))
    members = [np.flatnonzero(labels == digit) for digit in range(10)]
    numbers = random.permutation(np.repeat(np.arange(1000), entry.counts))
    for start in range(0, len(numbers), _CHUNK):
        chunk = numbers[start : start + _CHUNK]
        digits = np.stack([chunk // 100, chunk // 10 % 10, chunk % 10])
        chosen = np.array([[members[digit][random.integers(len(members[digit]))] for digit in row] for row in digits])
        stacked = np.moveaxis(scaled[chosen], 0, -1)
        yield stacked if channels == 3 else _fitted(stacked, size, fit, 1), chunk


def _lsun(size: int, fit: Fit, channels: int) -> Iterator[Chunk]:
    for number, content in enumerate(lsun.pictures(), 1):
        try:
            image = decoder.decode(content, smallest=size).image
        except decoder.Refused as reason:
            raise InputError(f"Picture {number} of the LSUN bedrooms is damaged ({reason}); copy them there again.") from None
        yield decoder.fit(image, size, fit, channels)[None], np.zeros(1, dtype=np.int64)  # type: ignore[arg-type]


def _own(entry: DataSet, size: int, fit: Fit, channels: int) -> Iterator[Chunk]:
    place = data_sets.own_folder(entry.name)
    labels = importer.labels_of(place)
    done = 0
    for pixels in importer.decode_all(place, size, fit, channels):
        yield pixels, labels[done : done + len(pixels)]
        done += len(pixels)
