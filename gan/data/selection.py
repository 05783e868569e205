"""Selection of training and held-out images of a data set, determined by the settings alone; torch-free."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gan.config.data import DataConfig


class Selection(NamedTuple):
    """Rows of a data set, int64, in ascending order: ``train`` to train on, ``held_out`` never seen in training.

    ``rest``: all rows of the chosen classes that are not held out, including those outside the training subset. It is the
    distribution to imitate, and the reference for scores if nothing is held out.
    """

    train: np.ndarray
    held_out: np.ndarray
    rest: np.ndarray


def select(labels: np.ndarray, data: DataConfig) -> Selection:
    """Return the selection that ``data`` describes among images with ``labels`` [N].

    The images are permuted with the seed ``subset_seed``: the end of that order is held out, the start is the training subset.
    So larger subsets contain smaller ones, and all subsets share the same held-out images.
    """
    rows = np.arange(len(labels), dtype=np.int64)
    if data.classes:
        rows = rows[np.isin(labels, [data.entry.classes.index(name) for name in data.classes])]
    order = np.random.Generator(np.random.PCG64(data.subset_seed)).permutation(rows)
    order, held_out = np.split(order, [len(order) - data.held_out_images])
    return Selection(np.sort(order[: data.images]), np.sort(held_out), np.sort(order))
