"""Wrong codes: slowed down, then refused for a while."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict, deque
from collections.abc import Callable

MOST_OF_ADDRESS, WINDOW = 10, 60.0  # wrong codes of an address, within seconds
MOST_OF_ALL = 200  # wrong codes of all addresses within the same time
MOST_OF_NAME, NAME_WINDOW = 10, 3600.0  # wrong personal codes of a name
SLOWEST = 2.0  # seconds that a wrong code can take

_MOST_KEPT = 10_000  # addresses and names remembered


class Guesses:
    """Counts wrong codes by address and by name. Times are those of ``clock``, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def wait(self, address: str, name: str = "") -> float:
        """Return the seconds until the next code is accepted; 0 if it is accepted now."""
        waits = [self._wait(key, most, window) for key, most, window in _limits(address, name)]
        return max(waits)

    def wrong(self, address: str, name: str = "") -> float:
        """Count a wrong code, and return the seconds by which the answer should be delayed."""
        for key, most, _ in _limits(address, name):
            self._wrong.setdefault(key, deque(maxlen=most)).append(self._clock())
            self._wrong.move_to_end(key)
        while len(self._wrong) > _MOST_KEPT:
            self._wrong.popitem(last=False)
        return min(SLOWEST, 0.2 * len(self._wrong["address", _network(address)]))

    def _wait(self, key: tuple[str, str], most: int, window: float) -> float:
        times = self._wrong.get(key, deque())
        return max(0.0, times[0] + window - self._clock()) if len(times) >= most else 0.0


def _limits(address: str, name: str) -> list[tuple[tuple[str, str], int, float]]:
    found = [(("address", _network(address)), MOST_OF_ADDRESS, WINDOW), (("all", ""), MOST_OF_ALL, WINDOW)]
    return [*found, (("name", name.casefold()[:100]), MOST_OF_NAME, NAME_WINDOW)] if name else found


def _network(address: str) -> str:
    """Return what one guesser can vary at will as one: an IPv6 network of 64 bits."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:100]
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
    return str(found)
