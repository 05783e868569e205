"""Comparing scores of runs: the newest lines, groups of comparable lines, variants, and how results are written."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from gan.judging import comparison, lines
from gan.judging.glossary import SCORES
from gan.runs import Origin
from tests.helpers import make_run
from tests.report.conftest import LINE, scored

OTHER = {"extractor_id": "inception-2015-1", "extractor": "Inception 2015"}


def test_newest_line_of_each_checkpoint_and_extractor_counts(root: Path) -> None:
    run = make_run(root)
    for changes in ({"fid": 1.0}, {"checkpoint": "best", "fid": 2.0}, OTHER | {"fid": 3.0}, {"fid": 4.0}, {"source": "training"}):
        scored(run, **changes)
    assert [(line["fid"], comparison.kind(line)) for line in comparison.latest(run)] == [
        (3.0, "last"),
        (4.0, "last"),
        (2.0, "best"),
    ]


@pytest.mark.parametrize("changes", [{"fid": None}, {"fid": "9"}, {"draws": None}, {"extractor": 3}, {"source": "?"}])
def test_damaged_lines_are_skipped(changes: dict[str, Any], root: Path) -> None:
    run = make_run(root)
    scored(run)
    scored(run, **changes)
    assert [line["fid"] for line in comparison.latest(run)] == [LINE["fid"]]


def test_quick_scores_are_sorted_and_grouped_if_comparable(root: Path) -> None:
    run = make_run(root)
    kinds: list[tuple[int, dict[str, Any]]] = [(4, OTHER), (12, {}), (8, {}), (8, {"source": "checkpoint"}), (16, OTHER)]
    for step, changes in kinds:
        scored(run, **{"source": "training", "step": step, **changes})
    assert [[line["step"] for line in kind] for kind in comparison.quick(run)] == [[8, 12], [4, 16]]


def test_last_best_and_missing_lines_are_separate_groups() -> None:
    best, few = LINE | {"checkpoint": "best"}, LINE | {"images": 5}
    assert comparison.groups([LINE, None, best, LINE, few, None], lambda line: line) == [[LINE, LINE], [None, None], [best], [few]]


def test_seeds_and_forks_without_changes_are_one_variant(root: Path) -> None:
    chosen = [make_run(root, {"training.seed": seed}) for seed in range(4)]
    chosen[1].write_origin(Origin(run=chosen[0].id, step=5))
    change: dict[str, Any] = {"changes": {"objective.loss": "non-saturating"}, "before": {"objective.loss": "hinge"}}
    chosen[2].write_origin(Origin(run=chosen[0].id, step=5, **change))
    chosen[3].config_path.write_text("{")
    first, same, fork, damaged = comparison.variants(chosen).values()
    assert first == same and len({first, fork, damaged}) == 3 and damaged == chosen[3].id


def test_a_setting_can_be_ignored_in_variants(root: Path) -> None:
    chosen = [make_run(root, {"training.seed": seed, "optimizer.batch_size": batch}) for seed, batch in ((0, 8), (1, 16))]
    assert len(set(comparison.variants(chosen).values())) == 2
    for aside in ("Batch size", "optimizer.batch_size"):
        assert len(set(comparison.variants(chosen, aside).values())) == 1


def test_coordinates_belong_to_points() -> None:
    assert lines.noun(LINE) == lines.noun({}) == "images"
    assert lines.noun({"extractor_id": "coordinates-1"}) == "points"


def test_differences_have_titles_and_leave_out_ignored_settings(root: Path) -> None:
    changes = {"networks.latent": 16, "training.seed": 3, "cadence.sample_every": "7 steps", "training.length": "9 steps"}
    chosen = [make_run(root), make_run(root, changes)]
    found = comparison.differences(chosen)
    assert found[chosen[1].id]["Seed"] == 3 and "Length" not in found[chosen[1].id] and len(found[chosen[1].id]) == 3
    assert list(comparison.differences(chosen, ("training.", "cadence."))[chosen[1].id].values()) == [16]
    chosen[0].config_path.write_text("{")
    assert comparison.differences(chosen) == {run.id: {} for run in chosen}


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), ("", "–"), (math.nan, "–"), ([], "–"), (True, "yes"), (0.0002, "0.0002"), (64, "64"), (["a", 0.5], "a, 0.5")],
)
def test_settings_print_the_same_everywhere(value: Any, text: str) -> None:
    assert comparison.text_of(value) == text


@pytest.mark.parametrize(
    ("values", "spreads", "place"),
    [
        ([1.0, 5.0, None, math.nan], [0.1, 0.1, None, 0.1], 1),
        ([1.0, 5.0], [2.0, 2.0], None),
        ([1.0, 5.0], [0.1, None], None),
        ([1.0, 5.0], [math.nan, 0.1], None),
        ([5.0, None], [0.1, 0.1], None),
        ([], [], None),
        ([-1.0, -5.0], [0.1, 0.1], 0),
    ],
)
def test_winner_is_clear_beyond_both_spreads(values: list[float | None], spreads: list[float | None], place: int | None) -> None:
    assert comparison.clear_winner(values, spreads) == place


def test_best_row_follows_the_direction_of_the_score() -> None:
    values, spreads = [[1.0], [], [5.0]], [0.1, None, 0.1]
    assert comparison.best("fid", values, spreads, is_seeded=False) == 0
    assert comparison.best("inception_score", values, spreads, is_seeded=False) == 2
    assert comparison.best("fid", values, spreads, is_seeded=True) is None, "one seed of each is not enough"
    assert comparison.best("fid", [[1.0, 1.1], [], [5.0, 5.2]], spreads, is_seeded=True) == 0
    neither = next(key for key, score in SCORES.items() if not score.better)
    assert comparison.best(neither, values, spreads, is_seeded=False) is None


def test_name_of_seeds_is_their_common_part() -> None:
    assert comparison.common_name(["a · b · seed 0", "a · b · seed 1"]) == "a · b"
    assert comparison.common_name(["a · s0", "a · s1 · 1a2b3c"]) == "a"
    assert comparison.common_name(["a · seed 0"]) == "a · seed 0" and comparison.common_name(["a", "b"]) == "a"


def test_floor_has_the_expected_classes_of_the_line() -> None:
    line = LINE | {"real_class_counts": [90] * 9 + [1]}
    assert (
        comparison.expected(line) == 10
        and comparison.expected({}) is None
        and comparison.expected({"real_class_counts": "x"}) is None
    )
    found = comparison.floor(line | {"classes_expected": 9})
    assert found["classes_covered"] == (9, None) and found["memorised"] == (0.05, None) and found.keys() == SCORES.keys()
    assert found["fid"] == (LINE["floor_fid"], LINE["floor_fid_spread"]) and found["lpips"] == (None, None)


def test_run_is_scored_once_its_newest_checkpoint_is(root: Path) -> None:
    run = make_run(root)
    assert not comparison.is_scored(run)
    for step in (5, 12):
        (run.checkpoints_path / f"{step:08d}.json").parent.mkdir(exist_ok=True)
        (run.checkpoints_path / f"{step:08d}.json").touch()
    for changes in ({"step": 5}, {"checkpoint": "best"}, {"source": "training"}):
        scored(run, **changes)
        assert not comparison.is_scored(run)
    scored(run, fid=None)
    assert comparison.is_scored(run), "also if the FID could not be measured"


def test_most_comparable_scores_leave_out_those_of_other_features(root: Path) -> None:
    chosen = [make_run(root) for _ in range(4)]
    for place, run in enumerate(chosen[:3]):
        scored(run, fid=float(place))
    scored(chosen[0], **OTHER)
    scored(chosen[3], **OTHER)
    found = comparison.most_comparable(chosen)
    assert {run_id: line["fid"] for run_id, line in found.items()} == {run.id: place for place, run in enumerate(chosen[:3])}
    assert comparison.most_comparable([]) == {}
