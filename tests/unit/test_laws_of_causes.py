# SPDX-License-Identifier: Apache-2.0
"""Failures have causes: made-up timelines in which an IRP fails with one, and without."""

import pytest
from made_up import MadeUp, closed

from harness.core.ntstatus import (
    STATUS_CANCELLED,
    STATUS_FILE_FORCED_CLOSED,
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_PARAMETER,
    STATUS_NOT_SUPPORTED,
    STATUS_SUCCESS,
)
from harness.scenario import (
    IPV4,
    Address,
    Category,
    Scenario,
)


@pytest.mark.parametrize(
    ("why", "rows"),
    [
        ("nothing", {"C-02"}),
        ("cancel", set()),
        ("close", set()),
        ("reset", set()),
        ("fin", {"X-16"}),
        ("unheard", set()),
    ],
)
def test_a_receive_fails_for_a_cause(why: str, rows: set[str]) -> None:
    seen = MadeUp()
    receive = seen.plan.receive(seen.sock, 8)
    cancel = seen.plan.cancel(receive)
    send = seen.plan.send(seen.sock, b"?")
    close = seen.plan.close(seen.sock)
    seen.called(receive, 20)
    if why == "cancel":
        seen.cancelled(cancel, 30)
    elif why == "reset":
        seen.peer_rst(30)
    elif why == "fin":
        seen.peer_fin(30)
    elif why == "unheard":
        seen.called(send, 21).sends(b"?", 22).completed(send, 34, STATUS_CANCELLED)
    seen.called(close, 34 if why == "close" else 50).completed(receive, 35, STATUS_CANCELLED)
    if why != "reset":
        seen.rst(51)
    assert seen.completed(close, 52).broken().get("failures-have-causes", set()) == rows


@pytest.mark.parametrize(("closes", "rows"), [(False, {"C-02"}), (True, set())])
def test_an_accept_fails_when_its_listener_is_closed_only(closes: bool, rows: set[str]) -> None:
    seen = MadeUp()
    listener = seen.plan.socket(IPV4, category=Category.LISTEN)
    bind = seen.plan.bind(listener, local=Address.wildcard(IPV4, 7000))
    accept = seen.plan.accept(listener).creation
    close = seen.plan.close(listener)
    seen.called(listener.creation, 20).completed(listener.creation, 21).called(bind, 22).completed(bind, 23)
    seen.called(accept, 24).called(close, 30 if closes else 40).completed(accept, 35, STATUS_CANCELLED)
    seen.completed(close, 45)
    assert closed(seen).broken().get("failures-have-causes", set()) == rows


def test_a_listener_that_is_closed_lets_nobody_in() -> None:
    for at, rows in ((20, set()), (60, {"X-23"})):
        plan = Scenario()
        listener = plan.socket(IPV4, category=Category.LISTEN)
        bind = plan.bind(listener, local=Address.wildcard(IPV4, 50000))
        close = plan.close(listener)
        seen = MadeUp(plan)
        seen.called(listener.creation, 1).completed(listener.creation, 2).called(bind, 3).completed(bind, 4)
        seen.called(close, 30).completed(close, 31).is_called_by_the_peer(at)
        assert closed(seen).broken().get("closed-listeners-accept-nothing", set()) == rows


def test_of_a_socket_whose_address_may_go_no_cause_is_asked_for() -> None:
    """A socket with an address of its own may die with it, which nobody sees on the wire."""
    for local, rows in ((Address(4, "192.0.2.9", 7000), set()), (Address.wildcard(4, 7000), {"C-02"})):
        seen = MadeUp()
        listener = seen.plan.socket(IPV4, category=Category.LISTEN)
        bind = seen.plan.bind(listener, local=local)
        accept, close = seen.plan.accept(listener).creation, seen.plan.close(listener)
        seen.called(listener.creation, 20).completed(listener.creation, 21)
        seen.called(bind, 22).completed(bind, 23).called(accept, 24)
        seen.completed(accept, 35, STATUS_FILE_FORCED_CLOSED).called(close, 40).completed(close, 41)
        assert closed(seen).broken().get("failures-have-causes", set()) == rows


