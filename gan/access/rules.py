"""Who may do what. One pure function, and the sentence of a refusal."""

from __future__ import annotations

from typing import Literal

from gan.access.owners import GONE, UNKNOWN
from gan.access.people import TEACHER, Person, current
from gan.errors import InputError

Level = Literal["everyone", "owner", "teacher"]

#: Each verb, as in "only Ann or the teacher may …", and who may do it. A visitor who has not joined may do nothing.
VERBS: dict[str, Level] = {
    "see": "everyone",
    "fork": "everyone",
    "launch": "everyone",
    "rename": "owner",
    "annotate": "owner",
    "stop": "owner",
    "resume": "owner",
    "change": "owner",
    "score": "owner",
    "sample": "everyone",
    "pause": "owner",
    "delete": "owner",
    "restore": "owner",
    "prepare": "everyone",
    "take part": "everyone",
    "order the queue": "teacher",
    "empty the trash": "teacher",
    "run the class": "teacher",
}


def may(who: Person, verb: str, owner: Person = TEACHER) -> bool:
    """Return whether a person may do something to a thing of ``owner``. Raises KeyError for a verb that is not in ``VERBS``."""
    level = VERBS[verb]
    if not who.id:
        return False
    return who.is_teacher or level == "everyone" or (level == "owner" and who.id == owner.id)


def require(verb: str, owner: Person = TEACHER, thing: str = "this") -> None:
    """Raise InputError if the acting person may not do something to ``thing`` ("run 2026…"), which belongs to ``owner``."""
    if sentence := refusal(current(), verb, owner, thing):
        raise InputError(sentence)


def refusal(who: Person, verb: str, owner: Person = TEACHER, thing: str = "this") -> str:
    """Return why a person may not do something, as a sentence; empty if they may."""
    if may(who, verb, owner):
        return ""
    if not who.id:
        return "You have not joined this class, or have been removed from it; reload the page and join."
    if VERBS[verb] == "teacher":
        return f"Only the teacher may {verb}; ask your teacher."
    if owner == GONE:
        return f"{thing[:1].upper()}{thing[1:]} has been moved or deleted meanwhile; reload the page."
    advice = "fork it to work on a copy" if thing.startswith("run ") else "ask them"
    if owner.is_teacher:
        return f"Only the teacher may {verb} {thing}, because it is the teacher's; {advice}."
    if owner == UNKNOWN:
        return f"Only the teacher may {verb} {thing}, because its owner is not known; {advice}."
    return f"Only {owner.name or 'its owner'} or the teacher may {verb} {thing}; {advice}."
