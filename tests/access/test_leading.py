"""Where the teacher is: one tab leads, others follow its moves, silence ends it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gan.access.leading import FILE, SILENCE, Leading, Place


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def led(clock: Clock, tmp_path: Path) -> Leading:
    """Return a place that the tab "a" leads, on Home."""
    leading = Leading(lambda: tmp_path, clock)
    leading.begin_leading("a", "pages/home.py", {})
    return leading


def shown(leading: Leading) -> tuple[str, dict[str, str]] | None:
    place = leading.place()
    return (place.page, dict(place.query)) if place else None


def at(leading: Leading) -> Place:
    place = leading.place()
    assert place
    return place


def test_nobody_leads_at_first(clock: Clock, tmp_path: Path) -> None:
    leading = Leading(lambda: tmp_path, clock)
    assert leading.place() is None
    assert not leading.note_move("a", "pages/watch.py", {}) and leading.place() is None


def test_only_moves_count(led: Leading) -> None:
    first = at(led)
    assert led.note_move("a", "pages/home.py", {}) and at(led) == first
    assert led.note_move("a", "pages/watch.py", {"run": "1"})
    assert shown(led) == ("pages/watch.py", {"run": "1"}) and at(led).move == first.move + 1 and at(led).lead == first.lead


def test_other_tabs_are_not_followed(led: Leading) -> None:
    assert not led.note_move("b", "pages/data.py", {}) and shown(led) == ("pages/home.py", {})


def test_the_tab_that_takes_over_keeps_those_who_follow(led: Leading) -> None:
    before = at(led)
    led.begin_leading("b", "pages/data.py", {})
    assert led.is_led_by("b") and not led.is_led_by("a")
    assert at(led).lead == before.lead and at(led).move > before.move


def test_a_new_lead_has_to_be_followed_anew(led: Leading) -> None:
    before = at(led)
    led.end_leading()
    assert led.place() is None and not led.is_led_by("a")
    led.begin_leading("a", "pages/home.py", {})
    assert at(led).lead == before.lead + 1 and at(led).move > before.move


def test_silence_ends_it(led: Leading, clock: Clock) -> None:
    clock.now = SILENCE
    assert led.note_move("a", "pages/home.py", {})
    clock.now = 2 * SILENCE
    assert led.place()
    clock.now = 2 * SILENCE + 1
    assert led.place() is None and not led.note_move("a", "pages/home.py", {})
    before = led._read().lead
    led.begin_leading("a", "pages/home.py", {})
    assert at(led).lead == before + 1


@pytest.mark.parametrize("name", ["key", "me", "present", "view"])
def test_what_belongs_to_the_teachers_screen_stays_there(led: Leading, name: str) -> None:
    led.note_move("a", "pages/quiz.py", {"round": "ABCDEF", name: "secret"})
    assert shown(led) == ("pages/quiz.py", {"round": "ABCDEF"})


def test_threads_share_it(led: Leading) -> None:
    first = at(led).move
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda step: led.note_move("a", "pages/watch.py", {"run": str(step)}), range(400)))
    assert at(led).move == first + 400


def test_servers_share_it(led: Leading, clock: Clock) -> None:
    other = Leading(led._folder, clock)
    assert other.place() == led.place() and other.is_led_by("a")
    led.note_move("a", "pages/watch.py", {"run": "1"})
    assert shown(other) == ("pages/watch.py", {"run": "1"})
    led.end_leading()
    assert other.place() is None


def test_a_damaged_file_ends_it(led: Leading) -> None:
    (led._folder() / FILE).write_bytes(b"{")
    assert led.place() is None
    led.begin_leading("a", "pages/home.py", {})
    assert shown(led) == ("pages/home.py", {})
