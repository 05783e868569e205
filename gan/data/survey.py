"""Statistics of a data set: brightness, channels, exact and near duplicates; torch-free, processed in chunks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

BINS = 32  # bins of the brightness histogram, from 0 to 255
EXAMPLES = 24  # pairs of duplicates kept for display
MOST_BITS = 3  # differing hash bits of near duplicates; fewer than _BANDS, so at least one band is identical
LEAST_CORRELATION = 0.99  # between thumbnails of near duplicates; ignores brightness and contrast
MOST_TINT = 8.0  # levels of 255 by which the colours of near duplicates differ, root mean square over cells and channels

_CHUNK = 512  # images
_ROWS, _COLUMNS = 8, 9  # of the thumbnail used for the difference hash
_BANDS, _BAND_BITS = 4, 16
_NEIGHBOURS = 12  # neighbours compared with each image, in the sorted order of one band


def look(pixels: np.ndarray, labels: np.ndarray, tell: Callable[[float], None] = lambda share: None) -> dict[str, Any]:
    """Return statistics of images ``pixels`` (uint8 [N, S, S, C]) with ``labels`` (int64 [N]), as JSON values.

    ``counts``: images per label. ``brightness``: mean, standard deviation (both from 0 to 255) and histogram of the images'
    mean grey levels. ``channels``: mean and standard deviation of each channel's pixels. ``exact``: number of images equal to
    an earlier one, pixel by pixel. ``near``: number of other images that resemble an earlier one (difference hashes differ in at
    most 3 of 64 bits, thumbnails correlate by at least 0.99, and their colours differ by at most 8 levels); a lower bound, because
    not every pair is compared. ``*_pairs``: examples, as pairs of row numbers.
    """
    count, channels = len(pixels), pixels.shape[-1]
    brightness = np.empty(count)
    sums, squares = np.zeros(channels), np.zeros(channels)
    hashes = np.empty(count, dtype=np.uint64)
    thumbnails = np.empty((count, _ROWS * _COLUMNS * channels), dtype=np.uint8)
    seen: dict[bytes, int] = {}
    exact_pairs: list[tuple[int, int]] = []
    exact = 0
    is_copy = np.zeros(count, dtype=bool)
    for start in range(0, count, _CHUNK):
        chunk = np.asarray(pixels[start : start + _CHUNK])
        rows = slice(start, start + len(chunk))
        planes = np.ascontiguousarray(np.moveaxis(chunk, 3, 1)).reshape(len(chunk), channels, -1)  # sums along rows are fast
        per_image = planes.mean(axis=2, dtype=np.float64)
        brightness[rows] = per_image.mean(axis=1)
        sums += per_image.sum(axis=0)
        squares += np.square(planes, dtype=np.uint16).mean(axis=2, dtype=np.float64).sum(axis=0)
        hashes[rows], thumbnails[rows] = fingerprints(chunk)
        for row, image in enumerate(chunk, start):
            first = seen.setdefault(digest(image), row)
            if first != row:
                exact += 1
                is_copy[row] = True
                if len(exact_pairs) < EXAMPLES:
                    exact_pairs.append((first, row))
        tell(0.9 * min(1.0, (start + _CHUNK) / count))
    near, near_pairs = _near(hashes, thumbnails, channels, is_copy)
    tell(1.0)
    means = sums / count
    spreads = np.sqrt(np.maximum(0.0, squares / count - means**2))
    return {
        "images": count,
        "counts": np.bincount(labels, minlength=1).tolist(),
        "brightness": {
            "mean": round(float(brightness.mean()), 3),
            "std": round(float(brightness.std()), 3),
            "histogram": np.histogram(brightness, bins=BINS, range=(0, 256))[0].tolist(),
        },
        "channels": [{"mean": round(float(m), 3), "std": round(float(s), 3)} for m, s in zip(means, spreads, strict=True)],
        "exact": exact,
        "exact_pairs": exact_pairs,
        "near": near,
        "near_pairs": near_pairs,
    }


def fingerprints(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the data for finding near duplicates: difference hashes (uint64 [N]) and thumbnails (uint8 [N, 72 · C]).

    ``images``: [N, S, S, C] from 0 to 255, as uint8 or float32, with S at least 9.
    """
    small = _thumbnails(images.astype(np.float32, copy=False))
    flat = small.reshape(len(images), _ROWS * _COLUMNS * images.shape[-1])
    return difference_hashes(small.mean(axis=3)), flat.round().astype(np.uint8)


def digest(image: np.ndarray) -> bytes:
    """Return a 16-byte hash of an image's pixels, equal only for exact copies."""
    return hashlib.blake2b(image.tobytes(), digest_size=16).digest()


