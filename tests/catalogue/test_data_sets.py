"""The catalogue of data sets matches the data: it repeats counts and names so that it need not import numpy."""

from __future__ import annotations

import numpy as np
import pytest

from gan.catalogue import data_sets
from gan.catalogue.data_sets import DATA_SETS
from gan.data import downloads, sources
from gan.data.rendered import bedrooms, points, shapes
from gan.storage.jobs import say_nothing


def test_rendered_sets_match_the_catalogue() -> None:
    for name, rendered in (("shapes", shapes), ("bedrooms", bedrooms)):
        assert DATA_SETS[name].images == rendered.COUNT
        assert DATA_SETS[name].classes == rendered.CLASSES
    assert data_sets.POINT_CLASSES == points.CLASSES
    assert all(DATA_SETS[name].images == points.COUNT and DATA_SETS[name].kind == "points" for name in points.CLASSES)


def test_embedded_digits_match_the_catalogue() -> None:
    pixels, labels = sources.raw("digits", say_nothing)
    entry = DATA_SETS["digits"]
    assert tuple(np.bincount(labels)) == entry.counts
    assert entry.native_size == (pixels.shape[2], pixels.shape[1])


@pytest.mark.parametrize("name", downloads.DOWNLOADS)
def test_downloads_have_the_listed_size(name: str) -> None:
    entry, files = DATA_SETS[name], downloads.DOWNLOADS[name]
    assert entry.native_size == (files.shape[1], files.shape[0])


def test_stacked_sets_are_made_of_listed_sets_of_the_same_size() -> None:
    stacked = [entry for entry in DATA_SETS.values() if entry.made_of]
    assert {entry.name for entry in stacked} == {"stacked-digits", "stacked-mnist"}
    assert all(entry.native_size == DATA_SETS[entry.made_of].native_size for entry in stacked)
