"""Score lines in words: what a FID is called, and what may be ranked against what."""

from __future__ import annotations

from typing import Any

import pytest

from gan.scoring import lines

LINE: dict[str, Any] = {
    "step": 1120, "weights": "EMA", "data": "digits", "size": 32, "extractor": "digits CNN",
    "extractor_id": "digits-cnn-1-0a1b2c3d", "images": 2000, "real_images": 1797, "draws": 3,
    "fid": 12.345, "fid_spread": 0.412, "inception_score": 8.91, "inception_score_spread": 0.08, "floor_fid": 0.8123,
}  # fmt: skip
STANDARD = LINE | {"extractor": "Inception 2015", "extractor_id": "inception-2015-6726825d"}


def test_only_the_standard_network_gives_plain_fid() -> None:
    assert lines.label(LINE) == "FID · digits CNN"
    assert lines.label(STANDARD) == "FID"
    assert lines.label(STANDARD | {"extractor_id": "digits-cnn-1-6726825d"}) == "FID · Inception 2015"


def test_description() -> None:
    assert lines.describe(LINE) == (
        "FID · digits CNN 12.3 ± 0.4 (floor 0.812), IS 8.9 ± 0.1, 3 draws of 2000 images, EMA weights, step 1120"
    )
    single = LINE | {"draws": 1, "fid_spread": None, "inception_score_spread": None, "fid": None}
    assert lines.describe(single) == (
        "FID · digits CNN – (floor 0.812), IS 8.9, 1 draw of 2000 images, EMA weights, step 1120"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("images", "real_images", "has_caution"), [(2000, 1797, True), (50_000, 1797, True), (50_000, 60_000, False)]
)
def test_fid_of_few_images_is_cautioned(images: int, real_images: int, has_caution: bool) -> None:
    counts = {"images": images, "real_images": real_images}
    assert bool(lines.caution(STANDARD | counts)) is has_caution
    assert ("too high" in lines.describe(STANDARD | counts)) is has_caution
    assert not lines.caution(LINE | counts)


def test_same_way_of_scoring_is_comparable() -> None:
    assert lines.is_comparable(LINE, LINE | {"step": 5, "fid": 900.0, "draws": 1, "source": "training"})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("data", "mnist"), ("size", 64), ("extractor_id", "digits-cnn-1-99999999"), ("images", 1000),
        ("real_images", 1796), ("weights", "raw"),
    ],
)  # fmt: skip
def test_different_way_of_scoring_is_not_comparable(key: str, value: object) -> None:
    assert not lines.is_comparable(LINE, LINE | {key: value})
    without = {name: kept for name, kept in LINE.items() if name != key}
    assert not lines.is_comparable(without, without)