def standardised(thumbnails: np.ndarray) -> np.ndarray:
    """Centre thumbnails [N, D] and scale them to length 1, float32, so that dot products are Pearson correlations.

    A constant thumbnail becomes all 0, so its correlation with any other is 0.
    """
    values = thumbnails.astype(np.float32)
    values -= values.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return np.divide(values, lengths, out=np.zeros_like(values), where=lengths > 0)


def tints(thumbnails: np.ndarray, channels: int) -> np.ndarray:
    """Return the colours of thumbnails [N, 72 · C], apart from their grey levels, float32 [N, 72 · C].

    The Euclidean distance of two rows is the root mean square of their difference in levels. A correlation ignores saturation,
    which for one colour is the same as contrast. All 0 for grey images.
    """
    cells = thumbnails.reshape(len(thumbnails), -1, channels).astype(np.float32)
    cells -= cells.mean(axis=2, keepdims=True)
    found: np.ndarray = cells.reshape(len(thumbnails), -1) / np.sqrt(np.float32(thumbnails.shape[1]))
    return found


def difference_hashes(grey: np.ndarray) -> np.ndarray:
    """Return 64-bit difference hashes (uint64 [N]) of grey thumbnails [N, 8, 9].

    One bit per pair of horizontal neighbours: is the right one brighter? (N. Krawetz, "Kind of like that", 2013)
    """
    bits = (grey[:, :, 1:] > grey[:, :, :-1] + 0.5).reshape(len(grey), 64)  # margin of half a level: no random bits in flat areas
    return np.packbits(bits, axis=1).view(">u8").ravel().astype(np.uint64)


def _thumbnails(values: np.ndarray) -> np.ndarray:
    """Average images [n, S, S, C] over 8 × 9 cells, float32 [n, 8, 9, C]."""
    size = values.shape[1]
    rows = np.linspace(0, size, _ROWS + 1).astype(int)
    columns = np.linspace(0, size, _COLUMNS + 1).astype(int)
    summed = np.add.reduceat(np.add.reduceat(values, rows[:-1], axis=1), columns[:-1], axis=2)
    areas = np.diff(rows)[:, None] * np.diff(columns)[None, :]
    means: np.ndarray = summed / areas[None, :, :, None]
    return means


def _near(hashes: np.ndarray, thumbnails: np.ndarray, channels: int, is_copy: np.ndarray) -> tuple[int, list[tuple[int, int]]]:
    """Return the number of images that resemble an earlier one, without exact copies, and examples, most alike first."""
    rows = np.flatnonzero(~is_copy)
    hashes, thumbnails = hashes[rows], thumbnails[rows]
    alike = np.zeros(len(rows), dtype=bool)
    pairs: dict[tuple[int, int], float] = {}
    for band in range(_BANDS):
        shift = np.uint64(band * _BAND_BITS)
        turned = hashes if band == 0 else (hashes >> shift) | (hashes << (np.uint64(64) - shift))
        # Put the band's bits first, so that hashes with the same band are adjacent after sorting.
        turned = (turned << np.uint64(64 - _BAND_BITS)) | (turned >> np.uint64(_BAND_BITS))
        order = np.argsort(turned, kind="stable")
        ordered = hashes[order]
        for distance in range(1, min(_NEIGHBOURS, len(rows) - 1) + 1):
            close = np.bitwise_count(ordered[distance:] ^ ordered[:-distance]) <= MOST_BITS
            first, second = order[:-distance][close], order[distance:][close]
            if not len(first):
                continue
            likeness = np.concatenate(
                [_likeness(thumbnails[a], thumbnails[b], channels) for a, b in zip(_split(first), _split(second), strict=True)]
            )
            is_near = likeness >= LEAST_CORRELATION
            first, second, likeness = first[is_near], second[is_near], likeness[is_near]
            alike[np.maximum(first, second)] = True
            for place in np.argsort(-likeness, kind="stable")[:EXAMPLES]:
                a, b = sorted((int(rows[first[place]]), int(rows[second[place]])))
                pairs[a, b] = float(likeness[place])
    best = sorted(pairs, key=lambda pair: (-pairs[pair], pair))[:EXAMPLES]
    return int(alike.sum()), best


def _likeness(some: np.ndarray, others: np.ndarray, channels: int) -> np.ndarray:
    """Return the Pearson correlation of thumbnails [n, D], row by row; 0 for thumbnails of different colours."""
    correlation: np.ndarray = (standardised(some) * standardised(others)).sum(axis=1)
    apart = np.linalg.norm(tints(some, channels) - tints(others, channels), axis=1)
    return np.where(apart <= MOST_TINT, correlation, np.float32(0))


def _split(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[start : start + 65536] for start in range(0, len(rows), 65536)]
