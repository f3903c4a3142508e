# SPDX-License-Identifier: Apache-2.0
"""Laws of addresses, each against a made-up timeline that breaks it, and against one that nearly does."""

import pytest
from made_up import MadeUp, closed
from synthetic import GUEST_PORT, PEER

from harness.core.ntstatus import STATUS_CANCELLED, STATUS_SUCCESS
from harness.scenario import IPV4, Address, Category

PORT = 7000


@pytest.mark.parametrize(
    ("which", "port", "rows"),
    [
        ("local_address", GUEST_PORT, set()),
        ("local_address", PEER.port, {"X-46"}),
        ("remote_address", PEER.port, set()),
        ("remote_address", GUEST_PORT, {"X-46"}),
    ],
)
def test_a_socket_tells_the_addresses_of_its_connection(which: str, port: int, rows: set[str]) -> None:
    seen = MadeUp()
    query = getattr(seen.plan, which)(seen.sock)
    seen.called(query, 20).completed(query, 21).keeps(Address(4, "192.0.2.1", port).encoded().dumps())
    assert closed(seen).broken().get("addresses-are-true", set()) == rows


def test_what_a_socket_tells_that_is_not_connected_yet_is_open() -> None:
    seen = MadeUp()
    query = seen.plan.remote_address(seen.sock)
    seen.called(query, 9).completed(query, 9.5).keeps(Address(4, "192.0.2.1", 1).encoded().dumps())
    assert closed(seen).broken() == {}


@pytest.mark.parametrize(("told", "rows"), [(PORT, set()), (PEER.port, {"X-45"})])
def test_an_accept_tells_the_port_of_its_listener_as_the_local_one(told: int, rows: set[str]) -> None:
    seen = MadeUp()
    listener = seen.plan.socket(IPV4, category=Category.LISTEN)
    bind = seen.plan.bind(listener, local=Address.wildcard(IPV4, PORT))
    accept, close = seen.plan.accept(listener).creation, seen.plan.close(listener)
    seen.called(listener.creation, 20).completed(listener.creation, 21).called(bind, 22).completed(bind, 23)
    local, remote = Address(4, "192.0.2.2", told), Address(4, "192.0.2.2", 5000)  # within the guest
    seen.called(accept, 24).completed(accept, 25).keeps(local.encoded().dumps() + remote.encoded().dumps())
    seen.called(close, 40).completed(close, 41)
    assert closed(seen).broken().get("accepts-tell-their-listeners-port", set()) == rows


@pytest.mark.parametrize(
    ("closes", "status", "rows"),
    [
        (True, STATUS_SUCCESS, set()),
        (True, STATUS_CANCELLED, {"C-01"}),
        (False, STATUS_CANCELLED, set()),  # another has it
    ],
)
def test_a_port_is_free_again_when_its_socket_is_closed(closes: bool, status: int, rows: set[str]) -> None:
    seen = MadeUp()
    first, second = (seen.plan.socket(IPV4, category=Category.LISTEN) for _ in range(2))
    binds = [seen.plan.bind(sock, local=Address.wildcard(IPV4, PORT)) for sock in (first, second)]
    close = seen.plan.close(first)
    for at, call in ((20, first.creation), (22, second.creation), (24, binds[0])):
        seen.called(call, at).completed(call, at + 1)
    if closes:
        seen.called(close, 30).completed(close, 31)
    seen.called(binds[1], 32).completed(binds[1], 33, status)
    assert closed(seen).broken().get("ports-are-given-back", set()) == rows
