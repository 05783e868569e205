"""The servers of a large class: a process draws one page at a time, so several share the visitors, each at a port of its own."""

from __future__ import annotations

import os
from pathlib import Path

from gan.access.classroom import Classroom
from gan.access.people import Person
from gan.errors import InputError, shown

MOST = 16

_ASKED, _PORTS = "GAN_CLASS_SERVERS", "GAN_CLASS_PORTS"


def asked() -> int:
    """Return how many servers were asked for by ``GAN_CLASS_SERVERS``, 1 to :data:`MOST`. Raises InputError for anything else."""
    text = os.environ.get(_ASKED, "").strip() or "1"
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= MOST):
        raise InputError(f"{_ASKED} is “{shown(text)}”, expected a number of servers from 1 to {MOST}.")
    return int(text)


def ports() -> list[int]:
    """Return the ports of all servers of the class, the first server's first; an empty list if there is only one server."""
    return [int(port) for port in os.environ.get(_PORTS, "").split(",") if port]


def set_ports(first: int, count: int) -> None:
    """Let this process and those that it starts know the ports: ``count`` ones from ``first`` on."""
    os.environ[_PORTS] = ",".join(str(first + place) for place in range(count))


def port_of(root: Path, person: Person) -> int:
    """Return the port of the server for a person: the teacher's is the first, students take turns in the order of joining.

    Requires several servers. A person's port stays the same.
    """
    found = ports()
    if person.is_teacher:
        return found[0]
    try:
        place = list(Classroom(root).state().students).index(person.id)
    except (InputError, ValueError):  # known by a sign-in elsewhere
        place = sum(person.id.encode())
    return found[(place + 1) % len(found)]
