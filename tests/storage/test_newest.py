"""Caches that keep one result per subject: the newest version's."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass

import pytest

from gan.storage.newest import newest


class Result:
    """Something that a weak reference can point to."""


@dataclass(frozen=True, eq=False)
class Version:
    subject: str


def test_a_new_version_replaces_the_one_before() -> None:
    calls = []

    @newest(2, subject=1)
    def read(path: str, version: int, *, is_short: bool = False) -> Result:
        calls.append((path, version, is_short))
        return Result()

    first = weakref.ref(read("a", 1))
    assert read("a", 1) is first() and calls == [("a", 1, False)]
    assert read("a", 1, is_short=True) is not first(), "named arguments are a part of the subject"
    kept = read("a", 2)
    assert first() is None, "freed at once, without the garbage collector"
    assert read("a", 2) is kept and len(calls) == 3


def test_the_subject_written_longest_ago_makes_room() -> None:
    calls = []

    @newest(2, subject=1)
    def read(path: str, version: int) -> str:
        calls.append(path)
        return path

    for path in ("a", "b", "c", "b", "c", "a"):
        read(path, 1)
    assert calls == ["a", "b", "c", "a"]
    read.cache_clear()  # type: ignore[attr-defined]
    read("c", 1)
    assert calls[4:] == ["c"]


def test_results_of_versions_go_with_them() -> None:
    @newest(4)
    def draw(versions: tuple[Version, ...], name: str) -> list[Version]:
        return list(versions)

    for _ in range(5):
        latest = Version("run 1"), Version("run 2")
        assert draw(latest, "loss") == list(latest) and draw(latest, "FID") is draw(latest, "FID")
    gc.collect()
    assert sum(isinstance(one, Version) for one in gc.get_objects()) == 2
    assert draw((Version("run 2"),), "loss") != draw(latest, "loss")


def test_failures_are_not_kept() -> None:
    answers = iter([ValueError("unreadable"), "readable"])

    @newest(1, subject=0)
    def read(version: int) -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(ValueError, match="unreadable"):
        read(1)
    assert read(1) == read(1) == "readable"
