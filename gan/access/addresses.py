"""Addresses of this machine in its local network."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
import sys
from collections.abc import Iterator

LOCAL = ("localhost", "127.0.0.1", "::1", "[::1]")  # hosts that only this machine reaches

_INSIDE = ("docker", "br-", "veth", "virbr", "podman", "cni")  # bridges to containers and virtual machines
_ADDRESS, _FLAGS, _UP = 0x8915, 0x8913, 0x1  # SIOCGIFADDR, SIOCGIFFLAGS and IFF_UP of Linux


def own() -> list[str]:
    """Return the IPv4 addresses at which devices of the network may reach this machine, likeliest first; nothing is sent.

    First the address from which this machine reaches other networks, then those of the other interfaces, as far as the system
    names them; those of bridges to containers come last. Without a network, the list is empty.
    """
    return [address for address in dict.fromkeys([*_outward(), *_of_interfaces(), *_of_host()]) if _is_shared(address)]


def _outward() -> Iterator[str]:
    """Yield the address from which packets to other networks leave: connecting a datagram socket chooses it and sends nothing."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # reserved for documentation (RFC 5737)
        yield str(probe.getsockname()[0])


def _of_interfaces() -> Iterator[str]:
    """Yield the first address of each interface that is up, on Linux."""
    if sys.platform != "linux":
        return
    import fcntl

    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in sorted(socket.if_nameindex(), key=lambda pair: (pair[1].startswith(_INSIDE), pair)):
            request = struct.pack("256s", name.encode()[:15])
            with contextlib.suppress(OSError):  # it has no address
                (flags,) = struct.unpack_from("H", fcntl.ioctl(probe, _FLAGS, request), 16)
                if flags & _UP:
                    yield socket.inet_ntoa(fcntl.ioctl(probe, _ADDRESS, request)[20:24])


def _of_host() -> Iterator[str]:
    """Yield the addresses of this machine's name."""
    with contextlib.suppress(OSError):
        yield from (str(found[4][0]) for found in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET))


def _is_shared(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    return not (parsed.is_loopback or parsed.is_link_local or parsed.is_unspecified)
