"""What a data set looks like, in numbers: brightness, channels, exact and near duplicates; torch-free, in flat memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

BINS = 32  # of the brightness histogram, from 0 to 255
EXAMPLES = 24  # pairs of duplicates that are kept to be looked at
MOST_BITS = 3  # that differ in the hashes of near duplicates: fewer than bands, so one band at least is the same
LEAST_CORRELATION = 0.99  # of their thumbnails, whatever their brightness and contrast

_CHUNK = 512  # images
_ROWS, _COLUMNS = 8, 9  # of the thumbnail behind the difference hash
_BANDS, _BAND_BITS = 4, 16
_NEIGHBOURS = 12  # in the order of one band that an image is held against


def look(pixels: np.ndarray, labels: np.ndarray, tell: Callable[[float], None] = lambda share: None) -> dict[str, Any]:
    """Return facts about images ``pixels`` (uint8 [N, S, S, C]) with ``labels`` (int64 [N]), as JSON values.

    ``counts``: images per label. ``brightness``: mean and standard deviation, from 0 to 255, of the images' mean grey level,
    and its histogram. ``channels``: mean and standard deviation of each channel's pixels. ``exact``: how many images equal an
    earlier one, pixel by pixel; ``near``: how many resemble an earlier one (difference hashes with at most 3 of 64 bits
    apart, thumbnails with a correlation of 0.99; at least so many: not every pair is looked at). ``*_pairs``: some of them as rows.
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
        values = chunk.astype(np.float32)
        per_image = values.mean(axis=(1, 2), dtype=np.float64)
        brightness[rows] = per_image.mean(axis=1)
        sums += per_image.sum(axis=0)
        squares += np.square(values).mean(axis=(1, 2), dtype=np.float64).sum(axis=0)
        hashes[rows], thumbnails[rows] = fingerprints(values)
        for row, image in enumerate(chunk, start):
            first = seen.setdefault(digest(image), row)
            if first != row:
                exact += 1
                is_copy[row] = True
                if len(exact_pairs) < EXAMPLES:
                    exact_pairs.append((first, row))
        tell(0.9 * min(1.0, (start + _CHUNK) / count))
    near, near_pairs = _near(hashes, thumbnails, is_copy)
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
    """Return what near duplicates are found by: hashes (uint64 [N]) and thumbnails (uint8 [N, 72 · C]).

    ``images``: [N, S, S, C] from 0 to 255, as uint8 or float32, with S at least 9.
    """
    small = _thumbnails(images.astype(np.float32, copy=False))
    flat = small.reshape(len(images), _ROWS * _COLUMNS * images.shape[-1])
    return difference_hashes(small.mean(axis=3)), flat.round().astype(np.uint8)


def digest(image: np.ndarray) -> bytes:
    """Return 16 bytes that are the same for exact copies of an image, and for no others."""
    return hashlib.blake2b(image.tobytes(), digest_size=16).digest()


def standardised(thumbnails: np.ndarray) -> np.ndarray:
    """Return thumbnails [N, D] around 0 and of length 1, float32: their products are Pearson's correlations.

    One of a single colour is all 0, and so is its correlation with any other.
    """
    values = thumbnails.astype(np.float32)
    values -= values.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return np.divide(values, lengths, out=np.zeros_like(values), where=lengths > 0)


def difference_hashes(grey: np.ndarray) -> np.ndarray:
    """Return 64-bit difference hashes (uint64 [N]) of grey thumbnails [N, 8, 9]: one bit a pair of neighbours in a row.

    A bit says whether the right one is brighter (N. Krawetz, "Kind of like that", 2013).
    """
    bits = (grey[:, :, 1:] > grey[:, :, :-1] + 0.5).reshape(len(grey), 64)  # half a level: flat areas give no random bits
    return np.packbits(bits, axis=1).view(">u8").ravel().astype(np.uint64)


def _thumbnails(values: np.ndarray) -> np.ndarray:
    """Return images [n, S, S, C] as means over 8 × 9 cells, float32 [n, 8, 9, C]."""
    size = values.shape[1]
    rows = np.linspace(0, size, _ROWS + 1).astype(int)
    columns = np.linspace(0, size, _COLUMNS + 1).astype(int)
    summed = np.add.reduceat(np.add.reduceat(values, rows[:-1], axis=1), columns[:-1], axis=2)
    areas = np.diff(rows)[:, None] * np.diff(columns)[None, :]
    means: np.ndarray = summed / areas[None, :, :, None]
    return means


def _near(hashes: np.ndarray, thumbnails: np.ndarray, is_copy: np.ndarray) -> tuple[int, list[tuple[int, int]]]:
    """Return how many images, exact copies aside, resemble an earlier one, and some pairs, the most alike first."""
    rows = np.flatnonzero(~is_copy)
    hashes, thumbnails = hashes[rows], thumbnails[rows]
    alike = np.zeros(len(rows), dtype=bool)
    pairs: dict[tuple[int, int], float] = {}
    for band in range(_BANDS):
        shift = np.uint64(band * _BAND_BITS)
        turned = hashes if band == 0 else (hashes >> shift) | (hashes << (np.uint64(64) - shift))
        # The band's own bits come first in the order, so that those who share them are neighbours.
        turned = (turned << np.uint64(64 - _BAND_BITS)) | (turned >> np.uint64(_BAND_BITS))
        order = np.argsort(turned, kind="stable")
        ordered = hashes[order]
        for distance in range(1, min(_NEIGHBOURS, len(rows) - 1) + 1):
            close = np.bitwise_count(ordered[distance:] ^ ordered[:-distance]) <= MOST_BITS
            first, second = order[:-distance][close], order[distance:][close]
            if not len(first):
                continue
            likeness = np.concatenate([
                _correlation(thumbnails[a], thumbnails[b]) for a, b in zip(_split(first), _split(second), strict=True)
            ])  # fmt: skip
            is_near = likeness >= LEAST_CORRELATION
            first, second, likeness = first[is_near], second[is_near], likeness[is_near]
            alike[np.maximum(first, second)] = True
            for place in np.argsort(-likeness, kind="stable")[:EXAMPLES]:
                a, b = sorted((int(rows[first[place]]), int(rows[second[place]])))
                pairs[a, b] = float(likeness[place])
    best = sorted(pairs, key=lambda pair: (-pairs[pair], pair))[:EXAMPLES]
    return int(alike.sum()), best


def _correlation(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation of thumbnails [n, D], row by row."""
    found: np.ndarray = (standardised(some) * standardised(others)).sum(axis=1)
    return found


def _split(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[start : start + 65536] for start in range(0, len(rows), 65536)]
