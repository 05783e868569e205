"""Score lines in words: the name of a FID, and which lines may be ranked together."""

from __future__ import annotations

from typing import Any

import pytest

from gan.judging import lines

LINE: dict[str, Any] = {
    "step": 1120,
    "weights": "EMA",
    "data": "digits",
    "size": 32,
    "extractor": "digits CNN",
    "extractor_id": "digits-cnn-1-0a1b2c3d",
    "images": 2000,
    "real_images": 1797,
    "draws": 3,
    "seed": 0,
    "features": 64,
    "fid": 12.345,
    "fid_spread": 0.412,
    "inception_score": 8.91,
    "inception_score_spread": 0.08,
    "floor_fid": 0.8123,
}
STANDARD = LINE | {"extractor": "Inception 2015", "extractor_id": "inception-2015-6726825d"}


def test_only_the_standard_network_gives_plain_fid() -> None:
    assert lines.label(LINE) == "FID · digits CNN"
    assert lines.label(STANDARD) == "FID"
    assert lines.label(STANDARD | {"extractor_id": "digits-cnn-1-6726825d"}) == "FID · Inception 2015"


def test_description() -> None:
    made_from = "of 2,000 images with seed 0, EMA weights, against 1,797 real ones from digits; features: digits CNN, step 1120"
    assert lines.describe(LINE | {"kid": 0.0213}) == (
        f"FID · digits CNN 12.3 ± 0.4 (floor 0.812), KID 0.0213, IS 8.91 ± 0.08, 3 draws {made_from}"
    )
    single = LINE | {"draws": 1, "fid_spread": None, "inception_score_spread": None, "fid": None}
    assert lines.describe(single) == f"FID · digits CNN – (floor 0.812), IS 8.91, 1 draw {made_from}"


@pytest.mark.parametrize(
    ("images", "real_images", "has_caution"), [(2000, 1797, True), (50_000, 1797, True), (50_000, 60_000, False)]
)
def test_fid_of_few_images_is_cautioned(images: int, real_images: int, has_caution: bool) -> None:
    counts = {"images": images, "real_images": real_images}
    assert bool(lines.caution(STANDARD | counts)) is has_caution
    assert ("too high" in lines.describe(STANDARD | counts)) is has_caution
    assert not lines.caution(LINE | counts)


@pytest.mark.parametrize("counts", [{"images": 64}, {"images": 5000, "real_images": 20}])
def test_few_images_are_cautioned_for_any_features(counts: dict[str, int]) -> None:
    few = LINE | {"kid": 0.02} | counts
    assert f"Only {min(few['images'], few['real_images'])} images for 64 features" in lines.caution(few)
    assert lines.main_scores(few) == ("kid", "fid") and lines.describe(few).startswith("KID")
    assert not lines.caution({key: value for key, value in few.items() if key != "features"}), "a line of an earlier version"


def test_same_way_of_scoring_is_comparable() -> None:
    assert lines.is_comparable(LINE, LINE | {"step": 5, "fid": 900.0, "draws": 1, "source": "training"})


def test_other_real_images_of_the_same_name_are_not_comparable() -> None:
    assert lines.is_comparable(LINE | {"real_digest": "a"}, LINE | {"real_digest": "a"})
    assert not lines.is_comparable(LINE | {"real_digest": "a"}, LINE | {"real_digest": "b"})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("data", "mnist"),
        ("size", 64),
        ("extractor_id", "digits-cnn-1-99999999"),
        ("images", 1000),
        ("real_images", 1796),
        ("weights", "raw"),
    ],
)
def test_different_way_of_scoring_is_not_comparable(key: str, value: object) -> None:
    assert not lines.is_comparable(LINE, LINE | {key: value})
    without = {name: kept for name, kept in LINE.items() if name != key}
    assert not lines.is_comparable(without, without)