@pytest.mark.parametrize(("cancels", "rows"), [(True, set()), (False, {"X-16"})])
def test_a_graceful_disconnect_that_is_cancelled_may_end_receives(cancels: bool, rows: set[str]) -> None:
    """Found by exploring under the freedoms cancel-aborts and abort-completes-receives."""
    seen = MadeUp()
    disconnect, receive = seen.plan.disconnect(seen.sock), seen.plan.receive(seen.sock, 1)
    cancel = seen.plan.cancel(disconnect)
    seen.called(disconnect, 20).fin(21).called(receive, 22)
    if cancels:
        seen.cancelled(cancel, 23).rst(24).completed(disconnect, 25, STATUS_CANCELLED)
    seen.completed(receive, 26)
    assert closed(seen).broken().get("received-bytes", set()) == rows


@pytest.mark.parametrize(
    ("returned", "status", "rows"),
    [
        (0x103, STATUS_CANCELLED, {"C-02"}),
        (0x103, STATUS_INSUFFICIENT_RESOURCES, set()),  # nobody promises memory
        (STATUS_NOT_SUPPORTED, STATUS_NOT_SUPPORTED, set()),  # refused at once, for whatever reason
    ],
)
def test_what_is_refused_at_once_or_for_lack_of_memory_has_a_cause(
    returned: int, status: int, rows: set[str]
) -> None:
    seen = MadeUp()
    receive = seen.plan.receive(seen.sock, 8)
    pends = returned == 0x103
    seen.called(receive, 20, returned).completed(receive, 30 if pends else 20.05, status, marked=pends)
    assert closed(seen).broken().get("failures-have-causes", set()) == rows


@pytest.mark.parametrize(("cancels", "rows"), [(False, {"D-20b"}), (True, set())])
def test_a_receive_outlives_a_graceful_disconnect(cancels: bool, rows: set[str]) -> None:
    seen = MadeUp()
    receive, disconnect = seen.plan.receive(seen.sock, 8), seen.plan.disconnect(seen.sock)
    cancel = seen.plan.cancel(disconnect)
    seen.called(receive, 20).called(disconnect, 30).fin(31).acknowledges(32, up_to=1)
    if cancels:
        seen.cancelled(cancel, 31.5)
    seen.completed(receive, 33, STATUS_CANCELLED).completed(disconnect, 34)
    assert closed(seen).broken().get("failures-have-causes", set()) == rows


@pytest.mark.parametrize(("behind", "rows"), [(True, {"D-18"}), (False, set())])
def test_a_graceful_disconnect_does_not_end_the_sends_before_it(behind: bool, rows: set[str]) -> None:
    """One that was called beside it may have been refused."""
    seen = MadeUp()
    send, disconnect = seen.plan.send(seen.sock, b"abc"), seen.plan.disconnect(seen.sock)
    seen.called(disconnect, 30).called(send, 20 if behind else 30.05).sends(b"abc", 31).fin(32)
    seen.acknowledges(33, up_to=4).completed(send, 34, STATUS_CANCELLED).completed(disconnect, 35)
    assert closed(seen).broken().get("failures-have-causes", set()) == rows


@pytest.mark.parametrize(
    ("cached", "released", "rows"),
    [
        (STATUS_SUCCESS, STATUS_SUCCESS, set()),
        (STATUS_SUCCESS, STATUS_INVALID_PARAMETER, {"C-15"}),
        (STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, set()),
    ],
)
def test_a_descriptor_is_there_until_its_client_releases_it(
    cached: int, released: int, rows: set[str]
) -> None:
    seen = MadeUp()
    descriptor, cache = seen.plan.cache_descriptor(b"descriptor")
    release = seen.plan.release_descriptor(descriptor)
    seen.called(cache, 20, cached).called(release, 30, released)
    assert closed(seen).broken().get("descriptors-are-the-clients", set()) == rows
