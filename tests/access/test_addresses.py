"""Addresses of this machine for other devices."""

from __future__ import annotations

import ipaddress
import socket

import pytest

from gan.access import addresses


def test_only_addresses_that_others_can_reach() -> None:
    found = addresses.own()
    assert len(set(found)) == len(found)
    assert not any(ipaddress.ip_address(one).is_loopback or ipaddress.ip_address(one).is_link_local for one in found)


def test_bridges_to_containers_come_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_outward", lambda: iter(["192.168.1.20"]))
    monkeypatch.setattr(addresses, "_of_host", lambda: iter(["127.0.1.1", "169.254.3.4", "10.0.0.7"]))
    monkeypatch.setattr(addresses, "_of_interfaces", lambda: iter(["127.0.0.1", "192.168.1.20", "172.17.0.1"]))
    assert addresses.own() == ["192.168.1.20", "172.17.0.1", "10.0.0.7"]


def test_the_loopback_is_found_and_left_out() -> None:
    assert "127.0.0.1" in list(addresses._of_interfaces()) or not hasattr(socket, "if_nameindex")


def test_without_a_network_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(socket, "socket", fail)
    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert addresses.own() == []
