"""The order of the queue as a pure function: fair between persons, by time for each, moved runs first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gan.execution import order
from gan.execution.order import Turn

TURNS = st.lists(
    st.builds(Turn, st.sampled_from("abcd"), st.sampled_from([0.0, 0.0, 0.0, -1.0, -2.0]), st.integers(0, 30)),
    max_size=12,
    unique_by=lambda turn: turn.since,
)
SERVED = st.dictionaries(st.sampled_from("abcd"), st.floats(0, 9))
TRAINING = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 3))


def test_ten_runs_of_ann_do_not_hold_up_bo_and_cy() -> None:
    waiting = [Turn("a", 0.0, time) for time in range(10)]
    waiting += [Turn("b", 0.0, 10), Turn("c", 0.0, 11), Turn("b", 0.0, 12)]
    names = [waiting[place].owner for place, _ in order.fair(waiting, {"a": 1}, {})]
    assert "".join(names) == "bcabaaaaaaaaa"


def test_a_person_whose_run_has_just_ended_lets_others_go_first() -> None:
    waiting = [Turn("a", 0.0, 1), Turn("b", 0.0, 2), Turn("c", 0.0, 3)]
    assert [place for place, _ in order.fair(waiting, {}, {"a": 9.0, "b": 5.0})] == [2, 1, 0]


@given(TURNS, TRAINING, SERVED)
def test_each_persons_own_order_is_kept(waiting: list[Turn], training: dict[str, int], served: dict[str, float]) -> None:
    ordered = [waiting[place] for place, _ in order.fair(waiting, training, served)]
    assert sorted(ordered) == sorted(waiting)
    for person in "abcd":
        own = [turn[1:] for turn in ordered if turn.owner == person]
        assert own == sorted(own)


@given(TURNS, TRAINING, SERVED)
def test_nobodys_next_run_starts_before_another_persons_earlier_one(
    waiting: list[Turn], training: dict[str, int], served: dict[str, float]
) -> None:
    waiting = [turn._replace(first=0.0) for turn in waiting]
    count, ranks, heads = dict(training), [], []
    for place, rank in order.fair(waiting, training, served):
        owner = waiting[place].owner
        assert rank == count.get(owner, 0), "the runs of the same person that train or wait before it"
        if rank == training.get(owner, 0):
            heads.append((rank, served.get(owner, 0.0), waiting[place].since))
        count[owner] = rank + 1
        ranks.append(rank)
    assert ranks == sorted(ranks), "a k-th run waits for every (k-1)-th"
    assert heads == sorted(heads), "of one rank, who was served longest ago comes first, then who came first"


@given(TURNS, st.integers(0, 3), SERVED)
def test_one_person_alone_is_served_by_time(waiting: list[Turn], training: int, served: dict[str, float]) -> None:
    alone = [turn._replace(owner="a") for turn in waiting]
    assert [alone[place] for place, _ in order.fair(alone, {"a": training}, served)] == sorted(alone)


@given(TURNS, TRAINING, SERVED)
def test_moved_runs_come_first(waiting: list[Turn], training: dict[str, int], served: dict[str, float]) -> None:
    firsts = [waiting[place].first for place, _ in order.fair(waiting, training, served)]
    assert firsts == sorted(firsts)
