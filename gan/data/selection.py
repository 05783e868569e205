"""Which images of a data set a run trains on and which it holds out, from its settings alone; torch-free."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gan.sections import DataConfig


class Selection(NamedTuple):
    """Rows of a data set, int64, in ascending order: those to train on, and those that no training sees.

    ``rest`` are the rows of the chosen classes that are not held out, in the training's subset or not: what a generator is
    to imitate, and what it is measured against where nothing is held out.
    """

    train: np.ndarray
    held_out: np.ndarray
    rest: np.ndarray


def select(labels: np.ndarray, data: DataConfig) -> Selection:
    """Return the selection that ``data`` asks for among images with ``labels`` [N].

    One order, seeded by ``subset_seed`` alone, decides: its end is held out, its start is the subset. So a larger subset
    contains the smaller one, and every subset has the same held-out images.
    """
    rows = np.arange(len(labels), dtype=np.int64)
    if data.classes:
        rows = rows[np.isin(labels, [data.entry.classes.index(name) for name in data.classes])]
    order = np.random.Generator(np.random.PCG64(data.subset_seed)).permutation(rows)
    order, held_out = np.split(order, [len(order) - data.held_out_images])
    return Selection(np.sort(order[: data.images]), np.sort(held_out), np.sort(order))
