"""Every format gives the right pictures, classes and sentence; a format joins by being listed."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from gan.data.formats import opening
from gan.data.grouping import Choice
from gan.errors import InputError
from tests.data.formats.samples import SAMPLES, Sample
from tests.helpers import is_sentence


def test_every_listed_format_has_a_sample() -> None:
    assert {sample.format for sample in SAMPLES} == {*(format.name for format in opening.FORMATS), *opening.CONTAINERS}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.id)
def test_pictures_classes_and_sentence(sample: Sample, tmp_path: Path) -> None:
    path = tmp_path / sample.name
    path.write_bytes(sample.content)
    with opening.open_pictures(path) as source:
        pictures = list(source)
        assert source.count == len(pictures) == len(sample.pixels)
        assert source.counts == sample.classes
        assert sample.words in source.sentence, source.sentence
        assert is_sentence(source.sentence)
    found = np.stack([picture.pixels() for picture in pictures])
    assert found.dtype == np.uint8
    assert np.array_equal(found, sample.pixels)
    if sample.classes:
        names = list(sample.classes)
        folded = [names.index(picture.group) for picture in pictures]
        is_in_order = "quickdraw" in sample.name or "flowers" in sample.name
        assert folded == ([n // 10 for n in range(30)] if is_in_order else [n % 3 for n in range(30)])


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.id)
def test_a_format_is_recognised_by_content(sample: Sample) -> None:
    """Under another name, and from memory, as an upload is."""
    file = io.BytesIO(sample.content)
    assert opening.is_recognised(file)
    with opening.open_file(file, "upload.bin") as source:
        assert source.count == len(sample.pixels)
        assert sum(1 for _ in source) == source.count


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.classes], ids=lambda sample: sample.id)
def test_classes_can_be_chosen(sample: Sample) -> None:
    first, second, *_ = sample.classes
    for choice, counts in ((Choice("no"), {}), (Choice(only=(first, second)), {first: 10, second: 10})):
        with opening.open_file(io.BytesIO(sample.content), sample.name, choice) as source:
            groups = [picture.group for picture in source]
            assert source.count == len(groups) == (20 if choice.only else 30)
            assert {name: groups.count(name) for name in sorted(set(groups)) if name} == counts
    with pytest.raises(InputError) as caught, opening.open_file(io.BytesIO(sample.content), sample.name, Choice(only=("zebra",))):
        pass
    assert is_sentence(str(caught.value))
    assert "zebra" in str(caught.value)
