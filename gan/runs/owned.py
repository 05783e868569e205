"""The runs of each owner."""

from __future__ import annotations

from collections.abc import Sequence

from gan.access.people import Person
from gan.runs.listing import Listed


def owner_of(listed: Listed) -> Person:
    """Return the owner of a listed run."""
    return listed.facts.owner


def by_owner(every: Sequence[Listed]) -> dict[Person, list[Listed]]:
    """Return the runs of each owner, in their order. Owners are told apart by id; the name is that of the owner's first run."""
    people: dict[str, Person] = {}
    found: dict[Person, list[Listed]] = {}
    for listed in every:
        owner = owner_of(listed)
        found.setdefault(people.setdefault(owner.id, owner), []).append(listed)
    return found
